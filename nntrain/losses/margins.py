"""Losses of the distance to the border between classes. Outputs are scores: what the network says of a row is their largest.

The shares that are reported beside it are a sigmoid or softmax of the scores; nothing makes them chances.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.losses.links import Chances, Link, Shares, Sigmoid, Softmax
from nntrain.losses.loss import ClassLoss, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor

SCORES: frozenset[Kind] = frozenset({"float"})
_KINDS: frozenset[TargetKind] = frozenset({"classes", "binary", "labels", "ordinal"})
_ORIGIN: frozenset[TargetKind] = frozenset({"origin"})


class Hinge(ClassLoss):
    """How far a row is from lying beyond the margin: max(0, margin - y s) of scores `[B, 1]` with y = -1 or 1.

    Of K scores `[B, K]`: max(0, margin + the largest of the other scores - that of the class) (Crammer and Singer 2001).
    """

    targets: ClassVar[frozenset[TargetKind]] = _KINDS | _ORIGIN
    input_kinds: ClassVar[frozenset[Kind]] = SCORES

    type: Literal["hinge"] = "hinge"
    margin: PositiveNumber = 1.0
    """Distance to the border from which on a row costs nothing."""
    squared: bool = False
    """Whether the distance is squared: rows that are far off count more."""

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid() if kind in {"binary", "labels", "origin"} else Softmax()

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


class Margin(ClassLoss):
    """Lengths of capsules `[B, K]`, above `m_plus` for the class and below `m_minus` for the others (Sabour et al. 2017, equation 4).

    Of each row the sum of max(0, m_plus - s)^2 for its class, or each of its labels, and `down` max(0, s - m_minus)^2 for the others. What
    is predicted of classes is the longest, and the share of each in the sum of all; of labels the lengths are the chances.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes", "labels"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"capsule", "float"})

    type: Literal["margin"] = "margin"
    m_plus: PositiveNumber = 0.9
    """Length from which on the class costs nothing."""
    m_minus: Annotated[float, Field(ge=0)] = 0.1
    """Length up to which another class costs nothing."""
    down: PositiveNumber = 0.5
    """How much the other classes count, so that they don't shrink all lengths while the network begins to learn."""

    def link(self, kind: TargetKind) -> Link:
        return Shares() if kind == "classes" else Chances()

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`reduction`: the classes of a row are added up."""
        if self.reduction == "sum":
            yield "reduction", "margin scores a row as a whole"
        yield from super().idle(kind)

    @model_validator(mode="after")
    def _margins_leave_room(self) -> Self:
        if self.m_minus >= self.m_plus:
            raise PydanticCustomError("margins_cross", "m_minus must be below m_plus", {})
        return self

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import margin
        from nntrain.modules.losses import scored

        score = partial(margin, m_plus=self.m_plus, m_minus=self.m_minus, down=self.down)
        return self.of_rows(scored(score), by_row=True, class_weights=class_weights)
