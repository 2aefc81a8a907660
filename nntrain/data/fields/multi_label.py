"""Any number of labels per row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from pydantic import model_validator

from nntrain.data.facts import in_order
from nntrain.data.fields.field import Encoded, Field, Neutral, Role
from nntrain.data.fields.number import require_single
from nntrain.data.table import listed
from nntrain.errors import DataError
from nntrain.specs import VECTOR, Spec, Unknown

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

_SEPARATORS: Final = ("|", ";", ",")


class MultiLabel(Field):
    """Any of K labels, several in a cell: `crime|drama`. K values for the network, 1 for each label that the row has, else 0."""

    main: ClassVar[str | None] = "separator"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "ignore"})

    type: Literal["multi_label"] = "multi_label"
    separator: str | None = None
    """What stands between two labels of a cell. Default: found from all cells, where only one of `|`, `;` and `,` is in them."""
    classes: tuple[str | int, ...] | None = None
    """Names of the labels in their order. Default: what the training rows show."""
    missing: Literal["unknown", "none", "error"] = "unknown"
    """A missing cell. `unknown`: an input gets zeros, a row whose target it is is left out and counted; `none`: the row has no label."""
    unknown: Literal["accept", "error"] = "accept"
    """A label that training never showed. `accept`: an input goes without it; a row whose target has it is left out and counted."""

    @model_validator(mode="after")
    def _something_separates(self) -> MultiLabel:
        if self.separator == "":
            raise ValueError("separator is empty; what stands between two labels?")
        if self.classes is not None and (not self.classes or len(set(self.class_names)) < len(self.classes)):
            raise ValueError("classes names each label once")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in `classes`."""
        return tuple(str(name) for name in self.classes or ())

    def settled(self, table: Table, columns: tuple[str, ...]) -> MultiLabel:
        """With the separator that the cells show. Raises `DataError` where several may be meant."""
        if self.separator is not None:
            return self
        cells = table.texts(columns[0]).drop_nulls()
        found = [mark for mark in _SEPARATORS if cells.str.contains(mark, literal=True).any()]
        if len(found) > 1:
            raise DataError(
                f"{table.name}: {columns[0]}: {' and '.join(map(repr, found))} may each stand between two labels",
                "   ".join(f"data.fields.{columns[0]}.separator: {mark!r}" for mark in found),
            )
        return self.model_copy(update={"separator": found[0]}) if found else self

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """K values. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a cell of labels")
        return Spec(VECTOR, (len(self.classes) if self.classes else Unknown(f"labels of {name}"),))

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """K values."""
        return Spec(VECTOR, (len(state["classes"]),))

    def read(self, table: Table, columns: tuple[str, ...]) -> pl.Series:
        """Lists of labels `[N]`; null where missing. Raises `DataError` for a missing cell where that is an error."""
        import polars as pl

        texts = table.required_texts(columns[0]) if self.missing == "error" else table.texts(columns[0])
        separator = self.settled(table, columns).separator
        lists = texts.str.split(separator) if separator is not None else _alone(texts)
        cleaned = lists.list.eval(pl.element().str.strip_chars().filter(pl.element().str.strip_chars() != ""))
        empty = pl.Series([[]], dtype=pl.List(pl.String))
        return cleaned.to_frame("cell").select(pl.col("cell").fill_null(empty.first())).to_series() if self.missing == "none" else cleaned

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The labels of the training rows. Raises `DataError` where `classes` does not name one, or there is none."""
        shown = in_order(cast("pl.Series", values).explode().drop_nulls().unique().to_list())
        others = tuple(label for label in shown if label not in self.class_names)
        if self.classes is not None and others:
            raise DataError(f"the training rows show {listed(others)}, which classes does not name ({listed(self.class_names)})", "add it")
        if not shown:
            raise DataError("the training rows show no label")
        return {"classes": list(self.class_names or shown), "has_missing": False}

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """The labels."""
        import polars as pl

        from nntrain.data.blockwise.learning import DistinctLearner

        return DistinctLearner(lambda shown: self.fit(_alone(pl.Series("label", shown, dtype=pl.String)), is_target=False))

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Float32 `[N, K]`. Raises `DataError` for a label that training never showed where that is an error."""
        import numpy as np
        import polars as pl

        lists = cast("pl.Series", values)
        rows = pl.DataFrame({"row": np.arange(len(lists)), "label": lists}).explode("label").drop_nulls("label")
        index = rows["label"].cast(pl.Enum(state["classes"]), strict=False).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
        place = rows["row"].to_numpy()
        unknown = np.zeros(len(lists), dtype=bool)
        unknown[place[index < 0]] = True
        if self.unknown == "error" and unknown.any():
            shown = rows["label"].filter(index < 0).unique(maintain_order=True).to_list()[:5]
            raise DataError(f"training never showed {', '.join(map(repr, shown))}, and unknown: error allows no such label")
        found = np.zeros((len(lists), len(state["classes"])), dtype=np.float32)
        found[place[index >= 0], index[index >= 0]] = 1.0
        return Encoded(found, unknown=unknown)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """No label."""
        import numpy as np

        return np.zeros(len(state["classes"]), dtype=np.float32)

    def is_missing(self, values: Values) -> Array:
        """Null."""
        return cast("pl.Series", values).is_null().to_numpy()


def _alone(texts: pl.Series) -> pl.Series:
    """Each text as a list of its own; null stays null."""
    import polars as pl

    cell = pl.col("cell")
    return texts.to_frame("cell").select(pl.when(cell.is_not_null()).then(pl.concat_list(cell))).to_series().alias(texts.name)
