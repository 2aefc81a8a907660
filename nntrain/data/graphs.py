"""Tables whose rows are the nodes of graphs: how they belong together, and what their columns say of a node or of a whole graph.

A row of the data is a graph then. Of one large graph some nodes train and others test, and all of them stay in it; of many graphs each
is whole in one split. Torch-free.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import Problem
from nntrain.specs import VECTOR
from nntrain.wording import with_article

if TYPE_CHECKING:
    import numpy as np

    from nntrain.data.batches import TensorData
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.header import Header
    from nntrain.data.settings import DataSettings
    from nntrain.data.split import Parts
    from nntrain.data.table import Table

    Array = np.ndarray[Any, Any]

NO_SPLIT: Final = "none"
"""What a split column says of a node that is in the graph and in no split; an empty cell says so too."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Pairs of nodes that a table names."""

    pairs: Array
    """Int64 `[2, P]`."""
    table: Table
    """The table itself, a row for each."""


@dataclass(frozen=True, slots=True)
class Graphs:
    """How the rows of a table, the nodes, belong together."""

    edges: Array
    """Int64 `[2, E]`: the rows that an edge goes from and to."""
    weights: Array | None
    """Float32 `[E]`; `None` where all count once."""
    graph: Array
    """The graph that each row is of, int64 `[N]`, from 0."""
    count: int
    """Graphs."""
    columns: frozenset[str] = frozenset()
    """Columns that say the same of all nodes of a graph."""
    key: str | None = None
    """The column that names the graph of each node; `None` for a single graph."""
    asked: Asked | None = None
    """The pairs of nodes that a prediction is asked for; `None` where none are named."""

    def nodes(self, rows: Array) -> Array:
        """All rows of the graphs that some rows are of, one graph after another, int64 `[S]`."""
        import numpy as np

        wanted = np.zeros(self.count, dtype=bool)
        wanted[self.graph[rows]] = True
        nodes = np.flatnonzero(wanted[self.graph])
        return nodes[np.argsort(self.graph[nodes], kind="stable")]

    def firsts(self, rows: Array) -> Array:
        """One of some rows of each graph that has any, in the order of the graphs."""
        import numpy as np

        return rows[np.unique(self.graph[rows], return_index=True)[1]]

    def whole(self, parts: Parts, rows: Array) -> Parts:
        """The splits of some rows, given those of one row of each graph."""
        import numpy as np

        own = self.graph[rows]
        return replace(parts, **{name: rows[np.isin(own, self.graph[getattr(parts, name)])] for name in ("train", "validation", "test")})

    def of_graphs(self, table: Table) -> Table:
        """A row for each graph, of the columns that say the same of all its nodes."""
        import numpy as np
        import polars as pl

        first = self.firsts(np.arange(table.rows))
        kept = [name for name in table.columns if name in self.columns or name == self.key]
        columns = {name: table.columns[name][first] for name in kept}
        columns = columns or {"graph": pl.Series("graph", [str(number) for number in range(self.count)])}
        return replace(table, columns=columns, rows=self.count, lines=None, graphs=None)


def splits_graphs(table: Table, split_columns: Sequence[str]) -> bool:
    """Whether each graph is whole in one split: there are several, and no column says the split of each node."""
    return table.graphs is not None and table.graphs.count > 1 and set(split_columns) <= table.graphs.columns


def in_a_split(rows: Array, words: Sequence[str | None]) -> tuple[Array, list[str | None]]:
    """The nodes of which a split column says one, and what it says."""
    import numpy as np

    keep = np.array([word is not None and word.lower() != NO_SPLIT for word in words], dtype=bool)
    return rows[keep], [word for word, is_kept in zip(words, keep, strict=True) if is_kept]


def for_nodes(plans: Sequence[FieldPlan], settings: DataSettings, header: Header | None) -> list[FieldPlan]:
    """The plans of a field: its inputs, and the targets that each node has, are of nodes where the rows are nodes."""
    if not settings.source.has_nodes:
        return list(plans)
    return [
        replace(plan, of_nodes=True, spec=plan.spec.for_nodes())
        if plan.role == "input"
        or (plan.role in ("target", "weight") and not plan.spec.is_packed and not _is_of_graphs(plan, settings, header))
        else plan
        for plan in plans
    ]


def _is_of_graphs(plan: FieldPlan, settings: DataSettings, header: Header | None) -> bool:
    """Whether a field says the same of all nodes of a graph."""
    return settings.source.has_graph_columns if header is None else set(plan.columns) <= header.graph_columns


def graph_problems(settings: DataSettings, plans: Sequence[FieldPlan]) -> Iterator[Problem]:
    """What does not go together with rows that are the nodes of graphs."""
    if not settings.source.has_nodes:
        return
    for plan in plans:
        path = ("data", "fields", plan.name)
        if plan.role == "input" and plan.spec.of_one.axes not in ((), VECTOR):
            what = f"a node has numbers, categories and vectors, and {plan.name} is {with_article(plan.field.type)}"
            yield Problem(path, what, "fix:  role: ignore")
        elif plan.role == "weight" and plan.of_nodes:
            yield Problem(path, "weighs nodes, and only whole graphs have a weight: a column of data.source.graphs", "fix:  role: ignore")
    if settings.source.has_links:
        from nntrain.data.links import link_problems

        yield from link_problems(settings, plans)
        return
    targets = [plan for plan in plans if plan.role == "target"]
    if len({plan.of_nodes for plan in targets}) > 1:
        node, graph = (next(plan.name for plan in targets if plan.of_nodes is kind) for kind in (True, False))
        yield Problem(
            ("data", "target"), f"{node} is of each node and {graph} of each graph: targets are of one kind", "train two networks"
        )
    if settings.batch is not None and any(plan.of_nodes for plan in targets):
        yield Problem(("data", "batch"), "samples rows, which are graphs, and the target is of their nodes", "remove it", on_key=True)


def counted_as(table: Table, data: TensorData) -> str:
    """What is counted in the splits of a table: ` nodes`, ` graphs`, nothing for plain rows."""
    if table.graphs is None:
        return ""
    if data.redrawn is not None:
        return " pairs of nodes"
    return " graphs" if data.units is None else " nodes"
