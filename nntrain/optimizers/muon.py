"""Muon for the weight matrices of hidden layers, AdamW for all other parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt

from nntrain.optimizers.groups import ParameterGroup, is_fusible, with_rates
from nntrain.optimizers.optimizer import Beta, Optimizer

if TYPE_CHECKING:
    import torch


class Muon(Optimizer):
    """Momentum whose step is made orthogonal (Jordan et al., 2024; torch's Muon), for the 2-d weights of hidden layers.

    Biases, norms, embeddings, convolutions and the output layer are moved by AdamW with torch's options; `nntrain show` says which.
    """

    type: Literal["muon"] = "muon"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "weights"
    splits_matrices: ClassVar[bool] = True
    momentum: Beta = 0.95
    """Share of the last move that is added to the next."""
    nesterov: bool = True
    """Look ahead along the momentum before taking the gradient."""
    ns_steps: Annotated[PositiveInt, Field(lt=100)] = 5
    """Newton-Schulz iterations that make the step orthogonal."""
    eps: PositiveFloat = 1e-7
    """Added to the divisor, against division by zero."""
    adjust_lr_fn: Literal["original", "match_rms_adamw"] | None = None
    """How the rate follows the shape [A, B] of a matrix: `original` (null) multiplies it by sqrt(max(1, A / B)); `match_rms_adamw` by
    0.2 sqrt(max(A, B)), so that rates found for AdamW can be kept (Liu et al., 2025)."""
    adamw_lr: PositiveFloat | None = None
    """Rate of the parameters that AdamW moves; default: `lr`."""

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        from nntrain.modules.joint_optimizer import JointOptimizer

        matrices = [group for group in groups if group["is_matrix"]]
        others = [group for group in groups if not group["is_matrix"]]
        built: list[torch.optim.Optimizer] = []
        if matrices:
            muon = torch.optim.Muon(
                with_rates(matrices, self.lr),
                lr=self.lr,
                momentum=self.momentum,
                nesterov=self.nesterov,
                ns_steps=self.ns_steps,
                eps=self.eps,
                adjust_lr_fn=self.adjust_lr_fn,
            )
            built.append(muon)
        if others:
            lr = self.lr if self.adamw_lr is None else self.adamw_lr
            built.append(torch.optim.AdamW(with_rates(others, lr), lr=lr, fused=is_fusible(others)))
        return JointOptimizer(built)
