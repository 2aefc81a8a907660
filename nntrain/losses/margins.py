"""Losses of the distance to the border between classes. Outputs are scores: what the network says of a row is their largest.

The shares that are reported beside it are a sigmoid or softmax of the scores; nothing makes them chances.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.losses.links import Link, Sigmoid, Softmax
from nntrain.losses.loss import ClassLoss, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

SCORES: frozenset[Kind] = frozenset({"float"})
_KINDS: frozenset[TargetKind] = frozenset({"classes", "binary", "labels", "ordinal"})


class Hinge(ClassLoss):
    """How far a row is from lying beyond the margin: max(0, margin - y s) of scores `[B, 1]` with y = -1 or 1.

    Of K scores `[B, K]`: max(0, margin + the largest of the other scores - that of the class) (Crammer and Singer 2001).
    """

    targets: ClassVar[frozenset[TargetKind]] = _KINDS
    input_kinds: ClassVar[frozenset[Kind]] = SCORES

    type: Literal["hinge"] = "hinge"
    margin: PositiveNumber = 1.0
    """Distance to the border from which on a row costs nothing."""
    squared: bool = False
    """Whether the distance is squared: rows that are far off count more."""

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid() if kind in {"binary", "labels"} else Softmax()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import hinge
        from nntrain.modules.losses import scored

        score = scored(partial(hinge, margin=self.margin, squared=self.squared))
        return self.of_rows(score, class_weights=class_weights)


class Perceptron(ClassLoss):
    """How far a row is on the wrong side: max(0, -y s) of scores `[B, 1]` with y = -1 or 1. On the border counts as wrong.

    With sgd, lr 1 and batch_size 1 this is Rosenblatt's rule (1958): w += y x for each row that is wrong. Of K scores `[B, K]`:
    max(0, the largest of the other scores - that of the class).
    """

    targets: ClassVar[frozenset[TargetKind]] = _KINDS
    input_kinds: ClassVar[frozenset[Kind]] = SCORES

    type: Literal["perceptron"] = "perceptron"

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid() if kind in {"binary", "labels"} else Softmax()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import perceptron
        from nntrain.modules.losses import scored

        return self.of_rows(scored(perceptron), class_weights=class_weights)
