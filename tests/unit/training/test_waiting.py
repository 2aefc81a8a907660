"""How long steps wait for their rows."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import torch

from nntrain.data.batches import Batch
from nntrain.training.waiting import Waiting


def rows_after(clock: list[float], seconds: list[float]) -> Iterator[tuple[Batch, ...]]:
    for each in seconds:
        clock[0] += each
        yield ()


def test_what_a_process_starts_with_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, waiting, device = [0.0], Waiting(), torch.device("cpu")
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])
    assert len(list(waiting.around(rows_after(clock, [20.0, 1.0, 2.0]), device))) == 3
    assert waiting.seconds == 3.0
    assert len(list(waiting.around(rows_after(clock, [4.0, 1.0]), device))) == 2  # the next epoch: its first rows are waited for
    assert waiting.seconds == 8.0
