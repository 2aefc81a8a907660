"""What a run has measured may be damaged or forged: it is told, and names the part."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from nntrain.commands.stored.opening import record_of
from nntrain.commands.stored.summaries import read_summary
from nntrain.errors import CheckpointError
from nntrain.runs import Run
from nntrain.training.history import read_history

GOOD = {
    "monitor": "validation.rmse",
    "stop_reason": "max_epochs",
    "epochs": 3,
    "seconds": 0.5,
    "directions": {"rmse": "min"},
    "best": {"epoch": 1, "step": 5, "validation.rmse": 0.5, "validation.r2": None},
    "test": {"rmse": float("nan")},
    "baseline": None,
    "baselines": {"linear": {"test.rmse": 0.4}},
}


def write(folder: Path, **changes: object) -> Run:
    (folder / "summary.json").write_text(json.dumps({**GOOD, **changes}), encoding="utf-8")
    return Run(folder)


def test_what_has_no_value_is_left_out(tmp_path: Path) -> None:
    found = read_summary(write(tmp_path))
    assert "baseline" not in found
    assert found["best"] == GOOD["best"]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("monitor", 5),
        ("stop_reason", [1]),
        ("epochs", "many"),
        ("steps", -1),
        ("parameters", True),
        ("seconds", 10**400),
        ("directions", {"rmse": "up"}),
        ("best", {"validation.rmse": {"a": 1}}),
        ("best", {"epoch": "first"}),
        ("last", 3),
        ("test", [1]),
        ("baseline", "x"),
        ("baselines", {"linear": 1}),
        ("members", [{"name": "01"}]),
    ],
)
def test_a_part_of_another_type_is_told(tmp_path: Path, part: str, value: object) -> None:
    with pytest.raises(CheckpointError, match=rf"summary.json: damaged \({part} missing, or of another type\)"):
        read_summary(write(tmp_path, **{part: value}))


@pytest.mark.parametrize("value", ["x", [1], {"a": 1}, 10**400])
def test_a_history_of_what_is_no_figure_is_damaged(tmp_path: Path, value: object) -> None:
    path = tmp_path / "history.jsonl"
    path.write_text(json.dumps({"epoch": 1, "step": 5, "metrics": {"train.loss": value}}) + "\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="damaged line"):
        read_history(path)


def test_rows_that_are_no_counts_are_damage(tmp_path: Path) -> None:
    record: dict[str, object] = {"fingerprints": {}, "rows": {"train": [1]}, "resolved": [], "folder": ".", "environment": {}}
    (tmp_path / "data.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(CheckpointError, match="no rows"):
        record_of(Run(tmp_path))
