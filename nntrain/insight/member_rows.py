"""Some rows at the entrances of networks that answer as one: shares are the mean of those that each of them gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nntrain.insight.attributing import Rows, Shares, shares_of
from nntrain.insight.settings import Method
from nntrain.modules.network import Network


@dataclass(frozen=True, slots=True)
class MemberRows:
    """The rows as each network reads them, which have the same parts; of a run that is no bag there is one network."""

    members: tuple[Rows, ...]

    @property
    def first(self) -> Rows:
        """Those of the first network, for what is the same in all: parts, and the answer that is asked for."""
        return self.members[0]

    @property
    def parts(self) -> int:
        """Number of parts, P."""
        return self.first.entrance.count

    @property
    def is_probability(self) -> bool:
        """Whether answers are probabilities."""
        return self.first.answer.is_probability

    def __len__(self) -> int:
        return len(self.first.chosen)

    def used(self) -> Tensor:
        """Which parts differ from those of a row that says nothing, bool `[B, P]`."""
        return self.first.used()

    def without(self, gone: Tensor) -> Tensor:
        """The mean answer, were some parts those of a row that says nothing, float64 `[B]`."""
        return self._mean(lambda rows: rows.without(gone))

    def shares(self, method: Method, seed: int, networks: Sequence[Network] | None = None) -> Shares:
        """Share out the answers; of other networks, one for each, where some are given. Raises `UsageError`."""
        found = [shares_of(rows, method, seed, None if networks is None else networks[place]) for place, rows in enumerate(self.members)]
        parts, answers, neutral = (
            torch.stack([getattr(each, name) for each in found]).mean(0) for name in ("by_part", "answers", "neutral")
        )
        return Shares(parts, answers, neutral, found[0].adds_up)

    def _mean(self, of: Callable[[Rows], Tensor]) -> Tensor:
        return torch.stack([of(rows) for rows in self.members]).mean(0)
