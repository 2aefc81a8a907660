"""Losses of the angle between a row and what stands for its class."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.losses.links import Cosines, Link
from nntrain.losses.loss import ClassLoss, LastLayer, LossFunction, PositiveNumber, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor


class ArcFace(ClassLoss):
    """Cross-entropy of scaled cosines [B, K], in which the angle to the class is made larger by a margin (Deng et al. 2019, equation 3).

    The network ends in `cosine_linear: =out`, whose weights are a direction for each class. Rows of a class are drawn into a narrow cone
    around it, so that what the layer reads tells classes apart that were never shown. Predicted are shares of the cosines without margin.
    """

    targets: ClassVar[frozenset[TargetKind]] = frozenset({"classes"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"float", "logits"})

    type: Literal["arcface"] = "arcface"
    scale: PositiveNumber = 30.0
    """What cosines are multiplied by to be logits."""
    margin: Annotated[float, Field(ge=0, lt=1.6)] = 0.3
    """Angle in radians that is added to the one between a row and its class. 0: a softmax of scaled cosines."""

    def link(self, kind: TargetKind) -> Link:
        return Cosines(self.scale)

    def last_layer(self, kind: TargetKind) -> LastLayer | None:
        return LastLayer("cosine_linear", "cosine_linear: =out")

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from torch.nn.functional import cross_entropy

        from nntrain.modules.embedding_losses import widened
        from nntrain.modules.losses import scored

        logits = partial(widened, scale=self.scale, margin=self.margin)
        return self.of_rows(
            scored(lambda output, target: cross_entropy(logits(output, target), target.long(), reduction="none")),
            class_weights=class_weights,
        )
