"""What the head of the data tells before anything is read: names, shapes, first values. Plain Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from nntrain.data.audio.wave_header import SOUND_SUFFIXES, SoundHead
from nntrain.data.facts import RowFacts
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.numerals import Numerals

ArrayKind = Literal["text", "bool", "uint8", "int", "float", "class", "file", "image"]
"""`class`: a word that always names a class, such as the folder of a file. `file`: the name of a file. `image`: what is in the file of an
image."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the files of a column are, by the heads of a few of them."""

    suffixes: tuple[str, ...] = ()
    """The endings of their names, the commonest first: `.png`."""
    sizes: Mapping[tuple[int, int, int], str] = field(default_factory=dict[tuple[int, int, int], str])
    """Channels, height and width of the images that were looked at, each with the first such file."""

    @property
    def are_images(self) -> bool:
        """Whether their names end as those of images do."""
        return bool(self.suffixes) and IMAGE_SUFFIXES.issuperset(self.suffixes)

    @property
    def are_sounds(self) -> bool:
        """Whether their names end as those of sounds do."""
        return bool(self.suffixes) and SOUND_SUFFIXES.issuperset(self.suffixes)


@dataclass(frozen=True, slots=True)
class HeaderColumn:
    """A column of a table, or an array."""

    name: str
    shape: tuple[int, ...]
    """Axes beside the rows: `()` for single values."""
    kind: ArrayKind
    counts: RowFacts | Callable[[], RowFacts] | None = None
    """Counts over the first values, for single values; or what makes them when they are asked for."""
    rows: int | None = None
    """Length of the first axis of an array; a column has as many rows as its table."""
    files: FileFacts | None = None
    """What is known of the files that the cells name or hold."""
    key: str | None = None
    """Why it is no input, where its cells only tell rows apart: `names the nodes`."""
    sound: SoundHead | None = None
    """The first of them, where the cells name sounds."""

    @property
    def facts(self) -> RowFacts | None:
        """Counts over the first values, for single values."""
        return self.counts() if callable(self.counts) else self.counts

    @property
    def first_sounds(self) -> tuple[str, ...]:
        """The first different cells, where all of them are names of sounds."""
        names = () if self.kind != "text" or self.facts is None or self.facts.numbers else self.facts.others
        return names if all(PurePosixPath(name).suffix.lower() in SOUND_SUFFIXES for name in names) else ()

    @property
    def named_files(self) -> FileFacts | None:
        """What is known of the files that the cells name: of sounds, once the first was found."""
        if self.files is not None or self.sound is None or self.sound.fault is not None:
            return self.files
        return FileFacts((PurePosixPath(self.sound.file).suffix.lower(),))

    @property
    def names_files(self) -> bool:
        """Whether its cells may be names of files: text that is no number."""
        return self.kind == "file" or (self.kind == "text" and not (self.facts is not None and self.facts.is_numeric))


@dataclass(frozen=True, slots=True)
class Header:
    """The head of one file."""

    name: str
    columns: tuple[HeaderColumn, ...]
    rows: int | None
    """Number of rows, where the head tells it."""
    dialect: str | None = None
    """How a text file is written, in words."""
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Classes of columns, where they are known for sure."""
    numerals: Numerals | None = None
    """Marks in the numbers of a text file."""
    graph_columns: frozenset[str] = frozenset()
    """Where rows are the nodes of graphs: the columns that say the same of all nodes of a graph."""
    by_name: Mapping[str, HeaderColumn] = field(init=False, repr=False, compare=False)
    """The columns by their names, in the order of the file."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in the order of the file."""
        return tuple(self.by_name)

    def column(self, name: str) -> HeaderColumn:
        """A column that is there."""
        return self.by_name[name]
