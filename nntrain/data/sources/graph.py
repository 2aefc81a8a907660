"""Graphs as tables: one of nodes, one of edges, and one of graphs where there are several."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from pydantic import ConfigDict, model_validator
from pydantic import Field as Option

from nntrain.data.fields.link import ASKED, EDGE, Link
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.paths import locate
from nntrain.data.sources.source import GivenFiles, Part, Source
from nntrain.errors import DataError, Problem
from nntrain.schema import load_class

if TYPE_CHECKING:
    from nntrain.data.fields.field import Field
    from nntrain.data.table import Table

NAMES_NODES: Final = "names the nodes"
NAMES_GRAPHS: Final = "names the graphs"
ID_COLUMNS: Final = ("node", "node_id", "id")
"""Columns of the nodes by which edges name them where the config says nothing; the first that is there counts."""
SPLIT: Final = "split"
PLANETOID: Final = frozenset({".x", ".tx", ".allx", ".y", ".ty", ".ally", ".graph"})
"""What the names of Planetoid's pickles end in: `ind.cora.x`."""
SPLITS_NODES: Final = "splits nodes, and edges are predicted"
ASKED_EDGE: Final = HeaderColumn(EDGE, (), "class", key=ASKED)
"""What the target is called where edges are predicted."""


class NodeSource(Source):
    """A source whose rows are the nodes of graphs."""

    @property
    def has_nodes(self) -> bool:
        """They are."""
        return True

    @property
    def has_order(self) -> bool:
        """Nodes in no order."""
        return False

    @property
    def split_column(self) -> str | None:
        """`split`, where there is one: a node of which it says none is in the graph and in no split."""
        return SPLIT


class Graph(NodeSource):
    """Nodes and the edges between them, as tables (CSV, Parquet and the like): one graph, or several with `graph`.

    A row of the data is a graph. Of one graph the split is over its nodes, all of which stay in it: a column `split` may say train,
    validation or test, and none for nodes without a split. Several graphs are each whole in one split. Of Planetoid's files (`ind.cora.x`),
    which are pickles and are never opened, nodes and edges are to be written as tables.
    """

    model_config = ConfigDict(serialize_by_alias=True)
    main: ClassVar[str | None] = "nodes"

    type: Literal["graph"] = "graph"
    nodes: str
    """The table of nodes, counted from the config's folder."""
    edges: str
    """The table of edges: a row for each, in which two columns name the nodes it is between. One without rows is a graph without edges."""
    graphs: str | None = None
    """Table with a row for each of several graphs; its columns hold for all nodes of a graph, and a target among them is the graph's."""
    id: str | None = None
    """Column of the nodes by which edges name them. Default: `node`, `node_id` or `id`, the first that there is, else the number of the
    row from 0."""
    ends: tuple[str, str] | None = None
    """Columns of the edges that name where an edge begins and where it ends. Default: the first two."""
    weight: str | None = None
    """Column of the edges that says how much each counts, which gcn reads. Default: 1."""
    directed: bool = False
    """Whether an edge leads one way only, to where it ends. Otherwise both ends are neighbours of each other, however it is listed."""
    graph: str | None = None
    """Column of the nodes that says which graph each is of; `graphs` has one of the same name. Default: there is one graph."""

    target_: Literal["edges"] | None = Option(default=None, alias="target")
    """`edges`: what is predicted is which nodes have an edge between them. They are split as `data.split` says, at random; a node gets
    messages along training edges alone, and `nntrain predict RUN pairs.csv`, a table with two columns of names of nodes, tells how likely
    each pair is. Default: a column is."""

    @model_validator(mode="after")
    def _one_graph_has_links(self) -> Graph:
        if self.target_ is not None and self.graph is not None:
            raise ValueError("target: edges predicts the edges of one graph, and graph tells several apart; leave one of the two out")
        return self

    @model_validator(mode="after")
    def _graphs_are_told_apart(self) -> Graph:
        if self.graphs is not None and self.graph is None:
            raise ValueError("graphs has a row for each graph; add graph: the column of the nodes that says which graph each is of")
        return self

    @property
    def has_links(self) -> bool:
        """Where edges are predicted."""
        return self.target_ is not None

    @property
    def asks_of_training_rows(self) -> bool:
        """Pairs of its nodes, where edges are predicted."""
        return self.has_links

    def read_asked(self, path: Path, folder: Path) -> Table:
        """Pairs of nodes from a table with two columns of their names, in the graph of the settings. Raises `DataError`."""
        from nntrain.data.sources.graph_reading import read_graph

        nodes = self.files(folder)["train"]
        return read_graph(self, nodes, nodes.name, asked=path)

    @property
    def is_directed(self) -> bool:
        """As it is written."""
        return self.directed

    @property
    def target(self) -> str | None:
        """Whether there is an edge, where that is predicted."""
        return EDGE if self.has_links else None

    @property
    def fields(self) -> Mapping[str, Field]:
        """The same."""
        return {EDGE: Link(role="target")} if self.has_links else {}

    @property
    def split_column(self) -> str | None:
        """`split`, where nodes are split."""
        return None if self.has_links else super().split_column

    @property
    def has_graph_columns(self) -> bool:
        """Where there is a table of graphs."""
        return self.graphs is not None

    def written_paths(self) -> Mapping[Part, str]:
        """The table of nodes."""
        return {"train": self.nodes}

    def files(self, folder: Path) -> dict[Part, Path]:
        """The table of nodes; that all are there is looked at. Raises `DataError`."""
        nodes = locate(self.nodes, folder, "data.source.nodes")
        for key, written in (("edges", self.edges), ("graphs", self.graphs)):
            if written is not None:
                locate(written, folder, f"data.source.{key}")
        return {"train": nodes}

    def unread(self, needs: Collection[str]) -> Iterator[Problem]:
        """Weights of edges that no layer reads."""
        if self.weight is not None and "edge_weights" not in needs:
            yield Problem(
                ("data", "source", "weight"), "has no effect: of all layers only gcn reads weights of edges", "remove it", on_key=True
            )

    def reads(self, path: Path) -> bool:
        """A table of nodes, beside which that of the edges lies as it does in the config."""
        return path.is_file() and self.beside(path, self.edges).is_file()

    def beside(self, path: Path, written: str) -> Path:
        """Where a table is that lies to a table of nodes as the config says."""
        if Path(written).is_absolute():
            return Path(written)
        return path.parent / os.path.relpath(written, Path(self.nodes).parent)

    def fingerprint(self, path: Path) -> str:
        """What is in all tables, hashed. Raises `DataError`."""
        import hashlib

        from nntrain.data.fingerprint import fingerprint_file

        tables = [path, *(self.beside(path, written) for written in (self.edges, self.graphs) if written is not None)]
        return hashlib.sha256("\n".join(fingerprint_file(table) for table in tables).encode()).hexdigest()

    def peek(self, path: Path, name: str) -> Header:
        """The columns of the nodes, then those of the graphs. Raises `DataError` where the tables don't go together."""
        header = table_source(path).peek(path, name)
        edges = self.beside(path, self.edges)
        if lists_edges(edges):
            ends = table_source(edges).peek(edges, edges.name)
            self.end_columns(ends.names, edges.name)
        id_column = self.id_column(header.names, name)
        columns = [_marked(column, id_column, NAMES_NODES, self.graph, has_links=self.has_links) for column in header.columns]
        if self.has_links and EDGE in header.names:
            raise DataError(f"{name} has a column {EDGE!r}, which is what the target of target: edges is called", "rename it")
        columns = [*columns, *([ASKED_EDGE] if self.has_links else [])]
        whole: tuple[HeaderColumn, ...] = ()
        if self.graph is not None and self.graph not in header.names:
            raise _no_column(self.graph, "graph", name, header.names)
        if self.graphs is not None:
            table = self.beside(path, self.graphs)
            found = table_source(table).peek(table, table.name)
            whole = tuple(column for column in found.columns if column.name != self.graph_column(found.names, table.name))
            clash = next((column.name for column in whole if column.name in header.names), None)
            if clash is not None:
                raise DataError(f"{table.name} and {name} both have a column {clash!r}", "rename one of the two")
        return replace(header, columns=(*columns, *whole), graph_columns=frozenset(column.name for column in whole))

    def read(self, path: Path, name: str) -> Table:
        """All nodes, with the edges between them. Raises `DataError`."""
        from nntrain.data.sources.graph_reading import read_graph

        return read_graph(self, path, name)

    def read_table(self, path: Path) -> Table:
        """One of the tables. Raises `DataError`."""
        return table_source(path).read(path, path.name)

    def id_column(self, names: tuple[str, ...], file: str) -> str | None:
        """The column of the nodes by which edges name them; `None` for the number of the row. Raises `DataError`."""
        if self.id is not None and self.id not in names:
            raise _no_column(self.id, "id", file, names)
        return self.id or next((column for column in ID_COLUMNS if column in names), None)

    def end_columns(self, names: tuple[str, ...], file: str) -> tuple[str, str]:
        """The columns of the edges that name their ends. Raises `DataError`."""
        wanted = self.ends or names[:2]
        for column in (*wanted, *([self.weight] if self.weight is not None else [])):
            if column not in names:
                raise _no_column(column, "weight" if column == self.weight else "ends", file, names)
        if len(wanted) < 2:
            raise DataError(f"{file} has one column, and an edge has two ends", "data.source.ends: [FROM, TO] names the columns")
        return wanted[0], wanted[1]

    def graph_column(self, names: tuple[str, ...], file: str) -> str:
        """The column of the graphs that names them. Raises `DataError`."""
        assert self.graph is not None
        if self.graph not in names:
            raise _no_column(self.graph, "graph", file, names)
        return self.graph


def lists_edges(path: Path) -> bool:
    """Whether a table of edges has any: a text that is empty, or ends with its header, has none. Raises `DataError`."""
    from nntrain.data.settings import source_of

    if source_of(path.name) != "csv" or path.suffix.lower() in (".gz", ".zip"):
        return True
    try:
        with path.open("rb") as file:
            lines = (line for line in file if line.strip())
            return next(lines, None) is not None and next(lines, None) is not None
    except OSError as error:
        raise DataError(f"{path.as_posix()}: cannot be read ({error.strerror})") from None


def table_source(path: Path) -> Source:
    """What reads a table of nodes or edges. Raises `DataError` for a file that is none."""
    from nntrain.data.settings import SOURCES, source_of

    tag = source_of(path.name)
    if path.name.startswith("ind.") and path.suffix in PLANETOID:
        raise DataError(
            f"{path.name} is a pickle, as Planetoid has its files, and whoever opens one runs what its author wrote: nntrain opens none",
            "bring nodes.csv (a row for each node) and edges.csv (two numbers of rows each), written where you trust the file",
        )
    if tag is None:
        raise DataError(f"{path.name}: no source reads {path.suffix or 'such'} files", "a table: .csv, .tsv, .parquet, .jsonl, .xlsx")
    made = load_class(SOURCES[tag]).parse({"type": tag, "path": path.name})
    assert isinstance(made, GivenFiles)
    return cast("Source", made)


def _marked(column: HeaderColumn, id_column: str | None, why: str, graph: str | None, *, has_links: bool = False) -> HeaderColumn:
    """A column of the nodes; one that only names them is no input, nor is one that splits them, where edges are split."""
    if has_links and column.name == SPLIT:
        return replace(column, key=SPLITS_NODES)
    if column.name == id_column:
        return replace(column, key=why)
    return replace(column, key=NAMES_GRAPHS) if column.name == graph else column


def _no_column(column: str, option: str, file: str, names: tuple[str, ...]) -> DataError:
    from nntrain.data.table import listed

    return DataError(f"data.source.{option}: no column {column!r} in {file} ({listed(names)})")
