"""Where the time of steps goes: by the clock between the phases of a step, and by what torch's profiler writes down of each operation."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from nntrain.training.device import Precision
from nntrain.training.session import Session

_LAYER: Final = "layer: "
_BACKWARD: Final = "autograd::engine::evaluate_function: "


@dataclass(slots=True)
class Clock:
    """Adds up the time between two marks under the name of what came to its end at the second."""

    device: torch.device
    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _last: float = 0.0

    def start(self) -> None:
        """Begin anew."""
        self.seconds.clear()
        self._last = time.perf_counter()

    def mark(self, phase: str) -> None:
        """The end of a phase. An accelerator is waited for."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now


class _ClockedPrecision(Precision):
    """The same number format, with marks around what the loop asks of it."""

    def __init__(self, own: Precision, clock: Clock) -> None:
        self.__dict__.update(own.__dict__)
        self._clock = clock

    def backward(self, loss: Tensor) -> None:
        self._clock.mark("loss")
        super().backward(loss)
        self._clock.mark("backward")

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        self._clock.mark("gradients")
        moved = super().step(optimizer)
        self._clock.mark("update")
        return moved


def clocked(session: Session, clock: Clock) -> Session:
    """The same objects, with marks between the phases of a step: `other`, `forward`, `loss`, `backward`, `gradients`, `update`.

    Steps are taken one operation after another, where training may replay a recording of them.
    """
    run = session.forward

    def forward(inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        clock.mark("other")
        found = run(inputs, state)
        clock.mark("forward")
        return found

    return replace(session, compiled=forward, precision=_ClockedPrecision(session.precision, clock), static=None)


@dataclass(frozen=True, slots=True)
class LayerTime:
    """What a layer takes in a step, in seconds."""

    name: str
    kind: str
    """Its class: `Conv2d`."""
    forward: float
    backward: float

    @property
    def seconds(self) -> float:
        """Both together."""
        return self.forward + self.backward


@dataclass(frozen=True, slots=True)
class OperationTime:
    """What an operation takes in a step, without those that it calls."""

    name: str
    calls: float
    seconds: float


def profiled(session: Session, take: Callable[[], None], count: int, trace: Path | None) -> tuple[list[LayerTime], list[OperationTime]]:
    """Write down every operation of some steps: the time of each layer and operation, the longest first.

    Args:
        session: What the steps are taken with.
        take: Takes one.
        count: How many.
        trace: File that all of it is written to, for chrome://tracing or ui.perfetto.dev; `None`: none is.
    """
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if session.device.type == "cuda" else [])]
    kinds: dict[str, str] = {}
    handles: list[Any] = []
    for name, module in cast("Iterator[tuple[str, nn.Module]]", session.network.named_modules()):
        if name and next(module.children(), None) is None:
            kinds[name] = type(module).__name__
            handles += _around(module, record_function(f"{_LAYER}{name}"))
    with profile(activities=activities) as found:
        for _ in range(count):
            take()
    for handle in handles:
        handle.remove()
    if trace is not None:
        found.export_chrome_trace(str(trace))
    events = list(cast("Iterable[FunctionEvent]", found.events()))
    return _layers(events, kinds, count), _operations(events, count)


def _around(module: nn.Module, event: record_function) -> list[Any]:
    """Put an event around the forward pass of a layer."""

    def enter(_module: nn.Module, _given: Any) -> None:
        event.__enter__()

    def leave(_module: nn.Module, _given: Any, _result: Any) -> None:
        event.__exit__(None, None, None)

    return [module.register_forward_pre_hook(enter), module.register_forward_hook(leave)]


def _layers(events: list[FunctionEvent], kinds: Mapping[str, str], count: int) -> list[LayerTime]:
    """Backward work is known by the number of the forward operation that it belongs to."""
    forward: dict[str, float] = defaultdict(float)
    backward: dict[str, float] = defaultdict(float)
    owners: dict[int, str] = {}
    for event in events:
        if event.name.startswith(_LAYER):
            forward[event.name.removeprefix(_LAYER)] += event.cpu_time_total
        elif event.sequence_nr >= 0 and (layer := _layer_of(event)) is not None:
            owners.setdefault(event.sequence_nr, layer)
    for event in events:
        if event.name.startswith(_BACKWARD) and event.sequence_nr in owners:
            backward[owners[event.sequence_nr]] += event.cpu_time_total
    unit = 1e6 * count
    found = [LayerTime(name, kinds[name], forward[name] / unit, backward[name] / unit) for name in forward]
    return sorted(found, key=lambda layer: -layer.seconds)


def _layer_of(event: FunctionEvent) -> str | None:
    """The layer that an operation runs in."""
    above: Any = event.cpu_parent
    while above is not None:
        if above.name.startswith(_LAYER):
            return str(above.name).removeprefix(_LAYER)
        above = above.cpu_parent
    return None


def _operations(events: list[FunctionEvent], count: int) -> list[OperationTime]:
    own: dict[str, float] = defaultdict(float)
    calls: dict[str, int] = defaultdict(int)
    device = [float(cast("Any", event).self_device_time_total) for event in events]
    times = device if any(device) else [float(cast("Any", event).self_cpu_time_total) for event in events]
    for event, taken in zip(events, times, strict=True):
        if not event.name.startswith((_LAYER, "ProfilerStep")):
            own[event.name] += taken
            calls[event.name] += 1
    found = [OperationTime(name, calls[name] / count, taken / 1e6 / count) for name, taken in own.items()]
    return sorted(found, key=lambda operation: -operation.seconds)
