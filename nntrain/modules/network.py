"""The network that a program builds: its modules by step name, called one after another without a container in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Lengths, Program, Step

LENGTHS = "{}.lengths"
"""Key under which the row lengths `[B]` of a ragged field travel."""


class Call(NamedTuple):
    """One step at run time; numbers are places in the list of values, which is filled in the order of the steps."""

    module: nn.Module
    source: int
    """Its input."""
    side: tuple[int, ...]
    """Its side inputs."""
    needs_lengths: bool
    lengths: int | None
    """Place in the list of lengths; `None` where no axis is ragged."""
    state: str | None
    """Key of the state that it carries."""
    extras: int
    """Number of further outputs."""

    @property
    def is_plain(self) -> bool:
        """Whether it takes one tensor and gives one."""
        return not (self.side or self.needs_lengths or self.state is not None or self.extras)


class Shortening(NamedTuple):
    """How lengths after a layer follow from those before it."""

    layer: Layer
    source: int


class Namespace(nn.Module):
    """Holds modules under dotted names, so that parameters have the names that people write. Is never called itself."""

    def put(self, name: Sequence[str], module: nn.Module) -> None:
        """Add a module. Straight into torch's table: a layer may be named like a method of `nn.Module`."""
        first, *rest = name
        if not rest:
            self._modules[first] = module
            return
        inner = self._modules.setdefault(first, Namespace())
        assert isinstance(inner, Namespace), name
        inner.put(rest, module)


class Network(Namespace):
    """Runs a program. Parameters are named `<step>.<parameter>`."""

    def __init__(self, program: Program) -> None:
        super().__init__()
        self._keys = tuple(dict.fromkeys(str(value.output) for value in _read(program) if value.step is None))
        places: dict[tuple[str | None, str | None], int] = {(None, key): place for place, key in enumerate(self._keys)}
        lengths: dict[Lengths, int] = {}
        self._length_keys: list[str] = []
        for value in _read(program):
            if value.step is None and value.lengths is not None and value.lengths not in lengths:
                lengths[value.lengths] = len(lengths)
                self._length_keys.append(LENGTHS.format(value.lengths.field))
        self._shortenings: list[Shortening] = []
        calls: list[Call] = []
        for step in program.steps:
            module = step.layer.build(*(value.spec for value in step.inputs))
            self.put(step.name.split("."), module)
            _initialize(step, module)
            calls.append(_call(step, module, places, lengths))
            for value in (step.output, *step.extras):
                places[value.key] = len(places)
                source = _lengths(step)
                if value.lengths is not None and value.lengths not in lengths and source is not None:
                    lengths[value.lengths] = len(lengths)
                    self._shortenings.append(Shortening(step.layer, lengths[source]))
        self._calls = tuple((call, call.is_plain) for call in calls)
        self._outputs = tuple((name, places[value.key]) for name, value in program.outputs.items())

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Run all steps.

        Args:
            inputs: Tensors `[B, …]` by key: `@number`, `@category`, fields, and `<field>.lengths` of ragged ones.
            state: State of stateful steps by name: `{}` to begin with, then what the call before gave. `None` carries nothing,
                which is cheaper for ragged rows.

        Returns:
            The outputs by target, and the state to go on from (empty where nothing is carried).
        """
        values = [inputs[key] for key in self._keys]
        lengths = self._row_lengths(inputs) if self._length_keys else []
        carried: dict[str, Any] = {}
        for call, is_plain in self._calls:
            if is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, state, carried)
        return {name: values[place] for name, place in self._outputs}, carried

    def _row_lengths(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        lengths = [inputs[key] for key in self._length_keys]
        for layer, source in self._shortenings:
            lengths.append(layer.out_lengths(lengths[source]))
        return lengths

    @staticmethod
    def _run(call: Call, values: list[Any], lengths: list[Tensor], state: Mapping[str, Any] | None, carried: dict[str, Any]) -> None:
        options: dict[str, Any] = {}
        if call.needs_lengths:
            options["lengths"] = None if call.lengths is None else lengths[call.lengths]
        if call.state is not None:
            options["state"] = _state(call, state, rows=len(values[call.source]))
        result = call.module(values[call.source], *(values[place] for place in call.side), **options)
        if call.state is not None:
            *result, end = result
            if state is not None:
                carried[call.state] = end
        elif not call.extras:
            result = (result,)
        values.extend(result)


def _state(call: Call, state: Mapping[str, Any] | None, rows: int) -> Any:
    """The state that a step goes on from: none where nothing is carried, the first one in the first call."""
    if state is None or call.state is None:
        return None
    init_state = cast("Callable[[int], Any]", call.module.init_state)
    return state[call.state] if call.state in state else init_state(rows)


def _read(program: Program) -> list[Any]:
    """All values that steps and outputs read, in order."""
    return [value for step in program.steps for value in step.inputs] + list(program.outputs.values())


def _lengths(step: Step) -> Lengths | None:
    """Row lengths of what a step gets: those of its first ragged input."""
    return next((value.lengths for value in step.inputs if value.lengths is not None), None)


def _call(step: Step, module: nn.Module, places: Mapping[tuple[str | None, str | None], int], lengths: Mapping[Lengths, int]) -> Call:
    source, *side = (places[value.key] for value in step.inputs)
    ragged = _lengths(step)
    return Call(
        module,
        source,
        tuple(side),
        "lengths" in step.layer.needs,
        None if ragged is None else lengths[ragged],
        step.name if "state" in step.layer.needs else None,
        len(step.extras),
    )


def _initialize(step: Step, module: nn.Module) -> None:
    """Fill parameters as the config says; the first rule that matches wins, torch's defaults stay otherwise."""
    for name, parameter in module.named_parameters() if step.rules else ():
        rule = next((rule for rule in step.rules if rule.matches(step.layer.type, step.name, name, parameter.ndim)), None)
        if rule is not None:
            with torch.no_grad():
                rule.initializer.fill(parameter)
                if isinstance(module, nn.Embedding) and module.padding_idx is not None:
                    parameter[module.padding_idx] = 0.0  # padding and unseen values stay zero
