"""Losses of classes that read logits: the softmax or sigmoid is part of the loss, where it is exact and stable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.losses.links import Cumulative, Link, Sigmoid, Softmax
from nntrain.losses.loss import ClassLoss, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

LOGITS: frozenset[Kind] = frozenset({"logits"})


class CrossEntropy(ClassLoss):
    """Cross-entropy of one of K classes: logits `[B, K, …]`, class indices int64 `[B, …]`."""

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes", "ordinal"})
    input_kinds: ClassVar[frozenset[Kind]] = LOGITS
    smooths_labels: ClassVar[bool] = True

    is_entropy: ClassVar[bool] = True

    type: Literal["cross_entropy"] = "cross_entropy"

    def link(self, kind: TargetKind) -> Link:
        return Softmax()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import cross_entropy

        found = self.of_rows(partial(cross_entropy, label_smoothing=label_smoothing), class_weights=class_weights)
        return replace(found, is_exact_by_row=True)


class BinaryCrossEntropy(ClassLoss):
    """Cross-entropy of yes and no: one logit a value, `[B, 1]` or the shape of the target; targets 0 or 1.

    Of labels, `[B, K]`, each is a yes or no of its own. Values from 0 to 1, such as pixels, are scored as chances.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"binary", "labels", "values", "origin"})
    input_kinds: ClassVar[frozenset[Kind]] = LOGITS
    gives_chances: ClassVar[bool] = True
    smooths_labels: ClassVar[bool] = True
    scalings: ClassVar[frozenset[str] | None] = frozenset({"none", "minmax", "unit"})

    is_entropy: ClassVar[bool] = True

    type: Literal["bce"] = "bce"
    pos_weight: PositiveNumber | None = None
    """How much a yes counts beside a no, as in torch: it multiplies the loss and not the weight of the row. Default: 1."""

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid()

    def fault(self, target: Tensor, kind: TargetKind) -> str | None:
        return "values from 0 to 1" if kind == "values" and bool(((target < 0) | (target > 1)).any()) else None

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import binary_cross_entropy

        score = partial(binary_cross_entropy, label_smoothing=label_smoothing, pos_weight=self.pos_weight)
        return self.of_rows(score, reshapes=True, class_weights=class_weights)


class Focal(ClassLoss):
    """Cross-entropy in which rows that are right already count less: -(1 - p)^gamma log p (Lin et al. 2017, equation 4).

    Logits `[B, K]` of classes; `[B, 1]` of yes and no, `[B, K]` of labels.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes", "binary", "labels", "ordinal"})
    input_kinds: ClassVar[frozenset[Kind]] = LOGITS

    type: Literal["focal"] = "focal"
    gamma: Annotated[float, Field(ge=0)] = 2.0
    """How fast rows that are right lose their say; 0 is cross-entropy."""
    alpha: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Weight of yes; no has 1 - alpha. Default: both count once. Of several classes, class_weights does it."""

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid() if kind in {"binary", "labels"} else Softmax()

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`alpha` of several classes."""
        if kind in {"classes", "ordinal"} and self.alpha is not None:
            yield "alpha", "it weighs yes against no; several classes have class_weights"
        yield from super().idle(kind)

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import focal
        from nntrain.modules.losses import scored

        score = scored(partial(focal, gamma=self.gamma, alpha=self.alpha))
        return self.of_rows(score, class_weights=class_weights)


class OrdinalLoss(ClassLoss):
    """Classes in order, as K - 1 questions whether the class is above a level: logits `[B, K - 1]`, indices int64 `[B]`.

    The sum of the questions' cross-entropies (Niu et al. 2016, Cao, Mirjalili and Raschka 2020, equation 3): a class that is far off
    costs more than its neighbour.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"ordinal"})
    input_kinds: ClassVar[frozenset[Kind]] = LOGITS

    type: Literal["ordinal"] = "ordinal"

    def link(self, kind: TargetKind) -> Link:
        return Cumulative()

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import cumulative
        from nntrain.modules.losses import scored

        return self.of_rows(scored(cumulative), class_weights=class_weights)
