"""The base of all sources: raw records by name, from files or from the package."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from nntrain.data.numerals import POINT, Numerals
from nntrain.data.paths import locate
from nntrain.schema import Component

if TYPE_CHECKING:
    from nntrain.data.header import Header
    from nntrain.data.table import Table

Part = Literal["train", "validation", "test"]


class Source(Component):
    """Where the records come from."""

    @property
    def has_types(self) -> bool:
        """Whether the types of the columns are known without a look at the files."""
        return False

    @property
    def missing_words(self) -> frozenset[str]:
        """Text that stands for no value."""
        return frozenset({""})

    @property
    def numerals(self) -> Numerals:
        """Marks in numbers that are written as text, as far as the settings tell."""
        return POINT

    @property
    def target(self) -> str | None:
        """The column that is the target where the config names none."""
        return None

    def settled(self, decimal: str | None) -> Source:
        """The source with the decimal mark that the training rows show, so that later files are read as they are."""
        return self

    def written_paths(self) -> Mapping[Part, str]:
        """The files as the config names them; the training rows' file first."""
        raise NotImplementedError

    def files(self, folder: Path) -> dict[Part, Path]:
        """The files, counted from `folder`.

        Raises:
            DataError: One is not there; the message names the path that was tried, and a near one.
        """
        keys = {part: f"data.source.{'path' if part == 'train' else part}" for part in self.written_paths()}
        return {part: locate(written, folder, keys[part]) for part, written in self.written_paths().items()}

    def peek(self, path: Path, name: str) -> Header:
        """What the head of a file tells, with the standard library alone. Raises `DataError`."""
        raise NotImplementedError

    def read(self, path: Path, name: str) -> Table:
        """All rows of a file. Raises `DataError`."""
        raise NotImplementedError


def given_paths(path: str, validation: str | None, test: str | None) -> dict[Part, str]:
    """The paths that are set, by part."""
    found: dict[Part, str | None] = {"train": path, "validation": validation, "test": test}
    return {part: written for part, written in found.items() if written is not None}
