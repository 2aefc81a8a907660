"""What stands on a page, as plain words, numbers and drawings. Torch-free, and free of what draws and renders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from nntrain.data.exhibits import Exhibit
from nntrain.tasks.drawings import Drawing


@dataclass(frozen=True, slots=True)
class Value:
    """A cell that is sorted by something else than what is written."""

    kind: ClassVar[str] = "value"
    text: str
    key: float | None
    """`None` for what comes last."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to another page."""

    kind: ClassVar[str] = "link"
    text: str
    address: str


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A cell with a small curve, which is sorted by where it ends."""

    kind: ClassVar[str] = "sparkline"
    values: tuple[float, ...]
    """Finite; none for an empty cell."""

    @property
    def key(self) -> float | None:
        """The last value."""
        return self.values[-1] if self.values else None


Cell = str | Exhibit | Drawing | Value | Link | Sparkline


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Some sentences."""

    kind: ClassVar[str] = "paragraph"
    text: str
    is_lead: bool = False
    """Whether it is what to read first."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within a section."""

    kind: ClassVar[str] = "heading"
    text: str


@dataclass(frozen=True, slots=True)
class Things:
    """Things to do, in their order: what, why, and what to write for it."""

    kind: ClassVar[str] = "things"
    items: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows and columns."""

    kind: ClassVar[str] = "table"
    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    left: int = 1
    """The first columns that are words, and begin at the left; the others are numbers."""
    words: frozenset[int] = frozenset()
    """Further columns that are words."""
    marked: frozenset[int] = frozenset()
    """Rows that are pointed out."""
    best: frozenset[tuple[int, int]] = frozenset()
    """Row and column of cells that are the best of their column."""
    is_sortable: bool = False
    """Whether a click on the head of a column sorts the rows: such a page has a script."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Drawings side by side, as many as there is room for."""

    kind: ClassVar[str] = "figures"
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True, slots=True)
class Gallery:
    """Pictures or sounds with a caption each."""

    kind: ClassVar[str] = "gallery"
    label: str
    items: tuple[tuple[Exhibit, str], ...]
    is_wide: bool = False
    """Whether each takes the room of several."""


@dataclass(frozen=True, slots=True)
class Code:
    """Lines to copy."""

    kind: ClassVar[str] = "code"
    label: str
    text: str


@dataclass(frozen=True, slots=True)
class Folded:
    """What is opened on demand."""

    kind: ClassVar[str] = "folded"
    summary: str
    blocks: tuple[Block, ...]


Block = Paragraph | Heading | Things | Table | Figures | Gallery | Code | Folded


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page."""

    name: str
    """For links: `curves`."""
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """A whole page."""

    title: str
    subtitle: str
    owner: str
    """Id of the run that it is of, by which it is known again; empty for a page of several."""
    sections: tuple[Section, ...]
