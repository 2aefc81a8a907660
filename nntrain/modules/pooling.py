"""Pools that never see padding. `lengths` int64 `[B]`, or `None` where all steps are true."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d, max_pool1d, pad

from nntrain.modules.masking import fill_padding


class SequencePool(nn.Module):
    """A window that slides along time, over `pads` steps before and after."""

    def __init__(self, kernel: int, stride: int, pads: tuple[int, int]) -> None:
        super().__init__()
        self.kernel = kernel
        self.stride = stride
        self.pads = pads

    def padded(self, x: Tensor, value: float) -> Tensor:
        """Pad `[B, T, F]` along time, up to one window where all rows of a batch are shorter; gives `[B, F, T']`."""
        before, after = self.pads
        after = max(after, self.kernel - before - x.shape[1])
        x = x.transpose(1, 2)
        return pad(x, (before, after), value=value) if before or after else x


class SequenceMaxPool(SequencePool):
    """Largest value of each window: `[B, T, F] -> [B, T', F]`."""

    def __init__(self, kernel: int, stride: int, pads: tuple[int, int], count: Callable[[Tensor], Tensor]) -> None:
        """`count` gives the number of windows over a row of some length."""
        super().__init__(kernel, stride, pads)
        self.count = count

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool the true steps; what is beyond a row's length comes out as zeros, and so does a row without steps."""
        lowest = torch.finfo(x.dtype).min
        out = max_pool1d(self.padded(fill_padding(x, lengths, lowest), lowest), self.kernel, self.stride).transpose(1, 2)
        return out if lengths is None else fill_padding(out, self.count(lengths) * (lengths > 0))


class SequenceAvgPool(SequencePool):
    """Mean of each window: `[B, T, F] -> [B, T', F]`."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; what is beyond a row's length counts as zeros, as beyond its end when it is alone."""
        return avg_pool1d(self.padded(fill_padding(x, lengths), 0.0), self.kernel, self.stride).transpose(1, 2)


class SequenceLPPool(SequencePool):
    """Length of each window as a vector, by some power: `[B, T, F] -> [B, T', F]`."""

    def __init__(self, kernel: int, stride: int, pads: tuple[int, int], power: float) -> None:
        super().__init__(kernel, stride, pads)
        self.power = power

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; what is beyond a row's length counts as zeros, as beyond its end when it is alone."""
        powers = self.padded(fill_padding(x, lengths).abs().pow(self.power), 0.0)
        return root(avg_pool1d(powers, self.kernel, self.stride) * self.kernel, self.power).transpose(1, 2)


class LPPool(nn.Module):
    """Length of each window of `count` pixels as a vector, by some power; `mean` takes the mean of each window."""

    def __init__(self, mean: nn.Module, count: int, power: float) -> None:
        super().__init__()
        self.mean = mean
        self.count = count
        self.power = power

    def forward(self, x: Tensor) -> Tensor:
        """`[B, C, H, W] -> [B, C, H', W']`."""
        return root(self.mean(x.abs().pow(self.power)) * self.count, self.power)


def root(x: Tensor, power: float) -> Tensor:
    """x^(1 / power) of numbers from 0 on; the gradient at 0, which is infinite, is taken as 0."""
    is_above = x > 0
    return torch.where(is_above, x, 1.0).pow(1 / power) * is_above


class AxesPool(nn.Module):
    """Mean or largest value over some axes (the batch is axis 0)."""

    def __init__(self, how: Literal["mean", "max"], axes: tuple[int, ...]) -> None:
        super().__init__()
        self.how = how
        self.axes = axes

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; these axes are never ragged, so `lengths` is not read."""
        return x.mean(self.axes) if self.how == "mean" else x.amax(self.axes)


class StepPool(nn.Module):
    """One vector of the true steps: `[B, T, F] -> [B, F]`."""

    def __init__(self, how: Literal["last", "first", "mean", "max", "sum"]) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; a row without steps gives zeros."""
        if self.how == "sum":
            return fill_padding(x, lengths).sum(1)
        if self.how == "mean":
            return x.mean(1) if lengths is None else fill_padding(x, lengths).sum(1) / lengths.clamp(min=1).unsqueeze(1)
        if self.how == "max":
            return _zero_empty(fill_padding(x, lengths, torch.finfo(x.dtype).min).amax(1), lengths)
        return _zero_empty(x[:, 0] if self.how == "first" else last_step(x, lengths), lengths)


class BothEnds(nn.Module):
    """What both directions of a bidirectional layer end with: `[B, T, 2H] -> [B, 2H]`."""

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Join the forward half at the last true step and the backward half at the first."""
        half = x.shape[2] // 2
        return _zero_empty(torch.cat([last_step(x[:, :, :half], lengths), x[:, 0, half:]], 1), lengths)


class AttentionPool(nn.Module):
    """Mean of the true steps, weighted by the softmax of a learned score: `[B, T, F] -> [B, F]`."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.score = nn.Linear(features, 1, bias=False)  # an offset would cancel in the softmax

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pool; a row without steps gives zeros."""
        x = fill_padding(x, lengths)
        scores: Tensor = self.score(x)
        weights = fill_padding(scores, lengths, torch.finfo(scores.dtype).min).softmax(1)
        return (weights * x).sum(1)


def last_step(x: Tensor, lengths: Tensor | None) -> Tensor:
    """The last true step of `[B, T, F]`, `[B, F]`; the first step of a row without any."""
    if lengths is None:
        return x[:, -1]
    return x[torch.arange(x.shape[0], device=x.device), (lengths - 1).clamp(min=0)]


def _zero_empty(x: Tensor, lengths: Tensor | None) -> Tensor:
    return x if lengths is None else x.masked_fill((lengths == 0).unsqueeze(1), 0.0)
