"""`nntrain runs` where there are many: which, in which order, with which words to them, and which may go."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.locking import hold
from nntrain.runs import create_run


def make(root: Path, name: str, value: float | None, *, days_ago: float = 0.0, lr: float = 0.001, reason: str = "max_epochs") -> Path:
    """A run as `fit` leaves it: what it was told, what it found, weights."""
    folder = create_run(root, name).path
    (folder / "resolved.yaml").write_text(f"optimizer: {{type: adamw, lr: {lr}}}\ndata: {{batch_size: 64}}\n", encoding="utf-8")
    (folder / "data.json").write_text(json.dumps({"started": time.time() - 86_400 * days_ago}), encoding="utf-8")
    checkpoint = folder / "checkpoints" / "step-0000001"
    checkpoint.mkdir(parents=True)
    (checkpoint / "weights.safetensors").write_bytes(bytes(5_000))
    (folder / "checkpoints" / "last").write_text("step-0000001\n", encoding="utf-8")
    if value is not None:
        best = {"epoch": 1, "step": 10, "validation.rmse": value, "validation.r2": 1 - value}
        summary: dict[str, Any] = {
            "run": folder.as_posix(),
            "stop_reason": reason,
            "epochs": 3,
            "steps": 30,
            "seconds": 2.0,
            "parameters": 9,
        }
        summary |= {"monitor": "validation.rmse", "directions": {"rmse": "min", "r2": "max", "loss": "min"}, "best": best, "last": best}
        (folder / "summary.json").write_text(json.dumps(summary | {"test": {"rmse": value + 1}, "baseline": {}}), encoding="utf-8")
    return folder


def listed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    """The runs that `nntrain runs` lists, by the end of their names."""
    assert main(["runs", "--json", *arguments]) == 0
    return [Path(row["run"]).name for row in json.loads(capsys.readouterr().out)["runs"]]


@pytest.fixture
def four(runs_root: Path) -> Path:
    """Runs of one name: three that have ended, one that may go on."""
    for value, days, lr in ((0.3, 10.0, 0.001), (0.1, 5.0, 0.01), (0.2, 2.0, 0.001), (None, 1.0, 0.001)):
        make(runs_root, "rents", value, days_ago=days, lr=lr)
    return runs_root


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 2) -> str:
    assert main(["runs", *arguments]) == code
    return capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], ["0001", "0002", "0003", "0004"]),
        (["--sort", "validation.rmse"], ["0004", "0001", "0003", "0002"]),
        (["--sort", "validation.r2"], ["0004", "0001", "0003", "0002"]),
        (["--sort", "optimizer.lr"], ["0001", "0003", "0004", "0002"]),
        (["--where", "optimizer.lr=1e-3"], ["0001", "0003", "0004"]),
        (["--where", "optimizer=adamw", "--where", "state!=unfinished"], ["0001", "0002", "0003"]),
        (["--since", "6d"], ["0002", "0003", "0004"]),
        (["--since", "36h"], ["0004"]),
        (["--max", "validation.rmse=0.2"], ["0002", "0003"]),
        (["--min", "validation.r2=0.85"], ["0002"]),
        (["--unfinished"], ["0004"]),
    ],
)
def test_runs_are_chosen_and_sorted(four: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[str]) -> None:
    assert listed(capsys, *arguments) == expected


def test_columns_are_figures_and_settings(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--columns", "validation.rmse,test.rmse,optimizer.lr,data.batch_size", "--where", "state=finished"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "run              validation.rmse  test.rmse  optimizer.lr  data.batch_size",
        f"{'runs/rents/0001':15}           0.3000      1.300      0.001000               64",
        f"{'runs/rents/0002':15}           0.1000      1.100       0.01000               64",
        f"{'runs/rents/0003':15}           0.2000      1.200      0.001000               64",
    ]
    assert main(["runs", "--columns", "test.rmse", "--format", "csv", "--since", "3d"]) == 0
    assert capsys.readouterr().out == "run,test.rmse\nruns/rents/0003,1.2\nruns/rents/0004,\n"


def test_what_can_not_be_asked_is_told(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "not ranked by test.rmse" in (said := told(capsys, "--sort", "test.rmse"))
    assert "--sort validation.rmse; to see it: --columns validation.rmse,test.rmse" in said
    assert "no run has 'validation.rmsee'" in (said := told(capsys, "--sort", "validation.rmsee"))
    assert "nearest: validation.rmse" in said
    assert "--since yesterday: no age" in told(capsys, "--since", "yesterday")
    assert "--min NAME=VALUE" in told(capsys, "--where", "validation.rmse<0.2")
    assert "--min needs metric=value" in told(capsys, "--min", "validation.rmse")
    assert "no format 'yaml'" in told(capsys, "--format", "yaml")
    assert "takes its own options behind that word" in told(capsys, "--unfinished", "tag", "runs/rents/0001", "x")
    assert main(["runs", "--max", "validation.rmse=0.01"]) == 0
    assert "none of the runs in runs/ is what you ask for" in capsys.readouterr().out


def test_tags_and_notes_find_runs_again(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "tag", "runs/rents/0002", "paper", "table-1"]) == 0
    assert main(["runs", "note", "runs/rents/0002", "the one of the figure"]) == 0
    assert main(["runs", "tag", "runs/rents/0003", "paper"]) == 0
    assert main(["runs", "tag", "runs/rents/0003", "paper", "--remove"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "runs/rents/0003   tags: none"
    assert listed(capsys, "--where", "tags=table-1") == ["0002"]
    assert main(["runs"]) == 0
    assert "[paper] [table-1] the one of the figure" in capsys.readouterr().out
    assert "no tag: 'a b'" in told(capsys, "tag", "runs/rents/0002", "a b")
    assert "has no tag 'none'" in told(capsys, "tag", "runs/rents/0002", "none", "--remove")
    (four / "rents" / "0002" / "labels.json").write_text("[]", encoding="utf-8")
    assert listed(capsys) == ["0001", "0002", "0003", "0004"]


def test_all_but_the_best_are_removed_and_those_that_may_go_on_are_not(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "nobody is there to answer" in told(capsys, "rm", "runs/rents", "--keep-best", "1")
    assert listed(capsys) == ["0001", "0002", "0003", "0004"]
    assert main(["runs", "rm", "runs/rents", "--keep-best", "1", "--yes"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("removed 2 runs, 1")
    assert "left alone, as they may go on or are damaged: runs/rents/0004" in said.err
    assert listed(capsys) == ["0002", "0004"]
    assert sorted(path.name for path in (four / "rents").iterdir()) == ["0002", "0004", "latest"]


def test_the_latest_is_another_one_when_it_is_gone(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "runs/rents/0004", "--yes"]) == 0
    assert (four / "rents" / "latest").read_text() == "0003\n"
    assert main(["runs", "rm", *(f"runs/rents/000{number}" for number in (1, 2, 3)), "--yes"]) == 0
    assert not (four / "rents").exists()


def test_weights_go_and_figures_stay(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "rm", "runs/rents/0001", "--weights-only", "--yes"]) == 0
    assert capsys.readouterr().out == "removed the weights of runs/rents/0001, 5.0 kB\n"
    assert sorted(path.name for path in (four / "rents" / "0001").iterdir()) == ["data.json", "lock", "resolved.yaml", "summary.json"]
    assert main(["runs", "rm", "runs/rents/0001", "--weights-only", "--yes"]) == 0
    assert capsys.readouterr().out == "nothing to remove\n"


def test_what_is_not_to_be_removed_is_refused(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "runs/rents holds 4 runs" in told(capsys, "rm", "runs/rents", "--yes")
    assert "rm takes runs" in told(capsys, "rm", "--yes")
    assert "runs/rents/0001 is no folder of runs" in told(capsys, "rm", "runs/rents/0001", "--keep-best", "1", "--yes")
    with hold(four / "rents" / "0002"):
        assert "0002" in told(capsys, "rm", "runs/rents/0001", "runs/rents/0002", "--yes", code=4)
    assert listed(capsys) == ["0001", "0002", "0003", "0004"]
    (four / "rents" / "0001" / "elsewhere").symlink_to(four / "rents" / "0003")
    assert "is a link" in told(capsys, "rm", "runs/rents/0001", "--yes", code=4)


def test_two_thousand_runs_are_listed_in_seconds(runs_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = make(runs_root, "many", 0.5)
    text = (first / "summary.json").read_text()
    for number in range(2, 2_001):
        folder = runs_root / "many" / f"{number:04d}"
        folder.mkdir()
        for name, content in (("resolved.yaml", "seed: 0\n"), ("summary.json", text)):
            (folder / name).write_text(content, encoding="utf-8")
    assert len(listed(capsys, "--sort", "validation.rmse")) == 2_000


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_is_not_removed_nor_what_it_leads_to(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = four / "rents"
    before = sorted(folder.rglob("*"))
    (folder / "kept").symlink_to("0002")
    assert "is a link, and no run" in told(capsys, "rm", str(folder / "kept"), "--yes")
    assert sorted(path for path in folder.rglob("*") if "kept" not in path.parts) == before
    assert main(["runs", "rm", str(folder), "--keep-best", "1", "--yes"]) == 0
    assert (folder / "0002" / "resolved.yaml").is_file()
    assert (folder / "kept").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_weights_that_a_link_leads_to_stay(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = four / "rents"
    (folder / "0001" / "members").symlink_to("..", target_is_directory=True)
    assert "is a link" in told(capsys, "rm", str(folder), "--keep-best", "1", "--weights-only", "--yes", code=4)
    assert len(list(folder.glob("*/checkpoints/step-*"))) == 4


@pytest.mark.skipif(os.name == "nt", reason="a folder that somebody stands in can't be moved there")
@pytest.mark.parametrize("name", [".", "../0002", "../../rents/0002"])
def test_a_run_goes_from_where_you_stand(four: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = four.resolve() / "rents"
    monkeypatch.chdir(folder / "0002")
    assert main(["runs", "rm", name, "--yes"]) == 0
    assert {path.name for path in folder.iterdir()} == {"0001", "0003", "0004", "latest"}


def test_an_empty_name_is_not_the_run_where_you_stand(
    four: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(four / "rents" / "0002")
    assert "no run has an empty name" in told(capsys, "rm", "", "--yes")


def test_runs_without_a_figure_are_not_the_worst(four: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = four / "rents"
    for name in ("0001", "0002"):
        path = folder / name / "summary.json"
        summary = json.loads(path.read_text(encoding="utf-8"))
        summary["best"]["validation.rmse"] = float("nan")
        path.write_text(json.dumps(summary), encoding="utf-8")
    assert main(["runs", "rm", str(folder), "--keep-best", "1", "--yes"]) == 0
    assert "left alone, as nothing says how good they are" in capsys.readouterr().err
    assert {path.name for path in folder.iterdir()} == {"0001", "0002", "0003", "0004", "latest"}


def test_without_a_single_figure_none_is_the_best(runs_root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        make(runs_root, "rents", float("nan"), reason="diverged")
    assert "no run in" in told(capsys, "rm", str(runs_root / "rents"), "--keep-best", "1", "--yes")
    assert len(list((runs_root / "rents").glob("*/summary.json"))) == 2


def test_what_a_kill_left_of_a_removal_is_freed_by_the_next(four: Path) -> None:
    folder = four / "rents"
    (folder / "0001").rename(folder / f".removed-{'0a' * 16}")
    (folder / ".removed-by-me").mkdir()
    assert main(["runs", "rm", str(folder / "0002"), "--yes"]) == 0
    assert {path.name for path in folder.iterdir()} == {"0003", "0004", "latest", ".removed-by-me"}
