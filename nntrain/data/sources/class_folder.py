"""The base of sources of files in folders that are named after their classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from nntrain.data.file_rows import FileKind, FileRows, labelled_rows
from nntrain.data.file_store import FileStore
from nntrain.data.header import FileFacts, Header, HeaderColumn
from nntrain.data.sources.source import PART_OF_WORD, GivenFiles
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table


class ClassFolder(GivenFiles):
    """Files of a kind in folders of classes."""

    takes_folders: ClassVar[bool] = True
    kind: ClassVar[FileKind]

    path: str
    """The folder or .zip file, counted from the config's folder."""
    validation: str | None = None
    """Folder or .zip file with the validation files, where they are given; `path` then has the training files alone."""
    test: str | None = None
    """Folder or .zip file with the test files, where they are given."""

    @property
    def has_order(self) -> bool:
        """Files in the order of their names, which means nothing."""
        return False

    @property
    def target(self) -> str | None:
        """The class."""
        return "label"

    @property
    def split_column(self) -> str | None:
        """The first folders, where they are splits."""
        return None if self._is_given else "split"

    @property
    def _is_given(self) -> bool:
        """Whether validation or test files have a folder of their own."""
        return self.validation is not None or self.test is not None

    def outline(self) -> Header:
        """A file and a class, of which nothing else is known."""
        files = HeaderColumn(self.kind.column, (), "file", files=FileFacts(tuple(sorted(self.kind.suffixes))))
        return Header(self.path, (files, HeaderColumn("label", (), "class")), None)

    def peek(self, path: Path, name: str) -> Header:
        """Classes and the head of the first file of each. Raises `DataError` for files that are not in folders of classes."""
        rows = self._rows(path, name)
        if "label" not in rows.words:
            suffix, column = self.kind.usual, self.kind.column
            raise DataError(
                f"{name}: its {self.kind.noun}s are not in folders of classes",
                f"fix:  {name}/CLASS/*{suffix} or {name}/train/CLASS/*{suffix}; or a table with a column of file names, type: {column}",
            )
        return rows.header(name)

    def _rows(self, path: Path, name: str) -> FileRows:
        """The files of one of the folders. Raises `DataError`."""
        rows = self._found(path, name)
        if self._is_given and "split" in rows.words:
            given = "validation" if self.validation is not None else "test"
            folders = " and ".join(dict.fromkeys(rows.words["split"]))
            raise DataError(
                f"{name} has folders {folders} of its own, and data.source.{given} gives the {given} {self.kind.noun}s",
                f"leave {given} out, or name one of the folders: {self.path}/train",
            )
        return rows

    def _found(self, path: Path, name: str) -> FileRows:
        if path.suffix.lower() in self.kind.suffixes and path.is_file():
            return FileRows(FileStore(path.parent), {self.kind.column: [path.name]}, {})
        if path.is_file() and path.suffix.lower() != ".zip":
            raise DataError(f"{name} is neither a folder nor a .zip file")
        return labelled_rows(FileStore(path), name, PART_OF_WORD, self.kind)

    def reads(self, path: Path) -> bool:
        """A folder, a .zip file or one such file: new files need no folders of classes."""
        return path.is_dir() or path.suffix.lower() in self.kind.suffixes | {".zip"}

    def read(self, path: Path, name: str) -> Table:
        """The files and their classes. Raises `DataError`."""
        return self._rows(path, name).table(name)

    def fingerprint(self, path: Path) -> str:
        """Names, sizes and contents of the files. Raises `DataError`."""
        rows = self._rows(path, path.name)
        return rows.store.fingerprint(rows.files[self.kind.column])
