"""Linear layers in the neural tangent parametrization."""

from __future__ import annotations

import math
from typing import ClassVar, Final

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from nntrain.modules.first_rows import FromFirstRows

_MIXED: Final = 5
"""Rows whose values a bias that begins with data is a mean of ("he+5")."""


class NTKLinear(nn.Module):
    """W x / sqrt(inputs) + b: `[…, F] -> […, O]` (Jacot, Gabriel, Hongler, 2018). W and b begin as N(0, 1)."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs))
        self.bias = nn.Parameter(torch.randn(outputs)) if bias else None
        self._factor = 1 / math.sqrt(inputs)

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        return linear(x * self._factor, self.weight, self.bias)


class ZeroNTKLinear(NTKLinear):
    """The same, of which W and b begin with zeros."""

    def __init__(self, inputs: int, outputs: int, *, bias: bool) -> None:
        super().__init__(inputs, outputs, bias=bias)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)


class NTKLinearOfRows(NTKLinear, FromFirstRows):
    """The same, begun with the first training rows, as RealMLP does (Holzmüller, Grinsztajn, Steinwart, 2024).

    Each unit's weights are divided by the standard deviation of W x / sqrt(inputs) over the rows; its bias is minus a mean of that over 5
    rows, with random weights, so that units bend where rows are (Steinwart, 2019).
    """

    most_rows: ClassVar[int] = 2**12
    """A standard deviation over so many is off by about a percent; more take memory, of which waves of numbers need much."""

    @torch.no_grad()
    def begin(self, x: Tensor, target: Tensor | None) -> None:
        """Scale the weights and draw the biases. A unit that is the same for all rows keeps its weights as they were drawn."""
        rows = x.reshape(-1, x.shape[-1]) * self._factor
        spread = linear(rows, self.weight).std(0, correction=0)
        self.weight /= torch.where(spread > 0, spread, 1.0).unsqueeze(1)
        if self.bias is None:
            return
        places = torch.randint(len(rows), (len(self.bias), _MIXED)).to(x.device)
        shares = torch.empty(len(self.bias), _MIXED).exponential_().to(x.device)
        values = linear(rows, self.weight).T.gather(1, places)
        self.bias.copy_(-(values * shares).sum(1) / shares.sum(1))
