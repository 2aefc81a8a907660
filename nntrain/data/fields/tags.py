"""A tag for each token of a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import model_validator

from nntrain.data.facts import in_order
from nntrain.data.fields.field import Encoded, Field, Role
from nntrain.data.fields.number import require_single
from nntrain.data.table import listed
from nntrain.errors import DataError
from nntrain.specs import RAGGED, TOKENS, Size, Spec, Unknown

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table


class Tags(Field):
    """A category for each token of a text, with blanks between them: `O O B-person O` beside `where is Ada ?`.

    A row without tags is left out and counted, and so is one with a tag that training never showed.
    """

    main: ClassVar[str | None] = "of"
    roles: ClassVar[frozenset[Role]] = frozenset({"target", "ignore"})

    type: Literal["tags"] = "tags"
    of: str
    """The text field that has the tokens: as many of them as there are tags, which the tokenizer `space` gives."""
    classes: tuple[str | int, ...] | None = None
    """Names of the tags in their order. Default: what the training rows show."""
    uncounted: tuple[str | int, ...] = ()
    """Tags of tokens that are neither trained on nor judged: `[X]`."""

    @model_validator(mode="after")
    def _names_differ(self) -> Tags:
        names = self.class_names
        if self.classes is not None and (len(set(names)) < len(names) or len(names) < 2):
            raise ValueError("classes names each tag once, and at least two")
        both = [name for name in names if name in self._uncounted]
        if both:
            raise ValueError(f"{both[0]} is in classes and in uncounted; remove it from one of them")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in `classes`."""
        return tuple(str(name) for name in self.classes or ())

    @property
    def beside(self) -> str | None:
        """The text of `of`."""
        return self.of

    @property
    def _uncounted(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.uncounted)

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """[T], each an index of K. Raises `SpecError` for an array with axes beside the rows."""
        require_single(name, columns, "a cell of tags")
        size: Size = len(self.classes) if self.classes else Unknown(f"tags of {name}")
        return Spec(TOKENS, (RAGGED,), "index", classes=size)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """[T], each an index of K."""
        return Spec(TOKENS, (RAGGED,), "index", classes=len(state["classes"]))

    def read(self, table: Table, columns: tuple[str, ...]) -> pl.Series:
        """Tags with blanks between them, `[N]`; null where there are none."""
        return table.texts(columns[0])

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The tags of the training rows. Raises `DataError` where `classes` does not name one, or there are less than two."""
        shown = {tag for text in cast("pl.Series", values).drop_nulls().to_list() for tag in text.split()} - set(self._uncounted)
        others = in_order(tag for tag in shown if tag not in self.class_names)
        if self.classes is not None and others:
            raise DataError(f"the training rows show {listed(others)}, which classes does not name ({listed(self.class_names)})", "add it")
        if len(shown) < 2:
            raise DataError(
                f"the training rows show {'no tag' if not shown else f'the tag {shown.pop()} alone'}: there is nothing to learn"
            )
        return {"classes": list(self.class_names or in_order(shown)), "has_missing": False}

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Int64 `[sum of lengths]`, -1 for a tag that does not count, and the lengths `[N]`."""
        import numpy as np

        index = {**{name: place for place, name in enumerate(state["classes"])}, **dict.fromkeys(self._uncounted, -1)}
        rows = [text.split() for text in cast("pl.Series", values).fill_null("").to_list()]
        found = np.array([index.get(tag, -2) for row in rows for tag in row], dtype=np.int64)
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        unknown = np.zeros(len(rows), dtype=bool)
        unknown[np.repeat(np.arange(len(rows)), lengths)[found == -2]] = True
        return Encoded(np.maximum(found, -1), lengths, unknown=unknown)

    def is_missing(self, values: Values) -> Array:
        """Null."""
        return cast("pl.Series", values).is_null().to_numpy()
