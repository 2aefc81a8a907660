"""Each value of the saved state is needed: a run that goes on with another in its place ends otherwise, or refuses to go on.

What is saved is enumerated from checkpoints, so that state which is added later is looked at too. An entry that nothing notices is
either named below with the reason, or dead.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from leaves import MISSING, changed, equal, kind, leaves, others, value_at
from torch import nn
from torch.nn.modules.module import register_module_forward_hook

import nntrain
from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.errors import NNTrainError
from nntrain.training import checkpoint
from nntrain.training.snapshot import snapshot

BASE: dict[str, Any] = {
    "name": "whole",
    "seed": 3,
    "data": {"source": "rows.npz", "target": "y", "split": {"validation": 0.25}, "batch_size": 4},
    "architecture": {"layers": [{"linear": 6}, "batch_norm", "relu", {"dropout": 0.3}]},
}
EVERY_STEP = {"every_steps": 1, "keep": 100}

RUNS: Final[dict[str, tuple[dict[str, Any], tuple[int, ...]]]] = {
    "rules, ema, float16": (
        {
            **BASE,
            "task": {"type": "classification", "calibrate": "temperature", "threshold": {"tune": "f1"}},
            "optimizer": {"type": "adam", "lr": 0.05, "amsgrad": True},
            "scheduler": {"type": "plateau", "patience": 1, "cooldown": 2, "factor": 0.5, "threshold": 0.1, "warmup_steps": 2},
            "regularization": {"ema": 0.9},
            "training": {
                "max_steps": 24,
                "max_minutes": 1000,
                "evaluate_every": {"steps": 2},
                "early_stopping": {"monitor": "validation.loss", "patience": 4},
                "checkpoint": EVERY_STEP,
                "precision": "float16",
                "accumulate": 2,
            },
        },
        (2, 5, 8),
    ),
    "swa, converge": (
        {
            **BASE,
            "optimizer": {"type": "sgd", "lr": 0.3, "momentum": 0.9},
            "regularization": {"swa": {"start_fraction": 0.2, "every_steps": 5}},
            "training": {
                "max_steps": 24,
                "evaluate_every": {"steps": 2},
                "converge": {"monitor": "train.loss", "tolerance": 0.05, "patience": 3},
                "checkpoint": EVERY_STEP,
            },
        },
        (10, 11, 13),
    ),
}
"""Configs, and the steps after which their runs are stopped."""

UNNOTICED: Final = {
    "fields/": "is made from config and data again when a run goes on; predicting reads it",
    "task/": "likewise, and readings are tuned at every save",
    "weights/*.num_batches_tracked": "torch counts it for batch norms that average over all batches alike, which nntrain has none of",
    "ema/weights/*.num_batches_tracked": "likewise",
    "state/progress/converge": "is None in a run without that rule",
    "state/progress/plateau": "likewise",
}
"""Values (with a slash at the end: all that begins so) which a run that goes on does without, and why."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of four numbers and two classes that are hard to tell apart."""
    folder = tmp_path_factory.mktemp("data")
    draw = np.random.default_rng(0)
    x = draw.normal(size=(64, 4)).astype(np.float32)
    np.savez(folder / "rows.npz", x=x, y=np.where(x[:, 0] + draw.normal(size=64) > 0, "yes", "no"))
    return folder


@pytest.fixture(autouse=True)
def _no_wait_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(descriptor: int) -> None:
        """Nothing is to survive a power cut here."""

    monkeypatch.setattr(os, "fsync", at_once)


@pytest.fixture(autouse=True)
def _host_draws() -> Iterator[None]:
    """Code of a host that draws from the generators of Python and numpy in every step: both normal ones keep a number back."""

    def draw(module: nn.Module, inputs: Any, output: Any) -> Any:
        return output + 1e-3 * (random.gauss(0, 1) + np.random.randn()) if module.training and isinstance(module, nn.Linear) else None

    handle = register_module_forward_hook(draw)
    yield
    handle.remove()


@dataclass(frozen=True)
class Ended:
    """All that a run comes to."""

    state: dict[tuple[str | int, ...], Any]
    """Of the last checkpoint and the best one."""
    told: str
    """History, looks at the network, and summary."""

    @classmethod
    def of(cls, run: Path) -> Ended:
        state: dict[tuple[str | int, ...], Any] = {}
        for name in ("last", "best"):
            path = checkpoint.pointed(run / "checkpoints", name)
            parts = {} if path is None else checkpoint.load(path)
            state |= {(name, *place): value for place, value in leaves(parts) if place[-1] != "elapsed_s"}
            state[name, "step"] = None if path is None else path.name
        summary = {
            key: value
            for key, value in json.loads((run / "summary.json").read_text()).items()
            if key not in ("run", "seconds", "test_looks")
        }
        lines = [(run / name).read_text() for name in ("history.jsonl", "signals.jsonl")]
        return cls(state, "".join([*lines, json.dumps(summary)]))

    def differs(self, other: Ended, but: tuple[str | int, ...]) -> bool:
        """Whether anything is not the same, but for the value at one place."""
        if self.told != other.told:
            return True
        return any(
            not equal(self.state.get(place, MISSING), other.state.get(place, MISSING))
            for place in {**self.state, **other.state}
            if place[1 : len(but) + 1] != but
        )


class Whole:
    """A run that was never stopped, and what came of it."""

    def __init__(self, tree: Mapping[str, Any], data: Path, folder: Path) -> None:
        self.folder = folder
        source = {**tree["data"], "source": str(data / "rows.npz")}
        self.tree = {**tree, "data": source}
        result = nntrain.fit(self.tree, runs=folder / "runs")
        self.path = result.run.path
        self.ended = Ended.of(self.path)
        job = prepare_job(read_mapping(self.tree))
        new = assemble(job.blueprint, job.prepared)
        self.fresh = snapshot(new.session, new.protocol, new.progress)

    def saved(self, step: int) -> dict[str, Any]:
        """The state after a step."""
        return checkpoint.load(self.path / "checkpoints" / checkpoint.folder_name(step))

    def notices(self, step: int, path: tuple[str | int, ...], value: Any) -> bool:
        """Whether a run that goes on from a step with another value in its state ends otherwise, or does not go on."""
        parts = changed(self.saved(step), path, value)
        stopped = self.folder / "runs" / "whole" / "stopped"
        shutil.rmtree(stopped, ignore_errors=True)
        stopped.mkdir()
        for name in ("config.yaml", "resolved.yaml", "data.json", "environment.json", "history.jsonl", "signals.jsonl"):
            shutil.copy(self.path / name, stopped / name)
        best = value_at(self.saved(step), ("state", "progress", "stopping", "best", "step"))
        if best is not MISSING and best != step:
            name = checkpoint.folder_name(best)
            shutil.copytree(self.path / "checkpoints" / name, stopped / "checkpoints" / name)
            checkpoint.point(stopped / "checkpoints", "best", best)
        of = json.loads((self.path / "checkpoints" / checkpoint.folder_name(step) / "meta.json").read_text()).get("run")
        checkpoint.save(stopped / "checkpoints", step, parts, points=("last", *(["best"] if best == step else [])), run=of)
        try:
            nntrain.fit(resume=stopped)
        except NNTrainError:
            return True
        return Ended.of(stopped).differs(self.ended, path)


def is_spared(name: str) -> bool:
    """Whether a kind of values is named above."""
    return any(name.startswith(spared) if spared.endswith("/") else name == spared for spared in UNNOTICED)


def unnoticed(whole: Whole, steps: tuple[int, ...], noticed: set[str], part: str) -> set[str]:
    """Kinds of values that a run has saved and that nothing has noticed; those that something has are added to `noticed`.

    Of values of one kind one is looked at for each step, of those in a list each. `part` is what their names begin with.
    """
    kinds: set[str] = set()
    for step in steps:
        tried = set(noticed)
        for path, value in leaves(whole.saved(step)):
            name = kind(path)
            if name in tried or is_spared(name) or not name.startswith(part):
                continue
            kinds.add(name)
            if not name.endswith("#"):
                tried.add(name)
            if any(whole.notices(step, path, other) for other in others(value, value_at(whole.fresh, path))):
                noticed.add(name)
    return kinds - noticed


@pytest.mark.bar("R6")
@pytest.mark.parametrize("part", ["state", pytest.param("", id="all", marks=pytest.mark.slow)])
def test_each_value_of_the_state_is_needed(part: str, data: Path, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    noticed: set[str] = set()
    lost: set[str] = set()
    for name, (tree, steps) in RUNS.items():
        whole = Whole(tree, data, tmp_path / name)
        assert not whole.notices(steps[0], ("state", "progress", "step"), steps[0]), "nothing is changed, and the end is another"
        lost |= unnoticed(whole, steps, noticed, part)
    lost -= noticed
    record_property(
        "figure", f"{len(noticed)} kinds of saved values lost or changed one by one: {len(lost)} unnoticed; {len(UNNOTICED)} spared"
    )
    assert lost == set()
