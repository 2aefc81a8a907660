"""Sets of graphs as the TU collection keeps them: a folder of text files, `NAME_A.txt` and others that begin with the same name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.data.header import Header, HeaderColumn
from nntrain.data.sources.graph import SPLIT, NodeSource
from nntrain.data.sources.source import Part
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table

KIND: Final = "kind"
ATTRIBUTES: Final = "attributes"
DEGREE: Final = "degree"
LABEL: Final = "label"
VALUE: Final = "value"
FOLDS: Final = "10fold_idx"


class TU(NodeSource):
    """A folder of the TU collection (Morris et al. 2020): `NAME_A.txt` with the edges, `NAME_graph_indicator.txt` and others.

    Nodes have the columns `kind` (node labels) and `attributes`, or where they have neither their `degree`; graphs have `label`, the
    target, or `value` (graph attributes). Labels and attributes of edges are not read.
    """

    main: ClassVar[str | None] = "path"
    takes_folders: ClassVar[bool] = True

    type: Literal["tu"] = "tu"
    path: str
    """The folder, counted from the config's folder."""
    fold: PositiveInt | None = None
    """Which of the given folds is tested: `10fold_idx/test_idx-FOLD.txt` in the folder has the numbers of its graphs, from 0. Default:
    rows are split as `data.split` says."""

    @property
    def target(self) -> str | None:
        """The class of a graph."""
        return LABEL

    @property
    def has_graph_columns(self) -> bool:
        """Labels and attributes of graphs."""
        return True

    def outline(self) -> Header:
        """Of a set with labels of nodes and of graphs, as most have them."""
        whole = (LABEL, *([SPLIT] if self.fold is not None else []))
        columns = tuple(HeaderColumn(name, (), "class") for name in (KIND, *whole))
        return Header(self.path, columns, None, graph_columns=frozenset(whole))

    def written_paths(self) -> Mapping[Part, str]:
        """The folder."""
        return {"train": self.path}

    def reads(self, path: Path) -> bool:
        """A folder with edges."""
        return path.is_dir() and len(list(path.glob("*_A.txt"))) == 1

    def fold_file(self, path: Path) -> Path | None:
        """The file that says which graphs are for test. Raises `DataError` where it is not there."""
        if self.fold is None:
            return None
        found = path / FOLDS / f"test_idx-{self.fold}.txt"
        if not found.is_file():
            raise DataError(f"data.source.fold: no file {FOLDS}/{found.name} in {path.name}", "leave fold out: data.split.folds cuts folds")
        return found

    def fingerprint(self, path: Path) -> str:
        """What is in the files that are read, hashed. Raises `DataError`."""
        import hashlib

        from nntrain.data.fingerprint import fingerprint_file

        files = [*parts(path).values(), self.fold_file(path)]
        return hashlib.sha256("\n".join(fingerprint_file(file) for file in files if file is not None).encode()).hexdigest()

    def peek(self, path: Path, name: str) -> Header:
        """Columns by the files that are there. Raises `DataError`."""
        found = parts(path)
        self.fold_file(path)
        columns: list[HeaderColumn] = []
        if "node_labels" in found:
            columns.append(HeaderColumn(KIND, (), "class"))
        if "node_attributes" in found:
            columns.append(HeaderColumn(ATTRIBUTES, (_width(found["node_attributes"]),), "float"))
        if not columns:
            columns.append(HeaderColumn(DEGREE, (), "class"))
        whole: list[HeaderColumn] = []
        if "graph_labels" in found:
            whole.append(HeaderColumn(LABEL, (), "class"))
        if "graph_attributes" in found:
            whole.append(HeaderColumn(VALUE, (_width(found["graph_attributes"]),), "float"))
        if self.fold is not None:
            whole.append(HeaderColumn(SPLIT, (), "class"))
        return Header(name, (*columns, *whole), None, graph_columns=frozenset(column.name for column in whole))

    def read(self, path: Path, name: str) -> Table:
        """All nodes. Raises `DataError`."""
        from nntrain.data.sources.tu_reading import read_tu

        return read_tu(self, path, name)


def parts(path: Path) -> dict[str, Path]:
    """The files of a set by what stands behind its name: `A`, `graph_indicator`, `node_labels`. Raises `DataError`."""
    edges = sorted(path.glob("*_A.txt"))
    if len(edges) != 1:
        found = "no file" if not edges else f"{len(edges)} files"
        raise DataError(f"{path.as_posix()} has {found} *_A.txt: a set of the TU collection has one", "data.source.path: its folder")
    prefix = edges[0].name.removesuffix("A.txt")
    wanted = ("A", "graph_indicator", "graph_labels", "graph_attributes", "node_labels", "node_attributes")
    found = {part: file for part in wanted if (file := path / f"{prefix}{part}.txt").is_file()}
    if "graph_indicator" not in found:
        raise DataError(f"{path.as_posix()} has no {prefix}graph_indicator.txt, which says which graph each node is of")
    return found


def _width(path: Path) -> int:
    """Numbers in a line."""
    with path.open(encoding="utf-8") as file:
        return file.readline().count(",") + 1
