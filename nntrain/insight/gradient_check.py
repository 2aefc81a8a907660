"""Whether the gradients of a layer are those of what it computes: `torch.autograd.gradcheck` in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

MOST_VALUES: Final = 200
"""Inputs and parameters of which each is moved by itself; of more, one random direction (`fast_mode`) is looked at."""
SEED: Final = 0


def check_gradients(module: nn.Module, inputs: Sequence[Tensor], names: Sequence[str]) -> str | None:
    """Compare the gradients of a module with differences of its outputs.

    Args:
        module: A copy that nobody else uses; it becomes float64. What it draws is the same each time.
        inputs: Float64 ones get a gradient, others stay as they are.
        names: What the inputs are called.

    Returns:
        What does not agree, in a line; `None` where all does.
    """
    module = module.double()
    parameters = {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}
    leaves = [each.detach().clone().requires_grad_(each.is_floating_point()) for each in inputs]
    weights = [parameter.detach().clone().requires_grad_() for parameter in parameters.values()]
    every = [*leaves, *weights]
    moved = [leaf for leaf in every if leaf.requires_grad]
    if not moved:
        return None
    places = {id(leaf): place for place, leaf in enumerate(every)}
    buffers = {name: buffer.clone() for name, buffer in module.named_buffers()}

    def run(*given: Tensor) -> tuple[Tensor, ...]:
        values = list(every)
        for leaf, now in zip(moved, given, strict=True):
            values[places[id(leaf)]] = now
        told = dict(zip(parameters, values[len(leaves) :], strict=True))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            state = {**told, **{name: buffer.clone() for name, buffer in buffers.items()}}
            found: Any = torch.func.functional_call(module, cast("Any", state), tuple(values[: len(leaves)]))
        outputs = cast("tuple[Any, ...]", found if isinstance(found, tuple) else (found,))
        return tuple(each for each in outputs if isinstance(each, Tensor) and each.is_floating_point())

    fast = sum(leaf.numel() for leaf in moved) > MOST_VALUES
    try:
        torch.autograd.gradcheck(run, moved, fast_mode=fast, nondet_tol=0.0)
    except (RuntimeError, ValueError, TypeError) as error:
        labels = [name for name, leaf in zip([*names, *parameters], every, strict=True) if leaf.requires_grad]
        return _told(str(error), labels)
    return None


def _told(message: str, labels: Sequence[str]) -> str:
    """The first line of what gradcheck says, with names in the place of numbers of inputs."""
    line = next((line.strip() for line in message.splitlines() if line.strip()), "no reason is given")
    for place, label in sorted(enumerate(labels), reverse=True):
        line = line.replace(f"input {place}", f"{label}").rstrip(",")
    return line
