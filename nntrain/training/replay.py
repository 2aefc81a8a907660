"""A training step of which the operations are always the same: recorded once, then run again without autograd and modules in between.

Small networks spend most of a step in Python and in the bookkeeping of autograd, not in arithmetic. Where the same tensor operations run
in each step whatever the values are, they are recorded with their gradients in an ordinary step, and become one plain function
(`torch.fx`) from a batch to loss and gradients. It runs the same kernels in the same order, so the numbers are the same to the last bit;
that is looked at once for each recording, before it is used.

On a CUDA device, which computes while Python goes on, only small steps are recorded, and become one graph.

Whose modules may be recorded is decided by their kind: torch's and our own keep nothing in Python from call to call, and those of plug-ins
may. What looks at values (`item`, `nonzero`) ends a recording.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch
from nntrain.modules.known_torch import IS_KNOWN
from nntrain.training.cuda_graphs import Captured, Graphs, obstacle, told
from nntrain.training.device import draws, restore_draws
from nntrain.training.objective import PartName
from nntrain.training.operations import NotStaticError
from nntrain.training.recordings import SMALL_BYTES, record

AFTER: Final = 32
"""Batches of a shape that are computed as usual before one is recorded: runs of a few steps have nothing to gain."""
SOON: Final = 4
"""The same in a run that is long enough, for a shape that one batch after another has."""
LONG: Final = 500
"""Steps of such a run. A recording of a small step takes as long as it saves in 70 steps."""
MOST_PARAMETERS: Final = 64 * 2**20
"""Bytes of parameters and buffers up to which steps are recorded: a recording is compared by all its gradients."""
SHAPES: Final = 4
"""Recordings that are kept: full batches and the last one of an epoch are two. On a CUDA device one is, that of full batches."""

_OWN: Final = ("torch.nn.", "einops.layers.", "nntrain.")
"""Packages whose modules give the same operations for the same shapes, in training or in evaluation."""
_OTHERWISE: Final = ("torch.nn.utils.",)
"""But for these: parametrizations have caches of their own."""

_shape: Callable[[Tensor], torch.Size] = operator.attrgetter("shape")
_pointer: Callable[[Tensor], int] = torch.Tensor.data_ptr
Replayed = Callable[[Sequence[Tensor]], tuple[Any, ...]]
"""A recording, or a graph of it: from the tensors of a batch to what the step gives."""


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
        self.factors: dict[PartName, float] = {}
        """How much each part of the loss counts, where recordings are of the steps of one network: these give its loss, the norm of its
        gradients, the sums of the parts, their weights, and the gradients of all parameters."""
        self.gives_all = True
        """Whether these have a gradient of every parameter."""

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
        recording = recording.plain()
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


def _bytes(values: Tensor) -> Tensor:
    """The bits of a tensor, uint8, wherever its numbers lie in memory."""
    return values.reshape(-1).contiguous().view(torch.uint8)
