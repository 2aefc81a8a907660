"""Losses of a network that tells real rows from generated ones, and of the one that generates them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.losses.loss import Loss, LossFunction, TargetKind
from nntrain.specs import Kind

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Critic(LossFunction):
    """A loss of scores `[B, 1]` by what they are of, real (1) or generated (0), `[B]`."""

    penalty: float = 0.0
    """How much the squared distance of the gradient's norm from 1 counts."""


class Wasserstein(Loss):
    """How far scores of generated rows lie above those of real ones (Arjovsky et al. 2017): the mean of -s of real ones and s of others.

    With the penalty on the gradient of Gulrajani et al. (2017, equation 3), without which the scores grow without end. The generator
    minimises -s. For the task `gan`.
    """

    main: ClassVar[str | None] = "gradient_penalty"
    targets: ClassVar[frozenset[TargetKind]] = frozenset({"origin"})
    input_kinds: ClassVar[frozenset[Kind]] = frozenset({"float"})

    type: Literal["wasserstein"] = "wasserstein"
    gradient_penalty: Annotated[float, Field(ge=0)] = 10.0
    """What (norm - 1)^2 is multiplied by: the norm of the gradient of the score by the row, between real and generated rows; 0 is off."""

    def build(self, *, label_smoothing: float = 0.0, class_weights: Tensor | None = None) -> LossFunction:
        from nntrain.modules.rivals import signed

        def total(output: Tensor, target: Tensor) -> Tensor:
            return signed(output, target).sum()

        def per_row(output: Tensor, target: Tensor, counts: Tensor | None) -> Tensor:
            return signed(output, target)

        return Critic(total, per_row, penalty=self.gradient_penalty)
