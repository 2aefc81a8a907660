"""What a causal network promises: no step is made of later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.layers.program import Step


def check_causal(steps: Sequence[Step]) -> Iterator[Problem]:
    """Norms over time before or behind a causal layer: later steps would reach earlier ones through their statistics."""
    if not any(step.layer.mixes_steps for step in steps):
        return
    causal = [index for index, step in enumerate(steps) if step.layer.is_causal and "time" in step.spec.axes]
    before, behind = _first_before(steps, causal), _first_behind(steps, causal)
    for norm in steps:
        if not norm.layer.mixes_steps or "time" not in norm.spec.axes:
            continue
        first = min(before[norm.name], behind[norm.name])
        if first < len(steps):
            other = steps[first]
            yield Problem(
                norm.path,
                f"{norm.layer.type} takes its statistics over time, so that later steps reach earlier ones, and {other.name} is causal",
                "fix:  layer_norm or rms_norm, which take each step by itself, or weight_norm: true in the convolution",
            )


def _first_before(steps: Sequence[Step], causal: Sequence[int]) -> dict[str, int]:
    """Index of the first of some steps that each step is made of, over others too; the number of steps where there is none."""
    own = {steps[index].name: index for index in causal}
    found: dict[str, int] = {}
    for step in steps:  # each after those that it reads
        sources = [value.step for value in step.inputs if value.step is not None]
        found[step.name] = min((min(found[name], own.get(name, len(steps))) for name in sources), default=len(steps))
    return found


def _first_behind(steps: Sequence[Step], causal: Sequence[int]) -> dict[str, int]:
    """The same for those that are made of it."""
    own = {steps[index].name: index for index in causal}
    found = {step.name: len(steps) for step in steps}
    for step in reversed(steps):
        first = min(found[step.name], own.get(step.name, len(steps)))
        for value in step.inputs:
            if value.step is not None:
                found[value.step] = min(found[value.step], first)
    return found
