"""From a program to a network: modules are made and initialised, names become places in a list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from nntrain.layers.sharing import freeze, tie
from nntrain.specs import GRAPH

if TYPE_CHECKING:
    from torch import nn

    from nntrain.layers.layer import Need
    from nntrain.layers.program import Lengths, Program, Step, Value
    from nntrain.modules.network import Call, Network

LENGTHS: Final = "{}.lengths"
"""Key under which the row lengths `[B]` of a ragged field travel."""

PART: Final = "loss.{}"
"""Name of a part that a layer adds to the loss, among what its step gives; the network gives it as `loss.<point>.<part>`."""

GRAPH_KEYS: Final[dict[Need, str]] = {"edges": f"{GRAPH}.edges", "edge_weights": f"{GRAPH}.weights", "pairs": f"{GRAPH}.pairs"}
"""Keys under which what belongs to the nodes of a batch travels."""


def build(program: Program) -> Network:
    """Make the network of a program whose sizes are all known. Weights are drawn from torch's global random numbers."""
    from nntrain.modules.network import Network, Shortening, Wiring

    keys, lengths = _inputs(program)
    places: dict[tuple[str | None, str | None], int] = {(None, key): place for place, key in enumerate(keys)}
    length_keys = tuple(LENGTHS.format(known.field) for known in lengths)
    shortenings: list[Shortening] = []
    calls: list[Call] = []
    modules: dict[str, nn.Module] = {}
    for step in program.steps:
        module = modules.get(step.shares or "")
        if module is None:
            modules[step.name] = module = step.layer.build(*(value.spec for value in step.inputs))
            _initialize(step, module)
            if step.adapter is not None:
                modules[step.name] = module = step.adapter.attach(module)
        calls.append(_call(step, module, places, lengths))
        places |= {(step.name, key): len(places) + index for index, key in enumerate(_keys(step))}
        for value in (step.output, *step.extras):
            if value.lengths is not None and value.lengths not in lengths:
                source = _lengths(step)
                assert source is not None
                shortenings.append(Shortening(step.layer.out_lengths, lengths[source]))
                lengths[value.lengths] = len(lengths)
    outputs = tuple((name, places[value.key]) for name, value in program.outputs.items())
    ragged = {LENGTHS.format(name): value.lengths for name, value in program.outputs.items() if value.lengths is not None}
    output_lengths = tuple((key, lengths[known]) for key, known in ragged.items())
    parts = tuple((step.name, part) for step in program.steps for part in step.layer.loss_parts)
    points = program.points
    loss_parts = tuple((PART.format(f"{points[name]}.{part}"), places[name, PART.format(part)]) for name, part in parts)
    tie(program, modules)
    wiring = Wiring(keys, tuple(calls), outputs, output_lengths, length_keys, tuple(shortenings), loss_parts)
    return Network(wiring, *freeze(program, modules))


def _keys(step: Step) -> list[str | None]:
    """What a step gives, in the order of its module."""
    return [step.output.output, *(value.output for value in step.extras), *(PART.format(part) for part in step.layer.loss_parts)]


def _inputs(program: Program) -> tuple[tuple[str, ...], dict[Lengths, int]]:
    """Keys of the input tensors that are read, and the places of their row lengths."""
    read: list[Value] = [value for step in program.steps for value in step.inputs] + list(program.outputs.values())
    inputs = {str(value.output): value.lengths for value in read if value.step is None}
    ragged = dict.fromkeys(lengths for lengths in inputs.values() if lengths is not None)
    needs = {need for step in program.steps for need in step.layer.needs}
    keys = (*inputs, *(key for need, key in GRAPH_KEYS.items() if need in needs))
    return keys, {lengths: place for place, lengths in enumerate(ragged)}


def _lengths(step: Step) -> Lengths | None:
    """Row lengths of what a step gets: those of its first ragged input."""
    return next((value.lengths for value in step.inputs if value.lengths is not None), None)


def _call(step: Step, module: nn.Module, places: Mapping[tuple[str | None, str | None], int], lengths: Mapping[Lengths, int]) -> Call:
    from nntrain.modules.network import Call

    source, *side = (places[value.key] for value in step.inputs)
    apart = "side_lengths" in step.layer.needs
    ragged = None if "lengths" not in step.layer.needs else step.inputs[0].lengths if apart else _lengths(step)
    return Call(
        step.name,
        module,
        source,
        tuple(side),
        None if ragged is None else lengths[ragged],
        step.name if "state" in step.layer.needs else None,
        len(step.extras) + len(step.layer.loss_parts),
        named=tuple((need, places[None, key]) for need, key in GRAPH_KEYS.items() if need in step.layer.needs),
        side_lengths=tuple(None if value.lengths is None else lengths[value.lengths] for value in step.inputs[1:]) if apart else (),
        looks_back=step.layer.is_causal and "state" not in step.layer.needs,
    )


def _initialize(step: Step, module: nn.Module) -> None:
    """Fill parameters as the config says; the first rule that matches wins, torch's defaults stay otherwise."""
    import torch
    from torch import nn

    from nntrain.modules.reparametrizing import fill_expressed

    for name, parameter in list(module.named_parameters()) if step.rules else ():
        rule = next((rule for rule in step.rules if rule.matches(step.layer.type, step.name, name, parameter.ndim)), None)
        if rule is None:
            continue
        with torch.no_grad():
            if "parametrizations." in name:
                fill_expressed(module, name, rule.initializer.fill)
                continue
            rule.initializer.fill(parameter)
            if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                parameter[module.padding_idx] = 0.0  # padding and unseen values stay zero
