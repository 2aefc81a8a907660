"""What a network says of the rows of a batch, and what that predicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch
from nntrain.data.packed import LENGTHS
from nntrain.modules.network import Memory, Network
from nntrain.specs import point_output, teacher_port
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
        """The outputs for rows whose targets nobody knows; none of targets that the network is taught."""
        if not self.objective.hinted and not any(target.is_taught for target in self.objective.targets.values()):
            return self._read(batch, batch.inputs)
        return self._memory(batch).outputs

    def views(self, batch: Batch) -> tuple[Mapping[str, Tensor], ...]:
        """The outputs for the further views of a batch, as `blind` gives them."""
        return tuple(self.blind(replace(batch, inputs={**batch.inputs, **view}, views=())) for view in batch.views)

    def predictions(self, batch: Batch, outputs: Mapping[str, Tensor], views: Sequence[Mapping[str, Tensor]] = ()) -> dict[str, Tensor]:
        """What is predicted of each target, from the outputs for the rows; the mean over them and their views, where there are any."""
        found = self._predicted(batch, outputs)
        if not views:
            return found
        seen = [self._predicted(batch, view) for view in views]
        return {name: self.objective.mean(name, [found[name], *(view[name] for view in seen)], len(batch)) for name in found}

    def _predicted(self, batch: Batch, outputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        memory: Memory | None = None
        for name, target in self.objective.targets.items():
            if target.is_taught:
                memory = self._memory(batch) if memory is None else memory
                asked = _Asked(cast("Network", self.network), memory, name, self.precision)
                found[name] = target.task.search(asked, target.target)
            else:
                found[name] = target.predict(outputs.get(point_output(name), outputs[name]), outputs.get(LENGTHS.format(name)))
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


class _Asked:
    """A network that has read its fields, as `Task.search` asks it.

    Where every step of it that reads earlier ones carries a state, it is told a token at a time; else everything anew each time.
    """

    def __init__(self, network: Network, memory: Memory, target: str, precision: Precision) -> None:
        self._network, self._memory, self._target, self._precision = network, memory, target, precision
        self._by_step = network.recalls_by_step
        self._rows: Tensor | None = None
        """Rows of the memory that were asked about last."""
        self._known = memory
        """The memory of these."""
        self._state: dict[str, Any] = {}

    @property
    def rows(self) -> int:
        return self._memory.rows

    @property
    def device(self) -> torch.device:
        return self._memory.device

    def __call__(self, rows: Tensor, told: Tensor, parents: Tensor | None) -> Tensor:
        if self._rows is None or not torch.equal(rows, self._rows):
            self._rows, self._known = rows, self._memory.take(rows)
        begins = parents is None or not self._by_step
        state = None if not self._by_step else {} if parents is None else self._network.reordered(self._state, parents)
        with self._precision.autocast():
            # All rows are equally long: without lengths nothing looks for padding.
            outputs, self._state = self._network.recall(self._known, {teacher_port(self._target): told if begins else told[:, -1:]}, state)
        return outputs[self._target][:, -1].float()
