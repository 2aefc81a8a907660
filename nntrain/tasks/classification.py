"""Which of some classes a row belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, cast

from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.task import Decoded, Target, Task, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor


class Classification(Task):
    """One of K classes (a category target) or yes and no (a boolean target)."""

    field_types: ClassVar[frozenset[str]] = frozenset({"category", "boolean"})

    type: Literal["classification"] = "classification"

    def kind(self, target: Target) -> TargetKind:
        return "binary" if target.field_type == "boolean" else "classes"

    def needs(self, target: Target) -> Spec:
        if self.kind(target) == "binary":
            return Spec(VECTOR, (1,), "logits")
        assert target.spec.classes is not None
        return Spec(VECTOR, (target.spec.classes,), "logits")

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("bce",) if self.kind(target) == "binary" else ("cross_entropy",)

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("accuracy", "balanced_accuracy", "f1", "log_loss", "auroc", "confusion_matrix")

    def predict(self, output: Tensor, target: Target) -> Tensor:
        if self.kind(target) == "binary":
            return output.float().reshape(len(output)).sigmoid()
        return output.float().softmax(dim=-1)

    def decode(self, prediction: Tensor, classes: Sequence[str]) -> Decoded:
        import torch

        shares = torch.stack([1 - prediction, prediction], dim=1) if prediction.ndim == 1 else prediction
        best = cast("list[int]", shares.argmax(dim=1).tolist())
        columns = cast("list[list[float]]", shares.T.tolist())
        return Decoded(
            tuple(classes[index] for index in best), {name: tuple(column) for name, column in zip(classes, columns, strict=True)}
        )

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the classes among the training rows: its most likely class is the majority class."""
        if self.kind(target) == "binary":
            return weighted_mean(encoded, weights)
        counts = encoded.bincount(weights=None if weights is None else weights.double(), minlength=len(target.classes)).double()
        return (counts / counts.sum()).unsqueeze(0)

    def baseline_name(self) -> str:
        return "always the commonest"
