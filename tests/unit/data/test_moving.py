"""Rows that are moved piece by piece: the same batches, each begun to be moved before the one before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from nntrain.data import batches
from nntrain.data.batches import Batch, TensorData, epoch_batches, plain_batches
from nntrain.data.mask_rows import MaskRows
from nntrain.data.moving import arriving, resting, sent
from nntrain.data.packed import PackedSteps
from nntrain.data.windows import Windows
from nntrain.errors import ConfigError
from nntrain.training.resting_rows import fits, settle
from tests.unit.training.tiny_run import CPU, make_data, make_run


class Noted:
    """A tensor that writes down how it is moved."""

    def __init__(self, place: str) -> None:
        self.device = torch.device(place)
        self.calls: list[str] = []

    def pin_memory(self) -> Noted:
        self.calls.append("pinned")
        return self

    def to(self, device: torch.device, non_blocking: bool = False) -> Noted:
        self.calls.append(f"to {device}{', without waiting' if non_blocking else ''}")
        return self


@pytest.mark.parametrize(
    ("start", "end", "calls"),
    [
        ("cpu", "cuda:1", ["pinned", "to cuda:1, without waiting"]),
        ("cpu", "cpu", ["to cpu"]),
        ("cuda:0", "cuda:0", ["to cuda:0"]),
        ("cpu", "mps", ["to mps"]),
    ],
)
def test_from_the_host_to_cuda_nothing_is_waited_for(start: str, end: str, calls: list[str]) -> None:
    tensor: Any = Noted(start)
    assert sent(tensor, torch.device(end)) is tensor
    assert tensor.calls == calls


def numbers(found: Iterator[Batch]) -> list[list[torch.Tensor]]:
    return [[*batch.inputs.values(), *batch.targets.values(), batch.rows] for batch in found]


def assert_same(one: Iterator[Batch], other: Iterator[Batch]) -> None:
    for ours, theirs in zip(numbers(one), numbers(other), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_the_next_piece_is_on_its_way_while_one_is_used() -> None:
    begun: list[int] = []

    def pieces() -> Iterator[TensorData]:
        for start in range(0, 12, 4):
            begun.append(start)
            yield make_data(12).narrow(start, start + 4)

    found = arriving(pieces(), CPU)
    assert next(found).rows.tolist() == [0, 1, 2, 3]
    assert begun == [0, 4]
    assert [part.rows.tolist()[0] for part in found] == [4, 8]


def test_nothing_is_asked_for_early_where_rows_lie_on_the_device() -> None:
    begun: list[int] = []
    found = arriving((begun.append(start) or make_data(4) for start in range(3)), None)
    next(found)
    assert begun == [0]


def test_batches_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "CHUNK_BYTES", 300)
    data = make_data(50, weights=True)
    away = resting(data, CPU)
    for start in (0, 2):
        assert_same(epoch_batches(data, 8, seed=1, epoch=2, start=start), epoch_batches(away, 8, seed=1, epoch=2, start=start))
    assert_same(plain_batches(data, 8), plain_batches(away, 8))
    assert_same(iter([data.batch(3, 9)]), iter([away.batch(3, 9)]))


def test_a_run_is_the_same() -> None:
    here, away = make_run(weights=True), make_run(weights=True)
    splits = away.session.splits
    assert splits.validation is not None
    moved = replace(
        splits, train=resting(splits.train, CPU), validation=resting(splits.validation, CPU), sample=resting(splits.sample, CPU)
    )
    away.session = replace(away.session, splits=moved)
    assert [report.metrics for report in here.reports()] == [report.metrics for report in away.reports()]


def test_where_batches_are() -> None:
    meta = torch.device("meta")
    data = resting(make_data(8), meta)
    for some in (data, data.take(torch.arange(2)), data.narrow(0, 2)):
        assert (some.rows.device, some.device) == (CPU, meta)
    assert data.batch(0, 2).rows.device == meta
    assert make_data(8).device == CPU


@pytest.mark.parametrize("given", [True, False])
@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_no_effect_but_on_cuda(given: bool, device: str) -> None:
    with pytest.raises(ConfigError, match="has no effect"):
        settle(given, torch.device(device), [make_data(4)])
    assert settle("auto", torch.device(device), [make_data(4)]) == ("auto", None)


def test_a_quarter_of_what_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fits(2**30, 4 * 2**30) == (True, None)
    assert fits(2**30 + 1, 4 * 2**30) == (False, "rows stay on the host (1.0 GiB, and 4.0 GiB are free on the device)")
    data = make_data(10)
    needed = 10 * (4 * 4 + 8 + 4 + 8)
    for free, wanted in ((4 * needed, True), (4 * needed - 1, False)):
        monkeypatch.setattr(torch.cuda, "mem_get_info", {torch.device("cuda"): (free, free)}.__getitem__)
        assert settle("auto", torch.device("cuda"), [data])[0] is wanted


def test_rows_that_lie_on_a_device_are_asked_for_by_what_is_known_here() -> None:
    """Where rows begin is known on the host: no number comes back from a device, of which this one has none to give."""
    meta = torch.device("meta")
    steps = PackedSteps.of(torch.arange(12.0), torch.tensor([3, 4, 5])).to(meta)
    windows = Windows(torch.zeros(9, 2), torch.arange(3, 6), 3, 1).to(meta)
    masks = MaskRows(torch.zeros(3, 4, 4, dtype=torch.uint8)).to(meta)
    data = TensorData({}, {}, None, torch.arange(3, device=meta), {"steps": steps, "windows": windows}, stored_targets={"mask": masks})
    found = data.take(torch.tensor([2, 0]))
    assert found.numbers.shape == (2,)
    taken = found.stored["steps"]
    assert isinstance(taken, PackedSteps)
    assert taken.lengths.tolist() == [5, 3]
    shapes = {name: values.shape for name, values in (taken.tensors("steps") | found.stored["windows"].tensors("windows")).items()}
    assert shapes == {"steps": (2, 5), "steps.lengths": (2,), "windows": (2, 3, 2)}
    assert len(found.stored_targets["mask"]) == 2
