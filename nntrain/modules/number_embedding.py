"""Numbers as vectors: what lets a network bend at any place of a number's range, which a linear layer on the number alone can't."""

from __future__ import annotations

import math
from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from nntrain.modules.first_rows import FromFirstRows


class _LinearByFeature(nn.Module):
    """A linear layer for each of some features: `[…, F, I] -> […, F, O]`, with weights `[F, I, O]` and biases `[F, O]`."""

    def __init__(self, features: int, inputs: int, outputs: int, *, bias: bool = True) -> None:
        super().__init__()
        bound = 1 / math.sqrt(inputs)  # as nn.Linear has it
        self.weight = nn.Parameter(torch.empty(features, inputs, outputs).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(features, outputs).uniform_(-bound, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        """Multiply."""
        found = torch.einsum("...fi,fio->...fo", x, self.weight)
        return found if self.bias is None else found + self.bias


class LinearEmbedding(nn.Module):
    """Each number times a vector of its own, plus another: `[…, F] -> […, F * dim]` (Gorishniy et al., 2021, section 3.3).

    Vectors begin uniform within 1 / sqrt(dim), as in the authors' code.
    """

    def __init__(self, features: int, dim: int, *, rectified: bool) -> None:
        """Draw the vectors.

        Args:
            features: Numbers that go in, F.
            dim: Numbers that each becomes.
            rectified: A ReLU follows.
        """
        super().__init__()
        self.linear = _LinearByFeature(features, 1, dim)
        for parameter in self.linear.parameters():
            nn.init.uniform_(parameter, -(dim**-0.5), dim**-0.5)
        self._rectified = rectified

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        found = self.linear(x.unsqueeze(-1))
        return (found.relu() if self._rectified else found).flatten(-2)


class Periodic(nn.Module):
    """Each number as waves of learned frequencies, put together by a linear layer: `[…, F] -> […, F * dim]`.

    With `sine` and `cosine` it is the periodic embedding of Gorishniy, Rubachev, Babenko (2022), section 3.3: sin(2 pi c x), cos(2 pi c x);
    without, cos(2 pi c x + b), as in PBLD of RealMLP (Holzmüller, Grinsztajn, Steinwart, 2024). Frequencies c begin as N(0, sigma^2).
    """

    def __init__(  # noqa: PLR0913 (the sizes, and four ways to be)
        self, features: int, frequencies: int, sigma: float, dim: int, *, phase: bool, shared: bool, keep_input: bool, rectified: bool
    ) -> None:
        """Draw the weights.

        Args:
            features: Numbers that go in, F.
            frequencies: Waves of each.
            sigma: Standard deviation of the first frequencies, in waves per unit.
            dim: Numbers that each becomes.
            phase: Cosines with learned phases, in place of a sine and a cosine.
            shared: One linear layer for all features.
            keep_input: The number itself is the last of what it becomes.
            rectified: A ReLU follows.
        """
        super().__init__()
        self.frequencies = nn.Parameter(torch.randn(features, frequencies) * sigma)
        self.phase_bias = nn.Parameter(torch.empty(features, frequencies).uniform_(-math.pi, math.pi)) if phase else None
        waves, made = frequencies * (1 if phase else 2), dim - keep_input
        self.linear = nn.Linear(waves, made) if shared else _LinearByFeature(features, waves, made)
        self._keep_input, self._rectified = keep_input, rectified

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        angles = 2 * math.pi * self.frequencies * x.unsqueeze(-1)
        waves = torch.cat([angles.cos(), angles.sin()], -1) if self.phase_bias is None else (angles + self.phase_bias).cos()
        found = self.linear(waves).relu() if self._rectified else self.linear(waves)
        return (torch.cat([found, x.unsqueeze(-1)], -1) if self._keep_input else found).flatten(-2)


class PiecewiseLinear(FromFirstRows):
    """Each number by how far it has come in each of some bins: `[…, F] -> […, F * bins]`, or by a linear layer of that `[…, F * dim]`.

    Gorishniy, Rubachev, Babenko (2022), equation 1: (x - low) / (high - low), held between 0 in bins above it and 1 in bins below; open at
    both ends. A feature with fewer different values has fewer bins, and zeros in the place of the others. With `dim` it is the embedding of
    TabM (Gorishniy, Kotelnikov, Babenko, 2025): a linear layer of the number and one of its bins, which begins with zeros.
    """

    most_rows: ClassVar[int] = 2**16
    """A quantile of so many is off by less than half a percent of all rows."""

    def __init__(self, features: int, bins: int, dim: int | None, *, by_target: bool) -> None:
        """Begin with bins for numbers of mean 0 and standard deviation 1.

        Args:
            features: Numbers that go in, F.
            bins: Most bins of each.
            dim: Numbers that each becomes; `None`: its bins.
            by_target: Bins are the leaves of a decision tree for the target, in place of equally many rows each.
        """
        super().__init__()
        self.by_target = by_target
        self.bins = bins
        shares = torch.linspace(0, 1, bins + 1)[1:-1]
        inner = math.sqrt(2) * torch.erfinv(2 * shares - 1)
        edges = torch.cat([torch.tensor([-3.0]), inner, torch.tensor([3.0])]).expand(features, -1).clone()
        self.edges: Tensor
        self.counts: Tensor
        self.register_buffer("edges", edges)
        self.register_buffer("counts", torch.full((features,), bins))
        self.number = _LinearByFeature(features, 1, dim) if dim is not None else None
        self.linear = _LinearByFeature(features, bins, dim, bias=False) if dim is not None else None
        if self.linear is not None:
            nn.init.zeros_(self.linear.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Encode."""
        found = self.encode(x)
        if self.number is not None and self.linear is not None:
            found = self.number(x.unsqueeze(-1)) + self.linear(found)
        return found.flatten(-2)

    def encode(self, x: Tensor) -> Tensor:
        """How far numbers `[…, F]` have come in their bins, `[…, F, bins]`."""
        low, high = self.edges[:, :-1], self.edges[:, 1:]
        places = torch.arange(self.bins, device=x.device)
        last = self.counts.unsqueeze(1) - 1
        done = (x.unsqueeze(-1) - low) / (high - low)
        done = torch.where(places == 0, done, done.clamp(min=0))
        done = torch.where(places == last, done, done.clamp(max=1))
        return torch.where(places <= last, done, 0)

    @torch.no_grad()
    def begin(self, x: Tensor, target: Tensor | None) -> None:
        """Place the bins by first rows `[N, …, F]`: between quantiles, or where a tree of the target `[N]` would part them.

        Raises:
            ConfigError: Bins by the target without scikit-learn, or without a target of one number or class a row.
        """
        rows = x.reshape(-1, x.shape[-1]).cpu()
        target = None if target is None else target.cpu()
        for place, values in enumerate(rows.unbind(-1)):
            found = self._leaves(values, target) if self.by_target else torch.quantile(values, torch.linspace(0, 1, self.bins + 1))
            edges = cast("Tensor", found.unique())
            if len(edges) < 2:  # one value alone
                edges = torch.stack([edges[0], edges[0] + _width(edges[0])])
            self.counts[place] = len(edges) - 1
            more = edges[-1] + _width(edges[-1]) * torch.arange(1, self.bins + 2 - len(edges))  # nothing comes of them
            self.edges[place] = torch.cat([edges, more])

    def _leaves(self, values: Tensor, target: Tensor | None) -> Tensor:
        """The least value, where a tree with as many leaves parts the rows, and the greatest."""
        from nntrain.modules.target_bins import thresholds

        inner = thresholds(values, target, self.bins)
        ends = torch.stack([values.min(), values.max()])
        return torch.cat([ends, inner.to(values.dtype)])


def _width(edge: Tensor) -> Tensor:
    """A width of a bin behind an edge that float32 tells from none, however large the edge is."""
    return (edge.abs() * 2**-20).clamp(min=1)
