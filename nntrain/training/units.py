"""What a loss or metric counts: rows, or the units of rows whose target has a value for each step or node.

A class of -1 or a value of NaN counts nothing: what is padded behind a row's end, a step without a tag, a node of another split.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from nntrain.tasks.task import UnitAxis


class Units(NamedTuple):
    """What a target's units are scored and judged by, `[S, …]` each."""

    output: Tensor
    target: Tensor
    weights: Tensor | None
    """Float32 `[S]`; `None` where all count once."""


def fold(values: Tensor, axis: UnitAxis | None) -> Tensor:
    """Outputs, predictions or targets by unit; nodes are one after another already.

    `[B, T, …]` of steps become `[B * T, …]`, `[B, K, H, W]` of pixels `[B * H * W, K]`, and targets `[B, H, W]` `[B * H * W]`.
    """
    if axis == "pixel":
        return values.movedim(1, -1).flatten(0, 2) if values.ndim == 4 else values.flatten()
    return values.flatten(0, 1) if axis == "time" else values


def fold_target(target: Tensor, weights: Tensor | None, axis: UnitAxis | None, steps: int | None = None) -> tuple[Tensor, Tensor | None]:
    """A target by unit, with 0 where nothing counts, and how much each unit counts.

    Args:
        target: `[B, …]` of rows, `[B, T, …]` of steps, `[S, …]` of nodes, `[B, H, W]` of pixels.
        weights: How much each row counts, `[B]`; nodes have none.
        axis: What the units of a row are.
        steps: Steps of the output, where a target may be padded further.
    """
    if axis is None:
        return target, weights
    if axis == "time":
        target = target if steps is None else target[:, :steps]
        weights = None if weights is None else weights.repeat_interleave(target.shape[1])
        target = target.flatten(0, 1)
    if axis == "pixel":
        weights = None if weights is None else weights.repeat_interleave(target[:1].numel())
        target = target.flatten()
    counts = counting(target)
    by_unit = counts.float() if weights is None else counts * weights
    blank = (~counts).reshape(-1, *[1] * (target.ndim - 1))
    return target.masked_fill(blank, 0), by_unit


def counting(target: Tensor) -> Tensor:
    """Which units `[S, …]` count, bool `[S]`."""
    if target.is_floating_point():
        return ~target.reshape(len(target), -1).isnan().any(dim=1)
    return (target >= 0).reshape(len(target), -1).all(dim=1)


def chosen(prediction: Tensor, target: Tensor, weights: Tensor | None, axis: UnitAxis | None) -> Units:
    """The units that count: of predictions `[B, …]` of rows, `[S, …]` of units as `fold` has them, targets and weights as in a batch."""
    if axis is None:
        return Units(prediction, target, weights)
    steps = len(prediction) // len(target) if axis == "time" and len(target) else None
    folded, by_unit = fold_target(target, weights, axis, steps)
    assert by_unit is not None
    keep = counting(fold(target if steps is None else target[:, :steps], axis))
    if axis == "pixel" and bool(keep.all()):  # nothing is copied where all count
        return Units(prediction, folded, None if weights is None else by_unit)
    return Units(prediction[keep], folded[keep], None if weights is None else by_unit[keep])
