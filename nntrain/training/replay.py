"""A training step of which the operations are always the same: recorded once, then run again without autograd and modules in between.

Small networks spend most of a step in Python and in the bookkeeping of autograd, not in arithmetic. Where the same tensor operations run
in each step whatever the values are, they are recorded with their gradients in an ordinary step, and become one plain function
(`torch.fx`) from a batch to loss and gradients. It runs the same kernels in the same order, so the numbers are the same to the last bit;
that is looked at once for each recording, before it is used.

Torch's interpreter runs that function where a step is small, which asks Python once a step instead of once an operation; it fuses nothing
and leaves nothing out. On a CUDA device, which computes while Python goes on, only small steps are recorded, and become one graph.

Whose modules may be recorded is decided by their kind: torch's and our own keep nothing in Python from call to call, and those of plug-ins
may. What looks at values (`item`, `nonzero`) ends a recording.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import torch
from torch import Tensor, fx, nn

from nntrain.data.batches import Batch
from nntrain.modules.known_torch import IS_KNOWN, set_grad_mode
from nntrain.training.cuda_graphs import Captured, Graphs, obstacle, told
from nntrain.training.device import draws, restore_draws
from nntrain.training.operations import NotStaticError, Operation, Recorder, Slot, Unread, changed_by, filled_in, slots_in

AFTER: Final = 32
"""Batches of a shape that are computed as usual before one is recorded: runs of a few steps have nothing to gain."""
SOON: Final = 4
"""The same in a run that is long enough, for a shape that one batch after another has."""
LONG: Final = 500
"""Steps of such a run. A recording of a small step takes as long as it saves in 70 steps."""
SMALL_BYTES: Final = 64 * 2**20
"""All tensors of a step that is worth the interpreter, or a graph, which keeps their memory: in larger ones arithmetic takes the time."""
MOST_PARAMETERS: Final = 64 * 2**20
"""Bytes of parameters and buffers up to which steps are recorded: a recording is compared by all its gradients."""
SHAPES: Final = 4
"""Recordings that are kept: full batches and the last one of an epoch are two. On a CUDA device one is, that of full batches."""

_OWN: Final = ("torch.nn.", "einops.layers.", "nntrain.")
"""Packages whose modules give the same operations for the same shapes, in training or in evaluation."""
_OTHERWISE: Final = ("torch.nn.utils.",)
"""But for these: parametrizations have caches of their own."""

_PRIVATE: Final = ("_foreach_norm", "_log_softmax", "_log_softmax_backward_data", "_softmax", "_softmax_backward_data")
_DIRECT: Final[dict[str, Callable[..., Any]]] = {
    "aten.add.Tensor": torch.add,
    "aten.addmm.default": torch.addmm,
    "aten.bmm.default": torch.bmm,
    "aten.cat.default": torch.cat,
    "aten.clone.default": torch.clone,
    "aten.div.Tensor": torch.div,
    "aten.linalg_vector_norm.default": torch.linalg.vector_norm,
    "aten.mm.default": torch.mm,
    "aten.mul.Tensor": torch.mul,
    "aten.native_layer_norm.default": torch.native_layer_norm,
    "aten.relu.default": torch.relu,
    "aten.sigmoid.default": torch.sigmoid,
    "aten.stack.default": torch.stack,
    "aten.sum.dim_IntList": torch.sum,
    "aten.t.default": torch.t,
    "aten.tanh.default": torch.tanh,
    "aten.transpose.int": torch.transpose,
    "aten.view.default": torch.Tensor.view,
    **{f"aten.{name}.{'Scalar' if name == '_foreach_norm' else 'default'}": getattr(torch, name) for name in _PRIVATE if IS_KNOWN},
}
"""Operations whose Python function costs half of what a call by the name of the operator does."""

_shape: Callable[[Tensor], torch.Size] = operator.attrgetter("shape")
_pointer: Callable[[Tensor], int] = torch.Tensor.data_ptr
Step = Callable[..., tuple[Any, ...]]
Replayed = Callable[[Sequence[Tensor]], tuple[Any, ...]]
"""A recording, or a graph of it: from the tensors of a batch to what the step gives."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded step of batches of one shape."""

    run: Step
    """From the tensors of a batch to what was asked for."""
    held: tuple[Tensor, ...]
    """What is read beside them: parameters, buffers, constants."""
    is_small: bool
    """Whether asking Python for each operation is much of its time."""
    is_grad_enabled: bool
    """Whether autograd is on while it runs, which makes no graph as nothing of it asks for gradients."""

    def __call__(self, tensors: Iterable[Tensor]) -> tuple[Any, ...]:
        """What the step gives for the tensors of a batch, in the order of `record`."""
        was_on = torch.is_grad_enabled()
        set_grad_mode(self.is_grad_enabled)
        try:
            return self.run(*tensors, *self.held)
        finally:
            set_grad_mode(was_on)

    def interpreted(self, tensors: Sequence[Tensor]) -> Recording:
        """The same for torch's interpreter, if it is small; as it is where something can't be said to that.

        Runs the step, with all that it changes.
        """
        if not self.is_small:
            return self
        given = (*tensors, *self.held)
        names = [f"tensor_{place}" for place in range(len(given))]
        core: Any = torch._C  # pyright: ignore[reportPrivateUsage]
        try:
            with torch.set_grad_enabled(self.is_grad_enabled):
                function = core._create_function_from_trace("step", self.run, given, _unnamed, False, False, names)
        except RuntimeError:  # a gradient that is missing
            return self
        optimizes, set_optimizes = core._get_graph_executor_optimize, core._set_graph_executor_optimize

        def run(*given: Tensor) -> tuple[Any, ...]:
            before = optimizes()
            set_optimizes(False)
            try:
                return function(*given)
            finally:
                set_optimizes(before)

        return replace(self, run=run)


def record(work: Callable[[], Sequence[Tensor | None]], lasting: Iterable[Tensor], varying: Sequence[Tensor]) -> Recording:
    """Run some work once and make it a function.

    Args:
        work: What is to be recorded; gives the tensors that are wanted. What it changes in place is changed again by each later run.
        lasting: Tensors that stay where they are from step to step, though their values change: parameters and buffers.
        varying: Tensors that are others in each step, of the same shapes.

    Raises:
        NotStaticError: It looks at values.
    """
    recorder = Recorder()
    inputs = [recorder.give(tensor) for tensor in varying]
    if len(set(inputs)) != len(inputs):
        raise NotStaticError("two inputs are the same piece of memory")
    stay = {recorder.give(tensor) for tensor in lasting}
    with Unread(), recorder:
        wanted = [None if tensor is None else tensor.detach() for tensor in work()]
    outputs = [None if tensor is None else recorder.slot(tensor) for tensor in wanted]
    if any(slot is None and tensor is not None for slot, tensor in zip(outputs, wanted, strict=True)):
        raise NotStaticError("a result that no operation has made")
    return _Compiling(recorder, inputs, stay).function(outputs)


class StaticSteps:
    """The recordings of a run, by the shapes of the tensors of a batch."""

    def __init__(
        self,
        *networks: nn.Module,
        steps: int = 0,
        read: Sequence[Tensor] = (),
        written: Sequence[Tensor] = (),
        graphs: Graphs | None = None,
    ) -> None:
        """Begin without a recording.

        Args:
            networks: Those that a step runs: one, or those of members that train together.
            steps: How many steps the run may have; 0 where nobody knows.
            read: What steps read beside their parameters and buffers.
            written: What steps change beside their buffers.
            graphs: Captures steps, on a device that can.
        """
        self._graphs = graphs
        self._device = torch.device("cpu") if graphs is None else graphs.device
        self._most = SHAPES if graphs is None else 1
        self.is_graph: bool | None = None
        """Whether steps are a graph; `None` where none was tried."""
        self.why = ""
        """Why they are not."""
        buffers = tuple(buffer for network in networks for buffer in network.buffers())
        self._lasting = (*(value for network in networks for value in network.parameters()), *buffers, *read, *written)
        self._buffers = (*buffers, *written)
        self._is_heavy = sum(tensor.numel() * tensor.itemsize for tensor in self._lasting) > MOST_PARAMETERS
        self._pointers: list[int] = []
        """Where these lay when recordings were made."""
        self.before = SOON if steps >= LONG else AFTER
        """Steps that are computed as usual before one is recorded, where all batches have one shape."""
        self._counts: dict[tuple[torch.Size, ...], int] = {}
        self._latest: tuple[torch.Size, ...] = ()
        self._in_a_row = 0
        """Batches of the latest shape, one after another, that had no recording."""
        self._recordings: dict[tuple[torch.Size, ...], Replayed | None] = {}

    def of(self, tensors: Sequence[Tensor]) -> Replayed | None:
        """The recording of a step over a batch of such tensors, where there is one.

        All are dropped where parameters have other memory than when they were made, as those of members that train together get.
        """
        found = self._recordings.get(_shapes(tensors))
        if found is None:
            return None
        if self._pointers != list(map(_pointer, self._lasting)):
            self.forget()
            return None
        self._in_a_row = 0
        return found

    def forget(self) -> None:
        """Drop all recordings: what they have as a number is another one now, and may soon be another again."""
        self._recordings.clear()
        self._counts.clear()
        self._in_a_row, self.before = 0, AFTER

    def is_due(self, tensors: Sequence[Tensor]) -> bool:
        """Count a step over such a batch that has no recording; whether it is to be recorded."""
        shapes = _shapes(tensors)
        if shapes in self._recordings or len(self._recordings) == self._most or self._is_heavy:
            return False
        count = self._counts[shapes] = self._counts.get(shapes, 0) + 1
        self._in_a_row = self._in_a_row + 1 if shapes == self._latest else 1
        self._latest = shapes
        return count > AFTER or self._in_a_row > self.before

    def begin(self, work: Callable[[], Sequence[Tensor | None]], tensors: Sequence[Tensor]) -> Sequence[Tensor | None]:
        """Do a step as usual, and before that record it; the recording is kept where it gives the same bits from the same state.

        Args:
            work: The step: gives what is wanted of it.
            tensors: What the batch consists of.

        Returns:
            What `work` gives. All else is as after one step.
        """
        pointers = list(map(_pointer, self._lasting))
        if pointers != self._pointers:
            self._recordings.clear()
        self._pointers = pointers
        before = self._state()
        shapes = _shapes(tensors)
        self._recordings[shapes] = None
        found: list[tuple[Replayed, Sequence[Tensor | None]]] = []
        for step in self._recorded(work, tensors, before):
            self._put_back(before)
            found.append((step, [*step(tensors), *self._state()]))
        self._put_back(before)
        expected = work()
        wanted = [*expected, *self._state()]
        kept = next((step for step, results in found if all(_equal(one, other) for one, other in zip(wanted, results, strict=True))), None)
        self._recordings[shapes] = kept
        if found and isinstance(found[0][0], Captured):
            self._tell("" if kept is found[0][0] else "it did not give the bits of the step")
        return expected

    def _recorded(
        self, work: Callable[[], Sequence[Tensor | None]], tensors: Sequence[Tensor], before: Sequence[Tensor]
    ) -> Iterator[Replayed]:
        """What may take the place of a step, the fastest first."""
        try:
            recording = record(work, self._lasting, tensors)
        except NotStaticError as error:
            self._tell(str(error))
            return
        except RuntimeError as error:
            if self._graphs is None:
                raise
            self._tell(told(error))  # what is wrong with the step itself is told by the usual one, which comes next
            return
        if self._graphs is None:
            self._put_back(before)
            yield recording.interpreted(tensors)
            return
        why = obstacle(tensors, self._device) if recording.is_small else f"its tensors take more than {SMALL_BYTES // 2**20} MiB"
        if why is None:
            self._put_back(before)
            try:
                yield Captured(recording, tensors, self._graphs)
            except RuntimeError as error:
                why = told(error)
        if why is not None:
            self._tell(why)
        if recording.is_small:
            yield recording

    def _tell(self, why: str) -> None:
        """Note whether steps are a graph."""
        if self._graphs is not None:
            self.is_graph, self.why = not why, why

    def _state(self) -> list[Tensor]:
        """What a step changes: random numbers and buffers, as they are."""
        return [*draws(self._device), *(buffer.clone() for buffer in self._buffers)]

    def _put_back(self, state: Sequence[Tensor]) -> None:
        generators = len(state) - len(self._buffers)
        restore_draws(state[:generators], self._device)
        with torch.no_grad():
            for buffer, value in zip(self._buffers, state[generators:], strict=True):
                buffer.copy_(value)


def _unnamed(_: Tensor) -> str:
    return ""


def tensors_of(batch: Batch) -> list[Tensor] | None:
    """The tensors that a batch consists of; `None` where there is more to it than its rows, which no recording is told of."""
    if batch.choice is not None or batch.partner is not None or batch.goes_on is not None:
        return None
    weights = () if batch.weights is None else (batch.weights,)
    return [*batch.inputs.values(), *batch.targets.values(), *weights, batch.rows]


def _shapes(tensors: Sequence[Tensor]) -> tuple[torch.Size, ...]:
    return tuple(map(_shape, tensors))


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    """Whether two tensors are the same to the bit, NaN too."""
    if one is None or other is None:
        return one is other
    return one.shape == other.shape and bool(torch.equal(_bytes(one), _bytes(other)))


def are_static(network: nn.Module) -> bool:
    """Whether all modules of a network are of kinds that run the same operations in each step."""
    kinds = {type(module).__module__ for module in cast("Iterable[nn.Module]", network.modules())}
    return IS_KNOWN and all(kind.startswith(_OWN) and not kind.startswith(_OTHERWISE) for kind in kinds)


@dataclass(slots=True)
class _Compiling:
    """Turns what was recorded into a function, without what is the same in each step."""

    recorder: Recorder
    inputs: Sequence[Slot]
    stay: set[Slot]
    known: dict[Slot, Tensor] = field(default_factory=dict[Slot, Tensor])
    """Tensors that are made once: those that stay, views of them, and what hangs on nothing else."""
    constant: set[Slot] = field(default_factory=set[Slot])
    """Those of them whose values never change."""

    def function(self, outputs: Sequence[Slot | None]) -> Recording:
        recorder = self.recorder
        self.known = {slot: tensor for slot, tensor in recorder.given.items() if slot not in self.inputs}
        self.constant = set(self.known) - self.stay
        changed = {slot for operation in recorder.operations for slot in changed_by(operation)}
        if not changed.isdisjoint(self.constant):
            raise NotStaticError("a constant is changed in place")
        left = [operation for operation in recorder.operations if not self._is_known(operation, changed)]
        graph = fx.Graph()
        nodes: dict[Slot, Any] = {slot: graph.placeholder(f"batch_{place}") for place, slot in enumerate(self.inputs)}
        read = {slot for operation in left for slot in slots_in((operation.arguments, operation.options))} | set(outputs)
        held = [slot for slot in self.known if slot in read]
        nodes |= {slot: graph.placeholder(f"held_{place}") for place, slot in enumerate(held)}
        for operation in left:
            function = _DIRECT.get(str(operation.function)) or operation.function
            node = graph.call_function(function, filled_in(operation.arguments, nodes), filled_in(operation.options, nodes))
            for place, slot in enumerate(operation.results):
                if slot is not None and slot not in nodes:
                    nodes[slot] = graph.call_function(operator.getitem, (node, place)) if operation.is_tuple else node
        # What is the same each time is copied: whoever gets a gradient may change it in place.
        copied = {slot: graph.call_function(torch.clone, (nodes[slot],)) for slot in outputs if slot is not None and slot in self.known}
        graph.output(tuple(None if slot is None else (copied.get(slot) or nodes[slot]) for slot in outputs))
        graph.eliminate_dead_code()
        module: Any = fx.GraphModule({}, graph)
        return Recording(module.forward, tuple(self.known[slot] for slot in held), recorder.bytes <= SMALL_BYTES, recorder.asks_autograd)

    def _is_known(self, operation: Operation, changed: set[Slot]) -> bool:
        """Run an operation whose results are the same tensors in each step; whether it is one."""
        reads = slots_in((operation.arguments, operation.options))
        results = [slot for slot in operation.results if slot is not None]
        function = operation.function
        if function.is_view and set(results) <= set(reads):
            return True  # shows what is there as it is
        made = [self.recorder.made[slot] for slot in results if slot in self.recorder.made]
        if made and changed.isdisjoint(results):
            self.known |= dict(zip(results, made, strict=True))
            self.constant |= set(results)
            return True
        is_constant = all(slot in self.constant for slot in reads)
        is_pure = torch.Tag.nondeterministic_seeded not in function.tags and not function._schema.is_mutable
        is_lasting_view = function.is_view and all(slot in self.known for slot in reads)
        if not reads or not (is_lasting_view or (is_constant and is_pure and changed.isdisjoint(results))):
            return False
        found = function(*filled_in(operation.arguments, self.known), **filled_in(operation.options, self.known))
        tensors = found if operation.is_tuple else (found,)
        self.known |= {slot: tensor for slot, tensor in zip(operation.results, tensors, strict=True) if slot is not None}
        self.constant |= set(results) if is_constant else set()
        return True


def _bytes(values: Tensor) -> Tensor:
    """The bits of a tensor, uint8, wherever its numbers lie in memory."""
    return values.reshape(-1).contiguous().view(torch.uint8)
