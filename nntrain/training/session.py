"""What one run works on, and the socket around a step: a protocol says in which order batches come and what a step is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import Tensor, nn

from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.batches import Batch, TensorData
from nntrain.data.bucketing import Buckets, LaterBuckets
from nntrain.data.fitted import FittedFields
from nntrain.data.sources.source import Part as Split
from nntrain.data.sources.source import Source
from nntrain.losses.loss import Part
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.training.class_orders import ClassOrder
from nntrain.training.compiling import Forward
from nntrain.training.device import Precision
from nntrain.training.ema import WeightAverage
from nntrain.training.fading import Fading
from nntrain.training.growing import Growing
from nntrain.training.memory import Portions
from nntrain.training.mixing import Mixer
from nntrain.training.objective import Objective, PartName
from nntrain.training.replay import StaticSteps
from nntrain.training.shaping import Shaping
from nntrain.training.thawing import Thawing
from nntrain.training.waiting import Waiting

if TYPE_CHECKING:
    from nntrain.training.distributed import Ranks
    from nntrain.training.evaluation import Scores

Metrics = dict[str, float | None]
"""Metric values by name; `None` where a metric is undefined on these rows."""


@dataclass(frozen=True, slots=True)
class Splits:
    """The rows of a run, as tensors on its device."""

    train: TensorData
    validation: TensorData | None
    sample: TensorData
    """Fixed part of the training rows on which train metrics are measured in eval mode."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Session:
    """The objects of one run. Frozen: what changes while training lives in the objects' own state and in `Progress`."""

    network: nn.Module
    objective: Objective
    optimizer: torch.optim.Optimizer
    schedule: Schedule
    horizon: Horizon
    splits: Splits
    device: torch.device
    precision: Precision
    seed: int
    batch_size: int
    """Rows of a micro-batch."""
    accumulate: int
    """Micro-batches of a step."""
    shaping: Shaping
    input_noise: float | None
    """Standard deviation of the noise on the inputs of training rows."""
    ema: WeightAverage | None
    """Averaged weights, where there are any: they are the model."""
    augmenter: Augmenter | None = None
    """Random changes of the training rows."""
    growing: Growing | None = None
    """Makes training images smaller at first, where they are to grow."""
    mixer: Mixer | None = None
    """Mixes the rows of a step."""
    by_class: ClassOrder | None = None
    """In which order rows come by their classes, where these count."""
    buckets: Buckets | LaterBuckets | None = None
    """How rows are put together by their lengths, where they are."""
    thawing: Thawing | None = None
    """When frozen weights are trained, where they are."""
    fading: Fading | None = None
    """How dropout and weight decay change over the run, where they do."""
    ranks: Ranks | None = None
    """The processes that train together; `None` where there is one."""
    static: StaticSteps | None = None
    """Recordings of steps whose operations are always the same; `None` where they may not be."""
    moves_directly: bool = False
    """Whether the optimizer may take gradients as recordings give them: nothing shapes them, nor bounds the weights, in between; loss and
    norm can be read at no cost; no step is tried again with fewer rows."""
    portions: Portions = field(default_factory=Portions)
    """Rows that are computed at once where a batch does not fit into memory."""
    compiled: Forward | None = None
    """The forward pass of steps, where it is compiled."""
    stop_wanted: Callable[[], bool] = _never
    """Asked between the batches of an evaluation, which may take long: whether it is to be left for later."""
    waiting: Waiting = field(default_factory=Waiting)
    """How long steps have waited for their rows."""

    @property
    def forward(self) -> Forward:
        """The network as steps of training run it."""
        return self.network if self.compiled is None else self.compiled


@dataclass(frozen=True, slots=True)
class StepLoss:
    """What a protocol's step hands back to the loop."""

    value: Tensor
    """Scalar loss; differentiable where the loop is to run the backward pass."""
    parts: Mapping[PartName, Part]
    """What the mean over many steps is made of: of each part of the loss the sum and the weight of this step, without a graph."""
    stage: Literal["loss", "filled", "applied"] = "loss"
    """`loss`: the loop runs backward and update; `filled`: gradients are there; `applied`: the weights are moved already."""
    norm: Tensor | None = None
    """Norm of all gradients together where they are filled and it is known, a scalar."""
    following: Callable[[tuple[Batch, ...]], StepLoss] | None = None
    """The next update of the same step and the same batches, for a protocol whose steps have several. Each moves the parameters that it
    has given a gradient."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the rows of a run come from, for a protocol that gets more from there while it trains or measures."""

    source: Source
    fields: FittedFields


@dataclass(frozen=True, slots=True)
class Subject:
    """A network that is measured. It is in evaluation mode, or is put into it and back."""

    network: nn.Module
    objective: Objective
    precision: Precision
    baseline: Mapping[str, Tensor]
    """The trivial prediction of each target, as it was fitted on the training rows."""
    rows: int = 1
    """Rows that surely fit in one batch."""
    most: int | None = None
    """Rows above which a batch is known not to fit."""


class Weighable(Protocol):
    """Rows of which the metrics can be asked for again, each counted as often as one likes."""

    @property
    def weights(self) -> Tensor:
        """How much each row counts, float64 `[N]`, on the CPU."""
        ...

    def values(self, weights: Tensor) -> dict[str, Tensor]:
        """The metrics that are numbers, by name as in reports, for R weightings `[R, N]`: `[R]` each, NaN where undefined."""
        ...


class TrainingProtocol(Protocol):
    """Socket around the step; see `nntrain.protocols`."""

    def steps_per_epoch(self, session: Session) -> int:
        """Steps of one epoch."""
        ...

    def batches(self, session: Session, epoch: int, start: int) -> Iterator[tuple[Batch, ...]]:
        """The micro-batches of each step of an epoch, from step `start` on; a function of (seed, epoch, start)."""
        ...

    def step(self, session: Session, batches: tuple[Batch, ...]) -> StepLoss:
        """One step's loss."""
        ...

    def evaluate(self, session: Session) -> Metrics | None:
        """The metrics of a report, named `train.loss`, `validation.accuracy`; `None` where `session.stop_wanted` said yes in between."""
        ...

    def measure(self, subject: Subject, data: TensorData, part: Split | None) -> Scores:
        """Measure a network on the rows of a split, or on new ones (`None`). Names as in reports, without the split.

        Raises:
            UsageError: New rows have nothing that can be measured.
        """
        ...

    def measure_baseline(self, subject: Subject, data: TensorData, part: Split | None) -> Metrics:
        """The same metrics of what needs no network, so far as it has them; the network is not asked."""
        ...

    def judge(self, subject: Subject, data: TensorData, part: Split | None) -> Weighable:
        """The metrics for other weights of the rows: what intervals and groups are made of. Raises `UsageError` as `measure`."""
        ...

    def state(self) -> dict[str, Any]:
        """What exact resume needs beyond the position."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        ...


class RivalsProtocol(TrainingProtocol, Protocol):
    """Networks that learn against each other, each by a loss of its own."""

    def losses(self, session: Session, batches: tuple[Batch, ...]) -> Tensor:
        """What all lose on the batches of a step with the weights as they are, in one sum: each loss gives gradients to its own network."""
        ...
