"""Which activations of a program a probe looks at, and where the config names them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from nntrain.errors import YamlPath
from nntrain.insight.signals import UnitKind
from nntrain.layers.requirements import channel_axis

if TYPE_CHECKING:
    from nntrain.insight.probe import Watched
    from nntrain.layers.program import Program, Step

KINDS: Final[dict[str, UnitKind]] = {"relu": "relu", "relu6": "relu", "sigmoid": "sigmoid", "tanh": "tanh"}
"""Layers whose units can stop to learn, by how they do."""


def watched(program: Program) -> dict[str, Watched]:
    """The activations with such units, by the name of their module, in the order of the network."""
    from nntrain.insight.probe import Watched

    return {
        step.name: Watched(KINDS[step.layer.type], step.spec.dim(channel_axis(step.spec)))
        for step in _steps(program)
        if step.shares is None and channel_axis(step.spec) in step.spec.axes
    }


def activation_paths(program: Program) -> dict[str, list[YamlPath]]:
    """Where the config says that there is such an activation, by its type; a place that stands for several comes once."""
    found: dict[str, list[YamlPath]] = {}
    for step in _steps(program):
        places = found.setdefault(step.layer.type, [])
        if step.path not in places:
            places.append(step.path)
    return found


def _steps(program: Program) -> list[Step]:
    return [step for step in program.steps if step.layer.type in KINDS and step.stage == "body"]
