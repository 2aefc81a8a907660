"""`--resume auto`: one command in a script that is started again and again."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import nntrain
import nntrain.training.loop
from nntrain.cli import main
from nntrain.commands.fitting.automatic import settled_run_id
from nntrain.errors import UsageError
from nntrain.training.stacking import Stack

ROWS = "\n".join(f"{x},{x % 7},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
CONFIG = """
data: {source: table.csv, target: label, fields: {x: number, y: number}, split: {validation: 0.2, test: 0.2}, batch_size: 8}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""
AUTO = ["fit", "a.yaml", "--resume", "auto"]


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(f"x,y,label\n{ROWS}\n")
    (tmp_path / "a.yaml").write_text(CONFIG)


def names(root: str = "runs/a") -> list[str]:
    return sorted(path.name for path in Path(root).iterdir() if path.is_dir())


def summary(run: str) -> dict[str, Any]:
    return json.loads((Path(run) / "summary.json").read_text())


def result(run: str) -> dict[str, Any]:
    found = summary(run)
    return {key: found[key] for key in ("stop_reason", "steps", "best", "last", "test", "inexact_since")}


def weights(run: str) -> bytes:
    checkpoints = Path(run) / "checkpoints"
    return (checkpoints / (checkpoints / "last").read_text().strip() / "weights.safetensors").read_bytes()


def stopped_after(step: int, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command, which gets a SIGTERM in a step; of members that train at once in one of all."""
    take_step, joint_step, taken = nntrain.training.loop.take_step, Stack.step, [0]

    def count() -> None:
        taken[0] += 1
        if taken[0] == step:
            os.kill(os.getpid(), signal.SIGTERM)

    def stopping(*given: Any) -> None:
        take_step(*given)
        count()

    def stopping_all(*given: Any) -> None:
        joint_step(*given)
        count()

    with monkeypatch.context() as patch:
        patch.setattr(nntrain.training.loop, "take_step", stopping)
        patch.setattr(Stack, "step", stopping_all)
        return main([*arguments])


def test_the_same_command_starts_goes_on_and_says_that_it_is_finished(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "a.yaml", "--runs", "whole"]) == 0
    assert stopped_after(3, monkeypatch, *AUTO) == 143
    assert main(AUTO) == 0
    assert names() == ["0001"]
    assert result("runs/a/0001") == result("whole/a/0001")
    assert weights("runs/a/0001") == weights("whole/a/0001")
    capsys.readouterr()
    assert main(AUTO) == 0
    assert capsys.readouterr().out == "runs/a/0001 is finished (max_epochs): nothing is left to do\n"
    assert main([*AUTO, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary("runs/a/0001")
    assert names() == ["0001"]


def test_another_config_or_other_data_is_another_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text("architecture: {type: mlp, hidden: [2]}\n")
    for arguments in ([], ["optimizer.lr=0.01"], ["--with", "small.yaml"]):
        for _ in range(2):
            assert main([*AUTO, *arguments]) == 0
    assert names() == ["0001", "0002", "0003"]
    (tmp_path / "table.csv").write_text(f"x,y,label\n{ROWS}\n60,1,a\n")
    assert main(AUTO) == 0
    assert names() == ["0001", "0002", "0003", "0004"]
    capsys.readouterr()
    assert main([*AUTO, "optimizer.lr=0.01"]) == 0
    assert "0005" in capsys.readouterr().err


def test_where_the_runs_are_is_told_as_ever(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*AUTO, "--runs", "elsewhere"]) == 0
    monkeypatch.setenv("NNTRAIN_RUNS", "elsewhere")
    capsys.readouterr()
    assert main(AUTO) == 0
    assert capsys.readouterr().out.startswith("elsewhere/a/0001 is finished")


@pytest.mark.parametrize("members", ["--seeds", "--folds"])
def test_members_go_on_and_are_finished(members: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*AUTO, members, "2"]
    assert main([*command, "--runs", "whole"]) == 0
    for step in (2, 3):
        assert stopped_after(step, monkeypatch, *command) == 143
    assert main(command) == 0
    assert names() == ["0001"]
    for member in ("01", "02"):
        assert result(f"runs/a/0001/members/{member}") == result(f"whole/a/0001/members/{member}")
    assert summary("runs/a/0001")["sd"] == summary("whole/a/0001")["sd"]
    capsys.readouterr()
    assert main(command) == 0
    assert capsys.readouterr().out == "runs/a/0001 is finished (finished): nothing is left to do\n"
    assert main(AUTO) == 0  # a single one is another run
    assert names() == ["0001", "0002"]
    assert main([*AUTO, "--run-id", "0001"]) == 4
    assert "is a run of 2" in capsys.readouterr().err
    assert main([*command, "--run-id", "0001", "training.max_epochs=3"]) == 4
    assert "training.max_epochs: 2 then, 3 now" in capsys.readouterr().err


def test_with_an_id_another_meaning_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [*AUTO, "--run-id", "mine"]
    assert main(command) == 0
    before = (Path("runs/a/mine/resolved.yaml").read_bytes(), weights("runs/a/mine"))
    capsys.readouterr()
    assert main([*command, "optimizer.lr=0.5", "seed=3"]) == 4
    told = capsys.readouterr().err
    assert "seed: 0 then, 3 now" in told
    assert "optimizer.lr: 0.001 then, 0.5 now" in told
    table = (tmp_path / "table.csv").read_text()
    (tmp_path / "table.csv").write_text(table + "60,1,a\n")
    assert main(command) == 4
    assert "data: source has changed" in capsys.readouterr().err
    assert (Path("runs/a/mine/resolved.yaml").read_bytes(), weights("runs/a/mine")) == before
    (tmp_path / "table.csv").write_text(table)
    assert main(command) == 0
    assert "is finished" in capsys.readouterr().out
    assert main([*command, "training.max_epochs=3", "optimizer.lr=0.5", "--resume-anyway"]) == 0
    assert summary("runs/a/mine")["inexact_since"] == 10


@pytest.mark.parametrize("left", [[], ["config.yaml", "environment.json"], ["members.json", "data.json"]])
def test_what_a_kill_left_before_there_was_a_config_is_in_nobodys_way(left: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path("runs/a/mine")
    folder.mkdir(parents=True)
    for name in left:
        (folder / name).write_text('{"kind": "seeds", "count": 3, "members": []}')
    assert main([*AUTO, "--run-id", "mine"]) == 0
    assert summary("runs/a/mine")["stop_reason"] == "max_epochs"
    assert Path("runs/a/latest").read_text().strip() == "mine"


@pytest.mark.parametrize("members", [[], ["--seeds", "2"]])
def test_a_plain_id_takes_over_what_a_kill_left_too(members: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    plain = ["fit", "a.yaml", "--run-id", "mine", *members]
    left = Path("runs/a/mine")
    left.mkdir(parents=True)
    (left / "config.yaml").write_text("half")
    (left / "members.json").write_text('{"kind": "folds", "count": 3, "members": []}')
    assert main(plain) == 0
    assert not members or summary("runs/a/mine")["members"]
    assert Path("runs/a/latest").read_text() == "mine\n"
    before = {path: path.read_bytes() for path in left.rglob("*") if path.is_file()}
    capsys.readouterr()
    assert main(plain) == 4
    told = capsys.readouterr().err
    assert "run runs/a/mine exists already" in told
    assert "--resume runs/a/mine" in told
    assert {path: path.read_bytes() for path in left.rglob("*") if path.is_file()} == before


def test_a_plain_id_leaves_checkpoints_alone_that_lost_their_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--run-id", "mine"]) == 0
    Path("runs/a/mine/resolved.yaml").unlink()
    capsys.readouterr()
    assert main(["fit", "a.yaml", "--run-id", "mine"]) == 4
    assert "runs/a/mine has lost its resolved.yaml" in capsys.readouterr().err


def test_a_folder_that_lost_its_config_is_not_written_over(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*AUTO, "--run-id", "mine"]) == 0
    Path("runs/a/mine/resolved.yaml").unlink()
    assert main([*AUTO, "--run-id", "mine"]) == 4
    assert "has lost its resolved.yaml" in capsys.readouterr().err


@pytest.mark.parametrize("members", [[], ["--seeds", "2"]], ids=["single", "seeds"])
def test_a_run_that_diverged_is_not_trained_again(members: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    command = [*AUTO, "optimizer={type: sgd, lr: 1e38}", *members]
    assert main(command) == 5
    files = {path: path.stat().st_mtime_ns for path in Path("runs/a/0001").rglob("*.safetensors")}
    capsys.readouterr()
    assert main(command) == 5
    told = capsys.readouterr().err
    assert "has diverged, and is not trained again" in told
    assert ("nntrain fit --resume runs/a/0001" in told) == bool(files), "only where there is a state to go on from"
    assert names() == ["0001"]
    assert {path: path.stat().st_mtime_ns for path in Path("runs/a/0001").rglob("*.safetensors")} == files


def test_a_longer_limit_extends_a_finished_run_to_what_it_would_have_been(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "training.max_epochs=4", "--runs", "whole"]) == 0
    assert main(AUTO) == 0
    assert main([*AUTO, "training.max_epochs=4"]) == 0
    assert names() == ["0001"]
    assert result("runs/a/0001") == result("whole/a/0001")
    assert weights("runs/a/0001") == weights("whole/a/0001")
    capsys.readouterr()
    assert main([*AUTO, "training.max_epochs=4"]) == 0
    assert "nothing is left to do" in capsys.readouterr().out


def test_where_the_schedule_counts_towards_the_limit_a_longer_one_is_another_run(capsys: pytest.CaptureFixture[str]) -> None:
    cosine = [*AUTO, "scheduler=cosine"]
    assert main(cosine) == 0
    assert main([*cosine, "training.max_epochs=4"]) == 0
    assert names() == ["0001", "0002"]
    capsys.readouterr()
    assert main([*cosine, "--run-id", "0001", "training.max_epochs=3"]) == 0  # asked for by name
    assert "the cosine schedule counts towards the new limit" in capsys.readouterr().err
    assert summary("runs/a/0001")["epochs"] == 3


def test_where_the_old_limit_brought_an_evaluation_a_longer_one_is_another_run() -> None:
    every = [*AUTO, "training.evaluate_every={steps: 3}"]
    assert main(every) == 0
    assert main([*every, "training.max_epochs=3"]) == 0
    assert names() == ["0001", "0002"]
    assert summary("runs/a/0002")["inexact_since"] is None


def test_python_goes_on_too_with_files_and_with_rows() -> None:
    rows = {
        "x": [x * 37 % 61 + 0.5 for x in range(60)],
        "y": [float(x % 7) for x in range(60)],
        "label": ["ab"[x % 7 > 3] for x in range(60)],
    }
    config = {"name": "b", "data": {"target": "label", "batch_size": 8}, "training": {"max_epochs": 1}}
    for data, count in ((rows, 1), (rows, 1), ({**rows, "y": [x % 11 for x in rows["x"]]}, 2)):
        assert nntrain.fit(config, data=data, resume="auto").summary["stop_reason"] == "max_epochs"
        assert len(names("runs/b")) == count
    for _ in range(2):
        assert nntrain.fit("a.yaml", resume="auto").run.name == "runs/a/0001"


def test_each_of_several_configs_goes_on_by_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.yaml").write_text(CONFIG.replace("[4]", "[3]"))
    for _ in range(2):
        assert main(["fit", "--each", "a.yaml", "b.yaml", "--resume", "auto"]) == 0
    assert capsys.readouterr().out.count("nothing is left to do") == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--skip-done"], "leave one of the two out"),
        (["--resume-anyway"], "--run-id NAME"),
        (["--run-id", "slurm"], "SLURM_JOB_ID is not set"),
        (["--run-id", "a/b"], "no name for a run"),
    ],
)
def test_options_that_do_not_go_together(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert main([*AUTO, *arguments]) == 2
    assert told in capsys.readouterr().err


def test_slurm_names_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    with pytest.raises(UsageError, match="SLURM_JOB_ID is not set"):
        settled_run_id("slurm")
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    assert settled_run_id("slurm") == "4711"
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "4700")
    monkeypatch.setenv("SLURM_ARRAY_TASK_ID", "0")
    assert settled_run_id("slurm") == "4700_0"
    assert settled_run_id("other") == "other"
    assert settled_run_id(None) is None
