"""Linear layers with a low-rank addition (LoRA, Hu et al. 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nntrain.modules.attention import Attention


class LoraLinear(nn.Linear):
    """`x W^T + b + scale * x A^T B^T`: [B, …, F] -> [B, …, out]. W and b are those of the layer that is adapted."""

    def __init__(self, adapted: nn.Linear, rank: int, scale: float) -> None:
        """Take over a layer; A is drawn as its weight was, B is zero."""
        super().__init__(adapted.in_features, adapted.out_features, bias="bias" in dict(adapted.named_parameters()), device="meta")
        self.weight, self.bias = adapted.weight, adapted.bias
        self.lora_a, self.lora_b = low_rank(adapted.weight, rank)
        self.scale = scale

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) + self.scale * linear(linear(input, self.lora_a), self.lora_b)


def low_rank(weight: Tensor, rank: int) -> tuple[nn.Parameter, nn.Parameter]:
    """A `[rank, in]`, drawn as torch draws the weight of a linear layer, and B `[out, rank]`, zero, for a weight `[out, in]`."""
    a, b = weight.new_empty(rank, weight.shape[1]), weight.new_zeros(len(weight), rank)
    return nn.Parameter(nn.init.kaiming_uniform_(a, a=math.sqrt(5))), nn.Parameter(b)


def adapted(module: nn.Module, rank: int, scale: float) -> nn.Module:
    """A linear layer, or an attention and its projections, with adapters."""
    if isinstance(module, nn.Linear):
        return LoraLinear(module, rank, scale)
    assert isinstance(module, Attention), type(module)
    with torch.no_grad():
        module.in_proj_lora_a, module.in_proj_lora_b = low_rank(module.in_proj_weight, rank)
    module.in_proj_scale = scale
    module.out_proj = LoraLinear(module.out_proj, rank, scale)
    return module
