"""A step that is not finite, run again with hooks: where it goes wrong first, and how large everything around it is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any, Final, Literal, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import TURN, Batch, TensorData, plain_batches
from nntrain.training.evaluation import batch_rows
from nntrain.training.objective import total
from nntrain.training.session import Session

Kind = Literal["input", "target", "layer", "loss", "gradient of layer", "gradient of loss", "gradient of parameter"]

_WORDS: Final[dict[Kind, str]] = {
    "input": "the input ",
    "target": "the target ",
    "layer": "",
    "loss": "the loss of ",
    "gradient of loss": "the gradient of the loss of ",
}


@dataclass(frozen=True, slots=True)
class Place:
    """What is not finite first."""

    kind: Kind
    name: str
    """The input or target, the module, the target whose loss it is, or the parameter."""

    def __str__(self) -> str:
        return f"{_WORDS.get(self.kind, 'the gradient of ')}{self.name}"


@dataclass(frozen=True, slots=True)
class Peak:
    """The largest value of a tensor of a batch, by its size."""

    value: float
    """NaN or infinity where it has one."""
    row: int
    """Its row in the source, from 0."""
    column: int | None
    """Its place in a row of several values."""


@dataclass(slots=True)
class Trace:
    """What was seen when a step was run again."""

    place: Place | None = None
    inputs: dict[str, Peak] = field(default_factory=dict[str, Peak])
    targets: dict[str, Peak] = field(default_factory=dict[str, Peak])
    layers: dict[str, float] = field(default_factory=dict[str, float])
    """Size of the largest output value of each module, in the order of the calls, up to the first that is not finite."""
    read: float = 0.0
    """Size of the largest value that the module at `place` was given, where it is a layer."""
    outputs: dict[str, float] = field(default_factory=dict[str, float])
    """The same of the network's outputs."""
    weight: float = 0.0
    """Size of the largest weight."""


def trace(session: Session, batches: Sequence[Batch]) -> Trace:
    """Run the forward and backward pass of a step again. Gradients and running statistics are not put back: the run ends here.

    Dropout draws anew, so that a step that only its draws have broken is not always seen to break again; `place` is `None` then.
    """
    found = Trace(weight=max((_size(parameter) for parameter in session.network.parameters()), default=0.0))
    for batch in batches:
        _look_at_rows(batch, found)
    tables: tuple[tuple[Kind, dict[str, Peak]], ...] = (("input", found.inputs), ("target", found.targets))
    for kind, peaks in tables:
        bad = next((name for name, peak in peaks.items() if not math.isfinite(peak.value)), None)
        if bad is not None:
            found.place = Place(kind, bad)
            return found
    watch = _Watch(found)
    handles = [module.register_forward_hook(watch.hook(name)) for name, module in _modules(session.network)]
    try:
        for batch in batches:
            _run(session, batch, watch)
            if found.place is not None:
                break
    finally:
        for handle in handles:
            handle.remove()
    return found


def _run(session: Session, batch: Batch, watch: _Watch) -> None:
    found = watch.found
    with torch.enable_grad(), session.precision.autocast():
        outputs = cast("tuple[dict[str, Tensor], object]", session.network(session.objective.inputs(batch)))[0]
    for name, output in outputs.items():
        found.outputs[name] = max(found.outputs.get(name, 0.0), _size(output))
    if found.place is not None:
        return
    parts = session.objective.parts(outputs, batch)
    for (output, _), part in parts.items():
        if not bool(torch.isfinite(part.sum)):
            found.place = Place("loss", output)
            return
    if not parts:
        return  # the protocol scores in its own way
    loss = total(parts)
    if not bool(torch.isfinite(loss)) or not loss.requires_grad:
        found.place = None if bool(torch.isfinite(loss)) else Place("loss", next(iter(outputs)))
        return
    session.network.zero_grad()
    loss.backward()  # not scaled: gradients that only the scale of float16 makes overflow are no fault
    found.place = watch.bad_gradient(outputs) or _bad_parameter(session.network)
    watch.forget()


class _Watch:
    """Sees the outputs of all modules in a forward pass, and the gradients of these outputs in the backward pass."""

    def __init__(self, found: Trace) -> None:
        self.found = found
        self._made: list[Tensor] = []
        self._readers: dict[int, str] = {}
        self._bad_gradients: list[Tensor] = []

    def hook(self, name: str) -> Any:
        def look(module: nn.Module, arguments: tuple[object, ...], output: object) -> None:
            if self.found.place is not None:
                return
            values, read = list(_tensors(output)), list(_tensors(arguments))
            self._made += [*values, *read]  # kept, so that no other tensor gets the same id
            for value in read:
                if all(value is not made for made in values):  # one that hands on what it was given has done nothing to it
                    self._readers.setdefault(id(value), name)  # of nested modules the innermost comes first
            size = max((_size(value) for value in values), default=0.0)
            self.found.layers[name] = max(self.found.layers.get(name, 0.0), size) if math.isfinite(size) else size
            if not math.isfinite(size):
                self.found.place = Place("layer", name)
                self.found.read = max((_size(value) for value in read), default=0.0)
            for value in values:
                if value.requires_grad:
                    value.register_hook(self._gradient_hook(value))

        return look

    def _gradient_hook(self, value: Tensor) -> Any:
        def look(gradient: Tensor) -> None:
            if not bool(torch.isfinite(gradient).all()):
                self._bad_gradients.append(value)

        return look

    def bad_gradient(self, outputs: Mapping[str, Tensor]) -> Place | None:
        """Who has made the first gradient that is not finite: whoever read the tensor that it belongs to."""
        if not self._bad_gradients:
            return None
        first = self._bad_gradients[0]
        reader = self._readers.get(id(first))
        if reader is not None:
            return Place("gradient of layer", reader)
        return Place("gradient of loss", next((name for name, value in outputs.items() if value is first), next(iter(outputs))))

    def forget(self) -> None:
        """Let the tensors of a batch go."""
        self._made.clear()
        self._readers.clear()


def _modules(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    modules = cast("Iterator[tuple[str, nn.Module]]", network.named_modules())
    return ((name, module) for name, module in modules if name)


def _tensors(value: object) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if value.is_floating_point():
            yield value
    elif isinstance(value, dict):
        for item in cast("dict[object, object]", value).values():
            yield from _tensors(item)
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[object]", value):
            yield from _tensors(item)


def _size(value: Tensor) -> float:
    """The largest absolute value; NaN where there is one."""
    return float(value.detach().abs().max()) if value.numel() else 0.0


def _look_at_rows(batch: Batch, found: Trace) -> None:
    for table, peaks in ((batch.inputs, found.inputs), (batch.targets, found.targets)):
        for name, value in table.items():
            if not value.is_floating_point() or not value.numel() or len(value) != len(batch):
                continue
            flat = value.reshape(len(value), -1).abs()
            blank = 0.0 if table is batch.targets and value.ndim > 2 else math.inf  # what counts nothing in targets by step is NaN
            flat = torch.where(flat.isnan(), blank, flat)
            place = int(flat.argmax())
            row, column = divmod(place, flat.shape[1])
            value_there = float(value.reshape(len(value), -1)[row, column])
            peak = Peak(value_there, int(batch.rows[row]) % TURN, None if value.ndim == 1 else column)
            if name not in peaks or not abs(peak.value) <= abs(peaks[name].value):
                peaks[name] = peak


def _bad_parameter(network: nn.Module) -> Place | None:
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            return Place("gradient of parameter", name)
    return None


@dataclass(frozen=True, slots=True)
class Unmeasured:
    """Rows of a split for which the network's outputs are not finite."""

    count: int
    first: int
    """The first of them in the source, from 0."""


@torch.inference_mode()
def unmeasured(session: Session, data: TensorData) -> Unmeasured | None:
    """Find the rows that keep a split from being measured; `None` where all outputs are finite (the loss of them is not)."""
    network, found = session.network, list[Tensor]()
    averaged = session.ema.applied(network) if session.ema is not None else nullcontext()
    was_training = network.training
    network.eval()
    try:
        with averaged, session.precision.autocast():
            for batch in plain_batches(data, batch_rows(data, session.batch_size, session.portions.evaluation_rows)):
                outputs = cast("tuple[dict[str, Tensor], object]", network(session.objective.inputs(batch)))[0]
                rows = [output for output in outputs.values() if len(output) == len(batch)]
                bad = torch.stack([~torch.isfinite(output).reshape(len(batch), -1).all(dim=1) for output in rows]).any(dim=0)
                found.append(batch.rows[bad])
    finally:
        network.train(was_training)
    rows = torch.cat(found)
    return Unmeasured(len(rows), int(rows.min()) % TURN) if len(rows) else None
