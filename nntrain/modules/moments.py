"""Metrics of values that are made of their means and spreads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from nntrain.modules.metrics import Held, Scalar, Sums, as_rows, differences, undefined

_ROUNDING: Final = 1e3
"""Rounding of a sum over many rows, in units of the last place."""


class Moments(NamedTuple):
    """Weighted sums by value of a row, float64 `[R, F]`. What is no more than the rounding of the sums is 0."""

    errors: Tensor
    """Squared differences of prediction and target."""
    error_spread: Tensor
    """Squared differences of prediction minus target from its mean."""
    target_spread: Tensor
    """Squared differences of the target from its mean."""
    prediction_spread: Tensor
    shared_spread: Tensor
    """Products of the differences of prediction and target from their means."""


class OfMoments(Scalar):
    """A number that is a function of moments. Values are counted from the first row: a large mean would cancel the digits of a spread."""

    def __init__(self, value: Callable[[Moments], Tensor]) -> None:
        """Take what the moments mean by value of a row, `[R, F]`; the number is the mean over those that are defined."""
        self._value, self._sums = value, Sums()
        self._origins: tuple[Tensor, Tensor] | None = None

    def update(self, prediction: Tensor, target: Tensor, weights: Tensor | None = None) -> None:
        """Add rows, `[B]` or `[B, F]`."""
        errors = as_rows(differences(prediction, target))
        target = as_rows(target).to(errors.dtype)
        prediction = as_rows(prediction.reshape(target.shape)).to(errors.dtype)
        if self._origins is None:
            self._origins = prediction[0].clone(), target[0].clone()
        guess, truth = prediction - self._origins[0], target - self._origins[1]
        found = (errors.square(), errors, truth, truth.square(), guess, guess.square(), guess * truth, torch.ones_like(errors))
        self._sums.add(torch.cat(found, dim=1), weights)

    def held(self) -> Held:
        return [*self._sums.held(), *(self._origins or (None, None))]

    def join(self, held: Sequence[Held]) -> None:
        moved: list[Held] = []
        self._origins = None
        for sums, guess, truth in held:
            if sums is None or guess is None or truth is None:
                continue
            self._origins = self._origins or (guess, truth)
            moved.append([_moved(sums, guess - self._origins[0], truth - self._origins[1])])
        self._sums.join(moved or [[None]])

    def values(self) -> Tensor:
        """The number of each weighting."""
        sums = self._sums.read()
        if sums is None:
            return undefined()
        squares, error, truth, truths, guess, guesses, both, weight = sums.chunk(8, dim=1)
        kind = torch.float64 if self._origins is None else self._origins[0].dtype
        noise = _ROUNDING * torch.finfo(kind).eps

        def spread(square: Tensor, total: Tensor) -> Tensor:
            found = square - total.square() / weight
            return torch.where(found > noise * square, found, 0.0)

        shared = both - guess * truth / weight
        return self._value(Moments(squares, spread(squares, error), spread(truths, truth), spread(guesses, guess), shared)).nanmean(dim=1)


def _moved(sums: Tensor, guess: Tensor, truth: Tensor) -> Tensor:
    """The sums of `OfMoments` counted from origins that lie so far below."""
    squares, error, true, truths, given, guesses, both, weight = sums.chunk(8, dim=1)
    found = (
        squares,
        error,
        true + weight * truth,
        truths + 2 * truth * true + weight * truth.square(),
        given + weight * guess,
        guesses + 2 * guess * given + weight * guess.square(),
        both + guess * true + truth * given + weight * guess * truth,
        weight,
    )
    return torch.cat(found, dim=1)
