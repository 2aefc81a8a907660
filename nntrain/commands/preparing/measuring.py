"""Steps that are taken to be measured, by objects of their own: the run that is trained afterwards knows nothing of them."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nntrain.training.loop import take_step
from nntrain.training.reproducibility import preserved_globals

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.batches import Batch


@contextmanager
def without_trace(job: Job) -> Generator[None]:
    """Context of steps that are measured: random numbers, threads and algorithms are as before once it ends."""
    reading = job.prepared.fields.reading
    with preserved_globals(), nullcontext() if reading is None else reading.kept():
        yield


@dataclass(slots=True)
class Steps:
    """The steps of a run from its first one on, epoch after epoch, whatever would end it."""

    assembly: Assembly
    _batches: Iterator[tuple[Batch, ...]] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with the first row of the first epoch."""
        self.assembly.session.network.train()
        self._batches = self._all()

    def _all(self) -> Iterator[tuple[Batch, ...]]:
        parts = self.assembly
        epoch = 0
        while True:
            if parts.session.thawing is not None:
                parts.session.thawing.begin(parts.session.network, epoch)
            yield from parts.protocol.batches(parts.session, epoch, 0)
            epoch += 1

    def rows(self) -> tuple[Batch, ...]:
        """The rows of the next step."""
        return next(self._batches)

    def take(self, batches: tuple[Batch, ...]) -> None:
        """Take a step. Raises as `take_step`."""
        parts = self.assembly
        take_step(parts.session, parts.protocol, parts.progress, batches)
        parts.progress.advance(parts.plan.steps_per_epoch)

    def seconds(self, count: int) -> float:
        """Seconds a step over some of them, by the clock on the wall: what a user waits for."""
        started = time.perf_counter()
        for _ in range(count):
            self.take(self.rows())
        if self.assembly.session.device.type == "cuda":
            import torch

            torch.cuda.synchronize(self.assembly.session.device)
        return (time.perf_counter() - started) / count
