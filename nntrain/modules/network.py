"""The network that a program builds: its modules by step name, called one after another without a container in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from torch import Tensor, nn


class Call(NamedTuple):
    """One step at run time; numbers are places in the list of values, which is filled in the order of the steps."""

    name: str
    module: nn.Module
    source: int
    """Its input."""
    side: tuple[int, ...]
    """Its side inputs."""
    lengths: int | None
    """Place in the list of lengths; `None` where the module reads none or no axis is ragged."""
    state: str | None
    """Key of the state that it carries."""
    extras: int
    """Number of further outputs."""
    named: tuple[tuple[str, int], ...] = ()
    """Input tensors that it gets by name: the edges between nodes."""
    side_lengths: tuple[int | None, ...] = ()
    """Places of the lengths of its side inputs; `None` for one that is not ragged. Empty where the module reads none."""

    @property
    def is_plain(self) -> bool:
        """Whether it takes one tensor and gives one. Row lengths are `None` by default where a module reads them."""
        return not (self.side or self.lengths is not None or self.state is not None or self.extras or self.named)


class Shortening(NamedTuple):
    """How the lengths after a layer follow from those before it."""

    rule: Callable[[Tensor], Tensor]
    source: int
    """Place of the lengths before, in the list of lengths."""


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which tensor goes where."""

    keys: tuple[str, ...]
    """Keys of the input tensors: the first values."""
    calls: tuple[Call, ...]
    outputs: tuple[tuple[str, int], ...]
    """Targets and the values that are read off for them."""
    output_lengths: tuple[tuple[str, int], ...]
    """Key of the row lengths of each ragged output, and their place in the list of lengths."""
    length_keys: tuple[str, ...]
    """Keys of the row lengths of ragged inputs: the first lengths."""
    shortenings: tuple[Shortening, ...]
    """The further ones."""

    def row_lengths(self, inputs: Mapping[str, Tensor]) -> list[Tensor]:
        """All row lengths `[B]`, worked out once a pass."""
        lengths = [inputs[key] for key in self.length_keys]
        for shortening in self.shortenings:
            lengths.append(shortening.rule(lengths[shortening.source]))
        return lengths


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

    def __init__(self, wiring: Wiring, resting: Sequence[nn.Module] = ()) -> None:
        """Put modules under their names.

        Args:
            wiring: The calls; a module that is called several times has the name of its first call.
            resting: Batch norms that are frozen: they stay in evaluation.
        """
        super().__init__()
        placed: set[int] = set()
        for call in wiring.calls:
            if id(call.module) not in placed:
                self.put(call.name.split("."), call.module)
                placed.add(id(call.module))
        self._resting = tuple(resting)
        self._wiring = wiring
        self._calls = tuple((call, call.is_plain) for call in wiring.calls)

    def train(self, mode: bool = True) -> Network:
        """Switch between training and evaluation, in which frozen batch norms stay."""
        super().train(mode)
        for module in self._resting:
            module.eval()
        return self

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Run all steps.

        Args:
            inputs: Tensors `[B, …]` by key: `@number`, `@category`, fields, and `<field>.lengths` of ragged ones.
            state: State of stateful steps by name: `{}` to begin with, then what the call before gave. `None` carries nothing,
                which is cheaper for ragged rows.

        Returns:
            The outputs by target, with `<target>.lengths` int64 `[B]` beside those whose rows differ in length, and the state to go on
            from (empty where nothing is carried).
        """
        wiring = self._wiring
        values = [inputs[key] for key in wiring.keys]
        lengths = wiring.row_lengths(inputs) if wiring.length_keys else []
        carried: dict[str, Any] = {}
        for call, is_plain in self._calls:
            if is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, state, carried)
        outputs = {name: values[place] for name, place in wiring.outputs}
        for key, place in wiring.output_lengths:
            outputs[key] = lengths[place]
        return outputs, carried

    @staticmethod
    def _run(call: Call, values: list[Any], lengths: list[Tensor], state: Mapping[str, Any] | None, carried: dict[str, Any]) -> None:
        options: dict[str, Any] = {name: values[place] for name, place in call.named}
        if call.lengths is not None:
            options["lengths"] = lengths[call.lengths]
        if call.side_lengths:
            options["side_lengths"] = tuple(None if place is None else lengths[place] for place in call.side_lengths)
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
