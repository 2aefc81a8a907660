"""Curves of numbers that are fitted on training rows: the power that makes them most like a normal distribution, and their quantiles."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from nntrain.data.blockwise.learning import Moments
from nntrain.data.curves import Curve, Power, Ranks
from nntrain.data.fields.field import State
from nntrain.data.scaling import scaling_state

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.fields.number import Fitted

ROWS_OF_A_QUANTILE: Final = 30
FEWEST: Final = 10
MOST: Final = 1000
"""A quantile for so many rows, from so few to so many of them, as Gorishniy et al. (2021) have it."""

LARGEST: Final = (np.log(np.finfo(np.float64).max) + np.log(np.finfo(np.float64).eps)) / 2
"""The largest logarithm of a power: half of what float64 has, as its square is taken (336), of a value 20 times as large as any."""
FLATTEST: Final = 16.0
"""The largest logarithm by which a power may be smaller than 1: from there on all powers are one number to float64, less a few digits."""
LOST: Final = 50.0
"""How much flatter than on average the curve of a target may be anywhere: float32 brings values back to a hundred-thousandth of their
range."""


def fit_curve(values: Array, moments: Moments | None, curve: Fitted, missing: str | float, *, comes_back: bool) -> State:
    """The curve of a number, and how what it gives is standardised.

    Missing values are filled before they are bent, and no noise is added to values that are equal.

    Args:
        values: Training rows, or some of them, `[N, 1]`, NaN where missing.
        moments: Of all training rows; `None` where `values` has them all.
        curve: `power`: Yeo's and Johnson's by maximum likelihood, standardised; `quantile`: `Ranks`, which needs no standardising.
        missing: What stands for a missing value.
        comes_back: Whether it is a target, which is brought back to its own unit.

    Returns:
        What `fit_scaling` gives of what was bent; `curve` and what `curve_of` needs of it; of a target `spread`, the standard deviation
        of the values, float64 `[1]`.

    Raises:
        DataError: The numbers are so large or so small that float64 has no mean or spread of them.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        moments = moments or Moments.of(values)
        state = scaling_state(moments, values, "standard", missing)
        state |= {"spread": state["scale"]} if comes_back else {}
        present = values[~np.isnan(values)].astype(np.float64, copy=False)
        if curve == "quantile":
            return state if comes_back and moments.low[0] == moments.high[0] else _ranked(state, present, moments)
        return _powered(state, present, moments)


def _ranked(state: State, present: Array, moments: Moments) -> State:
    many = min(max(min(int(moments.counts[0]) // ROWS_OF_A_QUANTILE, MOST), FEWEST), max(len(present), 1))
    quantiles = _quantiles(np.sort(present), many) if len(present) else np.zeros(1)
    quantiles[0], quantiles[-1] = moments.low[0], moments.high[0]
    ranks = Ranks(quantiles, float(state["spread"]) if "spread" in state else None)
    one = torch.ones(1, dtype=torch.float64)
    bent = {"offset": 0 * one, "scale": one, "fill": _filled(state, ranks)}
    return {**state, **bent, "curve": "quantile", "quantiles": torch.from_numpy(quantiles)}


def _quantiles(values: Array, many: int) -> Array:
    """Rising quantiles `[Q]` of rising values `[N]`. Their places are exact: by rounding, equal ones would not all be equal."""
    place, rest = np.divmod(np.arange(many) * (len(values) - 1), max(many - 1, 1))
    before, after = values[place], values[np.minimum(place + 1, len(values) - 1)]
    return np.minimum(before + rest / max(many - 1, 1) * (after - before), after)


def _powered(state: State, present: Array, moments: Moments) -> State:
    ends = (float(moments.low[0]), float(moments.high[0]))
    power = Power(1.0 if ends[0] == ends[1] else likeliest_exponent(present, ends if "spread" in state else None))
    bent = scaling_state(Moments.of(power.bent(present.reshape(-1, 1))), None, "standard", "mean")
    return {
        **state,
        **{name: bent[name] for name in ("offset", "scale")},
        "fill": _filled(state, power),
        "curve": "power",
        "exponent": power.exponent,
        **({"ends": list(ends)} if "spread" in state else {}),
    }


def _filled(state: State, curve: Curve) -> torch.Tensor:
    return torch.from_numpy(curve.bent(state["fill"].numpy()))


def likeliest_exponent(values: Array, ends: tuple[float, float] | None = None) -> float:
    """The exponent of Yeo and Johnson under which some values are likeliest, their powers being normal.

    The likelihood has one maximum (Marchand et al. 2022, "SecureFedYJ", show that it is strictly concave), so its slope is 0 once. The
    exponent is kept where the powers are neither too large for float64 nor all the same to it.

    Args:
        values: Float64 `[N]`, not all of them equal.
        ends: Of a target the lowest and the highest; the exponent is kept where float32 brings values back.
    """
    low, high = _allowed(values)
    if ends is not None:
        low, high = _bringing_back(low, ends), _bringing_back(high, ends)
    is_below, logs = values < 0, np.log1p(np.abs(values))
    above, below, moved = logs[~is_below], logs[is_below], float(np.where(is_below, -logs, logs).mean())

    def slope(exponent: float) -> float:
        """How fast the negative logarithm of the likelihood of a value rises."""
        powers, steps = np.empty_like(values), np.empty_like(values)
        for place, part, sign, own in ((~is_below, above, 1, exponent), (is_below, below, -1, 2 - exponent)):
            power, steps[place] = _power_and_step(part, own)
            powers[place] = sign * power
        powers -= powers.mean()
        return float((powers * (steps - steps.mean())).mean() / (powers**2).mean()) - moved

    width = 1.0
    while slope(max(1 - width, low)) > 0 and 1 - width > low:
        width *= 2
    start = max(1 - width, low)
    width = 1.0
    while slope(min(1 + width, high)) < 0 and 1 + width < high:
        width *= 2
    return _zero(slope, start, min(1 + width, high))


def _power_and_step(logs: Array, exponent: float) -> tuple[Array, Array]:
    """What `Power` makes of the logarithms of 1 + x, and by how much that changes with the exponent.

    The second is (k e^k - e^k + 1) / k^2 of k = exponent * logs, times the logs squared.
    """
    k = exponent * logs
    less_one = np.expm1(k)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (k * less_one + (k - less_one)) / k**2
    near = np.abs(k) < 0.01
    k = k[near]
    share[near] = 1 / 2 + k / 3 + k**2 / 8 + k**3 / 30 + k**4 / 144
    return less_one / exponent if exponent else logs, logs**2 * share


def _allowed(values: Array) -> tuple[float, float]:
    """The lowest and the highest exponent, the first at most and the second at least 1."""
    low, high = -np.inf, np.inf
    for largest, is_above in ((values.max(), True), (-values.min(), False)):
        if largest > 0:
            least, most = -FLATTEST / np.log1p(largest), LARGEST / np.log1p(20 * largest)
            low, high = (max(low, least), min(high, most)) if is_above else (max(low, 2 - most), min(high, 2 - least))
    return min(float(low), 1.0), max(float(high), 1.0)


def _bringing_back(limit: float, ends: tuple[float, float]) -> float:
    """The exponent nearest to a limit, from 1 on, at which no part of the curve is too flat."""

    def is_steep(exponent: float) -> bool:
        power = Power(exponent)
        low, high = power.bent(np.array(ends))
        return (high - low) / (ends[1] - ends[0]) <= LOST * min(power.slope(end) for end in ends)

    near, far = 1.0, limit
    for _ in range(60):
        middle = (near + far) / 2
        near, far = (middle, far) if is_steep(middle) else (near, middle)
    return near


def _zero(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a rising function is 0, by false position with halved ends (Illinois); the end that is nearest where it is nowhere."""
    at_low, at_high, last = function(low), function(high), low
    if at_low >= 0 or at_high <= 0:
        return low if at_low >= 0 else high
    was_low: bool | None = None
    for _ in range(100):
        middle = (low * at_high - high * at_low) / (at_high - at_low)
        at_middle = function(middle)
        if at_middle == 0 or abs(middle - last) <= 1e-12 * max(1.0, abs(middle)):
            return middle
        last, is_low = middle, at_middle < 0
        if is_low:
            low, at_low, at_high = middle, at_middle, at_high / 2 if was_low is True else at_high
        else:
            high, at_high, at_low = middle, at_middle, at_low / 2 if was_low is False else at_low
        was_low = is_low
    return last
