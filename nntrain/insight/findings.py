"""What the diagnosis reads and what it gives: a run as plain data, and findings. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from nntrain.insight.signals import LayerSignals, Signals

Override = tuple[str, ...]
"""Words of the command line that belong together: `("optimizer.lr=0.001", "regularization.clip_norm=1.0")`."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, and what to change."""

    name: str
    """Of the rule: `vanishing_gradients`."""
    sentence: str
    """What is wrong, with the figure that shows it best; goes on with `: ` and the override."""
    evidence: str
    """The figures, for a report."""
    overrides: tuple[Override, ...]
    """What to change; the first that this config takes is told."""


@dataclass(frozen=True, slots=True)
class Advice:
    """A finding as it is told."""

    name: str
    sentence: str
    evidence: str
    override: str | None
    """As it is typed; `None` where this config takes none of what would help."""

    @property
    def line(self) -> str:
        """For the screen."""
        return self.sentence if self.override is None else f"{self.sentence}: {self.override}"


@dataclass(frozen=True, slots=True)
class Target:
    """A target with classes."""

    name: str
    counts: tuple[int, ...]
    """Training rows of each class."""
    classes: tuple[str, ...]
    is_weighted: bool
    """Whether rows count by their class."""
    is_scored_by_entropy: bool
    """Whether the loss of a network that knows nothing is the logarithm of the number of classes."""
    loss: str
    """The type of its loss."""


SCALE_FREE: Final = ("perceptron",)
"""Losses that grow with the weights, while the classes stay the same: neither a rate nor a rise of them says anything (Rosenblatt 1958)."""


@dataclass(frozen=True, slots=True)
class Rows:
    """How the rows of a step come to be there."""

    streamed: tuple[str, ...] = ()
    """Fields that are read when their batch comes."""
    workers: int = 0
    """Processes that read ahead."""
    fit_in_memory: bool = False
    """Whether what is streamed takes a small part of the memory that is free."""
    augmented: tuple[str, ...] = ()
    """Fields that are changed at random."""
    cores: int = 1


@dataclass(frozen=True, slots=True)
class Facts:
    """What a config and its data say."""

    monitor: str
    direction: str
    """`max` or `min`: which way the monitor is better."""
    optimizer: str
    lr: float
    default_lr: float
    """Of this optimizer."""
    scales_gradients: bool
    """Whether the optimizer takes steps of the same length whatever the gradients' is, as Adam does."""
    scheduler: str
    steps_per_epoch: int
    total_steps: int
    """Until a limit ends the run; 0 where none does."""
    max_epochs: int | None
    max_steps: int | None
    stops_early: bool
    batch_size: int
    """Rows of a step."""
    micro_batch: int
    """Rows that are computed at once."""
    train_rows: int
    validation_rows: int
    num_parameters: int
    regularization: Mapping[str, Any]
    """What is set in that section."""
    activations: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, "tuple[str, ...]"])
    """Paths of the config by type of the activation that stands there."""
    normed: tuple[str, ...] = ()
    """Names of the batch norms that see one value of a feature in each row; of an image or a series they see as many as it has places."""
    widths: tuple[int, ...] = ()
    """`architecture.hidden`, where it has that."""
    initializes: bool = False
    """Whether the config says how weights begin."""
    targets: tuple[Target, ...] = ()
    single_target: bool = True
    compares_rows: bool = False
    """Whether a loss compares the rows of a batch with one another, so that smaller batches make another task of it."""
    has_rivals: bool = False
    """Whether two networks learn against each other, of which no loss tells how good they are."""
    starts_trained: bool = False
    """Whether weights of a trained network are what it begins with, so that little may be left to learn."""
    rows: Rows = Rows()
    baseline: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    """Metrics of the trivial prediction by full name; empty while the run goes on."""

    @property
    def is_scale_free(self) -> bool:
        """Whether the size of the loss says nothing of how good the network is."""
        return any(target.loss in SCALE_FREE for target in self.targets)


@dataclass(frozen=True, slots=True)
class Story:
    """A run so far."""

    facts: Facts
    epochs: Sequence[int]
    """Of each report."""
    steps: Sequence[int]
    metrics: Sequence[Mapping[str, float | None]]
    lrs: Sequence[float]
    signals: Sequence[Signals]
    """Fewer than the reports; the first may be of before the first step."""
    stop_reason: str | None = None
    """`None` while it goes on."""
    leaks: tuple[Finding, ...] = ()
    """What a look at the data has found to give the target away."""
    seconds: float = 0.0
    """How long it has trained."""
    waited_s: float = 0.0
    """How much of that steps have waited for their rows."""

    def values(self, metric: str) -> list[float]:
        """A metric by report; empty where a report lacks it."""
        found = [each.get(metric) for each in self.metrics]
        return [] if any(value is None for value in found) else [value for value in found if value is not None]

    @property
    def last(self) -> Signals | None:
        """The newest look at the network after a step."""
        return next((each for each in reversed(self.signals) if each.step > 0), None)

    @property
    def initial_loss(self) -> float | None:
        """The loss before the first step, where it is known and there is one to speak of."""
        first = self.signals[0] if self.signals and self.signals[0].step == 0 else None
        return first.loss if first is not None and first.loss is not None and first.loss > 0 else None

    @property
    def learned(self) -> float | None:
        """Which part of the initial loss the best report is rid of; below 0 where all are worse. `None`: not known."""
        losses, begin = self.values("train.loss"), self.initial_loss
        if not losses or begin is None or min(losses) < 0:
            return None
        return 1 - min(losses) / begin

    @property
    def update(self) -> float | None:
        """How far a step moves a weight, as a part of its size: the median over layers of the newest look."""
        known = [layer.update for layer in self.hidden if layer.update is not None]
        return median(known) if known else None

    @property
    def hidden(self) -> tuple[LayerSignals, ...]:
        """The layers of the newest look."""
        return () if self.last is None else self.last.layers

    def gain(self) -> float | None:
        """How much better than the trivial prediction the best report is on the training rows: 0 as it, 1 perfect; `None`: not known."""
        _, _, metric = self.facts.monitor.partition(".")
        base, values = self.facts.baseline.get(f"train.{metric}"), self.values(f"train.{metric}")
        if base is None or not values:
            return None
        if self.facts.direction == "max":
            return (max(values) - base) / max(1 - base, 1e-12) if base < 1 else None
        return (base - min(values)) / base if base > 0 else None
