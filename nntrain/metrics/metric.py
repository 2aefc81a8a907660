"""The base of all metrics: what is reported. In raw units and over the whole split, never a mean of batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol

from nntrain.losses.loss import TargetKind
from nntrain.schema import Component

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Direction = Literal["min", "max"]

MetricValue = float | list[list[int]] | None
"""A number; a matrix; or `None` where the metric is undefined on these rows."""


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric must know of its target."""

    kind: TargetKind
    num_classes: int = 0
    """K; 2 for a binary target, 0 for values."""


class MetricState(Protocol):
    """Adds up over the batches of a split, on the device of the predictions; reading it is the only synchronisation."""

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows.

        Args:
            prediction: Probabilities `[B, K]` of classes or `[B]` of the second of two; values in raw units otherwise.
            target: Class indices or 0 and 1, `[B]`; values in raw units, `[B]` or `[B, F]`.
            weights: How much each row counts, `[B]`; `None` where all count once.
        """
        ...

    def compute(self) -> MetricValue:
        """The value over all rows so far; never NaN."""
        ...


class Metric(Component):
    """One number (or table) about predictions."""

    direction: ClassVar[Direction] = "max"
    """Which way is better."""
    fits: ClassVar[frozenset[TargetKind]]
    """Targets that it can judge."""
    monitored: ClassVar[bool] = True
    """Whether it is a number, which early stopping and `--min` can watch."""

    def build(self, info: MetricInfo, device: torch.device) -> MetricState:
        """Make an empty state for one split."""
        raise NotImplementedError
