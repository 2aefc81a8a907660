"""The best state between two saves: held in memory, written before a later state, at the end, and where a run fails; kills lose nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.cli import main
from nntrain.commands.stored.opening import needed_of
from nntrain.commands.training import recording
from nntrain.commands.training.pacing import Pace
from nntrain.errors import DivergedError, ResourceError
from nntrain.runs import Run
from nntrain.training import checkpoint, loop
from nntrain.training.state import flatten

CONFIG: dict[str, Any] = {
    "name": "held",
    "seed": 1,
    "data": {
        "source": "rows.csv",
        "target": "label",
        "split": {"validation": 0.3},
        "batch_size": 20,
        "fields": {"label": {"type": "category"}},
    },
    "task": {"type": "classification", "threshold": {"tune": "f1"}, "calibrate": "temperature"},
    "architecture": {"type": "mlp", "hidden": [8]},
    "optimizer": {"type": "adamw", "lr": 0.01},
    "training": {"max_epochs": 8, "threads": 1},
}
AVERAGES: dict[str, dict[str, Any]] = {
    "ema": {"norm": "batch", "dropout": 0.2, "ema": {"decay": 0.9}},
    "swa": {"norm": "batch", "dropout": 0.2, "swa": {"start_fraction": 0.3, "every_steps": 2}},
}


class GoneError(BaseException):
    """The process is gone."""


@pytest.fixture(autouse=True)
def _rows() -> None:
    rows = (f"{row % 7},{row % 11},{'yes' if row % 7 + row % 11 + row % 3 > 9 else 'no'}" for row in range(120))
    Path("rows.csv").write_text("\n".join(["a,b,label", *rows]) + "\n")


def never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the first save is allowed that need not come at once."""

    def allows(pace: Pace) -> bool:
        return pace._cost_s == 0  # type: ignore[reportPrivateUsage]

    monkeypatch.setattr(Pace, "allows", allows)


def break_at(monkeypatch: pytest.MonkeyPatch, step: int, error: type[BaseException]) -> None:
    take_step = loop.take_step

    def breaking(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        if progress.step == step:
            raise error
        take_step(session, protocol, progress, batches)

    monkeypatch.setattr(loop, "take_step", breaking)


def everything(run: Run) -> dict[str, Any]:
    """All bytes of the best and the last state, but the time that it took."""
    found: dict[str, Any] = {"history": (run.path / "history.jsonl").read_text()}
    for name in ("best", "last"):
        path = checkpoint.pointed(run.checkpoints, name)
        assert path is not None
        parts = checkpoint.load(path, needed_of(run))
        parts["state"]["progress"]["elapsed_s"] = 0
        tensors, skeleton = flatten(parts)
        found[name] = path.name, json.dumps(skeleton)
        found |= {f"{name} {key}": tensor.tolist() for key, tensor in tensors.items()}
    return found


@pytest.mark.parametrize("average", AVERAGES)
def test_a_kill_while_the_best_state_is_in_memory_changes_no_byte(average: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {**CONFIG, "regularization": AVERAGES[average]}
    whole = everything(nntrain.fit({**config, "training": {**CONFIG["training"], "checkpoint": {"time_fraction": None}}}).run)
    with monkeypatch.context() as patch:
        never_again(patch)
        paced = nntrain.fit(config).run
        assert everything(paced) == whole
        break_at(patch, 18, GoneError)
        with pytest.raises(GoneError):
            nntrain.fit(config)
    killed = Run(Path("runs/held/0003"))
    assert [path.name for path in killed.checkpoints.glob("step-*")] == ["step-0000004"]
    nntrain.fit(None, resume=killed.name)
    assert everything(killed) == whole
    assert json.loads(whole["best"][1])["task"]["readings"]["label"]["told"]


def test_where_a_run_fails_the_best_state_is_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    never_again(monkeypatch)
    break_at(monkeypatch, 25, MemoryError)
    with pytest.raises(ResourceError):
        nntrain.fit(CONFIG)
    run = Run(Path("runs/held/0001"))
    lines = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    best = max(lines, key=lambda line: (line["metrics"]["validation.accuracy"], -line["step"]))
    path = checkpoint.pointed(run.checkpoints, "best")
    assert path is not None
    assert path.name == checkpoint.folder_name(best["step"])


def test_where_no_memory_holds_the_best_state_it_is_saved_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = everything(nntrain.fit(CONFIG).run)
    never_again(monkeypatch)
    tried: list[int] = []

    def no_memory(tree: Any) -> Any:
        tried.append(1)
        raise RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes")

    monkeypatch.setattr(recording, "copied", no_memory)
    best: list[bool] = []
    save = checkpoint.save

    def seen(*arguments: Any, points: Any, **more: Any) -> Path:
        best.append("best" in points)
        return save(*arguments, points=points, **more)

    monkeypatch.setattr(checkpoint, "save", seen)
    assert everything(nntrain.fit(CONFIG).run) == whole
    assert tried
    assert sum(best) == len(tried) + 1  # the first one was due in any case


def test_divergence_names_a_state_that_is_there() -> None:
    with pytest.raises(DivergedError, match="step-") as error:
        nntrain.fit({**CONFIG, "optimizer": {"type": "sgd", "lr": 1e25}, "training": {"max_epochs": 8, "checkpoint": {"every_steps": 1}}})
    assert error.value.exit_code == 5


@pytest.mark.parametrize(("ties", "first", "second"), [("first", 1, 1), ("last", 3, 5)])
def test_of_equally_good_states_the_first_or_the_last_is_kept_also_where_a_run_goes_on(ties: str, first: int, second: int) -> None:
    stopping = f"training.early_stopping={{monitor: validation.accuracy, patience: 9, ties: {ties}}}"
    found = nntrain.fit(CONFIG, "optimizer.lr=1e-12", stopping, "training.max_epochs=3")
    assert found.summary["best"]["epoch"] == first
    again = nntrain.fit(None, "training.max_epochs=5", resume=found.run.path)
    assert again.summary["best"]["epoch"] == second
    overrides = ["optimizer.lr=1e-12", stopping, "training.max_epochs=5"]
    Path("held.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "held.json", *overrides, "--seeds", "2"]) == 0
    assert json.loads(Path("runs/held/0002/members.json").read_text())["way"] == "together"
    members = json.loads(Path("runs/held/0002/summary.json").read_text())["members"]
    assert [member["best"]["epoch"] for member in members] == [second, second]
