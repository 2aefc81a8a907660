"""What is to be drawn of a network's answers, as plain numbers and words: a report turns them into pictures. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.exhibits import Exhibit
    from nntrain.losses.links import Interval
    from nntrain.tasks.task import Target


@dataclass(frozen=True, slots=True)
class Answers:
    """What a network answers for some rows, beside what is true."""

    target: Target
    """With the names of its classes."""
    predicted: Tensor
    """As `Task.predict` gives it, values in raw units; of the rows, or of their units that count."""
    truth: Tensor
    """The target, values in raw units."""
    num_rows: int
    """Rows that all of these are of."""
    counts: Tensor | None = None
    """How many each unit stands for, float64 `[S]`, where units are pixels; predictions are then 1 for the class that is taken."""
    rows: Tensor | None = None
    """The row that each unit is of, int64 `[S]`; `None` where each row is one."""
    interval: Interval | None = None
    """Where values probably lie, in raw units; `None` for a loss that doesn't tell."""
    threshold: float | None = None
    """Probability above which the second of two classes, or a label, is taken; `None`: the likelier, 0.5."""
    columns: tuple[str, ...] = ()
    """Names of the columns of a target that has several."""

    def __len__(self) -> int:
        return len(self.truth)


@dataclass(frozen=True, slots=True)
class Line:
    """Points that are joined."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on the horizontal axis that is pointed out."""

    label: str
    x: float


@dataclass(frozen=True, slots=True)
class Band:
    """What lies between two lines."""

    x: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True, slots=True)
class Lines:
    """One or more lines over one axis."""

    kind: ClassVar[str] = "lines"
    title: str
    told: str
    """What is to be seen, in words."""
    x_label: str
    y_label: str
    lines: tuple[Line, ...]
    marks: tuple[Mark, ...] = ()
    band: Band | None = None
    is_diagonal: bool = False
    """Whether a line where both are equal is drawn too."""
    is_logarithmic: bool = False
    with_points: bool = False


@dataclass(frozen=True, slots=True)
class Points:
    """A cloud of points."""

    kind: ClassVar[str] = "points"
    title: str
    told: str
    x_label: str
    y_label: str
    x: Sequence[float]
    y: Sequence[float]
    reference: Literal["diagonal", "zero"]
    """The line on which they would lie best."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows counted by true class (down) and predicted class (across)."""

    kind: ClassVar[str] = "counts"
    title: str
    told: str
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """How often some values occur."""

    kind: ClassVar[str] = "bars"
    title: str
    told: str
    labels: tuple[str, ...]
    values: tuple[float, ...]
    is_small: bool = False
    """Whether it stands in a cell of a table."""
    is_signed: bool = False
    """Whether values above and below 0 speak for something and against it."""


@dataclass(frozen=True, slots=True)
class Contributions:
    """A column over time, and what each of its values contributes to an answer."""

    kind: ClassVar[str] = "contributions"
    title: str
    told: str
    x_label: str
    y_label: str
    """The column."""
    x: Sequence[float]
    values: Sequence[float]
    """In its own unit; empty for what is no number."""
    shares: Sequence[float]


@dataclass(frozen=True, slots=True)
class Histogram:
    """How often numbers within some limits occur."""

    kind: ClassVar[str] = "histogram"
    title: str
    told: str
    edges: tuple[float, ...]
    """One more than there are counts."""
    counts: tuple[int, ...]
    is_small: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """Answers themselves, beside the truth."""

    kind: ClassVar[str] = "samples"
    title: str
    told: str
    head: tuple[str, ...]
    rows: tuple[tuple[Exhibit, ...], ...]


@dataclass(frozen=True, slots=True)
class Box:
    """A step of a network."""

    name: str
    layer: str
    output: str
    parameters: str


@dataclass(frozen=True, slots=True)
class Network:
    """The steps of a network in their order, and which reads which."""

    kind: ClassVar[str] = "network"
    title: str
    told: str
    boxes: tuple[Box, ...]
    edges: tuple[tuple[int, int], ...]
    """From a box to a later one, by their places."""
    legend: Mapping[str, str] = field(default_factory=dict[str, str])


Drawing = Lines | Points | Counts | Bars | Contributions | Histogram | Samples | Network
