"""Vectors that say where a step stands in its sequence."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from nntrain.errors import DataError


class LearnedPositions(nn.Embedding):
    """Adds a learned vector per step to `[B, T, F]`; begins at normal(0.02), as GPT-2's and BERT's."""

    def reset_parameters(self) -> None:
        """Draw the vectors anew."""
        nn.init.normal_(self.weight, std=0.02)

    def forward(self, input: Tensor) -> Tensor:
        """Same shape. Raises `DataError` for more steps than there are vectors."""
        steps = input.shape[1]
        if steps > self.num_embeddings:
            raise DataError(
                f"a row of {steps} steps, and position_embedding has vectors for {self.num_embeddings}: raise its max_length,"
                " use position_embedding: sinusoidal, or shorten the rows"
            )
        return input + self.weight[:steps]


class SinusoidalPositions(nn.Module):
    """Adds sines and cosines of a step's number to `[B, T, F]` (Vaswani et al. 2017, section 3.5)."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.rates: Tensor
        rates = torch.exp(torch.arange(0, features, 2) * (-math.log(10000.0) / features))
        self.register_buffer("rates", rates, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape."""
        angles = torch.arange(x.shape[1], device=x.device, dtype=self.rates.dtype).unsqueeze(1) * self.rates
        waves = torch.stack([angles.sin(), angles.cos()], 2).flatten(1)
        return x + waves[:, : x.shape[2]].to(x.dtype)
