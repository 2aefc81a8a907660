"""What was seen while acting: the last moves, from which rows are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Generator, Tensor

from nntrain.training.progress import count_of

Inputs = Mapping[str, Tensor]
"""Observations as the network reads them, `[B, …]` by name."""


@dataclass(frozen=True, slots=True)
class Moves:
    """Some moves, as rows."""

    inputs: Inputs
    """What was seen before."""
    actions: Tensor
    """Int64 `[B]`."""
    rewards: Tensor
    """Float32 `[B]`."""
    next_inputs: Inputs
    """What was seen after."""
    terminated: Tensor
    """Bool `[B]`: whether nothing can follow. Where an episode was only cut off, something could have."""
    numbers: Tensor
    """Int64 `[B]`: which move it was, from 0."""


@dataclass(slots=True)
class Replay:
    """The last `capacity` moves; a new one takes the place of the oldest. On the CPU."""

    capacity: int
    count: int = 0
    """Moves that were ever added."""
    _columns: dict[str, Tensor] = field(default_factory=dict[str, Tensor])

    def __len__(self) -> int:
        return min(self.count, self.capacity)

    def add(self, inputs: Inputs, action: int, reward: float, next_inputs: Inputs, *, terminated: bool) -> None:
        """Remember a move; inputs are single rows, `[1, …]`."""
        columns = {
            **{f"before.{name}": value[0] for name, value in inputs.items()},
            **{f"after.{name}": value[0] for name, value in next_inputs.items()},
            "action": torch.tensor(action),
            "reward": torch.tensor(reward, dtype=torch.float32),
            "terminated": torch.tensor(terminated),
            "number": torch.tensor(self.count),
        }
        place = self.count % self.capacity
        for name, value in columns.items():
            if name not in self._columns:
                self._columns[name] = torch.zeros(self.capacity, *value.shape, dtype=value.dtype)
            self._columns[name][place] = value
        self.count += 1

    def draw(self, rows: int, generator: Generator) -> Moves:
        """Moves drawn at random, each as likely as any other, and again where chance wants it."""
        index = torch.randint(len(self), (rows,), generator=generator)
        found = {name: column.index_select(0, index) for name, column in self._columns.items()}
        before, after = (
            {name.removeprefix(prefix): value for name, value in found.items() if name.startswith(prefix)}
            for prefix in ("before.", "after.")
        )
        return Moves(before, found["action"], found["reward"], after, found["terminated"], found["number"])

    def state(self) -> dict[str, Any]:
        """The moves that are remembered."""
        return {"count": self.count, "columns": {name: column[: len(self)] for name, column in self._columns.items()}}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave. Raises `LookupError`, `TypeError`, `ValueError` or `RuntimeError` where it is something else."""
        self.count = count_of(state, "count")
        self._columns = {}
        for name, saved in cast("Mapping[str, Tensor]", state["columns"]).items():
            if len(saved) != len(self):
                raise ValueError(f"{name}: {len(saved)} moves, and {len(self)} are remembered")
            self._columns[name] = torch.zeros(self.capacity, *saved.shape[1:], dtype=saved.dtype)
            self._columns[name][: len(saved)] = saved
