"""The base of all losses. A loss gives `(sum, weight)`, never a mean: sums over micro-batches and processes add up exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

from nntrain.schema import Component
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

TargetKind = Literal["classes", "binary", "labels", "ordinal", "values"]
"""How the numbers of a target read: class indices int64 `[B]`; 0 or 1, `[B]`; any of K labels, 0 or 1 `[B, K]`; classes in order,
int64 `[B]`; or values with a unit. Losses and metrics say which they fit."""


class Part(NamedTuple):
    """A loss over some rows: `sum / weight` is the weighted mean."""

    sum: Tensor
    """Differentiable scalar."""
    weight: Tensor
    """Scalar: number of rows, or the sum of their weights."""


@dataclass(frozen=True, slots=True)
class LossFunction:
    """A loss ready to be used: scores rows and adds them up."""

    total: Callable[[Tensor, Tensor], Tensor]
    """`(output [B, …], target [B, …])` to the sum over all rows; one kernel where torch has one."""
    per_row: Callable[[Tensor, Tensor], Tensor]
    """The same by row: `[B]`."""

    def __call__(self, output: Tensor, target: Tensor, row_weights: Tensor | None = None) -> Part:
        """Score a batch.

        Args:
            output: What the network gives, `[B, …]`; half precision is scored in float32.
            target: `[B, …]` as the loss says.
            row_weights: `[B]`, or `None` where every row counts once.
        """
        output = output if output.itemsize >= 4 else output.float()
        if row_weights is None:
            return Part(self.total(output, target), self.weight(target))
        return Part((self.per_row(output, target) * row_weights).sum(), self.weight(target, row_weights))

    def weight(self, target: Tensor, row_weights: Tensor | None = None) -> Tensor:
        """The weight of a batch, known before any forward pass; above 0, so that a batch of rows that don't count has the loss 0."""
        import torch

        if row_weights is not None:
            return row_weights.sum().clamp(min=torch.finfo(torch.float32).tiny)
        return target.new_full((), len(target), dtype=torch.float32)


class Loss(Component):
    """What is minimised."""

    targets: ClassVar[frozenset[TargetKind]]
    """Targets that it can score."""
    input_kinds: ClassVar[frozenset[Kind]]
    """What the network's output may mean; anything else would be misread."""
    smooths_labels: ClassVar[bool] = False
    """Whether `regularization.label_smoothing` acts on it."""

    def build(self, *, label_smoothing: float = 0.0) -> LossFunction:
        """Make the function; `label_smoothing` is 0 for a loss that does not smooth labels."""
        raise NotImplementedError
