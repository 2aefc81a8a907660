"""Turns the operations of a step that were noted into a function that runs them again.

Torch's interpreter runs that function where a step is small, which asks Python once a step instead of once an operation; it fuses nothing
and leaves nothing out.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import torch
from torch import Tensor, fx

from nntrain.modules.known_torch import IS_KNOWN, set_grad_mode
from nntrain.training.operations import NotStaticError, Operation, Recorder, Slot, Unread, changed_by, filled_in, slots_in

SMALL_BYTES: Final = 64 * 2**20
"""All tensors of a step that is worth the interpreter, or a graph, which keeps their memory: in larger ones arithmetic takes the time."""
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

Step = Callable[..., tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Recording:
    """A recorded step of batches of one shape."""

    run: Step
    """From the tensors of a batch and what is held to what was asked for. Each operation is looked up, until it is plain or interpreted."""
    held: tuple[Tensor, ...]
    """What is read beside them: parameters, buffers, constants."""
    is_small: bool
    """Whether asking Python for each operation is much of its time."""
    compiled: Callable[[], Step]
    """Makes a plain function of `run`."""
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

    def plain(self) -> Recording:
        """The same as a plain function."""
        return replace(self, run=self.compiled())

    def interpreted(self, tensors: Sequence[Tensor]) -> Recording:
        """The same for torch's interpreter, if it is small, else a plain function; that too where something can't be said to it.

        Runs the step, with all that it changes.
        """
        if not self.is_small:
            return self.plain()
        given = (*tensors, *self.held)
        names = [f"tensor_{place}" for place in range(len(given))]
        core: Any = torch._C  # pyright: ignore[reportPrivateUsage]
        try:
            with torch.set_grad_enabled(self.is_grad_enabled):
                function = core._create_function_from_trace("step", self.run, given, _unnamed, False, False, names)
        except RuntimeError:  # a gradient that is missing
            return self.plain()
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
        read = {slot for operation in left for slot in slots_in((operation.arguments, operation.options))} | set(outputs)
        held = [slot for slot in self.known if slot in read]
        called = _Calls([*self.inputs, *held], left, outputs, frozenset(held))
        return Recording(
            called.run, tuple(self.known[slot] for slot in held), recorder.bytes <= SMALL_BYTES, called.compiled, recorder.asks_autograd
        )

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


@dataclass(frozen=True, slots=True)
class _Calls:
    """The operations of a step, one after another."""

    given: Sequence[Slot]
    operations: Sequence[Operation]
    outputs: Sequence[Slot | None]
    held: frozenset[Slot]

    def run(self, *given: Tensor) -> tuple[Any, ...]:
        """Run them, each looked up."""
        return self._walk(dict(zip(self.given, given, strict=True)), lambda function, given, options: function(*given, **options))

    def compiled(self) -> Step:
        """Python code that does nothing else; what no output hangs on is left out."""
        graph = fx.Graph()
        places = {slot: graph.placeholder(f"tensor_{place}") for place, slot in enumerate(self.given)}
        graph.output(self._walk(places, graph.call_function))
        graph.eliminate_dead_code()
        module: Any = fx.GraphModule({}, graph)
        return module.forward

    def _walk(self, values: dict[Slot, Any], call: Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]) -> tuple[Any, ...]:
        for operation in self.operations:
            function = _DIRECT.get(str(operation.function)) or operation.function
            found = call(function, filled_in(operation.arguments, values), filled_in(operation.options, values))
            for place, slot in enumerate(operation.results):
                if slot is not None and slot not in values:
                    values[slot] = call(operator.getitem, (found, place), {}) if operation.is_tuple else found
        # What is the same each time is copied: whoever gets a gradient may change it in place.
        copied = {slot: call(torch.clone, (values[slot],), {}) for slot in self.outputs if slot is not None and slot in self.held}
        return tuple(None if slot is None else (copied if slot in copied else values)[slot] for slot in self.outputs)


def _unnamed(_: Tensor) -> str:
    return ""
