"""What a causal network promises: no step is made of later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Program, Step


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


def non_causal_step(program: Program, target: str, field: str | None = None) -> Step | None:
    """The first step on the way to an output that makes a step of a sequence of later ones; `None` for a causal network.

    An output without time, such as that of `pool: last`, has no earlier steps that could see later ones.

    Args:
        program: The network.
        target: The output.
        field: The input whose steps are to be hidden from earlier ones, such as the one that the target is made of; others, such as the
            sentence that is translated, may be read as a whole. Default: every input.
    """
    output = program.outputs[target]
    if "time" not in output.spec.axes:
        return None
    behind = {output.step}
    for step in reversed(program.steps):  # each after those that it reads
        if step.name in behind:
            behind |= {value.step for value in step.inputs}
    reached = set[str]()
    for step in program.steps:
        carrying = [value.step in reached or (value.step is None and field in {None, value.output}) for value in step.inputs]
        if any(carrying):
            reached.add(step.name)
            if step.name in behind and any(_mixes(step, place) for place, carries in enumerate(carrying) if carries):
                return step
    return None


def looking_back(layer: Layer) -> str:
    """How a layer that looks ahead no longer does: its option for that, else layers in its place."""
    fields = type(layer).model_fields
    for option, value in (("bidirectional", "false"), ("causal", "true"), ("padding", "causal")):
        if option in fields and (value != "causal" or "causal" in str(fields[option].annotation)):
            return f"fix:  {option}: {value}"
    return "fix:  layers that look back: gpt, lstm, gru, tcn, causal: true, padding: causal"


def _mixes(step: Step, place: int) -> bool:
    """Whether a step makes something of the later steps of one of its inputs."""
    if "time" not in step.inputs[place].spec.axes:
        return False
    return step.layer.looks_ahead or (place > 0 and "side_lengths" in step.layer.needs)
