"""How long training waits for its rows: a reading of the clock before and after each batch is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from nntrain.data.batches import Batch


@dataclass(slots=True)
class Waiting:
    """Adds up the seconds between asking for the rows of a step and having them, in which nothing else goes on.

    The first rows of a process don't count: what reads them has to start first, and starts once however long the run is.
    """

    seconds: float = 0.0
    has_begun: bool = False

    def around(self, batches: Iterable[tuple[Batch, ...]], device: torch.device) -> Iterator[tuple[Batch, ...]]:
        """The same rows, by the clock.

        Args:
            batches: The rows of each step.
            device: Where steps are computed. One that still computes when the rows are there has not waited for them.
        """
        clock, ask = time.perf_counter, iter(batches).__next__
        computed = torch.cuda.Event() if device.type == "cuda" else None
        while True:
            if computed is not None:
                computed.record(torch.cuda.current_stream(device))
            began = clock()
            try:
                rows = ask()
            except StopIteration:
                return
            if self.has_begun and (computed is None or computed.query()):
                self.seconds += clock() - began
            self.has_begun = True
            yield rows
