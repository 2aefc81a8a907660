"""What is found of a network, as plain values: which columns matter, why rows got their answers, and how good that is. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nntrain.data.highlights import Highlight
    from nntrain.insight.columns import Dependence, Importances
    from nntrain.insight.judging import Deletion, Randomisation


@dataclass(frozen=True, slots=True)
class Share:
    """What one column of a row contributes to its answer."""

    column: str
    cell: str | None
    """What stands in the row, as it was read; `None` for a missing value, and for what is no cell."""
    share: float
    """In the unit of the answer; of several parts their sum."""
    highlight: Highlight | None = None
    """What the network reads of it with the shares of its parts over it; `None` for a cell."""


@dataclass(frozen=True, slots=True)
class Example:
    """A training row that the network sees like another row."""

    place: str
    """Where it stands: `line 77`."""
    answer: str | None
    """What stands in its target."""
    distance: float
    """In what the last layer reads."""


@dataclass(frozen=True, slots=True)
class NodeShare:
    """What one node contributes to an answer, with all that it has."""

    place: str
    """Where it stands: `row 77`."""
    hops: int | None
    """How many edges it is away from the node whose answer it is; `None` where the answer is that of the whole graph."""
    share: float


@dataclass(frozen=True, slots=True)
class Neighborhood:
    """The nodes that an answer hangs on."""

    nodes: tuple[NodeShare, ...]
    """The node itself first, then the others, the nearer the earlier."""
    edges: tuple[tuple[int, int], ...]
    """Between which of them there are some, by places in `nodes`."""


@dataclass(frozen=True, slots=True)
class ExplainedRow:
    """Why one row got its answer."""

    number: int
    """Counted from 0 among the rows that were looked at."""
    place: str
    """Where it stands: `line 77`."""
    output: str
    """What is explained: the name of a class, or of a value."""
    answer: float
    neutral: float
    """The answer for a row that says nothing."""
    shares: tuple[Share, ...]
    """The largest first, whether for or against."""
    completeness: float | None
    """By how much the shares miss the difference of both answers; `None` for a method whose shares need not add up."""
    examples: tuple[Example, ...] = ()
    """The nearest training rows, for a method that finds these."""
    is_probability: bool = False
    """Whether the answer is a probability; else a value in the unit of the target."""
    around: Neighborhood | None = None
    """Where rows are graphs, or nodes of them: what each node contributes; shares are then of all nodes together."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the explanations of rows are."""

    rows: int
    """That this was measured on."""
    completeness: float | None
    """The largest error of all of them; `None` for a method whose shares need not add up."""
    deletion: Deletion
    randomisation: Randomisation | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """All of it."""

    run: str
    split: str
    """`train`, `validation`, `test`, or the file."""
    rows: int
    target: str
    is_probability: bool
    """Whether answers are probabilities; else values in the unit of the target."""
    method: str
    importances: Importances | None
    """`None` where the rows have no targets, or the network reads a single input."""
    dependences: tuple[Dependence, ...]
    """In the order of the importances."""
    explained: tuple[ExplainedRow, ...]
    quality: Quality | None
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """As `explain.json` has it."""
        found: dict[str, Any] = asdict(self)
        shares: list[dict[str, Any]] = [share for row in found["explained"] for share in row["shares"]]
        for share in shares:
            highlight: dict[str, Any] = share.pop("highlight") or {}
            share |= {name: part for name, part in highlight.items() if name != "content"}
        quality: Mapping[str, Any] | None = found["quality"]
        if quality is not None and self.quality is not None:
            cut = self.quality.deletion
            found["quality"] = {**quality, "deletion": {**quality["deletion"], "area": cut.area, "random_area": cut.random_area}}
        return {"explains": self.run, **{name: value for name, value in found.items() if name not in ("run", "notes")}}
