"""What only a CUDA device can show. The same runs on the CPU are in the unit tests."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import nntrain
from nntrain.commands.training import diagnosing
from nntrain.errors import DivergedError
from nntrain.optimizers.adam import AdamW
from nntrain.optimizers.groups import parameter_groups
from nntrain.training import checkpoint, loop
from nntrain.training.state import flatten, optimizer_state, restore_into, restore_network, unflatten
from nntrain.training.waiting import Waiting

pytestmark = [pytest.mark.cuda, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]

CONFIG: dict[str, Any] = {
    "name": "rows",
    "seed": 3,
    "data": {"source": "rows.csv", "target": "label", "split": {"validation": 0.2, "test": 0.2}, "batch_size": 32},
    "architecture": {"layers": [{"linear": 16}, "batch_norm", "relu", {"dropout": 0.3}]},
    "optimizer": {"type": "adamw", "lr": 1e-2},
    "scheduler": {"type": "cosine", "warmup_steps": 5},
    "regularization": {"ema": 0.9, "clip_norm": 1.0},
    "training": {"max_epochs": 5, "device": "cuda", "deterministic": True, "accumulate": 2, "checkpoint": {"every_steps": 3}},
}


class BrokenOffError(Exception):
    """Stands for a crash of the process."""


@pytest.fixture(autouse=True)
def rows(tmp_path: Path) -> Path:
    """Four numbers and three classes."""
    generator = np.random.default_rng(0)
    values = generator.normal(size=(400, 4))
    labels = values[:, :3].argmax(axis=1)
    lines = [f"{','.join(map(str, row))},{'abc'[label]}" for row, label in zip(values, labels, strict=True)]
    path = tmp_path / "rows.csv"
    path.write_text("\n".join(["a,b,c,d,label", *lines]) + "\n")
    return path


def digests(run: Path) -> dict[str, str]:
    """History, and the tensors of the last and of the best state."""
    files = {"history": run / "history.jsonl"}
    for pointer in ("last", "best"):
        folder = checkpoint.pointed(run / "checkpoints", pointer)
        assert folder is not None
        files |= {f"{pointer} {name}": folder / f"{name}.safetensors" for name in ("weights", "ema", "state")}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_resumed_run_ends_with_the_same_bytes(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    change = f"training.precision={precision}"
    wanted = digests(nntrain.fit(CONFIG, change).run.path)
    take_step = loop.take_step

    def breaking(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        if progress.step == 8:
            raise BrokenOffError
        take_step(session, protocol, progress, batches)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "take_step", breaking)
        with pytest.raises(BrokenOffError):
            nntrain.fit(CONFIG, change)
    resumed = nntrain.fit(resume="runs/rows/0002").run
    assert digests(resumed.path) == wanted


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    parts = (torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(8 * 36, 2))
    return torch.nn.Sequential(*parts).cuda()


def train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
    generator = torch.Generator().manual_seed(steps)
    for _ in range(steps):
        optimizer.zero_grad()
        model(torch.randn(4, 3, 8, 8, generator=generator).cuda()).square().mean().backward()
        optimizer.step()


def test_the_state_of_a_fused_optimizer_comes_back() -> None:
    before, after = network(), network().to(memory_format=torch.channels_last)
    optimizer, restored = (AdamW(lr=0.01).build(parameter_groups(model)) for model in (before, after))
    assert optimizer.defaults["fused"]
    train(before, optimizer, 3)
    restore_network(after, unflatten(*flatten(dict(before.state_dict()))))
    restore_into(restored, unflatten(*flatten(optimizer_state(optimizer))))
    for parameter in after.parameters():
        state = restored.state[parameter]
        assert all(value.device == parameter.device for value in state.values())  # the counter too: the kernel reads it
        assert state["exp_avg"].stride() == parameter.stride()
    train(before, optimizer, 4)
    train(after, restored, 4)
    for one, other in zip(before.parameters(), after.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)


def test_float16_scaling_learns_and_its_scale_is_saved() -> None:
    found = nntrain.fit(CONFIG, "training.precision=float16", "training.max_epochs=20")
    assert found.summary["test"]["accuracy"] > 0.8
    folder = checkpoint.pointed(found.run.checkpoints, "last")
    assert folder is not None
    scaling = checkpoint.load(folder)["state"]["precision"]
    assert scaling["scale"] >= 1
    assert math.log2(scaling["scale"]).is_integer()


def test_a_run_is_measured_alike_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    found = nntrain.fit(CONFIG)
    wanted = nntrain.evaluate(found.run.path, split="validation").metrics
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    resolved = found.run.path / "resolved.yaml"
    resolved.write_text(resolved.read_text().replace("device: cuda", "device: cpu"))
    measured = nntrain.evaluate(found.run.path, split="validation").metrics
    assert measured == pytest.approx(wanted, rel=1e-4, abs=1e-4)


def test_a_divergence_is_told_by_its_step_before_anything_bad_is_saved() -> None:
    with pytest.raises(DivergedError, match=r"diverged in epoch \d+, step \d+: .*"):
        nntrain.fit(CONFIG, "optimizer.type=sgd", "optimizer.lr=1e30", "regularization.clip_norm=null")
    lines = Path("runs/rows/0001/history.jsonl").read_text().splitlines()
    assert all(math.isfinite(json.loads(line)["metrics"]["train.loss"]) for line in lines)


@pytest.mark.parametrize("on_device", [True, False])
def test_no_step_waits_for_the_device(on_device: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    take_step, tried = loop.take_step, 0

    def watched(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        nonlocal tried
        is_warm = progress.step >= 3  # the first steps allocate, and may record
        torch.cuda.set_sync_debug_mode("error" if is_warm else "default")
        try:
            take_step(session, protocol, progress, batches)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        tried += is_warm

    monkeypatch.setattr(loop, "take_step", watched)
    plain = {**CONFIG, "regularization": {"clip_norm": 1.0}, "training": {"max_steps": 10, "device": "cuda", "data_on_device": on_device}}
    nntrain.fit(plain)
    assert tried == 7


def test_rows_on_the_host_train_as_those_on_the_device() -> None:
    here, away = (nntrain.fit(CONFIG, f"training.data_on_device={word}").run.path for word in ("true", "false"))
    assert digests(here) == digests(away)


@pytest.mark.parametrize(("longest", "share"), [(1e-6, 1.0), (1e6, 0.0)])
def test_clipped_steps_are_counted_on_the_device(longest: float, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "LEAST_STEPS", 1)
    monkeypatch.setattr(diagnosing, "MOST_COST", 1e9)
    run = nntrain.fit({**CONFIG, "regularization": {"clip_norm": longest}}).run.path
    looks = [json.loads(line)["clipped"] for line in (run / "signals.jsonl").read_text().splitlines()]
    assert looks == [None, *[share] * 5]


def test_waiting_counts_only_while_the_device_has_nothing_to_do() -> None:
    device = torch.device("cuda")
    values = torch.ones(4096, 4096, device=device)
    for at_work in (False, True):
        waiting = Waiting()
        torch.cuda.synchronize()
        for _ in waiting.around(_slow_rows(0.01), device):
            if at_work:
                for _ in range(200):
                    values = values @ values.T / 4096.0
        assert (waiting.seconds > 0.04) is not at_work, at_work
    torch.cuda.synchronize()


def _slow_rows(seconds: float) -> Iterator[Any]:
    for _ in range(6):
        time.sleep(seconds)
        yield ()
