"""Entities in sequences of tags: which steps belong together, and how many were found exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

_OUTSIDE, _BEGIN, _INSIDE, _END, _SINGLE = range(5)
_PLACES: Final = {"O": _OUTSIDE, "B": _BEGIN, "I": _INSIDE, "E": _END, "L": _END, "S": _SINGLE, "U": _SINGLE}


@dataclass(frozen=True, slots=True)
class EntityTags:
    """What tags such as `B-person` mean, by class."""

    kinds: tuple[str, ...]
    """Kinds of entities, by alphabet; a tag without a kind has the empty one."""
    places: Tensor
    """Int64 `[K]`: outside, begin, inside, end or single."""
    kind_of: Tensor
    """Int64 `[K]`: place of the kind in `kinds`; -1 outside."""

    @classmethod
    def of(cls, tags: Sequence[tuple[str, str] | None]) -> EntityTags:
        """Take the letter of each class, O, B, I, E (L) or S (U), and its kind; a class that is no such tag is outside."""
        parts = [("O", "") if tag is None else tag for tag in tags]
        kinds = tuple(sorted({kind for letter, kind in parts if letter != "O"}))
        return cls(
            kinds,
            torch.tensor([_PLACES[letter] for letter, _ in parts]),
            torch.tensor([-1 if letter == "O" else kinds.index(kind) for letter, kind in parts]),
        )

    def count(self, predicted: Tensor, actual: Tensor) -> Tensor:
        """Count entities by row and kind. Those are found that begin and end at the right steps and are of the right kind.

        An entity begins at B or S, at I or E behind another kind, and at I or E where none is open (conlleval, as seqeval does by default).

        Args:
            predicted: Classes int64 `[B, T]`.
            actual: Classes int64 `[B, T]`; a step with -1 has no tag and is outside in both.

        Returns:
            Int64 `[B, 3, E]`: found, predicted, actual.
        """
        has_tag = actual >= 0
        guess, truth = self._spans(predicted, has_tag), self._spans(actual.clamp(min=0), has_tag)
        same = (guess.end == truth.end) & (guess.kind == truth.kind)
        counted = [(guess.starts & truth.starts & same, truth), (guess.starts, guess), (truth.starts, truth)]
        sums = [self._by_kind(starts, spans.kind) for starts, spans in counted]
        return torch.stack(sums, dim=1)

    def _spans(self, tags: Tensor, has_tag: Tensor) -> _Spans:
        place = self.places.to(tags.device)[tags].masked_fill(~has_tag, _OUTSIDE)
        kind = self.kind_of.to(tags.device)[tags].masked_fill(~has_tag, -1)
        before, kind_before = _shifted(place, 1, _OUTSIDE), _shifted(kind, 1, -1)
        is_open = ((before == _BEGIN) | (before == _INSIDE)) & (kind_before == kind)
        starts = (place == _BEGIN) | (place == _SINGLE) | (((place == _INSIDE) | (place == _END)) & ~is_open)
        goes_on = (_shifted(place, -1, _OUTSIDE) != _OUTSIDE) & ~_shifted(starts, -1, 0)
        ends = (place != _OUTSIDE) & ~goes_on
        steps = tags.shape[1]
        step = torch.arange(steps, device=tags.device).expand_as(tags)
        end = torch.where(ends, step, steps).flip(1).cummin(dim=1).values.flip(1) if steps else step
        return _Spans(starts, end, kind)

    def _by_kind(self, starts: Tensor, kind: Tensor) -> Tensor:
        """Starts `[B, T]` by row and kind, int64 `[B, E]`."""
        found = torch.zeros(len(starts), len(self.kinds), dtype=torch.int64, device=starts.device)
        return found.scatter_add_(1, kind.clamp(min=0), starts.long()) if self.kinds else found


@dataclass(frozen=True, slots=True)
class _Spans:
    """Entities of rows `[B, T]`."""

    starts: Tensor
    """Whether one begins."""
    end: Tensor
    """The last step of the one that begins there."""
    kind: Tensor


def _shifted(values: Tensor, by: int, fill: int) -> Tensor:
    """Values `[B, T]` one step later (1) or earlier (-1), with `fill` where none comes from."""
    found = torch.full_like(values, fill)
    if by > 0:
        found[:, 1:] = values[:, :-1]
    else:
        found[:, :-1] = values[:, 1:]
    return found
