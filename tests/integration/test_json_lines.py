"""`fit --json-lines`: one JSON object a line on stdout while a run is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.commands.fitting import json_lines
from nntrain.errors import ResourceError

CONFIG = """
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [8]}
training: {max_epochs: 3}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *(f"{row},{row % 5}.5" for row in range(80))]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)


def lines(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    assert main(["fit", *arguments]) == code
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_start_each_evaluation_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys, "a.yaml", "--json-lines")
    assert [each["event"] for each in found] == ["start", "evaluation", "evaluation", "evaluation", "end"]
    assert {each["run"] for each in found} == {"runs/a/0001"}
    assert found[0] == {
        "event": "start", "run": "runs/a/0001", "step": 0, "steps": 9, "steps_per_epoch": 3, "monitor": "validation.rmse",
    }  # fmt: skip
    history = [json.loads(line) for line in Path("runs/a/0001/history.jsonl").read_text().splitlines()]
    assert [{key: each[key] for key in ("epoch", "step", "lr", "metrics")} for each in found[1:-1]] == history
    assert found[1]["is_best"]
    assert {"event": "end", **json.loads(Path("runs/a/0001/summary.json").read_text())} == found[-1]


def test_a_run_that_fails_has_an_end_and_one_that_never_starts_has_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    found = lines(capsys, "a.yaml", "--json-lines", "optimizer={type: sgd, lr: 1e30}", code=5)
    assert [found[0]["event"], found[-1]["event"]] == ["start", "end"]
    assert {key: found[-1][key] for key in ("run", "stop_reason", "exit_code")} == {
        "run": "runs/a/0001",
        "stop_reason": "failed",
        "exit_code": 5,
    }
    assert "step" in found[-1]["message"]
    assert lines(capsys, "a.yaml", "--json-lines", "optimizer.lr=fast", code=2) == []


def test_a_resumed_run_begins_where_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    lines(capsys, "a.yaml", "--json-lines")
    found = lines(capsys, "--resume", "runs/a/0001", "training.max_epochs=4", "--json-lines")
    assert [(each["event"], each.get("step")) for each in found[:2]] == [("start", 9), ("evaluation", 12)]


def test_it_goes_with_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert [each["event"] for each in lines(capsys, "a.yaml", "--json", "--json-lines")][-1] == "end"


@pytest.mark.parametrize("option", [["--seeds", "2"], ["--folds", "3"]])
def test_members_are_told_apart_by_their_run(capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    arguments = ["a.yaml", "--json-lines", *option, *(["data.split.test=null", "data.split.validation=0.2"] if "--folds" in option else [])]
    found = lines(capsys, *arguments)
    members = {each["run"] for each in found if each["event"] == "evaluation"}
    assert members == {f"runs/a/0001/members/{number:02d}" for number in range(1, int(option[1]) + 1)}
    assert found[-1]["event"] == "end"
    assert len(found[-1]["members"]) == int(option[1])


def test_people_read_the_same_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--json-lines"]) == 0
    told = capsys.readouterr().err
    assert "epoch 3/3" in told
    assert "event" not in told


def test_a_line_that_cannot_be_written_ends_no_training(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(text: str) -> None:
        raise ResourceError("cannot write the result to stdout: No space left on device")

    monkeypatch.setattr(json_lines, "emit", full)
    assert main(["fit", "a.yaml", "--json-lines"]) == 0
    told = capsys.readouterr().err
    assert told.count("no further lines are written; the run goes on") == 1
    assert Path("runs/a/0001/summary.json").is_file()


def test_a_smoke_run_has_no_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--smoke", "--json-lines"]) == 2
    assert "--json-lines has no effect" in capsys.readouterr().err
