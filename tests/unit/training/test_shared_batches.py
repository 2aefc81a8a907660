"""Batches are reckoned with as large as they are: evaluations read no more at once than `batch_rows` says."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch, TensorData
from nntrain.training import shared_batches
from nntrain.training.evaluation import batch_rows
from nntrain.training.memory import Portions
from nntrain.training.tracing import unmeasured

ROWS, VALUES, BATCH = 3000, 2**16, 100
"""Rows of so many values that a batch of an evaluation has no more of them than one of training."""


def rows_of(values: int, streamed: object = None) -> Any:
    row = torch.zeros(ROWS, 1).expand(ROWS, values)
    return TensorData({"x": row}, {}, None, torch.arange(ROWS), streamed=streamed)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(("values", "accumulate", "largest"), [(VALUES, 1, BATCH), (VALUES, 7, 7 * BATCH), (1, 1, 1024), (1, 90, ROWS)])
def test_what_passes_through_shared_memory(monkeypatch: pytest.MonkeyPatch, values: int, accumulate: int, largest: int) -> None:
    store = SimpleNamespace(bytes_per_row=10, values_per_row=0)
    streamed = SimpleNamespace(store=store, reading=SimpleNamespace(workers=3))
    session: Any = SimpleNamespace(splits=SimpleNamespace(train=rows_of(values, streamed)), batch_size=BATCH, accumulate=accumulate)
    asked: list[tuple[int, int]] = []

    def ask(workers: int, size: int) -> None:
        asked.append((workers, size))

    monkeypatch.setattr(shared_batches, "check_shared_memory", ask)
    shared_batches.check_batches_fit(session)
    assert asked == [(3, 10 * largest)]


def inputs_of(batch: Batch) -> Mapping[str, Tensor]:
    return batch.inputs


class Sizes(nn.Module):
    """A network that counts the rows it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[int] = []

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], None]:
        self.seen.append(len(inputs["x"]))
        return {"y": inputs["x"][:, :1]}, None


@pytest.mark.parametrize("most", [None, 30])
def test_rows_that_are_not_finite_are_looked_for_in_the_batches_of_evaluations(most: int | None) -> None:
    network, data = Sizes(), rows_of(VALUES)
    session: Any = SimpleNamespace(
        network=network,
        ema=None,
        batch_size=BATCH,
        portions=Portions(evaluation_rows=most),
        precision=SimpleNamespace(autocast=nullcontext),
        objective=SimpleNamespace(inputs=inputs_of),
    )
    assert unmeasured(session, data) is None
    assert max(network.seen) == batch_rows(data, BATCH, most) == (most or BATCH)
