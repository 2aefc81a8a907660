"""`training.soup`: the best states of a run stay on the disk, and their average is what is measured, used and told."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch

import nntrain
from nntrain.cli import main
from nntrain.commands.stored.opening import needed_of, open_run
from nntrain.runs import Run
from nntrain.training import checkpoint
from nntrain.training.snapshot import predicting_weights

CONFIG: dict[str, Any] = {
    "name": "soup",
    "seed": 1,
    "data": {"source": {"type": "builtin", "name": "digits"}, "split": {"validation": 0.2, "test": 0.2}, "batch_size": 100},
    "task": {"type": "classification", "calibrate": "temperature"},
    "architecture": {"layers": ["flatten", {"linear": 16}, "batch_norm", "relu", {"linear": 16}, "relu"]},
    "optimizer": {"type": "adamw", "lr": 0.05},
    "training": {
        "max_epochs": 8,
        "soup": 4,
        "threads": 1,
        "early_stopping": {"monitor": "validation.loss", "patience": 8},
        "checkpoint": {"keep": 1},
    },
}


def parts_of(run: Run, step: int) -> dict[str, Any]:
    return checkpoint.load(run.checkpoints / checkpoint.folder_name(step), needed_of(run))


def best_steps(run: Run) -> list[int]:
    lines = [json.loads(line) for line in (run.path / "history.jsonl").read_text().splitlines()]
    return [line["step"] for line in sorted(lines, key=lambda line: line["metrics"]["validation.loss"])[:4]]


def soup_folder(run: Run) -> Path:
    path = checkpoint.pointed(run.checkpoints, "best")
    assert path is not None
    assert path.name.startswith("soup-")
    return path


@pytest.mark.parametrize("more", [(), ("regularization.ema=0.1", "optimizer.lr=0.08")], ids=["plain", "ema"])
def test_the_average_of_the_best_states_is_what_predicts(more: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json", *more]) == 0
    run = Run(Path("runs/soup/0001"))
    summary = run.read_json("summary.json")
    soup = summary["soup"]
    told = capsys.readouterr().out
    assert f"soup of {len(soup['steps'])} of 4 states: validation.loss" in told
    assert len(soup["steps"]) > 1
    assert soup["steps"][0] == best_steps(run)[0] == summary["best"]["step"]
    assert set(soup["steps"]) <= set(best_steps(run))
    assert soup["after"] <= soup["before"]
    states = [predicting_weights(parts_of(run, step)) for step in soup["steps"]]
    found = checkpoint.load(soup_folder(run), needed_of(run))
    assert "ema" not in found
    for name, value in found["weights"].items():
        if "running" not in name and "tracked" not in name:
            torch.testing.assert_close(value, torch.stack([state[name] for state in states]).mean(dim=0))
    moved = [name for name, value in found["weights"].items() if "running" in name and not torch.equal(value, states[0][name])]
    assert moved
    assert summary["best"]["validation.loss"] == pytest.approx(soup["after"], rel=1e-6)
    lines = {
        line["step"]: line["metrics"]["validation.loss"] for line in map(json.loads, (run.path / "history.jsonl").read_text().splitlines())
    }
    assert lines[soup["steps"][0]] == pytest.approx(soup["before"], rel=1e-6)
    assert parts_of(run, soup["steps"][0])["task"]["readings"] != found["task"]["readings"]
    assert main(["eval", run.name]) == 0
    assert f"soup of {len(soup['steps'])} states" in capsys.readouterr().out
    assert nntrain.evaluate(run.name).metrics["accuracy"] == summary["test"]["accuracy"]


def test_the_best_states_stay_on_the_disk_however_few_are_kept() -> None:
    run = nntrain.fit(CONFIG).run
    folders = {path.name for path in run.checkpoints.glob("step-*")}
    assert folders == {*map(checkpoint.folder_name, best_steps(run)), (run.checkpoints / "last").read_text().strip()}
    assert checkpoint.newest(run.checkpoints).path == run.checkpoints / (run.checkpoints / "last").read_text().strip()


def test_a_run_that_goes_on_ends_as_one_without_a_break_and_makes_its_soup_anew() -> None:
    whole = nntrain.fit(CONFIG, "training.max_epochs=12").run
    first = nntrain.fit(CONFIG)
    steps = first.summary["soup"]["steps"]
    again = nntrain.fit(None, "training.max_epochs=12", resume=first.run.path)
    assert again.summary["soup"] == whole.read_json("summary.json")["soup"] != {"steps": steps}
    assert [path.name for path in first.run.checkpoints.glob("soup-*")] == [soup_folder(whole).name]
    ours, theirs = (checkpoint.load(soup_folder(run), needed_of(run))["weights"] for run in (first.run, whole))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_a_state_that_is_damaged_is_left_out_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json"]) == 0
    run = Run(Path("runs/soup/0001"))
    steps = best_steps(run)
    (run.checkpoints / checkpoint.folder_name(steps[2]) / "weights.safetensors").write_bytes(b"")
    assert main(["fit", "--resume", run.name]) == 0
    told = capsys.readouterr().out
    assert "left out of the soup" in told
    assert "of 3 states" in told
    assert steps[2] not in run.read_json("summary.json").get("soup", {"steps": []})["steps"]


def test_where_no_average_is_as_good_the_best_state_stays_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json", "optimizer={type: sgd, lr: 0.02}"]) == 0
    run = Run(Path("runs/soup/0001"))
    assert "soup of 1 of 4 states: averaged with any other, validation.loss is worse" in capsys.readouterr().out
    assert (run.checkpoints / "best").read_text().startswith("step-")
    assert "soup" not in run.read_json("summary.json")
    assert open_run(run).state_words.startswith("step ")


def test_another_run_starts_from_the_soup() -> None:
    first = nntrain.fit(CONFIG).run
    settings = {**CONFIG["architecture"], "init": {"from": first.name}}
    second = nntrain.fit({**CONFIG, "name": "second", "architecture": settings}, "optimizer.lr=1e-12", "training.soup=null").run
    found = checkpoint.load(soup_folder(first), needed_of(first))["weights"]
    last = checkpoint.load(checkpoint.newest(second.checkpoints).path or Path(), needed_of(second))["weights"]
    torch.testing.assert_close(last["linear_1.weight"], found["linear_1.weight"])


def test_each_member_has_a_soup_of_its_own_also_where_they_train_at_once() -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json", "--seeds", "2", "training.matmul=blas"]) == 0
    assert json.loads(Path("runs/soup/0001/members.json").read_text())["way"] == "together"
    for seed, member in ((1, "01"), (2, "02")):
        single = nntrain.fit(CONFIG, f"seed={seed}", "data.split.seed=1", "training.matmul=blas")
        together = Run(Path(f"runs/soup/0001/members/{member}")).read_json("summary.json")["soup"]
        assert together["steps"] == single.summary["soup"]["steps"]
        assert together["after"] == pytest.approx(single.summary["soup"]["after"], rel=1e-5)


def test_a_bag_averages_what_the_soups_of_its_members_predict() -> None:
    rows = (f"{row % 7},{row % 11},{row % 7 * 3 + row % 11 + row % 3}" for row in range(150))
    Path("rows.csv").write_text("\n".join(["a,b,y", *rows]) + "\n")
    table = {
        **CONFIG,
        "data": {"source": "rows.csv", "target": "y", "split": {"test": 0.2}, "batch_size": 20},
        "task": "regression",
        "architecture": {"type": "mlp", "hidden": [8]},
    }
    run = nntrain.fit(table, "training.bag=3").run
    members = [Run(run.path / f"members/0{member}") for member in (1, 2, 3)]
    assert any("soup" in member.read_json("summary.json") for member in members)
    rows = pl.read_csv("rows.csv")
    bag, *single = [nntrain.load(each.path.as_posix()).predict(rows).columns()["prediction"] for each in (run, *members)]
    assert bag == pytest.approx([sum(values) / 3 for values in zip(*single, strict=True)], rel=1e-4)


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("data.split.validation=null", "training.soup    is judged by validation rows, and there are none"),
        ("training.soup=1", "training.soup    needs a whole number from 2"),
        ("regularization.swa=0.5", "training.soup    does not go with regularization.swa"),
        ("training.early_stopping.monitor=train.loss", "training.soup    is judged by validation rows, and early stopping watches"),
        ("training.shard=true", "training.soup    does not go with training.shard"),
    ],
)
def test_what_has_no_effect_is_refused(override: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps({**CONFIG, "task": "classification"}))
    stopping = [] if "monitor" in override else ["training.early_stopping=null"]
    assert main(["check", "c.json", override, *stopping]) == 2
    assert told in capsys.readouterr().err


def test_a_single_state_is_not_told_to_have_been_averaged(capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json", "training.max_epochs=1"]) == 0
    assert "no soup: there is one state, and no other to average it with" in capsys.readouterr().out


@pytest.mark.parametrize("is_there", [True, False], ids=["damaged", "gone"])
def test_a_soup_that_can_not_be_read_is_told_with_what_is_taken_instead(is_there: bool, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.json").write_text(json.dumps(CONFIG))
    assert main(["fit", "c.json"]) == 0
    run = Run(Path("runs/soup/0001"))
    soup = soup_folder(run)
    if is_there:
        (soup / "weights.safetensors").write_bytes(b"")
    else:
        shutil.rmtree(soup)
    capsys.readouterr()
    assert main(["eval", "runs/soup/0001"]) == 0
    told = capsys.readouterr().err
    assert f"{soup.name}" in told
    assert "taken instead: runs/soup/0001/checkpoints/step-" in told
