"""Losses of classes. Outputs are logits: the softmax or sigmoid is part of the loss, where it is exact and stable."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from nntrain.losses.loss import Loss, LossFunction, TargetKind
from nntrain.specs import Kind


class CrossEntropy(Loss):
    """Cross-entropy of one of K classes: logits `[B, K]`, class indices int64 `[B]`."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"logits"})
    smooths_labels: ClassVar[bool] = True

    type: Literal["cross_entropy"] = "cross_entropy"

    def build(self, *, label_smoothing: float = 0.0) -> LossFunction:
        from torch.nn.functional import cross_entropy

        score = partial(cross_entropy, label_smoothing=label_smoothing)
        return LossFunction(total=partial(score, reduction="sum"), per_row=partial(score, reduction="none"))


class BinaryCrossEntropy(Loss):
    """Cross-entropy of yes and no: one logit a row, `[B, 1]` or `[B]`; targets 0 or 1 `[B]`. Several logits a row are averaged."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"binary"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"logits"})
    smooths_labels: ClassVar[bool] = True

    type: Literal["bce"] = "bce"

    def build(self, *, label_smoothing: float = 0.0) -> LossFunction:
        from nntrain.modules.losses import binary_cross_entropy, row_loss

        return LossFunction(*row_loss(partial(binary_cross_entropy, label_smoothing=label_smoothing)))
