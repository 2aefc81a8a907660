"""Which of some classes a row belongs to, or which of some labels it has."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.task import Decoded, Target, Task, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor

LABEL_THRESHOLD = 0.5
"""Chance above which a row has a label."""


class Classification(Task):
    """One of K classes (a category target), yes and no (a boolean target) or any of K labels (a multi_label target).

    Of an ordinal target the order of the classes does not count.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"category", "boolean", "multi_label", "ordinal"})

    type: Literal["classification"] = "classification"

    def kind(self, target: Target) -> TargetKind:
        kinds: dict[str, TargetKind] = {"boolean": "binary", "multi_label": "labels"}
        return kinds.get(target.field_type, "classes")

    def needs(self, target: Target, link: Link) -> Spec:
        if self.kind(target) == "binary":
            return Spec(VECTOR, (1,), "logits")
        size = target.spec.sizes[-1] if self.kind(target) == "labels" else target.spec.classes
        assert size is not None
        return Spec(VECTOR, (link.outputs(size),), "logits")

    def losses(self, target: Target) -> tuple[str, ...]:
        several = ("focal", "hinge", "perceptron")
        kind = self.kind(target)
        if kind == "classes":
            return ("cross_entropy", *several)
        return ("bce", *several, "dice", "jaccard", "tversky") if kind == "labels" else ("bce", *several)

    def metrics(self, target: Target) -> tuple[str, ...]:
        if self.kind(target) == "labels":
            return ("f1", "accuracy", "hamming_loss")
        return ("accuracy", "balanced_accuracy", "f1", "log_loss", "auroc", "confusion_matrix")

    def predict(self, output: Tensor, target: Target, link: Link) -> Tensor:
        output = output.float()
        return link.point(output.reshape(len(output)) if self.kind(target) == "binary" else output)

    def decode(self, prediction: Tensor, target: Target) -> Decoded:
        return decode_labels(prediction, target) if self.kind(target) == "labels" else decode_classes(prediction, target)

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The shares of the classes among the training rows, and of the rows that have a label: the majority class, the common labels."""
        return weighted_mean(encoded, weights) if self.kind(target) in {"binary", "labels"} else class_shares(encoded, target, weights)

    def baseline_name(self) -> str:
        return "always the commonest"


def decode_classes(prediction: Tensor, target: Target) -> Decoded:
    """The likeliest class of shares `[B, K]`, or `[B]` of the second of two."""
    import torch

    shares = torch.stack([1 - prediction, prediction], dim=1) if prediction.ndim == 1 else prediction
    best = cast("list[int]", shares.argmax(dim=1).tolist())
    return Decoded(tuple(target.classes[index] for index in best), _by_class(shares, target))


def decode_labels(prediction: Tensor, target: Target) -> Decoded:
    """The labels of each row, of chances `[B, K]`."""
    has = cast("list[list[bool]]", (prediction > LABEL_THRESHOLD).tolist())
    values = ([label for label, is_there in zip(target.classes, row, strict=True) if is_there] for row in has)
    return Decoded(tuple(values), _by_class(prediction, target), separator=target.separator)


def class_shares(encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
    """Shares of classes `[N]` with weights `[N]`: float64 `[1, K]`."""
    counts = encoded.bincount(weights=None if weights is None else weights.double(), minlength=len(target.classes)).double()
    return (counts / counts.sum()).unsqueeze(0)


def _by_class(shares: Tensor, target: Target) -> dict[str, tuple[float, ...]]:
    columns = cast("list[list[float]]", shares.T.tolist())
    return {name: tuple(column) for name, column in zip(target.classes, columns, strict=True)}
