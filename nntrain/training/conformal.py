"""Intervals that hold a promised share of new values: split-conformal prediction.

What a network misses on rows that it was not fitted to tells how far new values will lie off. With the scores s of n such rows, and
new rows that are drawn like them, the k-th smallest, k = ceil((n + 1) (1 - a)), is at least a new row's score with probability 1 - a
or more, whatever the network and the distribution are (Papadopoulos et al. 2002; Lei et al. 2018, theorem 2.2). Here the rows are those
of validation, which also chose the best state: the promise is kept as far as that choice was not fitted to them. Later rows of a time
series are not drawn like them, and windows share rows: there the level is what the validation rows show, and no promise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.losses.links import Interval

MAX_KEPT: Final = 1_000
"""Scores that are kept of each value. Of more rows the others are told by the next larger one that is kept, which keeps the promise."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How far the values of some rows lie off the predictions: sorted, by feature."""

    rows: int
    """Number of the rows, n."""
    ranks: Tensor
    """Which of the n sorted scores are kept, int64 `[R]`, from 1 to n, ascending; n is among them."""
    values: Tensor
    """These scores, float64 `[R, F]`, in the unit of the target."""

    @classmethod
    def of(cls, predicted: Tensor, own: Interval | None, truth: Tensor) -> Scores:
        """Score rows by their distance from the prediction, |y - f(x)|.

        Where the loss has an interval of its own, by the distance from that, negative inside: max(low - y, y - high) (conformalized
        quantile regression, Romano et al. 2019, equation 6).

        Args:
            predicted: What the network says, in raw units, `[N]` or `[N, F]`.
            own: The loss's own interval, of the same shape.
            truth: The values, of the same shape.

        Raises:
            ValueError: There is no row, or a score is not finite.
        """
        predicted, truth = predicted.double(), truth.double()
        off = (truth - predicted).abs() if own is None else torch.maximum(own.low.double() - truth, truth - own.high.double())
        if not len(off) or not bool(off.isfinite().all()):
            raise ValueError("no rows, or scores that are not finite")
        ranks = kept_ranks(len(off))
        return cls(len(off), ranks, off.reshape(len(off), -1).sort(dim=0).values[ranks - 1])

    def least_rows(self, level: float) -> int:
        """Rows without which there is no interval of a level: fewer can't tell so rare a miss."""
        share = Fraction(str(level))
        return math.ceil(share / (1 - share))

    def quantile(self, level: float) -> Tensor:
        """The score that a new row stays below or at with probability `level`, float64 `[F]`.

        Raises:
            ValueError: There are fewer than `least_rows`.
        """
        rank = math.ceil((self.rows + 1) * Fraction(str(level)))  # as it is written: 0.07 * 100 is 7.000000000000001 in binary
        if rank > self.rows:
            raise ValueError("too few rows")
        return self.values[int(torch.searchsorted(self.ranks, rank))]

    def interval(self, level: float, predicted: Tensor, own: Interval | None) -> Interval:
        """Where new values lie with probability `level`, each feature by itself; arguments as of `of`. The prediction is always inside.

        Raises:
            ValueError: There are fewer than `least_rows`.
        """
        reach = self.quantile(level).to(predicted.device)
        reach = reach[0] if predicted.ndim == 1 else reach
        low, high = (predicted, predicted) if own is None else (own.low, own.high)
        return Interval(torch.minimum(low - reach, predicted), torch.maximum(high + reach, predicted))

    def state(self) -> dict[str, Any]:
        """As a plain tree."""
        return {"rows": self.rows, "ranks": self.ranks.tolist(), "values": self.values.tolist()}

    @classmethod
    def restore(cls, tree: Mapping[str, Any]) -> Scores:
        """Undo `state`. Raises `LookupError`, `TypeError`, `ValueError` or `RuntimeError` where it is something else."""
        rows = int(tree["rows"])
        ranks = torch.tensor(cast("list[int]", tree["ranks"]), dtype=torch.int64)
        values = torch.tensor(cast("list[list[float]]", tree["values"]), dtype=torch.float64)
        is_ascending = ranks.ndim == 1 and len(ranks) > 0 and bool((ranks.diff() > 0).all())
        if not is_ascending or int(ranks[0]) < 1 or int(ranks[-1]) != rows or values.ndim != 2 or len(values) != len(ranks):
            raise ValueError("ranks that are not those of the rows")
        if not bool(values.isfinite().all()) or bool((values.diff(dim=0) < 0).any()):
            raise ValueError("scores that are not finite, or not sorted")
        return cls(rows, ranks, values)


def kept_ranks(rows: int) -> Tensor:
    """Which of `rows` sorted scores are kept: all, or half of them evenly and half ever closer towards the largest; int64 `[R]`."""
    if rows <= MAX_KEPT:
        return torch.arange(1, rows + 1)
    half = MAX_KEPT // 2
    evenly = [1 + (rows - 1) * place // (half - 1) for place in range(half)]
    closer = [rows + 1 - math.ceil(rows ** (place / (half - 1))) for place in range(half)]
    return torch.tensor(sorted({*evenly, *closer}))
