"""What saving and resuming cost. Seconds are recorded and decide nothing; copies, bytes and batches are counted."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch

import nntrain
from nntrain.commands.training.pacing import Pace
from nntrain.data.batches import TensorData
from nntrain.runs import Run
from nntrain.training import checkpoint, loop
from nntrain.training.durable import tensor_pieces, write_files

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "checkpoint_cost.py"


def benchmark() -> ModuleType:
    spec = importlib.util.spec_from_file_location("checkpoint_cost", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.bar("R15")
def test_tensors_are_written_once_and_from_where_they_lie(tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    tensors = {"a": torch.randn(1_000), "b": torch.randn(20, 30).double(), "c": torch.tensor(3), "d": torch.randn(0, 4)}
    lies = {tensor.data_ptr() for tensor in tensors.values() if tensor.numel()}
    head, *pieces = tensor_pieces(tensors)
    assert {numpy.frombuffer(piece, numpy.uint8).ctypes.data for piece in pieces if len(piece)} == lies
    entry = write_files(tmp_path, {"state.safetensors": [head, *pieces]})["state.safetensors"]
    size = (tmp_path / "state.safetensors").stat().st_size
    assert size == entry["bytes"] == len(head) + sum(tensor.nbytes for tensor in tensors.values())
    record_property(
        "figure", f"0 of {len(lies)} tensors copied to be written; {size:,} bytes written once, {size - len(head):,} of them tensors"
    )


@pytest.mark.bar("R15")
@pytest.mark.parametrize("repeat", [2, pytest.param(15, marks=pytest.mark.slow)])
def test_seconds_of_a_save(repeat: int, tmp_path: Path, record_property: Callable[[str, str], None]) -> None:
    found = benchmark().measure(tmp_path, 25_000_000, repeat)
    bar = 2.5 * found["torch.save"] + 150
    record_property(
        "figure",
        f"25 MB, medians of {repeat}: {found['checkpoint']:.0f} ms with digests and syncs, torch.save {found['torch.save']:.0f} ms "
        f"(bar 2.5 x + 150 = {bar:.0f} ms), loaded and verified in {found['load']:.0f} ms",
    )
    assert len(list((tmp_path / "checkpoints").glob("step-*"))) == 1


@pytest.mark.bar("R15")
@pytest.mark.parametrize("epoch_s", [0.01, 0.2, 3.0, 60.0])
@pytest.mark.parametrize("save_s", [0.005, 0.1, 2.0])
def test_saving_takes_a_hundredth_of_the_time(
    epoch_s: float, save_s: float, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, str], None]
) -> None:
    now, spent, longest = 0.0, 0.0, 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pace = Pace(0.01)
    while now < 1_000:
        now += epoch_s
        if pace.allows():
            longest = max(longest, pace.seconds)
            with pace.measured():
                now += save_s
            spent += save_s
    assert spent <= 0.01 * now + save_s
    assert longest <= 100 * save_s + 2 * epoch_s
    record_property("figure", f"epochs of {epoch_s} s, saves of {save_s} s: {spent / now:.2%} of the time, at most {longest:.4g} s apart")


class Stop(BaseException):
    """The process is gone."""


@pytest.mark.bar("R16")
@pytest.mark.parametrize(("rows", "hidden"), [(1_000, 32), pytest.param(20_000, 512, marks=pytest.mark.slow)])
def test_a_resumed_run_takes_no_batch_twice(
    rows: int, hidden: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, str], None]
) -> None:
    lines = ["a,b,y", *(f"{row % 7},{row % 11},{row % 7 * 2 + row % 3}" for row in range(rows))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    steps = rows * 8 // 100
    saved_at = steps * 9 // 10
    config: dict[str, Any] = {
        "name": "long",
        "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.1, "test": 0.1}, "batch_size": 10},
        "architecture": {"type": "mlp", "hidden": [hidden, hidden]},
        "training": {"max_epochs": 1, "threads": 1, "checkpoint": {"every_steps": saved_at}},
    }
    plain_batches, take_step = TensorData.plain_batches, loop.take_step
    batches, stop_at, first_step_s = 0, 0, 0.0

    def counted(data: TensorData, edges: Any, before: int | None = None) -> Any:
        nonlocal batches
        for batch in plain_batches(data, edges, before or 0):
            batches += before is not None  # else it is rows in their own order that are measured
            yield batch

    def watched(session: Any, protocol: Any, progress: Any, taken: Any) -> None:
        nonlocal first_step_s
        first_step_s = first_step_s or time.perf_counter()
        if progress.step == stop_at:
            raise Stop
        take_step(session, protocol, progress, taken)

    monkeypatch.setattr(TensorData, "plain_batches", counted)
    monkeypatch.setattr(loop, "take_step", watched)
    seconds: list[float] = []
    for resume, at in ((None, 0), (None, saved_at), ("runs/long/0002", saved_at)):
        stop_at = at
        batches, first_step_s, started = 0, 0.0, time.perf_counter()
        with pytest.raises(Stop):
            nntrain.fit(config, resume=resume)
        seconds.append(first_step_s - started)
    assert batches == 1  # that of the first new step
    started = time.perf_counter()
    found = checkpoint.newest(Run(tmp_path / "runs/long/0002").checkpoints)
    read_s = time.perf_counter() - started
    assert found.path is not None
    assert found.path.name == f"step-{saved_at:07d}"
    record_property(
        "figure",
        f"resumed at step {saved_at} of an epoch of {steps}: {batches} batch gathered up to the first new step, after {seconds[2]:.2f} s; "
        f"a start anew takes {min(seconds[:2]):.2f} s, reading the state {read_s * 1e3:.0f} ms",
    )
