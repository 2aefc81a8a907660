"""Room on the disk: told before data is read, and before the first step."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import nntrain
from nntrain.commands.preparing import space
from nntrain.commands.preparing.space import check_writable, kept_per_weight
from nntrain.errors import ResourceError
from nntrain.optimizers.optimizer import Optimizer
from nntrain.optimizers.settings import OPTIMIZERS
from nntrain.schema import Slot


class Usage(NamedTuple):
    total: int
    used: int
    free: int


CONFIG: dict[str, Any] = {
    "name": "room",
    "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.2}, "batch_size": 16},
    "architecture": {"type": "mlp", "hidden": [256, 256]},
    "training": {"max_epochs": 2, "threads": 1},
}


@pytest.fixture(autouse=True)
def _rows() -> None:
    Path("rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 7 * 2 + row % 3}" for row in range(60))]) + "\n")


def room(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    def usage(_: Path) -> Usage:
        return Usage(2 * free, free, free)

    monkeypatch.setattr(shutil, "disk_usage", usage)


@pytest.mark.parametrize("regularization", [{}, {"ema": {"decay": 0.9}}], ids=["plain", "averaged"])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "adafactor", "muon"])
def test_the_estimate_is_what_a_checkpoint_takes(optimizer: str, regularization: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    estimates: list[int] = []
    own = space.checkpoint_bytes

    def kept(*arguments: Any) -> int:
        estimates.append(own(*arguments))
        return estimates[-1]

    monkeypatch.setattr(space, "checkpoint_bytes", kept)
    found = nntrain.fit({**CONFIG, "optimizer": {"type": optimizer}, "regularization": regularization})
    newest = max(found.run.checkpoints.glob("step-*"))
    size = sum(file.stat().st_size for file in newest.iterdir())
    assert estimates[0] == pytest.approx(size, rel=0.1)


def test_no_room_for_two_is_refused_before_the_first_step(monkeypatch: pytest.MonkeyPatch) -> None:
    words = r"no room for the checkpoints of runs/room/0001: each takes about 0\.8 MiB"
    with monkeypatch.context() as patch:
        room(patch, 2**20)
        with pytest.raises(ResourceError, match=words) as error:
            nntrain.fit(CONFIG)
    assert error.value.exit_code == 7
    assert "and 1.0 MiB are free there" in error.value.message
    assert "--runs DIR" in str(error.value.hint)
    assert not Path("runs/room/0001/history.jsonl").exists()
    assert nntrain.fit(None, resume="runs/room/0001").summary["stop_reason"] == "max_epochs"


@pytest.mark.parametrize(("free", "keep", "told"), [(2.5, 2, "training.checkpoint.keep=1"), (2.5, 1, "--runs DIR"), (9.0, 2, None)])
def test_little_room_is_a_warning(free: float, keep: int, told: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    room(monkeypatch, int(free * 0.83 * 2**20))
    notes: list[str | None] = []
    own = space.check_space

    def noted(*arguments: Any) -> str | None:
        notes.append(own(*arguments))
        return notes[-1]

    monkeypatch.setattr("nntrain.commands.training.running.check_space", noted)
    nntrain.fit({**CONFIG, "training": {**CONFIG["training"], "checkpoint": {"keep": keep}}})
    assert (notes[0] is None) == (told is None)
    if told is not None:
        assert notes[0] is not None
        assert "the disk may get full" in notes[0]
        assert told in notes[0]


@pytest.mark.parametrize("tag", OPTIMIZERS)
def test_every_optimizer_shows_what_it_keeps(tag: str) -> None:
    expected = {"sgd": 0, "adagrad": 1, "rmsprop": 1, "muon": 1, "asgd": 1, "lbfgs": 202, "adafactor": 0.03}.get(tag, 2)
    optimizer = Slot("optimizer", (OPTIMIZERS,)).validate(tag)
    assert isinstance(optimizer, Optimizer)
    assert kept_per_weight(optimizer) == pytest.approx(expected, abs=0.02)


def test_a_probe_leaves_nothing_and_goes_up_to_what_is_there(tmp_path: Path) -> None:
    check_writable(tmp_path / "not" / "yet" / "there")
    assert [path.name for path in tmp_path.iterdir()] == ["rows.csv"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_what_cannot_be_written_is_told_before_data_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("rows.csv").write_text("a,y\n" + "x" * 100)  # would be told as data that can't be used
    with pytest.raises(ResourceError, match=r"cannot write in /proc") as error:
        nntrain.fit(json.loads(json.dumps(CONFIG)), runs=Path("/proc/runs"))
    assert error.value.exit_code == 7
    assert "--runs DIR" in str(error.value.hint)
