"""Files whose paths say what they are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field as Option
from pydantic import model_validator

from nntrain.data.audio.wave_header import SOUND_SUFFIXES
from nntrain.data.file_rows import FileRows, fixed_part, matching_rows
from nntrain.data.file_store import FileStore
from nntrain.data.header import FileFacts, Header, HeaderColumn
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.paths import locate
from nntrain.data.sources.source import Part, Source
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks
    from nntrain.data.table import Table

_BRACE: Final = re.compile(r"\{(\w+)\}")
_NAME_OF_SUFFIX: Final = {**dict.fromkeys(IMAGE_SUFFIXES, "image"), **dict.fromkeys(SOUND_SUFFIXES, "audio"), ".txt": "text"}


class Files(Source):
    """Files by a pattern: `photos/{split}/{label}/*.jpg`. What stands for a brace becomes a column, `{split}` says which rows train.

    One pattern gives the field `image`, `audio`, `text` or `file`, after the ending of its files. Several, by name, pair files by what
    stands in their braces; files without a partner are left out, counted and named.
    """

    main: ClassVar[str | None] = "path"
    reads_blocks: ClassVar[bool] = True

    type: Literal["files"] = "files"
    path: str | Annotated[dict[str, str], Option(min_length=1)]
    """A pattern, or a pattern by field: `{image: "images/{id}.jpg", mask: "masks/{id}.png"}`. `*` stands for any text but `/`, `**` for
    any; a part may be a .zip file."""

    @model_validator(mode="after")
    def _patterns_fit(self) -> Files:
        patterns = self.patterns
        braces = {column: frozenset(_BRACE.findall(pattern)) for column, pattern in patterns.items()}
        first = next(iter(braces.values()))
        for column, found in braces.items():
            if len(patterns) > 1 and (found != first or not found):
                raise ValueError(f"files are paired by their braces, and {column} has {_told(found)} where the first has {_told(first)}")
            if column in found:
                raise ValueError(f"{{{column}}} and the file would be one column; give one of them another name")
            if not _BRACE.search(patterns[column]) and "*" not in patterns[column]:
                raise ValueError(f"{patterns[column]!r} is one file; a pattern has {{name}} or * for what differs")
        return self

    @property
    def has_order(self) -> bool:
        """Files in the order of their names, which means nothing."""
        return False

    @property
    def patterns(self) -> dict[str, str]:
        """The pattern of each column of files."""
        if isinstance(self.path, dict):
            return self.path
        return {_NAME_OF_SUFFIX.get(PurePosixPath(self.path).suffix.lower(), "file"): self.path}

    @property
    def target(self) -> str | None:
        """`{label}`, where there is one."""
        return "label" if "{label}" in next(iter(self.patterns.values())) else None

    @property
    def split_column(self) -> str | None:
        """`{split}`, where there is one."""
        return "split" if "{split}" in next(iter(self.patterns.values())) else None

    def written_paths(self) -> Mapping[Part, str]:
        """The pattern, the first of several."""
        return {"train": next(iter(self.patterns.values()))}

    def files(self, folder: Path) -> dict[Part, Path]:
        """The folder or .zip file that all patterns start with. Raises `DataError` where it is not there."""
        return {"train": locate(self._root(), folder, "data.source.path", folders=True)}

    def outline(self) -> Header:
        """The files and the braces, of which nothing else is known."""
        files = [
            HeaderColumn(column, (), "file", files=FileFacts((PurePosixPath(pattern).suffix.lower(),)))
            for column, pattern in self.patterns.items()
        ]
        words = dict.fromkeys(_BRACE.findall(next(iter(self.patterns.values()))))
        return Header(self._root(), (*files, *(HeaderColumn(word, (), "class" if word == "label" else "text") for word in words)), None)

    def peek(self, path: Path, name: str) -> Header:
        """The braces and the size of the first image of each class. Raises `DataError` where no file fits."""
        return self._rows(path, name).header(name)

    def reads(self, path: Path) -> bool:
        """A folder or .zip file in which files lie as in training."""
        return path.is_dir() or path.suffix.lower() == ".zip"

    def finds(self, path: Path) -> bool:
        """Whether a file in a folder fits one of the patterns."""
        return any(self._is_there(path, path.name, {column: pattern}) for column, pattern in self._inner.items())

    def read(self, path: Path, name: str) -> Table:
        """The files and their braces. Columns without any file are left out, as new rows need no targets. Raises `DataError`."""
        try:
            return self._rows(path, name).table(name)
        except DataError:
            there = {column: pattern for column, pattern in self._inner.items() if self._is_there(path, name, {column: pattern})}
            if len(there) in (0, len(self.patterns)):
                raise
            return self._rows(path, name, there).table(name)

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """The files and their braces, some at a time; their names are in memory. Raises `DataError`."""
        from nntrain.data.blocks import Cut

        return Cut.of_files(self.read(path, name))

    def _is_there(self, path: Path, name: str, patterns: Mapping[str, str]) -> bool:
        try:
            return len(self._rows(path, name, patterns)) > 0
        except DataError:
            return False

    def fingerprint(self, path: Path) -> str:
        """Names, sizes and contents of the files. Raises `DataError`."""
        rows = self._rows(path, path.name)
        return rows.store.fingerprint([name for names in rows.files.values() for name in names])

    def _root(self) -> str:
        """What all patterns start with, up to and with a .zip file."""
        parts = [fixed_part(pattern).split("/") for pattern in self.patterns.values()]
        common: list[str] = []
        for place in zip(*parts, strict=False):
            if len(set(place)) > 1:
                break
            common.append(place[0])
            if place[0].lower().endswith(".zip"):
                break
        is_absolute = next(iter(self.patterns.values())).startswith("/")
        return "/".join(common) or ("/" if is_absolute else ".")

    @property
    def _inner(self) -> dict[str, str]:
        """The patterns, counted from what they all start with."""
        root = self._root()
        return {column: pattern if root == "." else pattern.removeprefix(root).lstrip("/") for column, pattern in self.patterns.items()}

    def _rows(self, path: Path, name: str, patterns: Mapping[str, str] | None = None) -> FileRows:
        """The files of some patterns, of all by default. Raises `DataError`."""
        if path.is_file() and path.suffix.lower() != ".zip":
            raise DataError(f"{name} is neither a folder nor a .zip file")
        return matching_rows(FileStore(path), self._inner if patterns is None else patterns, name or self._root())


def _told(braces: frozenset[str]) -> str:
    return " and ".join(f"{{{brace}}}" for brace in sorted(braces)) or "none"
