"""Weights that are another one's, and weights that stay as they are: what a program says of them, done to its modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

    from nntrain.layers.program import Program


def tie(program: Program, modules: Mapping[str, nn.Module]) -> None:
    """Make tied parameters one.

    Args:
        program: The program.
        modules: The modules by step name.
    """
    for second, first in program.ties.items():
        module, name = _owner(second, modules)
        owner, own_name = _owner(first, modules)
        setattr(module, name, getattr(owner, own_name))


def freeze(program: Program, modules: Mapping[str, nn.Module]) -> tuple[tuple[nn.Module, ...], tuple[nn.Module, ...]]:
    """Take frozen parameters out of training, those that are never trained.

    Returns:
        The batch norms that stay in evaluation: those of frozen steps, whose averages must not move either; and those that do so at first.
    """
    from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]

    if not program.frozen and not program.resting:
        return (), ()
    for step, module in modules.items():
        for name, parameter in module.named_parameters():
            if f"{step}.{name}" in program.frozen and f"{step}.{name}" not in program.thawed:
                parameter.requires_grad = False
    resting, waking = (
        tuple(part for step in steps if step in modules for part in modules[step].modules() if isinstance(part, _NormBase))
        for steps in (sorted(program.resting), sorted(program.waking))
    )
    return resting, waking


def _owner(name: str, modules: Mapping[str, nn.Module]) -> tuple[nn.Module, str]:
    """The module that has a parameter of a full name, and the parameter's name there."""
    step = next(step for step in modules if name.startswith(f"{step}."))
    inner, _, leaf = name[len(step) + 1 :].rpartition(".")
    return modules[step].get_submodule(inner), leaf
