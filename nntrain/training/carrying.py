"""What recurrent layers remember from one batch to the next, where each row goes on where one before has ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nntrain.data.batches import Batch

States = dict[str, list[Tensor]]
"""By step of the network, the tensors of its state `[num_layers, B, H]`."""


class Carried:
    """The states of all lanes. Those of a step count from `advance` on, so that a step may be computed again from the same ones."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._begin: States = {}
        self._ends: list[States] = []

    def given(self, batch: Batch) -> Mapping[str, tuple[Tensor, ...]] | None:
        """What a network goes on from in each row of a batch: zeros in rows that go on from none. `None` where nothing is carried."""
        if batch.goes_on is None:
            return None
        rows = slice(batch.lane, batch.lane + len(batch))
        goes_on, device = batch.goes_on.view(1, -1, 1), batch.rows.device
        return {name: tuple(torch.where(goes_on, part[:, rows].to(device), 0.0) for part in parts) for name, parts in self._begin.items()}

    def keep(self, batch: Batch, end: Mapping[str, tuple[Tensor, ...]]) -> None:
        """Take what a network ends with in each row of a batch; batches of a step come in the order of their lanes."""
        if batch.goes_on is None:
            return
        if batch.lane == 0:
            self._ends = []
        self._ends.append({name: [part.detach() for part in parts] for name, parts in end.items()})

    def advance(self) -> None:
        """A step is done: the next one begins with what it has ended with."""
        if self._ends:
            self._begin, self._ends = self._joined(), []

    def forget(self) -> None:
        """Begin with nothing again."""
        self._begin, self._ends = {}, []

    def state(self) -> States:
        """What the next step begins with; called between two steps."""
        return self._joined()

    def restore(self, state: Any) -> None:
        """Take back what `state` gave. Raises `TypeError` or `AttributeError` where it is something else."""
        found = {name: list(parts) for name, parts in state.items()}
        if not all(isinstance(part, Tensor) and part.ndim == 3 for parts in found.values() for part in parts):
            raise TypeError("carried states that are no tensors of three axes")
        self._begin, self._ends = found, []

    def _joined(self) -> States:
        if not self._ends:
            return self._begin
        names = self._ends[0]
        return {name: [torch.cat(parts, 1) for parts in zip(*(end[name] for end in self._ends), strict=True)] for name in names}
