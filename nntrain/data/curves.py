"""What is done to numbers before they are standardised, and the way back: logarithms, powers, and what their ranks would be of a normal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, State

OUTERMOST: Final = 1e-7 - float(np.spacing(1.0))
"""The share of the rows at which a normal distribution is cut off, as scikit-learn cuts it: 5.2 deviations from its middle."""


class Curve(ABC):
    """A rising function of the numbers of a field."""

    @abstractmethod
    def bent(self, values: Array) -> Array:
        """Numbers in their own unit, float64 of any shape, to those that are standardised; NaN stays."""

    @abstractmethod
    def straightened(self, values: Tensor) -> Tensor:
        """The way back, of any numbers that a network may predict; in their type and on their device."""


@dataclass(frozen=True, slots=True)
class Logarithm(Curve):
    """The natural logarithm of numbers above 0, or that of 1 more."""

    name: Literal["log", "log1p"]

    def bent(self, values: Array) -> Array:
        return np.log(values) if self.name == "log" else np.log1p(values)

    def straightened(self, values: Tensor) -> Tensor:
        return values.exp() if self.name == "log" else values.expm1()


@dataclass(frozen=True, slots=True)
class Power(Curve):
    """The power of 1 more than a number, which takes numbers below 0 as well (Yeo & Johnson, 2000)."""

    exponent: float
    """1 leaves the numbers as they are."""
    ends: tuple[float, float] | None = None
    """Of a target the lowest and highest training value. Beyond them the curve goes on straight: some of these curves have a limit, and
    what is predicted beyond that would be no number."""

    def bent(self, values: Array) -> Array:
        if self.ends is None:
            return self._bent(values)
        inside = values.clip(*self.ends)
        slopes = np.where(values < inside, self.slope(self.ends[0]), self.slope(self.ends[1]))
        return self._bent(inside) + (values - inside) * slopes

    def slope(self, value: float) -> float:
        """By how much what is bent rises where a number is `value`, per unit of it."""
        return float(np.exp((self.exponent - 1) * (np.log1p(value) if value >= 0 else -np.log1p(-value))))

    def straightened(self, values: Tensor) -> Tensor:
        if self.ends is None:
            return self._straightened(values)
        low, high = (float(self._bent(np.array(end))) for end in self.ends)
        inside = values.clamp(low, high)
        beyond = (values - high).clamp(min=0) / self.slope(self.ends[1]) + (values - low).clamp(max=0) / self.slope(self.ends[0])
        return self._straightened(inside) + beyond

    def _bent(self, values: Array) -> Array:
        above, below = np.log1p(np.maximum(values, 0)), np.log1p(np.maximum(-values, 0))
        return _powered(above, self.exponent) - _powered(below, 2 - self.exponent)

    def _straightened(self, values: Tensor) -> Tensor:
        return _rooted(values.clamp(min=0), self.exponent) - _rooted(-values.clamp(max=0), 2 - self.exponent)


def _powered(logs: Array, exponent: float) -> Array:
    """((1 + x)^e - 1) / e, of the logarithms of 1 + x from 0 on; those themselves where e is 0."""
    return np.expm1(exponent * logs) / exponent if exponent else logs


def _rooted(values: Tensor, exponent: float) -> Tensor:
    """The way back."""
    return ((exponent * values).log1p() / exponent).expm1() if exponent else values.expm1()


@dataclass(frozen=True, eq=False)
class Ranks(Curve):
    """What a normal distribution has at the place that a number has among the training rows, as scikit-learn's QuantileTransformer.

    Between two quantiles it is interpolated; a value that many rows have is at the middle of their places. The lowest and the highest
    training value are cut off at `OUTERMOST`, and what is beyond them is there as well. Of a single value all is 0.
    """

    quantiles: Array
    """Rising float64 `[Q]` at equal shares of the rows, the lowest and the highest value among them."""
    spread: float | None = None
    """Of a target the standard deviation of the training rows. Beyond the ends a number goes on by 1 for each, so that it comes back."""

    def bent(self, values: Array) -> Array:
        low, high = self.quantiles[0], self.quantiles[-1]
        if low == high:
            return np.zeros_like(values)
        flat, own, ranks = values.reshape(-1), self.quantiles, self._ranks
        from_below, from_above = np.interp(flat, own, ranks), -np.interp(-flat, -own[::-1], -ranks[::-1])  # differ where values are equal
        shares = np.where(flat >= high, 1.0, np.where(flat <= low, 0.0, 0.5 * (from_below + from_above)))
        found = _of_normal(torch.from_numpy(shares.clip(OUTERMOST, 1 - OUTERMOST))).numpy()
        if self.spread is not None:
            first, last = np.interp([OUTERMOST, 1 - OUTERMOST], ranks, own)
            found = found + (np.minimum(flat - first, 0) + np.maximum(flat - last, 0)) / self.spread
        return found.reshape(values.shape)

    def straightened(self, values: Tensor) -> Tensor:
        low, high = (_of_normal(torch.tensor(end, dtype=torch.float64)).item() for end in (OUTERMOST, 1 - OUTERMOST))
        ranks, own = (torch.as_tensor(part, dtype=values.dtype, device=values.device) for part in (self._ranks, self.quantiles))
        inside = values.clamp(low, high).contiguous()
        shares = cast("Any", torch.special).ndtr(inside).clamp(OUTERMOST, 1 - OUTERMOST)
        place = torch.searchsorted(ranks, shares, right=True).clamp(1, len(ranks) - 1)
        part = (shares - ranks[place - 1]) / (ranks[place] - ranks[place - 1])
        found = own[place - 1] + part * (own[place] - own[place - 1])
        return found if self.spread is None else found + (values - inside) * self.spread

    @cached_property
    def _ranks(self) -> Array:
        return cast("Array", np.linspace(0, 1, len(self.quantiles)))


def _of_normal(shares: Tensor) -> Tensor:
    """Below which numbers some shares of a normal distribution are."""
    return cast("Any", torch.special).ndtri(shares)


def curve_of(state: State) -> Curve | None:
    """The curve of a field that has learned `state`; `None` where numbers are standardised as they are."""
    match state.get("curve"):
        case "log" | "log1p" as name:
            return Logarithm(name)
        case "power":
            return Power(state["exponent"], (state["ends"][0], state["ends"][1]) if "ends" in state else None)
        case "quantile":
            return Ranks(state["quantiles"].numpy(), float(state["spread"]) if "spread" in state else None)
        case _:
            return None
