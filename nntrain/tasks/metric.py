"""Embeddings in which rows of one class lie near each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from pydantic import PositiveInt

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Free, Spec
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor


class MetricLearning(Task):
    """An embedding [B, F] of each row, near those of its class (a category target) and away from others: faces, signatures, characters.

    Predicted is the embedding. It is judged by neighbours: of each row of a split the nearest other rows of that split. No class has an
    output of its own, so that classes which training never showed are told apart too (`split: {by: group, column: CLASS}`).
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"category"})
    takes_strangers: ClassVar[bool] = True

    type: Literal["metric"] = "metric"
    dim: PositiveInt | None = None
    """Numbers of the embedding, F. Default: those of the linear layer that the network ends in, or 64 of one that is added."""

    def kind(self, target: Target) -> TargetKind:
        return "neighbors"

    def needs(self, target: Target, link: Link) -> Spec:
        return Spec(VECTOR, (Free("numbers of the embedding") if self.dim is None else self.dim,))

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("triplet", "nt_xent", "contrastive")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("recall_at", "map_at_r", "pair_auroc")

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """The embeddings, `[B, F]`, of length 1 where the loss takes them so."""
        return link.point(output.float())

    def of_mean(self, mean: Tensor, link: Link) -> Tensor:
        """Of the length that embeddings have."""
        return link.point(mean)

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """The numbers of each embedding."""
        return Decoded(tuple(cast("list[list[float]]", prediction.tolist())))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """One point for all rows, whose neighbours are then any others."""
        import torch

        return torch.zeros(1, 1, dtype=torch.float64)

    def baseline_name(self) -> str:
        return "any neighbours"
