"""The network that a program builds: its modules by step name, called one after another without a container in between."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from nntrain.specs import TEACHER


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
    """Number of further outputs, parts of the loss among them."""
    named: tuple[tuple[str, int], ...] = ()
    """Input tensors that it gets by name: the edges between nodes."""
    side_lengths: tuple[int | None, ...] = ()
    """Places of the lengths of its side inputs; `None` for one that is not ragged. Empty where the module reads none."""

    looks_back: bool = False
    """Whether it reads earlier steps of a sequence, and carries no state that would stand for them."""

    @property
    def sources(self) -> tuple[int, ...]:
        """All values that it reads."""
        return (self.source, *self.side, *(place for _, place in self.named))

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
    loss_parts: tuple[tuple[str, int], ...] = ()
    """Names of the parts that layers add to the loss, and their values."""

    def row_lengths(self, inputs: Mapping[str, Tensor]) -> list[Any]:
        """All row lengths `[B]`, worked out once a pass; `None` for those of a teacher port that is not there."""
        lengths: list[Any] = [inputs.get(key) if key.startswith(TEACHER) else inputs[key] for key in self.length_keys]
        for shortening in self.shortenings:
            before = lengths[shortening.source]
            lengths.append(None if before is None else shortening.rule(before))
        return lengths

    def done(self) -> tuple[tuple[int, ...], ...]:
        """By call, the values that no later one reads: given up, their memory is there for the next, still in the processor's cache.

        (In evaluation an MLP of 256 features ran 1.15 times as long with all values kept.)
        """
        kept = {place for _, place in (*self.outputs, *self.loss_parts)}
        last = {place: number for number, call in enumerate(self.calls) for place in call.sources}
        places: list[list[int]] = [[] for _ in self.calls]
        for place, number in last.items():
            if place not in kept:
                places[number].append(place)
        return tuple(map(tuple, places))

    def late(self) -> tuple[bool, ...]:
        """Which values hang on a teacher port."""
        late = [key.startswith(TEACHER) for key in self.keys]
        for call in self.calls:
            late += [any(late[place] for place in (call.source, *call.side))] * (1 + call.extras)
        return tuple(late)


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


@dataclass(frozen=True, slots=True)
class Memory:
    """What a network makes of rows without what tasks tell it: read once, and gone on from again and again."""

    values: tuple[Tensor | None, ...]
    """Those values of the program that are read where tasks tell something; `None` for all others."""
    lengths: Mapping[str, Tensor]
    """Row lengths of the ragged inputs by key."""
    outputs: Mapping[str, Tensor]
    """The outputs that hang on nothing that is told."""
    rows: int
    """Number of rows."""
    device: torch.device
    """Where they are."""

    def take(self, rows: Tensor) -> Memory:
        """What is gone on from, of some rows, int64 `[N]`; one may come several times. Without outputs."""
        values = tuple(None if value is None else value.index_select(0, rows) for value in self.values)
        lengths = {key: length.index_select(0, rows) for key, length in self.lengths.items()}
        return Memory(values, lengths, {}, len(rows), self.device)


class Network(Namespace):
    """Runs a program. Parameters are named `<step>.<parameter>`."""

    def __init__(self, wiring: Wiring, resting: Sequence[nn.Module] = (), waking: Sequence[nn.Module] = ()) -> None:
        """Put modules under their names.

        Args:
            wiring: The calls; a module that is called several times has the name of its first call.
            resting: Batch norms that are frozen: they stay in evaluation.
            waking: Those that are frozen until `wake` names their parameters.
        """
        super().__init__()
        placed: set[int] = set()
        for call in wiring.calls:
            if id(call.module) not in placed:
                self.put(call.name.split("."), call.module)
                placed.add(id(call.module))
        self._resting = tuple(resting)
        names = {id(module): name for name, module in cast("Iterator[tuple[str, nn.Module]]", self.named_modules())}
        self._waking = {names[id(module)]: module for module in waking}
        self._wiring = wiring
        self._calls = tuple((call, call.is_plain) for call in wiring.calls)
        self._done = wiring.done()
        self._late = wiring.late()
        self._recalled = frozenset(source for place, call in self._placed() if self._late[place] for source in call.sources)

    @property
    def wiring(self) -> Wiring:
        """Which tensor goes where."""
        return self._wiring

    def train(self, mode: bool = True) -> Network:
        """Switch between training and evaluation, in which frozen batch norms stay."""
        super().train(mode)
        for module in (*self._resting, *self._waking.values()):
            module.eval()
        return self

    def wake(self, names: Collection[str]) -> None:
        """Let batch norms whose parameters are all among these names follow the mode of the network from now on."""
        for name, module in list(self._waking.items()):
            own = [f"{name}.{parameter}" for parameter, _ in module.named_parameters()]
            if own and all(parameter in names for parameter in own):
                del self._waking[name]
                module.train(self.training)

    @property
    def is_ragged(self) -> bool:
        """Whether it reads rows of different lengths."""
        return bool(self._wiring.length_keys)

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Run all steps.

        Args:
            inputs: Tensors `[B, …]` by key: `@number`, `@category`, fields, and `<field>.lengths` of ragged ones.
            state: State of stateful steps by name: `{}` to begin with, then what the call before gave. `None` carries nothing,
                which is cheaper for ragged rows.

        Returns:
            The outputs by target, with `<target>.lengths` int64 `[B]` beside those whose rows differ in length and `loss.<step>.<part>`
            `[B]` that layers add to the loss, and the state to go on from (empty where nothing is carried).
        """
        wiring = self._wiring
        values: list[Any] = [inputs[key] for key in wiring.keys]
        lengths = wiring.row_lengths(inputs) if wiring.length_keys else []
        carried: dict[str, Any] = {}
        for (call, is_plain), done in zip(self._calls, self._done, strict=True):
            if is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, state, carried)
            for place in done:
                values[place] = None
        outputs = {name: values[place] for name, place in wiring.outputs}
        for key, place in wiring.output_lengths:
            outputs[key] = lengths[place]
        for key, place in wiring.loss_parts:
            outputs[key] = values[place]
        return outputs, carried

    def run_behind(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run the steps that hang on some values and on nothing else.

        Args:
            given: Input tensors by key, and what steps are taken to have given by their names, `[B, …]`.

        Returns:
            The outputs by target that hang on nothing else.
        """
        values = self._behind(given)
        return {name: values[place] for name, place in self._wiring.outputs if values[place] is not None}

    def steps_behind(self, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What these steps give, by their names; `given` as of `run_behind`."""
        values = self._behind(given)
        return {call.name: values[place] for place, call in self._placed() if values[place] is not None}

    def _behind(self, given: Mapping[str, Tensor]) -> list[Any]:
        """All values; `None` for those that hang on what is not given. Rows have their lengths where all of these are given."""
        wiring = self._wiring
        values: list[Any] = [given.get(key) for key in wiring.keys]
        has_lengths = all(key in given or key.startswith(TEACHER) for key in wiring.length_keys)
        unknown: list[Any] = [None] * (len(wiring.length_keys) + len(wiring.shortenings))
        lengths = wiring.row_lengths(given) if has_lengths else unknown
        for call, is_plain in self._calls:
            if call.name in given:
                values.extend([given[call.name], *[None] * call.extras])
            elif any(values[place] is None for place in call.sources):
                values.extend([None] * (1 + call.extras))
            elif is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, None, {})
        return values

    def modules_behind(self, keys: Collection[str]) -> list[nn.Module]:
        """The modules that `run_behind` calls where these are given."""
        given, found = [key in keys for key in self._wiring.keys], list[nn.Module]()
        for call, _ in self._calls:
            is_run = call.name not in keys and all(given[place] for place in call.sources)
            found += [call.module] if is_run else []
            given.extend([is_run or call.name in keys] * (1 + call.extras))
        return found

    def memorise(self, inputs: Mapping[str, Tensor]) -> Memory:
        """Run the steps that don't hang on a teacher port, on inputs without any; nothing is carried."""
        wiring, late = self._wiring, self._late
        values: list[Any] = [inputs.get(key) if late[place] else inputs[key] for place, key in enumerate(wiring.keys)]
        lengths = wiring.row_lengths(inputs) if wiring.length_keys else []
        for call, is_plain in self._calls:
            if late[len(values)]:
                values.extend([None] * (1 + call.extras))
            elif is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, None, {})
        outputs = {name: value for name, place in wiring.outputs if (value := values[place]) is not None}
        own = {key: length for key, place in wiring.output_lengths if (length := lengths[place]) is not None}
        first = next(value for value in values if value is not None)
        return Memory(
            tuple(value if place in self._recalled else None for place, value in enumerate(values)),
            {key: inputs[key] for key in wiring.length_keys if key in inputs},
            {**outputs, **own},
            len(first),
            first.device,
        )

    def recall(
        self, memory: Memory, told: Mapping[str, Tensor], state: Mapping[str, Any] | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Run the other steps, for the rows of a memory.

        Args:
            memory: What the network has made of the fields.
            told: The teacher ports `[N, T]` by key, and their lengths `[N]`, which may be left out where rows are equally long.
            state: State of stateful steps by name, as of `forward`: with it only what is told after what the call before was told.

        Returns:
            The outputs that hang on a port, and the state to go on from.
        """
        wiring = self._wiring
        values: list[Any] = [told.get(key, memory.values[place]) for place, key in enumerate(wiring.keys)]
        lengths = wiring.row_lengths({**memory.lengths, **told}) if wiring.length_keys else []
        carried: dict[str, Any] = {}
        for call, is_plain in self._calls:
            place = len(values)
            if not self._late[place]:
                values.extend(memory.values[place : place + 1 + call.extras])
            elif is_plain:
                values.append(call.module(values[call.source]))
            else:
                self._run(call, values, lengths, state, carried)
        return {name: values[place] for name, place in wiring.outputs if self._late[place]}, carried

    @property
    def recalls_by_step(self) -> bool:
        """Whether `recall` may be told one step after another: every step that hangs on a port and reads earlier ones carries a state."""
        return not any(call.looks_back and self._late[place] for place, call in self._placed())

    def reordered(self, state: Mapping[str, Any], rows: Tensor) -> dict[str, Any]:
        """A state of some rows of its own, int64 `[N]`; one may come several times."""
        axes = {call.state: getattr(call.module, "state_axis", 0) for call in self._wiring.calls if call.state is not None}
        return {name: states_of(rows, part, axes[name]) for name, part in state.items()}

    def _placed(self) -> Iterator[tuple[int, Call]]:
        """The calls, and the places of what they give."""
        place = len(self._wiring.keys)
        for call in self._wiring.calls:
            yield place, call
            place += 1 + call.extras

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


def states_of(rows: Tensor, state: Any, axis: int) -> Any:
    """The state of a module in some rows, int64 `[N]`: a tensor with its rows along an axis, or a tuple or list of such."""
    if isinstance(state, Tensor):
        return state.index_select(axis, rows)
    return tuple(states_of(rows, part, axis) for part in cast("Sequence[Any]", state))
