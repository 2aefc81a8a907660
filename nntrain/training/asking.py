"""What a network says of the rows of a batch, and what that predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch
from nntrain.data.packed import LENGTHS
from nntrain.modules.network import Memory, Network
from nntrain.specs import teacher_port
from nntrain.training.carrying import Carried
from nntrain.training.device import Precision
from nntrain.training.objective import Objective


@dataclass(frozen=True, slots=True)
class Reader:
    """A network, and how its outputs are read."""

    network: nn.Module
    objective: Objective
    precision: Precision
    carried: Carried = field(default_factory=Carried)
    """What the network remembers of the batches before, where rows go on from others."""

    def outputs(self, batch: Batch) -> Mapping[str, Tensor]:
        """The outputs for rows whose targets are known: the network is told of them what it may know."""
        return self._read(batch, self.objective.inputs(batch))

    def blind(self, batch: Batch) -> Mapping[str, Tensor]:
        """The outputs for rows whose targets nobody knows; none of targets that the network is told of."""
        if not any(target.is_taught for target in self.objective.targets.values()):
            return self._read(batch, batch.inputs)
        return self._memory(batch).outputs

    def predictions(self, batch: Batch, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What is predicted of each target."""
        found: dict[str, Tensor] = {}
        memory: Memory | None = None
        for name, target in self.objective.targets.items():
            if target.is_taught:
                memory = self._memory(batch) if memory is None else memory
                asked = _Asked(cast("Network", self.network), memory, name, self.precision)
                found[name] = target.task.search(asked, target.target)
            else:
                found[name] = target.predict(outputs[name], outputs.get(LENGTHS.format(name)))
        return found

    def _read(self, batch: Batch, inputs: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        if batch.lane == 0:
            self.carried.advance()
        with self.precision.autocast():
            outputs, end = self.network(inputs, self.carried.given(batch))
        self.carried.keep(batch, end)
        return outputs

    def _memory(self, batch: Batch) -> Memory:
        with self.precision.autocast():
            return cast("Network", self.network).memorise(batch.inputs)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A network that has read its fields, as `Task.search` asks it."""

    network: Network
    memory: Memory
    target: str
    precision: Precision

    @property
    def rows(self) -> int:
        return self.memory.rows

    @property
    def device(self) -> torch.device:
        return self.memory.device

    def __call__(self, rows: Tensor, told: Tensor) -> Tensor:
        port = teacher_port(self.target)
        lengths = torch.full((len(told),), told.shape[1], device=told.device)
        with self.precision.autocast():
            outputs = self.network.recall(self.memory, rows, {port: told, LENGTHS.format(port): lengths})
        return outputs[self.target][:, -1].float()
