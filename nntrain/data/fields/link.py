"""Whether there is an edge between two nodes of a graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field as Option

from nntrain.data.fields.field import Encoded, Field, Role
from nntrain.errors import SpecError
from nntrain.specs import PAIRS, RAGGED, Spec

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State, Values
    from nntrain.data.header import HeaderColumn
    from nntrain.data.table import Table

EDGE: Final = "edge"
"""The field of a source whose edges are predicted."""
ASKED: Final = "there is one, or none, between two nodes"
"""What a header says of it, in place of a column."""


class Link(Field):
    """Whether there is an edge between two nodes: the target of `source: {type: graph, …, target: edges}`, which makes it of the edges."""

    roles: ClassVar[frozenset[Role]] = frozenset({"target"})

    type: Literal["link"] = "link"
    negatives: Annotated[float, Option(gt=0)] = 1.0
    """Pairs of nodes without an edge for each edge: for training drawn anew each epoch, for validation and test once and for all."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of 0 and 1."""
        return "none", EDGE

    def plan_spec(self, name: str, columns: Sequence[HeaderColumn] | None, *, is_target: bool) -> Spec:
        """A value for each pair. Raises `SpecError` for a column: edges have none."""
        if columns is not None and columns[0].key != ASKED:
            what = "is no edge but a column: links are predicted of the edges of a graph"
            raise SpecError(what, hint="fix:  data.source: {type: graph, nodes: nodes.csv, edges: edges.csv, target: edges}")
        return self.fitted_spec({}, is_target=is_target)

    def fitted_spec(self, state: State, *, is_target: bool) -> Spec:
        """A value for each pair."""
        return Spec(PAIRS[:1], (RAGGED,))

    def read(self, table: Table, columns: tuple[str, ...]) -> Array:
        """Nothing of the nodes: what is true stands in their edges. Zeros `[N]`."""
        import numpy as np

        return np.zeros(table.rows, dtype=np.float32)

    def fit(self, values: Values, *, is_target: bool) -> State:
        """Nothing is learned."""
        return {}

    def encode(self, values: Values, state: State, *, is_target: bool) -> Encoded:
        """As they are; what is true is put together from the edges."""
        import numpy as np

        return Encoded(np.asarray(values, dtype=np.float32))

    def is_missing(self, values: Values) -> Array:
        """None is."""
        import numpy as np

        return np.zeros(len(values), dtype=bool)
