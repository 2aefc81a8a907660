"""What matters over all rows: how much worse a network is without a column, and what it answers as a column changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.grid import Cell
from nntrain.data.input_columns import InputColumn
from nntrain.data.scaling import take
from nntrain.metrics.metric import Direction

SHUFFLES: Final = 5
POINTS: Final = 12
"""Values of a column that a curve has, at most."""

Measure = Callable[[TensorData], float | None]
"""The metric of some rows, in its own unit."""
Predict = Callable[[TensorData], Tensor]
"""What people are told of some rows: probabilities, or values in their own unit, `[N, K]`."""


@dataclass(frozen=True, slots=True)
class Importance:
    """What a metric loses when a column is shuffled."""

    column: str
    mean: float
    """Over the shuffles, in the unit of the metric; above 0 where the network is worse without the column."""
    spread: float
    """Standard deviation over the shuffles."""


@dataclass(frozen=True, slots=True)
class Importances:
    """The columns that matter, the most important first."""

    metric: str
    value: float
    """Of the rows as they are."""
    rows: int
    shuffles: int
    columns: tuple[Importance, ...]


@dataclass(frozen=True, slots=True)
class Dependence:
    """The mean prediction for some rows, were they all to have one value of a column."""

    column: str
    values: tuple[Cell, ...]
    """In its own unit, G of them."""
    is_ordered: bool
    """Whether they go from low to high; else the commonest comes first."""
    means: Mapping[str, tuple[float, ...]]
    """By what is predicted, a class or a value, at each value of the column."""
    rows: int

    def span(self) -> float:
        """How far the mean prediction moves, the widest of all that is predicted."""
        return max((max(means) - min(means) for means in self.means.values()), default=0.0)


def permutation_importance(
    data: TensorData,
    columns: Sequence[InputColumn],
    measure: Measure,
    *,
    metric: tuple[str, Direction],
    seed: int,
    shuffles: int = SHUFFLES,
) -> Importances | None:
    """Shuffle each column by itself, all numbers that it is made of together, and measure again (Breiman, 2001).

    Columns that tell the same share their importance: each can stand in for the other. Every column is shuffled in the same orders.

    Args:
        data: Rows with targets, in memory.
        columns: Their columns.
        measure: The metric.
        metric: Its name, and which direction is better.
        seed: Decides the orders.
        shuffles: How often each column is shuffled.

    Returns:
        `None` where the metric of these rows is not defined.
    """
    name, direction = metric
    value = measure(data)
    if value is None:
        return None
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(len(data), generator=generator).to(data.rows.device) for _ in range(shuffles)]
    sign = 1 if direction == "max" else -1
    found: list[Importance] = []
    for column in columns:
        losses = [sign * (value - shuffled) for order in orders if (shuffled := measure(column.reordered(data, order))) is not None]
        if losses:
            found.append(Importance(column.name, *_mean_and_spread(losses)))
    return Importances(name, value, len(data), shuffles, tuple(sorted(found, key=lambda each: -each.mean)))


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    mean = sum(values) / len(values)
    return mean, math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1))


def partial_dependence(
    data: TensorData, column: InputColumn, values: Any, predict: Predict, outputs: Sequence[str], points: int = POINTS
) -> Dependence | None:
    """The mean prediction at some values of a column, all else as it is (Friedman, 2001).

    Args:
        data: Rows, in memory.
        column: What is changed.
        values: What its field reads in these rows, `[N, …]`.
        predict: The network.
        outputs: Names of what it predicts, K.
        points: Values of the column, at most.

    Returns:
        `None` for a column without values to go through, such as an image, or without any.
    """
    settings, state = column.field.plan.field, column.field.state
    grid = settings.grid(values, state, points)
    if grid is None:
        return None
    encoded = torch.from_numpy(settings.encode(grid.values, state, is_target=False).values)
    cells = grid.cells[column.feature or 0]
    if column.feature is not None:
        encoded = encoded[:, column.feature]
    means = [predict(column.held(data, encoded[place])).double().mean(dim=0) for place in range(len(cells))]
    if not means:  # every value is missing
        return None
    table = cast("list[list[float]]", torch.stack(means, dim=1).tolist())
    by_output = {name: tuple(row) for name, row in zip(outputs, table, strict=True)}
    return Dependence(column.name, cells, grid.is_ordered, by_output, len(data))


def some_rows(data: TensorData, most: int, seed: int) -> tuple[TensorData, Tensor]:
    """At most so many rows, drawn by a seed and kept in their order, in memory; and which these are, int64 `[M]`."""
    index = torch.arange(len(data))
    if len(data) > most:
        generator = torch.Generator().manual_seed(seed)
        index = torch.randperm(len(data), generator=generator)[:most].sort().values
        data = data.take(index)
    return data.loaded(), index


def values_of(values: Any, data: TensorData) -> Any:
    """What a field reads in some rows, of its values of the whole table."""
    return take(values, data.rows.cpu().numpy())
