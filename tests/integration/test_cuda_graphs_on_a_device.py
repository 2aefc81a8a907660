"""Steps as CUDA graphs, on a device: the bits of steps without, whatever is around them. Without a device nothing of this was ever run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import torch

import nntrain
from nntrain.training import checkpoint, loop, recordable, replay
from nntrain.training.cuda_graphs import Captured, CudaGraphs
from nntrain.training.replay import StaticSteps

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

STEPS = 50
CONFIG: dict[str, Any] = {
    "name": "run",
    "seed": 3,
    "data": {"source": {"type": "builtin", "name": "digits"}, "batch_size": 64},
    "architecture": {"type": "mlp", "hidden": [64, 64]},
    "optimizer": {"type": "adamw", "lr": 1e-2},
    "scheduler": {"type": "cosine", "warmup_steps": 5},
    "training": {"max_steps": STEPS, "device": "cuda", "deterministic": True, "evaluate_every": {"steps": 25}},
}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout and batch norm": {"regularization": {"dropout": 0.3, "norm": "batch"}},
    "clipped": {"regularization": {"clip_norm": 0.5, "ema": 0.9}},
    "bfloat16": {"training": {**CONFIG["training"], "precision": "bfloat16"}},
    "cnn": {"architecture": {"type": "cnn", "channels": [8, 16]}},
    "sgd": {"optimizer": {"sgd": {"momentum": 0.9}}},
}


class BrokenOffError(Exception):
    """Stands for a crash of the process."""


@pytest.fixture
def captured(monkeypatch: pytest.MonkeyPatch) -> list[StaticSteps]:
    """The recordings of each run; steps are recorded from the fifth on."""
    found: list[StaticSteps] = []
    begin = StaticSteps.begin
    monkeypatch.setattr(replay, "AFTER", replay.SOON)
    monkeypatch.setattr(StaticSteps, "begin", lambda steps, *given: (found.append(steps), begin(steps, *given))[1])
    return found


def fit(*changes: str, **sections: Any) -> Path:
    return nntrain.fit({**CONFIG, **sections}, *changes).run.path


def results(run: Path) -> tuple[bytes, bytes, str]:
    folder = checkpoint.pointed(run / "checkpoints", "last")
    assert folder is not None
    return (folder / "weights.safetensors").read_bytes(), (folder / "state.safetensors").read_bytes(), (run / "history.jsonl").read_text()


@pytest.mark.parametrize("name", CASES)
def test_a_run_of_graphs_ends_with_the_bytes_of_one_without(
    name: str, captured: list[StaticSteps], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = results(fit(**CASES[name]))  # each epoch ends with a smaller batch
    assert [steps.why for steps in captured] == [""]
    assert all(isinstance(step, Captured) for step in captured[0]._recordings.values())
    monkeypatch.setattr(recordable, "are_static", lambda _: False)
    assert found == results(fit(**CASES[name]))


def test_a_resumed_run_of_graphs_ends_with_the_same_bytes(captured: list[StaticSteps], monkeypatch: pytest.MonkeyPatch) -> None:
    sections = {**CASES["dropout and batch norm"], "training": {**CONFIG["training"], "checkpoint": {"every_steps": 7}}}
    wanted = results(fit(**sections))
    take_step = loop.take_step

    def breaking(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        if progress.step == 30:
            raise BrokenOffError
        take_step(session, protocol, progress, batches)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", breaking)
        with pytest.raises(BrokenOffError):
            fit(**sections)
    assert results(nntrain.fit(resume="runs/run/0002").run.path) == wanted
    assert [steps.is_graph for steps in captured] == [True] * 3


def test_no_step_of_a_graph_waits_for_the_device_nor_does_the_way_of_its_rows(
    captured: list[StaticSteps], monkeypatch: pytest.MonkeyPatch
) -> None:
    take_step, tried = loop.take_step, 0

    def watched(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        nonlocal tried
        is_warm = 10 <= progress.step < STEPS - 1  # the mode stays on until the next step, while its rows are brought
        torch.cuda.set_sync_debug_mode("error" if is_warm else "default")
        take_step(session, protocol, progress, batches)
        tried += is_warm

    monkeypatch.setattr(loop, "take_step", watched)
    try:
        never = {"evaluate_every": {"steps": STEPS}, "checkpoint": {"every_epochs": None, "every_minutes": None}}
        fit(training={**CONFIG["training"], **never}, regularization={"clip_norm": 1.0})
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert tried == STEPS - 11
    assert captured[0].is_graph


@pytest.mark.parametrize("breaks_off", [False, True])
def test_after_a_capture_that_failed_a_run_goes_on_to_the_same_bytes(
    breaks_off: bool, captured: list[StaticSteps], monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = CudaGraphs.capture

    def failing(graphs: CudaGraphs, run: Any) -> Any:
        def broken() -> Any:
            found = run()
            if breaks_off:
                torch.cuda.synchronize()  # which CUDA answers by breaking off the capture
            raise RuntimeError(f"as if out of memory after {len(found)} results")

        return capture(graphs, broken)

    with monkeypatch.context() as patch:
        patch.setattr(CudaGraphs, "capture", failing)
        found = results(fit("training.data_on_device=false"))
    assert captured[0].is_graph is False
    assert captured[0].why
    assert torch.cuda.current_stream() == torch.cuda.default_stream()
    assert found == results(fit("training.data_on_device=false"))
    assert captured[1].is_graph


def test_how_many_rows_a_second(captured: list[StaticSteps], monkeypatch: pytest.MonkeyPatch) -> None:
    """Printed, not judged: `pytest -m cuda -s`."""
    seconds: list[float] = []
    long = {**CONFIG["training"], "max_steps": 2000, "evaluate_every": {"steps": 2000}}
    for _ in range(3):
        for are_static in (lambda _: True, lambda _: False):
            monkeypatch.setattr(recordable, "are_static", are_static)
            began = time.perf_counter()
            fit(training=long)
            torch.cuda.synchronize()
            seconds.append(time.perf_counter() - began)
    with_graphs, without = sorted(seconds[::2]), sorted(seconds[1::2])
    print(f"\n{torch.cuda.get_device_name()}: 2,000 steps of 64 rows, s: {with_graphs} as graphs, {without} without")
