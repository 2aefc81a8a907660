"""A recorded step on a CUDA device as one graph: all its kernels are launched by one call, where each costs Python more than the device.

The graph has the forward and backward pass and the norm of the gradients. The optimizer stays outside of it, as its rate is a number that
changes from step to step. Random numbers are those of the step without a graph: torch hands the graph the place of its generator before
each replay, and moves the generator on by as much as the kernels draw.

A graph reads and writes the same memory each time. So the rows of a step are copied to where it reads them, and the scalars that it gives
are copied away, as they are added up over steps. Gradients stay where they are: they are used up before the next step.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

import torch
from torch import Tensor

Results = tuple[Any, ...]
T = TypeVar("T")

WARM: Final = 3
"""Times that a step is run in the stream of the capture before it: libraries get their memory then, and kernels are loaded."""
ALIGNED: Final = 16
"""Bytes at whose multiples the tensors of a batch have to begin, as those that a graph reads do. It is what kernels read at once: for
others libraries choose other kernels, whose last bits differ."""


class Graph(Protocol):
    """Work that was captured."""

    def replay(self) -> None:
        """Do it again, with what its inputs hold now."""
        ...


class Graphs(Protocol):
    """What is asked of a device whose work can be captured."""

    @property
    def device(self) -> torch.device:
        """Where the work is done."""
        ...

    def warm(self, run: Callable[[], object]) -> None:
        """Do some work a few times. Raises `RuntimeError` where it waits for the device, which no graph can."""
        ...

    def capture(self, run: Callable[[], T]) -> tuple[Graph, T]:
        """Make a graph of some work; what it gives has its values after each replay. Raises `RuntimeError` where that can't be done."""
        ...


class CudaGraphs:
    """Graphs of torch on a CUDA device, each with memory of its own."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream: Any = None

    @property
    def device(self) -> torch.device:
        """The CUDA device."""
        return self._device

    def warm(self, run: Callable[[], object]) -> None:
        """In a stream of its own, which the capture is to have too: torch keeps what libraries need for each stream."""
        with torch.cuda.device(self._device):
            self._stream = stream = torch.cuda.Stream()
            current = torch.cuda.current_stream()
            stream.wait_stream(current)
            try:
                with torch.cuda.stream(stream):
                    run()
                    with _never_waiting():
                        for _ in range(WARM - 1):
                            run()
            finally:
                current.wait_stream(stream)

    def capture(self, run: Callable[[], T]) -> tuple[Graph, T]:
        """In the stream of `warm`. What other threads do meanwhile is no concern of it: a recorded step is the work of this one alone."""
        graph, stream = torch.cuda.CUDAGraph(), self._stream
        capturing = torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local")
        # The outer context of the stream brings the current one back even where the end of the capture fails, when torch's own doesn't.
        with torch.cuda.device(self._device), torch.cuda.stream(stream), capturing:
            found = run()
        return graph, found


@contextmanager
def _never_waiting() -> Generator[None]:
    """Context in which it is an error to wait for the device. In a capture that would break off the capture itself."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


class Captured:
    """A recorded step as a graph."""

    def __init__(self, step: Callable[[Sequence[Tensor]], Results], tensors: Sequence[Tensor], graphs: Graphs) -> None:
        """Capture it. Runs the step, with all that it changes.

        Args:
            step: From the tensors of a batch to what is asked for.
            tensors: Those of a batch; all later ones are of the same shapes.
            graphs: Of the device where they lie.

        Raises:
            RuntimeError: It can't be captured.
        """
        self._step = step  # holds what the graph reads
        self._given = [tensor.clone() for tensor in tensors]
        graphs.warm(self._run)
        self._graph, (self._found, self._scalars) = graphs.capture(self._run)

    def _run(self) -> tuple[Results, Mapping[tuple[int, ...], Tensor]]:
        """What the step gives, and its scalars of each type side by side, by their places."""
        found = self._step(self._given)
        places: dict[torch.dtype, list[int]] = {}
        for place, value in enumerate(found):
            if value is not None and value.ndim == 0:
                places.setdefault(value.dtype, []).append(place)
        return found, {tuple(each): torch.stack([found[place] for place in each]) for each in places.values()}

    def __call__(self, tensors: Sequence[Tensor]) -> Results:
        """What the step gives for the tensors of a batch. What is no scalar is good until the next call."""
        for own, tensor in zip(self._given, tensors, strict=True):
            own.copy_(tensor)
        self._graph.replay()
        found = list(self._found)
        for places, values in self._scalars.items():
            for place, value in zip(places, values.clone().unbind(), strict=True):
                found[place] = value
        return tuple(found)


def obstacle(tensors: Sequence[Tensor], device: torch.device) -> str | None:
    """Why a step over such a batch is no graph, in words; `None` where it may be one."""
    if any(tensor.device.type != device.type for tensor in tensors):
        return "a part of the batch lies elsewhere"
    if any(tensor.nbytes % ALIGNED for tensor in tensors):
        return f"the rows of a batch do not end at a multiple of {ALIGNED} bytes: a data.batch_size that {ALIGNED} divides does"
    return None


def told(error: BaseException) -> str:
    """What went wrong first, in a line: where a capture is broken off, its end fails too."""
    while isinstance(error.__context__, RuntimeError):
        error = error.__context__
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
