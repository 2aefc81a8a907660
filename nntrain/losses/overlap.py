"""Losses of how much what is predicted and what is true overlap, row by row, so that parts of a batch add up exactly."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.losses.classification import LOGITS
from nntrain.losses.links import Link, Sigmoid, Softmax
from nntrain.losses.loss import Loss, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor


class Dice(Loss):
    """1 - 2 |A and B| / (|A| + |B|), of the labels, or of the pixels of each class, in a row (Milletari et al. 2016).

    Logits `[B, K]` of labels `[B, K]`; `[B, K, …]` of class indices `[B, …]`, averaged over the classes.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes", "labels"})
    input_kinds: ClassVar[frozenset[Kind]] = LOGITS

    type: Literal["dice"] = "dice"
    smooth: PositiveNumber = 1.0
    """Added to both sides of the fraction: what is neither there nor predicted costs nothing."""

    def link(self, kind: TargetKind) -> Link:
        return Sigmoid() if kind == "labels" else Softmax()

    def idle(self, kind: TargetKind) -> Iterator[tuple[str, str]]:
        """`reduction`: a row has one score."""
        if self.reduction == "sum":
            yield "reduction", f"{self.type} scores a row as a whole"
        yield from super().idle(kind)

    @property
    def fractions(self) -> tuple[float, float]:
        """How much what is predicted falsely and what is missed count."""
        return 0.5, 0.5

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.class_losses import tversky
        from nntrain.modules.losses import scored

        alpha, beta = self.fractions
        return self.of_rows(scored(partial(tversky, alpha=alpha, beta=beta, smooth=self.smooth)), by_row=True)


class Jaccard(Dice):
    """1 - |A and B| / |A or B|, of the labels, or of the pixels of each class, in a row: 1 - intersection over union."""

    type: Literal["jaccard"] = "jaccard"  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def fractions(self) -> tuple[float, float]:
        """Once each."""
        return 1.0, 1.0


class Tversky(Dice):
    """1 - TP / (TP + alpha FP + beta FN): Dice with a price each for what is predicted falsely and what is missed.

    By Salehi, Erdogmus and Gholipour (2017). alpha = beta = 0.5 is dice, alpha = beta = 1 is jaccard.
    """

    type: Literal["tversky"] = "tversky"  # pyright: ignore[reportIncompatibleVariableOverride]
    alpha: Annotated[float, Field(ge=0)] = 0.3
    """How much what is predicted falsely counts."""
    beta: Annotated[float, Field(ge=0)] = 0.7
    """How much what is missed counts."""

    @property
    def fractions(self) -> tuple[float, float]:
        """As said."""
        return self.alpha, self.beta
