"""One of some values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, cast

from pydantic import Field as Option

from nntrain.data.facts import in_order, quoted
from nntrain.data.fields.field import INPUTS_ONLY, Encoded, Field, Neutral, Role
from nntrain.data.fields.number import require_single
from nntrain.data.table import listed
from nntrain.errors import DataError
from nntrain.specs import Size, Spec, Unknown

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table
    from nntrain.data.words import Coded


class Category(Field):
    """One of K values: an index for the network. As an input, index 0 is what the training rows never showed."""

    main: ClassVar[str | None] = "classes"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "split", "fold", "group", "ignore"})
    stratifies: ClassVar[bool] = True

    type: Literal["category"] = "category"
    classes: Annotated[int, Option(ge=2)] | tuple[str | int, ...] | None = None
    """Names of the classes in their order, or how many there are. Default: what the training rows show."""
    missing: Literal["class", "error"] = "class"
    """What a missing input is: a class of its own, or an error."""
    unknown: Literal["accept", "error", "class"] = "accept"
    """A value that training never showed. `accept`: an input gets index 0; a row whose target it is is left out and counted. `class`: a
    class of its own, of a target whose rows are compared with each other (`task: metric`)."""
    min_count: Annotated[int, Option(ge=1)] = 1
    """Values of an input that fewer training rows have count as never shown."""
    drop: tuple[str | int, ...] = ()
    """Rows with one of these values are left out."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in `classes`."""
        return tuple(str(name) for name in self.classes) if isinstance(self.classes, tuple) else ()

    @property
    def drops_rows(self) -> bool:
        """Those with a value of `drop`."""
        return bool(self.drop)

    def with_classes(self, names: tuple[str, ...]) -> Field:
        """Takes the names where `classes` has none."""
        return self if self.classes is not None else self.model_copy(update={"classes": names})

    def idle_options(self, roles: frozenset[Role]) -> dict[str, str]:
        """`min_count` but for inputs or beside named classes; of a column that splits, all that is about classes."""
        if "split" in roles:
            return self._changed(dict.fromkeys(("classes", "unknown", "min_count"), "the column only says which rows train"))
        if "input" not in roles:
            return self._changed({"min_count": INPUTS_ONLY})
        if self.unknown == "class":
            return {"unknown": "an input that training never showed is 0"}
        return self._changed({"min_count": "classes names the classes"}) if self.class_names else {}

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """An index. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a category")
        known = self.classes if self.classes is None or isinstance(self.classes, int) else len(self.classes)
        size: Size = Unknown(f"classes of {name}") if known is None else known + (not is_target)
        return Spec((), (), "index", classes=size)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """An index of K classes as a target, of K + 1 as an input."""
        known = len(state["classes"]) + state["has_missing"]
        return Spec((), (), "index", classes=known if is_target else known + 1)

    def read(self, table: Table, columns: tuple[str, ...]) -> pl.Series | Coded:
        """Words `[N]`. Raises `DataError` for a missing value where that is an error."""
        words = table.words(columns[0])
        if self.missing == "error":
            table.check_complete(columns[0], words)
        return words

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The classes of the training rows. Raises `DataError` where they are not those of `classes`."""
        from nntrain.data.words import are_missing, counts_of

        words = _words(values)
        least = 1 if is_target else self.min_count
        shown = in_order(word for word, count in counts_of(words).items() if count >= least)
        return {"classes": list(self._named(shown)), "has_missing": not is_target and bool(are_missing(words).any())}

    @property
    def encodes_apart(self) -> bool:
        """Unless new classes are numbered in their order."""
        return self.unknown != "class"

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """The classes."""
        from nntrain.data.blockwise.learning import DistinctLearner
        from nntrain.data.words import Coded

        once = self.model_copy(update={"min_count": 1})
        return DistinctLearner(lambda shown: once.fit(Coded.of(shown), is_target=False), self.min_count)

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Int64 `[N]`: from 0 as a target; as an input from 1, 0 being what training never showed.

        Raises:
            DataError: A value is one that training never showed, and that is an error.
        """
        from nntrain.data.words import are_missing, places_in, words_in

        words = _words(values)
        known, is_null = places_in(words, state["classes"]), are_missing(words)
        is_unknown = (known < 0) & ~is_null
        if self.unknown == "error" and is_unknown.any():
            shown = ", ".join(map(quoted, words_in(words[is_unknown.nonzero()[0]])[:5]))
            raise DataError(f"training never showed {shown}, and unknown: error allows no such value")
        if is_target and self.unknown == "class":
            return Encoded(_continued(known, words, is_unknown, len(state["classes"])))
        if is_target:
            return Encoded(known.copy(), unknown=is_unknown)
        missing = len(state["classes"]) + 1 if state["has_missing"] else 0
        indices = known + 1
        indices[is_null] = missing
        return Encoded(indices, unknown=is_unknown)

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """The commonest values, those as common in the order of their names."""
        from nntrain.data.grid import MOST_WORDS, Grid
        from nntrain.data.words import Coded, counts_of

        counts = counts_of(_words(values))
        found = sorted(counts, key=lambda word: (-counts[word], word))[: min(points, MOST_WORDS)]
        return Grid(Coded.of(found), (tuple(found),), is_ordered=False)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """What training never showed."""
        import numpy as np

        return np.zeros((), dtype=np.int64)

    def is_missing(self, values: Values) -> Array:
        """Rows without a word."""
        from nntrain.data.words import are_missing

        return are_missing(_words(values))

    def is_dropped(self, values: Values) -> Array | None:
        """Rows with a value of `drop`."""
        from nntrain.data.words import places_in

        return places_in(_words(values), tuple(dict.fromkeys(map(str, self.drop)))) >= 0 if self.drop else None

    def _named(self, shown: tuple[str, ...]) -> tuple[str, ...]:
        """The classes in their order, checked against `classes`."""
        if self.classes is None:
            return shown
        if isinstance(self.classes, int):
            names = tuple(str(index) for index in range(self.classes))
            if len(shown) == self.classes:
                return shown
            if len(shown) > self.classes or not set(shown) <= set(names):
                raise DataError(
                    f"classes: {self.classes}, and the training rows show {len(shown)}: {listed(shown)}",
                    "give the names: classes: [a, b, …]",
                )
            return names
        names = tuple(str(name) for name in self.classes)
        others = tuple(text for text in shown if text not in names)
        if others:
            raise DataError(
                f"the training rows show {listed(others)}, which classes does not name ({listed(names)})", "add it, or leave it out: drop"
            )
        return names


def _words(values: Values) -> pl.Series | Coded:
    """What `read` gave."""
    return cast("pl.Series | Coded", values)


def _continued(known: Array, words: pl.Series | Coded, is_unknown: Array, count: int) -> Array:
    """Indices int64 `[N]` in which new values have those from `count` on, in their order."""
    from nntrain.data.words import places_in, words_in

    new = words[is_unknown.nonzero()[0]]
    found = known.copy()
    found[is_unknown] = places_in(new, in_order(words_in(new))) + count
    return found
