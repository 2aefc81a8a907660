"""How long training waits for its rows: a reading of the clock before and after each batch is asked for."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nntrain.data.batches import Batch


@dataclass(slots=True)
class Waiting:
    """Adds up the seconds between asking for the rows of a step and having them."""

    seconds: float = 0.0

    def around(self, batches: Iterable[tuple[Batch, ...]]) -> Iterator[tuple[Batch, ...]]:
        """The same rows, by the clock."""
        clock, ask = time.perf_counter, iter(batches).__next__
        while True:
            began = clock()
            try:
                rows = ask()
            except StopIteration:
                return
            finally:
                self.seconds += clock() - began
            yield rows
