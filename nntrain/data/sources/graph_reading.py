"""Reads the tables of a graph: names become numbers of rows, and edges are checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from nntrain.data.facts import quoted
from nntrain.data.fields.link import EDGE
from nntrain.data.graphs import Asked, Graphs
from nntrain.data.header import HeaderColumn
from nntrain.data.sources.graph import ASKED_EDGE, NAMES_GRAPHS, NAMES_NODES, SPLIT, SPLITS_NODES, Graph, lists_edges
from nntrain.data.table import Table, counted
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Column

    Array = np.ndarray[Any, Any]


_WEIGHTS: Final = frozenset({"weight", "weights", "w", "edge_weight", "strength"})
"""What columns are called that mostly say how much an edge counts."""


def read_graph(source: Graph, path: Path, name: str, asked: Path | None = None) -> Table:
    """All nodes of the tables that a source names, and the edges between them.

    Args:
        source: The source.
        path: The table of nodes.
        name: What it is called in messages.
        asked: A table whose ends are pairs of nodes that a prediction is asked for.

    Raises:
        DataError: The tables can't be read, or don't go together.
    """
    table = replace(source.read_table(path), name=name)
    id_column = source.id_column(tuple(table.columns), name)
    names = table.texts(id_column) if id_column is not None else pl.Series([str(row) for row in range(table.rows)])
    _require_names(table, names, id_column)
    listed = source.beside(path, source.edges)
    edges = source.read_table(listed) if lists_edges(listed) else _no_edges(source, listed)
    where = f"{name}, column {id_column}" if id_column is not None else f"{name}, whose rows count from 0"
    try:
        ends = _ends(source, edges, names, where)
    except DataError:
        _require_nodes(source, table)
        raise
    weights = None if source.weight is None else _weights(edges, source.weight)
    pairs, strengths = (ends, weights) if source.directed else both_ways(ends, weights, edges.name, lambda row: edges.place(row))
    graph, count, columns = _graphs(source, path, table)
    _require_within(ends, graph, edges.name)
    known = {column: _known(table, column, why) for column, why in ((id_column, NAMES_NODES), (source.graph, NAMES_GRAPHS)) if column}
    if source.has_links and SPLIT in table.columns:
        known[SPLIT] = _known(table, SPLIT, SPLITS_NODES)
    asks: dict[str, Column] = {EDGE: pl.Series(EDGE, [None] * table.rows, dtype=pl.String)} if source.has_links else {}
    wanted = None if asked is None else _asked(source, asked, names, where)
    unread = [column for column in edges.columns if column.lower() in _WEIGHTS] if source.weight is None else []
    told = f"{edges.name}    {counted(edges.rows).replace('row', 'edge')}" + ("" if source.directed else f", {pairs.shape[1]:,} both ways")
    return replace(
        table,
        columns={**table.columns, **columns, **asks},
        known={**table.known, **known, **({EDGE: ASKED_EDGE} if asks else {})},
        notes=(
            *table.notes,
            told,
            *(f"{edges.name}: {column} is not read   gcn does with data.source.weight: {column}" for column in unread),
        ),
        graphs=Graphs(pairs, strengths, graph, count, frozenset(columns), source.graph, wanted),
    )


def _require_nodes(source: Graph, table: Table) -> None:
    """Refuse a table that has no nodes, such as that of the graphs or that of the edges. Raises `DataError`."""
    wanted = f"give a table of nodes as {PurePosixPath(source.nodes).name} is one, beside which that of the edges lies"
    graph = source.graph
    if graph is not None and graph in table.columns and source.graphs is not None and table.texts(graph).n_unique() == table.rows:
        raise DataError(f"{table.name} has a row for each {graph}, and no nodes", wanted)
    lost = next((column for column in (source.id, graph) if column is not None and column not in table.columns), None)
    if lost is not None:
        raise DataError(f"{table.name} is no table of nodes: it has no column {lost!r}", wanted)


def _asked(source: Graph, path: Path, names: pl.Series, where: str) -> Asked:
    """The pairs of nodes that a table names. Raises `DataError`."""
    table = source.read_table(path)
    by_name = source.model_copy(update={"weight": None, "ends": source.ends if set(source.ends or ()) <= {*table.columns} else None})
    return Asked(_ends(by_name, table, names, where), table)


def _no_edges(source: Graph, path: Path) -> Table:
    """A table of edges without one."""
    names: tuple[str, ...] = (*(source.ends or ("from", "to")), *([source.weight] if source.weight is not None else []))
    return Table(path.name, {name: pl.Series(name, [], dtype=pl.String) for name in names}, 0)


def _weights(edges: Table, column: str) -> Array:
    """How much each edge counts, float32 `[E]`. Raises `DataError` for one that says nothing."""
    found = edges.numbers(column)
    lost = [int(row) for row in np.flatnonzero(np.isnan(found))]
    if lost:
        hint = "leave such edges out, or write how much they count: 1, 0"
        raise DataError(f"{edges.name}: {column} is missing in {edges.places(lost)}, and says how much an edge counts", hint)
    below = [int(row) for row in np.flatnonzero(found < 0)]
    if below:
        hint = "weights from 0 on, such as distances turned into nearness; a sign of its own can't be read"
        raise DataError(f"{edges.name}: {column} is below 0 in {edges.places(below)}, and gcn takes the root of what meets in a node", hint)
    return found.astype(np.float32)


def both_ways(ends: Array, weights: Array | None, file: str, place: Callable[[int], str] = "row {}".format) -> tuple[Array, Array | None]:
    """Every edge in both directions, each once, sorted; an edge of a node to itself stays one.

    Args:
        ends: Int64 `[2, E]`.
        weights: Float32 `[E]`, or `None`.
        file: Where they come from, for messages.
        place: Where a row stands in it.

    Raises:
        DataError: An edge is listed twice with different weights.
    """
    doubled = np.concatenate([ends, ends[::-1]], axis=1)
    pairs, first, group = np.unique(doubled, axis=1, return_index=True, return_inverse=True)
    if weights is None:
        return pairs, None
    both = np.concatenate([weights, weights])
    kept = both[first]
    if (kept[group.ravel()] != both).any():
        other = int(np.flatnonzero(kept[group.ravel()] != both)[0])
        row = max(other % len(weights), int(first[group.ravel()[other]]) % len(weights))
        raise DataError(
            f"{file}: an edge is listed twice with different weights, the second time in {place(row)}", "data.source.directed: true"
        )
    return pairs, kept


def _require_names(table: Table, names: pl.Series, column: str | None, option: str = "id", what: str = "node") -> None:
    """Refuse nodes, or graphs, without a name, or two of one. Raises `DataError`."""
    if column is None:
        return
    if names.null_count():
        rows = [int(row) for row in np.flatnonzero(names.is_null().to_numpy())]
        raise DataError(
            f"{table.name}: {column} is empty in {table.places(rows)}", f"every {what} needs a name: data.source.{option} names the column"
        )
    if names.n_unique() < len(names):
        twice = names.filter(names.is_duplicated())[0]
        raise DataError(
            f"{table.name}: {column} is {quoted(twice)} in several rows", f"data.source.{option}: the column that names each {what} once"
        )


def _ends(source: Graph, edges: Table, names: pl.Series, where: str) -> Array:
    """Rows of the nodes that the edges are between, int64 `[2, E]`. Raises `DataError` for a name that no node has."""
    found: list[Array] = []
    rows = pl.DataFrame({"name": names, "row": np.arange(len(names))})
    for column in source.end_columns(tuple(edges.columns), edges.name):
        wanted = edges.texts(column).rename("name").to_frame()
        row = wanted.join(rows, on="name", how="left", maintain_order="left")["row"]
        lost = [int(place) for place in np.flatnonzero(row.is_null().to_numpy())]
        if lost:
            cell = wanted["name"][lost[0]]
            if cell is None:
                raise DataError(
                    f"{edges.name}: {column} is missing in {edges.places(lost)}, and an edge is between two nodes",
                    "leave such edges out, or name their nodes",
                )
            raise DataError(
                f"{edges.name}: {column} is {quoted(cell)} in {edges.places(lost)}, and no node is named so ({where})",
                "data.source.id: the column of the nodes that edges name",
            )
        found.append(row.to_numpy().astype(np.int64))
    return np.stack(found)


def _graphs(source: Graph, path: Path, table: Table) -> tuple[Array, int, Mapping[str, Column]]:
    """The graph of each node, how many there are, and what each node has of its graph. Raises `DataError`."""
    if source.graph is None:
        return np.zeros(table.rows, dtype=np.int64), 1, {}
    own = table.texts(source.graph)
    if own.null_count():
        rows = [int(row) for row in np.flatnonzero(own.is_null().to_numpy())]
        raise DataError(f"{table.name}: {source.graph} is empty in {table.places(rows)}", "every node is of a graph")
    if source.graphs is None:
        order = own.unique(maintain_order=True)
        return _places(own, order), len(order), {}
    graphs = source.read_table(source.beside(path, source.graphs))
    key = source.graph_column(tuple(graphs.columns), graphs.name)
    names = graphs.texts(key)
    _require_names(graphs, names, key, option="graph", what="graph")
    lost = own.filter(~own.is_in(names.implode()))
    if len(lost):
        raise DataError(f"{table.name}: {key} is {quoted(lost[0])}, and {graphs.name} has no such graph")
    order = names.filter(names.is_in(own.unique().implode()))  # a graph without nodes is none
    place, row = _places(own, order), _places(own, names)
    return place, len(order), {name: column[row] for name, column in graphs.columns.items() if name != key}


def _places(values: pl.Series, order: pl.Series) -> Array:
    """Where each value stands in an order that has it."""
    known = pl.DataFrame({"name": order, "place": np.arange(len(order))})
    return values.rename("name").to_frame().join(known, on="name", how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)


def _require_within(edges: Array, graph: Array, file: str) -> None:
    """Refuse edges between two graphs. Raises `DataError`."""
    apart = graph[edges[0]] != graph[edges[1]]
    if apart.any():
        raise DataError(
            f"{file}: {counted(int(apart.sum())).replace('row', 'edge')} between nodes of two graphs", "data.source.graph: another column"
        )


def _known(table: Table, column: str, why: str) -> HeaderColumn:
    values = table.columns[column]
    return HeaderColumn(column, () if isinstance(values, pl.Series) else tuple(values.shape[1:]), "text", key=why)
