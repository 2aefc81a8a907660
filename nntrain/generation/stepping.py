"""A network that is asked step by step: it reads each step once where every layer carries its state, else all steps again.

Both give the same numbers. A network that tells steps by their place, or attends to all of them, reads no more at once than it was trained
on: beyond that it reads its last ones anew each time, as a window of its training.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.data.packed import LENGTHS
from nntrain.layers.program import Program


def carries_all(program: Program) -> bool:
    """Whether every layer that reads earlier steps carries a state: then going on from it gives what reading all steps again does.

    No layer looks ahead, as the task has made sure.
    """
    return not any(step.layer.is_causal and "state" not in step.layer.needs for step in program.steps)


def most_steps(program: Program, key: str, longest: int | None = None) -> int | None:
    """Steps that the network reads at once.

    Args:
        program: The network.
        key: The input that the steps are given as.
        longest: Steps of the longest row that it was trained on, where rows differ.

    Returns:
        Those that it has positions for, and no more than it was trained on where its layers count steps; `None` where there is no limit.
    """
    limits = [limit for step in program.steps if (limit := step.layer.most_steps(step.inputs[0].spec)) is not None]
    if any(step.layer.counts_steps for step in program.steps):
        window = program.inputs[key].size("time")
        limits += [trained for trained in (window if isinstance(window, int) else longest,) if trained]
    return min(limits, default=None)


class Stepper:
    """One sequence, or several of one length, on their way through a network."""

    def __init__(self, network: nn.Module, program: Program, key: str, target: str, longest: int | None = None) -> None:
        """Begin.

        Args:
            network: The network of the program, in evaluation.
            program: Its program.
            key: The input that the steps are given as.
            target: The output that is read.
            longest: Steps of the longest row that it was trained on, where rows differ.
        """
        self._network, self._key, self._target = network, key, target
        self._limit = most_steps(program, key, longest)
        self._state: Mapping[str, Any] | None = {} if carries_all(program) else None
        self._read: Tensor | None = None
        self._is_ragged = program.inputs[key].is_ragged

    @torch.inference_mode()
    def advance(self, steps: Tensor) -> Tensor:
        """Read further steps `[B, T, …]`, T being 1 or more; what the network says at the last of them, `[B, …]`."""
        self._read = steps if self._read is None else torch.cat([self._read, steps], dim=1)
        if self._limit is not None and self._read.shape[1] > self._limit:
            self._read, self._state = self._read[:, -self._limit :], None
        given = self._read if self._state is None else steps
        inputs = {self._key: given}
        if self._is_ragged:
            inputs[LENGTHS.format(self._key)] = torch.full((len(given),), given.shape[1], device=given.device)
        outputs, state = self._network(inputs, self._state)
        if self._state is not None:
            self._state = state
        return outputs[self._target][:, -1]
