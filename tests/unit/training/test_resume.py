"""Stopped after any step, saved to files and restored into new objects, a run ends as one that was never stopped: byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_run import TinyRun, make_run

from nntrain.optimizers.adam import AdamW
from nntrain.optimizers.full_batch import LBFGS
from nntrain.optimizers.muon import Muon
from nntrain.optimizers.sgd import SGD
from nntrain.regularization import GradientNoise, Regularization, SWASettings
from nntrain.schedules.cosine import Cosine
from nntrain.schedules.cycles import Cyclic, OneCycle
from nntrain.schedules.plateau import Plateau
from nntrain.training import checkpoint
from nntrain.training.loop import Report
from nntrain.training.settings import ConvergeSettings, EarlyStoppingSettings, Interval, TrainingSettings
from nntrain.training.snapshot import restore, snapshot

CASES: dict[str, dict[str, Any]] = {
    "dropout": {"dropout": 0.5, "clip_norm": 0.5, "schedule": Cosine(warmup_steps=2)},
    "batch norm, averages": {"batch_norm": True, "ema": 0.9, "dropout": 0.2},
    "two targets, momentum, row weights": {"targets": ("label", "size"), "optimizer": SGD(lr=0.05, momentum=0.9), "weights": True},
    "rules": {
        "training": TrainingSettings(
            max_epochs=40,
            evaluate_every=Interval(steps=3),
            early_stopping=EarlyStoppingSettings(patience=2),
            converge=ConvergeSettings(tolerance=1e-9),
        ),
        "schedule": Cosine(),
        "optimizer": SGD(lr=2.0, momentum=0.5),
        "dropout": 0.5,
    },
    "accumulation": {"training": TrainingSettings(max_epochs=3, accumulate=2), "batch_size": 8, "dropout": 0.3},
    "float16": {"training": TrainingSettings(max_epochs=3, precision="float16"), "dropout": 0.3, "ema": 0.5, "schedule": Cosine()},
    "bfloat16": {"training": TrainingSettings(max_epochs=2, precision="bfloat16"), "dropout": 0.3},
    "full batch": {"training": TrainingSettings(max_epochs=6), "batch_size": 50, "dropout": 0.3},
    "plateau": {
        "training": TrainingSettings(max_steps=24, evaluate_every=Interval(steps=2)),
        "schedule": Plateau(patience=1, cooldown=1, factor=0.5, warmup_steps=2),
        "optimizer": SGD(lr=2.0, momentum=0.5),
    },
    "one cycle": {"training": TrainingSettings(max_epochs=3), "schedule": OneCycle(), "optimizer": SGD(lr=0.5, momentum=0.9)},
    "one cycle, adam": {"training": TrainingSettings(max_epochs=3), "schedule": OneCycle(), "optimizer": AdamW(lr=0.05)},
    "cyclic, muon": {"training": TrainingSettings(max_epochs=2), "schedule": Cyclic(min_lr=1e-3, up_steps=2), "optimizer": Muon(lr=0.02)},
    "swa, batch norm": {
        "training": TrainingSettings(max_steps=20, evaluate_every=Interval(steps=3)),
        "regularization": Regularization(swa=SWASettings(start_fraction=0.4, every_steps=2, lr=0.5)),
        "batch_norm": True,
        "dropout": 0.3,
        "optimizer": SGD(lr=0.1, momentum=0.9),
    },
    "gradients, weights and inputs": {
        "training": TrainingSettings(max_epochs=3, accumulate=2),
        "batch_size": 8,
        "regularization": Regularization(l1=1e-3, max_norm=1.0, clip_value=0.1, gradient_noise=GradientNoise(eta=0.01), noise=0.1),
    },
    "lbfgs": {"training": TrainingSettings(max_epochs=7), "batch_size": 50, "optimizer": LBFGS(lr=0.3, max_iter=3), "decay": 0.0},
    "muon": {"optimizer": Muon(lr=0.02), "ema": 0.9},
    "last row merged": {"rows": 49, "dropout": 0.3},
}


def outcome(run: TinyRun, events: list[Any]) -> tuple[dict[str, bytes], list[str]]:
    """All state as bytes, and the reports as they are written to the history."""
    parts = snapshot(run.session, run.protocol, run.progress)
    parts["state"]["progress"].pop("elapsed_s")
    tensors, skeleton = checkpoint.flatten(parts)
    content = {name: value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b"" for name, value in tensors.items()}
    lines = [json.dumps([event.epoch, event.step, event.metrics, event.lr, event.is_best, event.stop_reason]) for event in events]
    return {**content, "skeleton": json.dumps(skeleton).encode()}, lines


@pytest.mark.parametrize("case", CASES)
def test_resumed_after_any_step_equals_never_stopped(case: str, tmp_path: Path) -> None:
    whole = make_run(**CASES[case])
    events = [event for event in whole.events() if isinstance(event, Report)]
    wanted = outcome(whole, events)
    last = whole.progress.step
    assert last >= 6
    for step in range(1, last):
        first = make_run(**CASES[case])
        before = [event for event in first.events(pause_at=step) if isinstance(event, Report)]
        path = checkpoint.save(tmp_path, step, snapshot(first.session, first.protocol, first.progress))

        second = make_run(**CASES[case], seed=0)
        torch.rand(7)  # whatever was drawn in between must not matter
        restore(second.session, second.protocol, second.progress, checkpoint.load(path))
        after = [event for event in second.events() if isinstance(event, Report)]
        found = outcome(second, before + after)
        assert found[1] == wanted[1], step
        differing = [name for name in wanted[0] if found[0].get(name) != wanted[0][name]]
        assert differing == [], step


@pytest.mark.parametrize("left_out", ["weights", "optimizer", "rng", "ema", "progress", "precision", "running", "best", "misses"])
def test_every_part_of_the_state_is_needed(left_out: str, tmp_path: Path) -> None:
    settings = TrainingSettings(max_epochs=4, precision="float16", early_stopping=EarlyStoppingSettings(patience=3))
    options: dict[str, Any] = {"training": settings, "dropout": 0.5, "ema": 0.9, "optimizer": SGD(lr=3.0, momentum=0.9)}
    whole = make_run(**options)
    wanted = outcome(whole, [event for event in whole.events() if isinstance(event, Report)])
    first = make_run(**options)
    before = [event for event in first.events(pause_at=9) if isinstance(event, Report)]
    parts = checkpoint.load(checkpoint.save(tmp_path, 9, snapshot(first.session, first.protocol, first.progress)))

    second = make_run(**options)
    fresh = snapshot(second.session, second.protocol, second.progress)
    progress, untouched = parts["state"]["progress"], fresh["state"]["progress"]
    if left_out in parts:
        parts[left_out] = fresh[left_out]
    elif left_out in ("progress", "precision"):
        parts["state"][left_out] = fresh["state"][left_out]
    elif left_out == "running":
        progress["running"] = untouched["running"]
    else:
        progress["stopping"][left_out] = untouched["stopping"][left_out]
    restore(second.session, second.protocol, second.progress, parts)
    after = [event for event in second.events() if isinstance(event, Report)]
    assert outcome(second, before + after) != wanted


@pytest.mark.parametrize("rows", [16, 25, 50])
def test_an_epoch_that_has_become_shorter_than_what_was_done_of_it_is_complete(rows: int) -> None:
    settings = TrainingSettings(max_steps=20)
    first = make_run(settings, batch_size=5)
    first.events(pause_at=7)
    second = make_run(settings, batch_size=rows)
    restore(second.session, second.protocol, second.progress, snapshot(first.session, first.protocol, first.progress))
    second.events()
    assert (second.progress.step, second.progress.stop_reason) == (20, "max_steps")
    assert second.progress.epoch == 1 + 13 // second.plan.steps_per_epoch
