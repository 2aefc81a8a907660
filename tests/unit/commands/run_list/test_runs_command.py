from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nntrain.commands.run_list.runs import run
from nntrain.runs import create_run

SUMMARY: Mapping[str, Any] = {
    "run": "runs/digits/0001",
    "stop_reason": "early_stopping",
    "epochs": 21,
    "steps": 483,
    "seconds": 9.5,
    "monitor": "validation.accuracy",
    "best": {"epoch": 16, "step": 368, "train.loss": 0.01, "validation.accuracy": 0.98333, "validation.loss": 0.07},
    "last": {},
    "test": {},
    "baseline": {},
}


def make_run(root: Path, name: str, *, hours_ago: float, summary: object = None, history: str | None = None) -> Path:
    folder = create_run(root, name).path
    (folder / "resolved.yaml").write_text("seed: 0\n", encoding="utf-8")
    started = time.time() - 3600 * hours_ago
    os.utime(folder / "resolved.yaml", (started, started))
    (folder / "checkpoints" / "step-0000368").mkdir(parents=True)
    (folder / "checkpoints" / "step-0000368" / "weights.safetensors").write_bytes(bytes(592_900))
    if summary is not None:
        (folder / "summary.json").write_text(summary if isinstance(summary, str) else json.dumps(summary), encoding="utf-8")
    if history is not None:
        (folder / "history.jsonl").write_text(history, encoding="utf-8")
    return folder


def listed(root: Path) -> list[dict[str, Any]]:
    return json.loads(run(root, form="json"))["runs"]


def test_runs_are_listed_by_time_with_the_newest_last(runs_root: Path) -> None:
    make_run(runs_root, "digits", hours_ago=5, summary=SUMMARY)
    make_run(runs_root, "rents", hours_ago=50, history='{"epoch": 2, "step": 46}\n')
    assert run(Path("runs")) == (
        "run               started      ended           best             epochs   time    size\n"
        "runs/rents/0001   2 days ago   unfinished      -                     2      -  593 kB\n"
        "runs/digits/0001  5 hours ago  early_stopping  accuracy 0.9833      21  9.5 s  593 kB"
    )


def test_a_run_has_two_lines_where_one_is_wider_than_the_terminal(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(runs_root, "a_run_with_a_long_name", hours_ago=5, summary=SUMMARY)
    make_run(runs_root, "rents", hours_ago=50, history='{"epoch": 2, "step": 46}\n')
    whole = run(Path("runs"))
    assert len(whole.splitlines()) == 3  # on a pipe, whatever its width
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "120")
    assert run(Path("runs")) == whole
    monkeypatch.setenv("COLUMNS", "80")
    assert run(Path("runs")) == (
        "run                               best              ended\n"
        "  started                         epochs, time      size\n"
        "runs/rents/0001                   -                 unfinished\n"
        "  2 days ago                      2 epochs, -       593 kB\n"
        "runs/a_run_with_a_long_name/0001  accuracy 0.9833   early_stopping\n"
        "  5 hours ago                     21 epochs, 9.5 s  593 kB"
    )


def test_json_has_every_column(runs_root: Path) -> None:
    folder = make_run(runs_root, "digits", hours_ago=5, summary=SUMMARY)
    (row,) = listed(runs_root)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert row == {
        "run": folder.as_posix(),
        "started": pytest.approx(time.time() - 5 * 3600, abs=60),
        "state": "finished",
        "stop_reason": "early_stopping",
        "metric": "validation.accuracy",
        "value": 0.98333,
        "direction": None,
        "epochs": 21,
        "seconds": 9.5,
        "bytes": size,
        "inexact_since": None,
        "tags": [],
        "note": "",
    }


def test_an_interrupted_run_is_unfinished(runs_root: Path) -> None:
    make_run(runs_root, "digits", hours_ago=1, summary={**SUMMARY, "stop_reason": "interrupted"})
    assert [(row["state"], row["stop_reason"]) for row in listed(runs_root)] == [("unfinished", "interrupted")]
    assert " unfinished " in run(runs_root)


@pytest.mark.parametrize("summary", ["{", "[]", ""])
def test_a_damaged_summary_does_not_hide_the_other_runs(runs_root: Path, summary: str) -> None:
    make_run(runs_root, "digits", hours_ago=2, summary=summary)
    make_run(runs_root, "digits", hours_ago=1, summary=SUMMARY)
    assert [row["state"] for row in listed(runs_root)] == ["damaged", "finished"]


def test_a_summary_without_metrics_is_listed(runs_root: Path) -> None:
    make_run(runs_root, "digits", hours_ago=1, summary={"run": "runs/digits/0001", "stop_reason": "diverged", "message": "NaN"})
    (row,) = listed(runs_root)
    assert (row["state"], row["stop_reason"], row["metric"], row["epochs"]) == ("diverged", "diverged", None, None)
    assert " diverged " in run(runs_root)


def test_a_history_that_is_cut_off_tells_its_last_whole_line(runs_root: Path) -> None:
    make_run(runs_root, "digits", hours_ago=1, history='{"epoch": 1}\n{"epoch": 2}\n{"epo')
    assert listed(runs_root)[0]["epochs"] == 2


def test_a_run_without_validation_rows_is_judged_by_its_training_loss(runs_root: Path) -> None:
    make_run(runs_root, "digits", hours_ago=1, summary={**SUMMARY, "monitor": "train.loss"})
    assert " train.loss 0.01000 " in run(runs_root)


def test_no_runs_is_said(runs_root: Path) -> None:
    assert run(Path("runs")) == "no runs in runs/ yet; train one: nntrain fit CONFIG"
    assert run(Path("runs"), form="json") == '{"runs": []}'


def test_the_runs_folder_comes_from_the_environment(runs_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(runs_root, "digits", hours_ago=1, summary=SUMMARY)
    monkeypatch.setenv("NNTRAIN_RUNS", str(runs_root))
    assert "early_stopping" in run(None)


@pytest.mark.parametrize("seconds", ["1e999", "-1e999", "NaN", "9" * 400, '"x"', "true"])
def test_figures_that_are_none_are_left_out(runs_root: Path, seconds: str) -> None:
    content = json.dumps({**SUMMARY, "seconds": 0, "best": {"validation.accuracy": 0}}).replace(": 0", f": {seconds}")
    folder = make_run(runs_root, "digits", hours_ago=5, summary=content)
    (folder / "data.json").write_text(f'{{"started": {seconds}}}', encoding="utf-8")
    (row,) = listed(runs_root)
    assert row["seconds"] is row["value"] is None
    assert run(runs_root).count("\n") == 1


@pytest.mark.parametrize("file", ["history.jsonl", "summary.json", "data.json", "checkpoints/best"])
def test_a_folder_in_place_of_a_file_hides_no_run(runs_root: Path, file: str) -> None:
    folder = make_run(runs_root, "digits", hours_ago=5)
    (folder / file).mkdir()
    (row,) = listed(runs_root)
    assert row["state"] == ("damaged" if file == "summary.json" else "unfinished")
    assert row["epochs"] is None


@pytest.mark.parametrize("history", ["{}", "[]\n", '{"epoch": "2"}\n', "\udcff\udcfe\n", "[" * 100_000])
def test_a_history_that_is_none_tells_no_epochs(runs_root: Path, history: str) -> None:
    folder = make_run(runs_root, "digits", hours_ago=5)
    (folder / "history.jsonl").write_text(history, encoding="utf-8", errors="surrogateescape")
    (row,) = listed(runs_root)
    assert row["epochs"] is None


def test_unfinished_runs_are_listed_alone_and_diverged_ones_are_none(runs_root: Path) -> None:
    make_run(runs_root, "finished", hours_ago=4, summary=SUMMARY)
    make_run(runs_root, "killed", hours_ago=3)
    make_run(runs_root, "stopped", hours_ago=2, summary={**SUMMARY, "stop_reason": "interrupted"})
    diverged = {"run": "runs/digits/0001", "stop_reason": "diverged", "message": "NaN"}
    make_run(runs_root, "diverged", hours_ago=1, summary=diverged)
    member = make_run(runs_root, "seeds", hours_ago=0.5) / "members" / "02"
    member.mkdir(parents=True)
    (member / "summary.json").write_text(json.dumps(diverged), encoding="utf-8")
    states = ["finished", "unfinished", "unfinished", "diverged", "diverged"]
    assert [row["state"] for row in listed(runs_root)] == states
    rows = json.loads(run(runs_root, form="json", unfinished=True))["runs"]
    assert [Path(row["run"]).parent.name for row in rows] == ["killed", "stopped"]
    assert run(runs_root).count(" diverged ") == 2
    assert run(runs_root / "none", unfinished=True).startswith("no unfinished runs in")
