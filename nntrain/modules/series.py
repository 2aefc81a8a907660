"""Modules over series of one length, `[B, T, F]`."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, linear, pad


class Decomposition(nn.Module):
    """A series without its moving average, and that."""

    def __init__(self, kernel_size: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor]:
        """`[B, T, F]` twice: remainder and trend."""
        half = self.kernel_size // 2
        trend = avg_pool1d(pad(series.transpose(1, 2), (half, half), mode="replicate"), self.kernel_size, stride=1).transpose(1, 2)
        return series - trend, trend


class SharedTimeLinear(nn.Linear):
    """`[B, T, F] -> [B, H, F]`, the same weights for every feature."""

    def forward(self, input: Tensor) -> Tensor:
        """Map."""
        return linear(input.transpose(1, 2), self.weight, self.bias).transpose(1, 2)


class FeatureTimeLinear(nn.Module):
    """`[B, T, F] -> [B, H, F]`, each feature with its own weights, drawn as those of torch's linear layer."""

    def __init__(self, steps: int, out_steps: int, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(features, out_steps, steps))
        self.bias = nn.Parameter(torch.empty(features, out_steps))
        bound = 1 / math.sqrt(steps)
        nn.init.uniform_(self.weight, -bound, bound)
        nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        """Map."""
        return torch.einsum("btf,fht->bhf", input, self.weight) + self.bias.T


class Patches(nn.Module):
    """`[B, T, F] -> [B, N, size * F]`, the features of a step side by side."""

    def __init__(self, size: int, stride: int, pad_end: int) -> None:
        super().__init__()
        self.size, self.stride, self.pad_end = size, stride, pad_end

    def forward(self, series: Tensor) -> Tensor:
        """Cut."""
        if self.pad_end:
            series = torch.cat([series, series[:, -1:].expand(-1, self.pad_end, -1)], dim=1)
        return series.unfold(1, self.size, self.stride).transpose(2, 3).flatten(2)


class Split(nn.Module):
    """`[B, T, F] -> [B * F, T, 1]`."""

    def forward(self, series: Tensor) -> Tensor:
        """Split."""
        return series.transpose(1, 2).flatten(0, 1).unsqueeze(-1)


class Join(nn.Module):
    """`[B * F, H]` or `[B * F, H, G]` to `[B, H, F * G]`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.features = features

    def forward(self, rows: Tensor, series: Tensor) -> Tensor:
        """Join the features of each row of `series`, `[B, T, F]`."""
        parts = rows.reshape(len(series), self.features, *rows.shape[1:]).transpose(1, 2)
        return parts if parts.ndim == 3 else parts.flatten(2)


class Standardize(nn.Module):
    """Mean 0 and variance 1 over the steps."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.eps = eps

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The series, and mean and deviation `[B, F]`."""
        variance, mean = torch.var_mean(series, dim=1, correction=0)
        deviation = (variance + self.eps).sqrt()
        return (series - mean.unsqueeze(1)) / deviation.unsqueeze(1), mean, deviation


class Restore(nn.Module):
    """Undo `Standardize`."""

    def forward(self, series: Tensor, mean: Tensor, deviation: Tensor) -> Tensor:
        """`[B, H, F]`."""
        return series * deviation.unsqueeze(1) + mean.unsqueeze(1)


class StepsLinear(nn.Linear):
    """A row of numbers as all steps of a series: `[B, I] -> [B, H, F]`."""

    def __init__(self, in_features: int, steps: int, features: int) -> None:
        super().__init__(in_features, steps * features)
        self.shape = (steps, features)

    def forward(self, input: Tensor) -> Tensor:
        """Map."""
        return super().forward(input).reshape(len(input), *self.shape)
