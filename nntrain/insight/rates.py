"""Learning rates to try instead of one that is too high or too low, the same wherever that is told. Torch-free."""

from __future__ import annotations

from typing import Final

HEALTHY: Final = 1e-3
"""How far a step moves a weight, as a part of its size, where training goes well: CS231n, neural networks part 3, calls it a rough
heuristic, a lower ratio a sign of a rate that might be too low, a higher one of a rate that is likely too high. Digits and penguins have
5e-4 to 4e-3 in the first half of a run."""


def lower_rate(lr: float, default: float, update: float | None = None) -> float:
    """A rate to try where one is too high: a tenth, at most the optimizer's default.

    Args:
        lr: The rate.
        default: The optimizer's.
        update: How far a first step moves the weights, as a part of their size, where the rate alone says how far: as it does where
            gradients are not scaled. No default is right for all networks then, and the rate is the one for a step of healthy size.
    """
    if update is None or update <= 0:
        return min(lr / 10, default)
    return min(lr / 10, max(lr * 3 * HEALTHY / update, lr / 1e4))


def higher_rate(lr: float, default: float, update: float) -> float:
    """A rate to try where one is too low: the default where that is higher, else one whose steps have a healthy size."""
    healthy = lr * min(max(HEALTHY / max(update, 1e-12), 3.0), 1e4)
    return max(default, min(healthy, 10 * default)) if lr < default else min(healthy, 10 * lr)


def rate_text(value: float) -> str:
    """A rate as people type it, with one digit: `0.001`, `3e-05`."""
    return f"{float(f'{value:.1g}'):g}"
