"""The base of all sources: raw records by name, from files or from the package."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from nntrain.data.numerals import POINT, Numerals
from nntrain.data.paths import locate
from nntrain.schema import Component

if TYPE_CHECKING:
    from nntrain.data.blocks import Blocks
    from nntrain.data.fields.field import Field
    from nntrain.data.header import Header
    from nntrain.data.table import Table
    from nntrain.errors import Problem

Part = Literal["train", "validation", "test"]

PART_OF_WORD: Final[dict[str, Part]] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Words of a split column, and of a folder that is a split."""


class Source(Component):
    """Where the records come from."""

    kinds: ClassVar[frozenset[str]] = frozenset({"source"})
    is_running_text: ClassVar[bool] = False
    """Whether it is one text, which is split by place and cut into windows of tokens."""
    reads_blocks: ClassVar[bool] = False
    """Whether its files can be read a block of rows at a time, in any order."""
    takes_folders: ClassVar[bool] = False
    """Whether a path may be a folder."""

    @property
    def has_types(self) -> bool:
        """Whether the types of the columns are known without a look at the files."""
        return False

    @property
    def has_order(self) -> bool:
        """Whether the order of the rows may mean something, as in a table."""
        return True

    @property
    def has_nodes(self) -> bool:
        """Whether its rows are the nodes of graphs."""
        return False

    @property
    def has_links(self) -> bool:
        """Whether what is predicted are the edges between its nodes."""
        return False

    @property
    def is_directed(self) -> bool:
        """Whether its edges lead one way only."""
        return False

    @property
    def has_graph_columns(self) -> bool:
        """Whether some columns say the same of all nodes of a graph: where the files are not looked at, targets are thought to."""
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

    @property
    def fields(self) -> Mapping[str, Field]:
        """Fields whose columns the config does not speak of, where the source knows what they mean."""
        return {}

    @property
    def task(self) -> str | None:
        """The task of a target for which the config names none; `None`: that of its type."""
        return None

    @property
    def split_column(self) -> str | None:
        """The column that says train, validation or test where the config names none and there is one of that name."""
        return None

    def settled(self, numerals: Numerals | None) -> Source:
        """The source with the marks in numbers that the training file shows, so that later files are read as it is."""
        return self

    def leaning_on(self, numerals: Numerals | None) -> Source:
        """The source for other files of a run: where they show no marks in numbers, those of the training file hold."""
        return self

    def for_new_rows(self) -> Source:
        """The source for files of later days: they are read as the settings say where they agree, and as they show where not."""
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
        return {part: locate(written, folder, keys[part], folders=self.takes_folders) for part, written in self.written_paths().items()}

    @property
    def lacks(self) -> str | None:
        """What must be written before there is anything to read, in words; `None` where nothing is missing."""
        return None

    def outline(self) -> Header | None:
        """The columns that there are whatever the files hold; `None` where only the files tell."""
        return None

    def unread(self, needs: Collection[str]) -> Iterator[Problem]:
        """Options that say what no layer of the network reads; `needs` is what its layers read beside their inputs."""
        return iter(())

    def reads(self, path: Path) -> bool:
        """Whether a path of new rows is for this source, whatever its name ends in."""
        return False

    @property
    def asks_of_training_rows(self) -> bool:
        """Whether new rows are questions about the rows that the network was trained on, which are read again for them."""
        return False

    def read_asked(self, path: Path, folder: Path) -> Table:
        """Such questions, beside the training rows, whose files count from `folder`. Raises `DataError`."""
        raise NotImplementedError

    def fingerprint(self, path: Path) -> str:
        """What is in a file, hashed. Raises `DataError`."""
        from nntrain.data.fingerprint import fingerprint_file

        return fingerprint_file(path)

    def peek(self, path: Path, name: str) -> Header:
        """What the head of a file tells, with the standard library alone. Raises `DataError`."""
        raise NotImplementedError

    def read(self, path: Path, name: str) -> Table:
        """All rows of a file. Raises `DataError`."""
        raise NotImplementedError

    def blocks(self, path: Path, name: str, size: int) -> Blocks:
        """All rows of a file in blocks of about `size` bytes; in one where files of the kind are only read whole. Raises `DataError`."""
        from nntrain.data.blocks import Whole

        return Whole.of(self.read(path, name))


class GivenFiles(Source):
    """A source of one kind of file, in which the validation and the test rows may have files of their own."""

    main: ClassVar[str | None] = "path"

    path: str
    """The file, counted from the config's folder. Its rows are the training rows, and what is split off them."""
    validation: str | None = None
    """File with the validation rows, where they are given."""
    test: str | None = None
    """File with the test rows, where they are given."""

    def written_paths(self) -> Mapping[Part, str]:
        found: dict[Part, str | None] = {"train": self.path, "validation": self.validation, "test": self.test}
        return {part: written for part, written in found.items() if written is not None}
