"""One of some values that have an order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import model_validator

from nntrain.data.fields.category import Category
from nntrain.data.fields.field import Encoded, Field, Neutral, Role
from nntrain.data.numerals import POINT
from nntrain.data.table import listed
from nntrain.errors import DataError
from nntrain.specs import Spec

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.blockwise.learning import Learner
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.grid import Grid
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table
    from nntrain.data.words import Coded


class Ordinal(Field):
    """One of K values in order, from low to high: an index for the network. As an input, index 0 is what training never showed."""

    main: ClassVar[str | None] = "order"
    roles: ClassVar[frozenset[Role]] = frozenset({"input", "target", "fold", "group", "ignore"})
    stratifies: ClassVar[bool] = True

    type: Literal["ordinal"] = "ordinal"
    order: tuple[str | int | float, ...] | None = None
    """The values from low to high: `[low, mid, high]`. Default: numbers by size; words need it."""
    missing: Literal["class", "error"] = "class"
    """What a missing input is: a class of its own, above the others, or an error."""
    unknown: Literal["accept", "error"] = "accept"
    """A value that training never showed. `accept`: an input gets index 0; a row whose target it is is left out and counted."""

    @model_validator(mode="after")
    def _order_is_one(self) -> Ordinal:
        if self.order is not None and (len(self.order) < 2 or len(set(self.class_names)) < len(self.order)):
            raise ValueError("order names each value once, two at least: [low, mid, high]")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names in `order`."""
        return tuple(str(name) for name in self.order or ())

    @property
    def _category(self) -> Category:
        return Category(classes=self.class_names or None, missing=self.missing, unknown=self.unknown)

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """An index. Raises `SpecError` for an array with axes beside the rows."""
        return self._category.plan_spec(name, columns, is_target=is_target)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """An index of K classes as a target, of K + 1 as an input."""
        return self._category.fitted_spec(state, is_target=is_target)

    def read(self, table: Table, columns: tuple[str, ...]) -> pl.Series | Coded:
        """Words `[N]`. Raises `DataError` for a missing value where that is an error."""
        return self._category.read(table, columns)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """The values in their order.

        Raises:
            DataError: The training rows show words and `order` is not given, or other values than it names.
        """
        from nntrain.data.words import words_in

        found = words_in(cast("pl.Series | Coded", values))
        if self.order is None:
            shown = sorted(found)
            if any(POINT.read(text) is None for text in shown):
                listing = ", ".join(shown[:8])
                raise DataError(
                    f"the values of an ordinal that are no numbers need their order, and the training rows show {listed(shown, 8)}",
                    f"from low to high:  order: [{listing}]",
                )
        else:
            others = tuple(text for text in found if text not in self.class_names)
            if others:
                raise DataError(
                    f"the training rows show {listed(others)}, which order does not name ({listed(self.class_names)})", "add it to order"
                )
        return self._category.fit(values, is_target=is_target)

    @property
    def needs_all_rows(self) -> None:
        """It learns of blocks."""

    def learner(self) -> Learner:
        """The values."""
        from nntrain.data.blockwise.learning import DistinctLearner
        from nntrain.data.words import Coded

        return DistinctLearner(lambda shown: self.fit(Coded.of(shown), is_target=False))

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """Int64 `[N]`: from 0, the lowest, as a target; as an input from 1, 0 being what training never showed.

        Raises:
            DataError: A value is one that training never showed, and that is an error.
        """
        return self._category.encode(values, state, is_target=is_target)

    def grid(self, values: Values, state: State, points: int) -> Grid:
        """The commonest values, from low to high."""
        from nntrain.data.grid import Grid
        from nntrain.data.words import Coded

        own = self._category.grid(values, state, points).cells[0]
        found = [value for value in state["classes"] if value in own]
        return Grid(Coded.of(found), (tuple(found),), is_ordered=True)

    def neutral(self, state: State, kind: Neutral = "auto") -> Array:
        """What training never showed."""
        return self._category.neutral(state)

    def is_missing(self, values: Values) -> Array:
        """Null."""
        return self._category.is_missing(values)
