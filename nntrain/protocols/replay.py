"""What was seen while acting: the last moves, from which rows are drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import Generator, Tensor

from nntrain.training.progress import count_of
from nntrain.training.state import type_and_shape

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
        columns = _columns(inputs, action, reward, next_inputs, terminated=terminated, number=self.count)
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

    def restore(self, state: Mapping[str, Any], inputs: Inputs) -> None:
        """Take back what `state` gave.

        Args:
            state: What was saved.
            inputs: Any observation, `[1, …]`: those that were saved are of its form.

        Raises:
            LookupError, TypeError, ValueError, AttributeError: The state is something else.
        """
        self.count, self._columns = count_of(state, "count"), {}
        saved = cast("Mapping[str, Tensor]", state["columns"])
        if saved.keys() != _columns(inputs, 0, 0.0, inputs, terminated=False, number=0).keys():
            raise ValueError(f"moves with {', '.join(saved)}")
        for name, like in _columns(inputs, 0, 0.0, inputs, terminated=False, number=0).items():
            column = saved[name]
            if column.shape != (len(self), *like.shape) or column.dtype != like.dtype:
                raise ValueError(f"{name}: {type_and_shape(column)} is not what {len(self)} moves have")
            self._columns[name] = torch.zeros(self.capacity, *like.shape, dtype=like.dtype)
            self._columns[name][: len(self)] = column


def _columns(inputs: Inputs, action: int, reward: float, next_inputs: Inputs, *, terminated: bool, number: int) -> dict[str, Tensor]:
    """A move by column, without the axis of rows."""
    return {
        **{f"before.{name}": value[0] for name, value in inputs.items()},
        **{f"after.{name}": value[0] for name, value in next_inputs.items()},
        "action": torch.tensor(action),
        "reward": torch.tensor(reward, dtype=torch.float32),
        "terminated": torch.tensor(terminated),
        "number": torch.tensor(number),
    }
