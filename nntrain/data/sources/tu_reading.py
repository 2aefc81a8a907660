"""Reads a folder of the TU collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from nntrain.data.graphs import Graphs
from nntrain.data.header import HeaderColumn
from nntrain.data.sources.tu import ATTRIBUTES, DEGREE, KIND, LABEL, SPLIT, TU, VALUE, parts
from nntrain.data.table import Table, counted
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Column

    Array = np.ndarray[Any, Any]


def read_tu(source: TU, path: Path, name: str) -> Table:
    """All nodes of a set, and the edges between them, which its file lists in both directions. Raises `DataError`."""
    files = parts(path)
    graph = _numbers(files["graph_indicator"], np.int64)[:, 0] - 1
    edges = _numbers(files["A"], np.int64).T - 1
    nodes, count = len(graph), int(graph.max()) + 1
    if edges.shape[0] != 2 or edges.min() < 0 or edges.max() >= nodes:
        raise DataError(f"{files['A'].name} should have two numbers from 1 to {nodes:,} in each line, the nodes of an edge")
    if (graph[edges[0]] != graph[edges[1]]).any():
        raise DataError(f"{files['A'].name} has edges between nodes of two graphs")
    if len(np.unique(graph)) != count:
        raise DataError(f"{files['graph_indicator'].name} leaves numbers of graphs out")
    columns: dict[str, Column] = {}
    if "node_labels" in files:
        columns[KIND] = _texts(KIND, _of(files["node_labels"], np.int64, nodes)[:, 0])
    if "node_attributes" in files:
        columns[ATTRIBUTES] = _of(files["node_attributes"], np.float64, nodes)
    if not columns:
        columns[DEGREE] = _texts(DEGREE, np.bincount(edges[1], minlength=nodes))
    whole: dict[str, Column] = {}
    if "graph_labels" in files:
        whole[LABEL] = _texts(LABEL, _of(files["graph_labels"], np.int64, count)[graph, 0])
    if "graph_attributes" in files:
        whole[VALUE] = _of(files["graph_attributes"], np.float64, count)[graph]
    fold = source.fold_file(path)
    if fold is not None:
        whole[SPLIT] = _split(fold, graph, count)
    known = {column: HeaderColumn(column, (), "class") for column in (KIND, DEGREE, LABEL, SPLIT)}
    told = f"{name}    {counted(count).replace('row', 'graph')}, {edges.shape[1]:,} directed edges"
    return Table(name, {**columns, **whole}, nodes, known=known, notes=(told,), graphs=Graphs(edges, None, graph, count, frozenset(whole)))


def _split(file: Path, graph: Array, count: int) -> pl.Series:
    """Which nodes are of graphs that are tested."""
    tested = _numbers(file, np.int64)[:, 0]
    if tested.min() < 0 or tested.max() >= count:
        raise DataError(f"{file.name} should have numbers of graphs from 0 to {count - 1}")
    return pl.Series(SPLIT, np.where(np.isin(np.arange(count), tested), "test", "train")[graph])


def _texts(name: str, numbers: Array) -> pl.Series:
    return pl.Series(name, numbers).cast(pl.String)


def _of(file: Path, kind: type[np.generic], rows: int) -> Array:
    """Numbers of a file with as many lines as there are nodes or graphs. Raises `DataError`."""
    found = _numbers(file, kind)
    if len(found) != rows:
        raise DataError(f"{file.name} has {len(found):,} lines, and {rows:,} are expected")
    return found


def _numbers(file: Path, kind: type[np.generic]) -> Array:
    """Lines of numbers with commas between them, `[N, F]`. Raises `DataError`."""
    try:
        found: Array = np.loadtxt(file, dtype=kind, delimiter=",", ndmin=2)
    except (ValueError, OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file.name} should hold numbers, with commas between several of a line: {error}") from None
    if not len(found):
        raise DataError(f"{file.name} is empty")
    return found
