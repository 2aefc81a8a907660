"""Adam and its variant with decoupled weight decay."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveFloat

from nntrain.optimizers.groups import ParameterGroup, is_fusible, with_rates
from nntrain.optimizers.optimizer import Beta, Optimizer

if TYPE_CHECKING:
    import torch


class Adam(Optimizer):
    """Divides each step by the gradient's running size. Weight decay is added to the gradient (L2), as in torch; adamw decouples it."""

    type: Literal["adam"] = "adam"
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the running means of the gradient and of its square."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""
    amsgrad: bool = False
    """Divide by the largest running size so far."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        from nntrain.modules.fused_optimizers import FusedAdam

        fused = is_fusible(groups)
        kind = FusedAdam if fused else torch.optim.Adam
        return kind(with_rates(groups, self.lr), lr=self.lr, betas=self.betas, eps=self.eps, amsgrad=self.amsgrad, fused=fused)


class AdamW(Optimizer):
    """Adam whose weight decay shrinks the weights directly, by the rate times the decay each step (torch's AdamW)."""

    type: Literal["adamw"] = "adamw"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "weights"
    betas: tuple[Beta, Beta] = (0.9, 0.999)
    """Decay per step of the running means of the gradient and of its square."""
    eps: PositiveFloat = 1e-8
    """Added to the divisor, against division by zero."""
    amsgrad: bool = False
    """Divide by the largest running size so far."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        from nntrain.modules.fused_optimizers import FusedAdamW

        fused = is_fusible(groups)
        kind = FusedAdamW if fused else torch.optim.AdamW
        return kind(with_rates(groups, self.lr), lr=self.lr, betas=self.betas, eps=self.eps, amsgrad=self.amsgrad, fused=fused)
