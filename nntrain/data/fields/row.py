"""The row itself, where nothing else says what belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.data.fields.field import Encoded, Field, Role
from nntrain.errors import SpecError
from nntrain.specs import Spec, Unknown

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table


class Row(Field):
    """Each row is a class of its own: the target of embeddings without labels (`task: {type: metric, pairs: …}`, or `views`).

    It is made of no column, and the config gets it by itself, as `same_row`, where it names no target.
    """

    roles: ClassVar[frozenset[Role]] = frozenset({"target"})

    type: Literal["row"] = "row"

    @property
    def source_columns(self) -> tuple[str, ...] | None:
        """None: nothing is read of it. A `column` is told to be one too many."""
        return () if self.column is None else (self.column,)

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """An index. Raises `SpecError` where a column is named."""
        if self.column is not None:
            raise SpecError(
                "is the row itself, and reads no column", hint="fix:  type: category, for a column that says what belongs together"
            )
        return self.fitted_spec({}, is_target=is_target)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """An index; how many there are, no layer needs to know."""
        return Spec((), (), "index", classes=Unknown("rows"))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Numbers of the rows, int64 `[N]`."""
        import numpy as np

        return np.arange(table.rows)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Nothing is learned."""
        return {}

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """As they are."""
        import numpy as np

        return Encoded(np.asarray(values, dtype=np.int64))

    def is_missing(self, values: Values) -> Array:
        """None is."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)
