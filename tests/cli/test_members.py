"""Several seeds and folds in one run, runs beside one another, configs over one another."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.commands.members import together
from nntrain.commands.stored import environment

ROWS = "\n".join(f"{x},{x % 7},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
CONFIG = """
data: {source: table.csv, target: label, fields: {x: number, y: number}, split: {validation: 0.2, test: 0.2}, batch_size: 8}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(f"x,y,label\n{ROWS}\n")
    (tmp_path / "a.yaml").write_text(CONFIG)


def summary(path: str) -> dict[str, Any]:
    return json.loads((Path(path) / "summary.json").read_text())


def test_surroundings_are_looked_at_once_for_all_members(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Path] = []

    def counted(folder: Path) -> dict[str, Any]:
        asked.append(folder)
        return environment.describe(folder)

    monkeypatch.setattr(together, "describe", counted)
    assert main(["fit", "a.yaml", "--seeds", "3"]) == 0
    assert len(asked) == 1
    whole, *members = (
        json.loads(path.read_text()) for path in sorted(Path("runs/a/0001").rglob("environment.json"), key=lambda path: len(path.parts))
    )
    assert members == [whole] * 3


def test_seeds_are_members_of_one_run_on_one_split(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "3"]) == 0
    assert "mean ± sd (n = 3)" in capsys.readouterr().out
    whole = summary("runs/a/0001")
    members = [summary(f"runs/a/0001/members/0{index}") for index in (1, 2, 3)]
    losses = [member["test"]["loss"] for member in members]
    assert len(set(losses)) == 3
    assert whole["test"]["loss"] == pytest.approx(sum(losses) / 3)
    assert whole["sd"]["test"]["loss"] == pytest.approx((sum((loss - sum(losses) / 3) ** 2 for loss in losses) / 2) ** 0.5)
    fingerprints = [json.loads(Path(f"runs/a/0001/members/0{index}/data.json").read_text())["fingerprints"] for index in (1, 2, 3)]
    assert fingerprints[0] == fingerprints[1] == fingerprints[2]
    looks = json.loads(Path("runs/test_looks.json").read_text())
    assert list(looks.values()) == [["a/0001"]]


def test_members_have_columns_where_these_fit_and_else_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2"]) == 0
    narrow = capsys.readouterr().out
    assert main(["fit", "a.yaml", "--seeds", "5"]) == 0
    wide = capsys.readouterr().out
    assert "seed 0   seed 1   trivial" in narrow
    assert "each " not in narrow
    assert "each     validation." in wide
    assert "(seed 4)" in wide
    assert max(map(len, wide.splitlines())) <= 80


def test_simple_models_stand_beside_the_mean_of_members(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    assert main(["fit", "a.yaml", "--folds", "3", "baselines=[linear]"]) == 0
    [head] = [line for line in capsys.readouterr().out.splitlines() if "mean ± sd" in line]
    assert head.split()[-2:] == ["linear", "trivial"]
    whole, *members = (summary(f"runs/a/0001{place}") for place in ("", *(f"/members/0{index}" for index in (1, 2, 3))))
    accuracies = [member["baselines"]["linear"]["test.accuracy"] for member in members]
    assert whole["baselines"]["linear"]["test.accuracy"] == pytest.approx(sum(accuracies) / 3)


def test_a_member_is_the_run_that_its_seed_gives(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2"]) == 0
    assert main(["fit", "a.yaml", "seed=1", "data.split.seed=0"]) == 0
    alone, member = summary("runs/a/0002"), summary("runs/a/0001/members/02")
    assert alone["best"] == member["best"]
    assert alone["test"] == member["test"]
    histories = [Path(f"runs/a/{run}/history.jsonl").read_text() for run in ("0002", "0001/members/02")]
    assert histories[0] == histories[1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([], "2 seeds, trained at once"),
        (["optimizer=rmsprop"], "seeds    trained one after another: optimizer RMSprop moves a network at a time"),
    ],
)
def test_how_members_are_trained_is_told_and_kept(changes: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2", *changes]) == 0
    assert told in capsys.readouterr().err
    kept = json.loads(Path("runs/a/0001/members.json").read_text())
    assert kept["way"] == ("separate" if changes else "together")


def test_the_layout_in_memory_is_told_where_nothing_else_is_in_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = "data: {source: {type: builtin, name: digits}}"
    layers = "architecture: {type: cnn}"
    (tmp_path / "b.yaml").write_text(f"{data}\n{layers}\ntraining: {{max_steps: 1, channels_last: true}}\n")
    assert main(["fit", "b.yaml", "--seeds", "2", "--no-test"]) == 0
    assert "training.channels_last=false trains them at once" in " ".join(capsys.readouterr().err.split())


def test_folds_of_other_sizes_are_trained_at_once_and_equal_their_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--folds", "7", "data.batch_size=16"]) == 0
    assert "7 folds, trained at once" in capsys.readouterr().err
    kept = json.loads(Path("runs/a/0001/members.json").read_text())
    assert not kept["even"]
    assert main(["fit", "a.yaml", "data.batch_size=16", *kept["members"][4]["changes"]]) == 0
    histories = [Path(f"runs/a/{run}/history.jsonl").read_text() for run in ("0002", "0001/members/05")]
    assert histories[0] == histories[1]


def test_an_interrupted_run_of_members_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2"]) == 0
    before = summary("runs/a/0001")
    for file in Path("runs/a/0001/members/02").glob("*.json"):
        file.unlink()
    Path("runs/a/0001/members/02/resolved.yaml").unlink()
    assert main(["fit", "--resume", "runs/a/0001"]) == 4  # what is left of the member is no run that can be trusted
    for path in sorted(Path("runs/a/0001/members/02").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path("runs/a/0001/summary.json").unlink()
    assert main(["fit", "--resume", "runs/a/0001"]) == 0
    after = summary("runs/a/0001")
    assert after["test"] == before["test"]
    assert after["best"] == before["best"]


def test_a_run_of_members_has_no_state_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2"]) == 0
    capsys.readouterr()
    assert main(["eval", "runs/a/0001"]) == 4
    assert "name one: runs/a/0001/members/01" in capsys.readouterr().err
    assert main(["show", "runs/a/0001"]) == 4
    assert "has 2 members, each a network of its own" in capsys.readouterr().err
    assert main(["eval", "runs/a/0001/members/01"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seeds", "1"], "needs two or more"),
        (["--seeds", "2", "--folds", "2"], "exclude each other"),
        (["--resume", "runs/a/0001", "--seeds", "2"], "leave one of the two out"),
        (["--each", "--resume", "runs/a/0001"], "mean a single one"),
    ],
)
def test_options_that_do_not_go_together(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("role", "told", "hint"),
    [
        ("group", "data.fields.g (role: group): 3 groups cannot give 5 folds", "fix:  --folds 3"),
        ("fold", "g says which of 3 folds a row is in", "--folds 3"),
    ],
)
def test_folds_that_cannot_be_leave_no_run(role: str, told: str, hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{x},{x % 3},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
    Path("grouped.csv").write_text(f"x,g,label\n{rows}\n")
    Path("b.yaml").write_text(
        f"data: {{source: grouped.csv, target: label, fields: {{g: {{role: {role}}}}}}}\ntraining: {{max_epochs: 1}}\n"
    )
    assert main(["fit", "b.yaml", "--folds", "5"]) == 3
    error = capsys.readouterr().err
    assert told in error
    assert hint in error
    assert not list(Path("runs").glob("b/*/"))
    assert main(["fit", "b.yaml", "--folds", "5", "--resume", "auto"]) == 3
    assert main(["fit", "b.yaml", "--folds", "5", "--run-id", "mine"]) == 3
    assert not list(Path("runs").glob("b/*/*"))


def test_each_config_is_trained_and_done_ones_are_skipped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "b.yaml").write_text(CONFIG.replace("[4]", "[3]"))
    assert main(["fit", "--each", "a.yaml", "b.yaml"]) == 0
    capsys.readouterr()
    assert main(["fit", "--each", "--skip-done", "a.yaml", "b.yaml", "seed=0"]) == 0
    assert capsys.readouterr().out.count("skipped") == 2
    assert main(["fit", "--each", "--skip-done", "a.yaml", "b.yaml", "seed=1"]) == 0
    assert "skipped" not in capsys.readouterr().out
    assert sorted(path.parent.as_posix() for path in Path("runs").glob("*/*/summary.json")) == [
        "runs/a/0001",
        "runs/a/0002",
        "runs/b/0001",
        "runs/b/0002",
    ]


def test_one_of_several_configs_fails_and_the_others_are_trained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.yaml").write_text(CONFIG.replace("hidden", "hiden"))
    assert main(["fit", "--each", "wrong.yaml", "a.yaml"]) == 2
    assert "hidden" in capsys.readouterr().err
    assert summary("runs/a/0001")["stop_reason"] == "max_epochs"


def test_a_config_is_laid_over_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text("architecture: {type: mlp, hidden: [2]}\noptimizer: {lr: 0.5}\n")
    assert main(["fit", "a.yaml", "--with", "small.yaml", "optimizer.lr=0.25"]) == 0
    text = Path("runs/a/0001/resolved.yaml").read_text()
    assert "hidden: [2]" in text
    assert "lr: 0.25" in text
    (tmp_path / "wrong.yaml").write_text("architecture:\n  hiden: [2]\n")
    capsys.readouterr()
    assert main(["check", "a.yaml", "--with", "wrong.yaml"]) == 2
    assert "wrong.yaml:2:3" in capsys.readouterr().err


def test_problems_as_annotations(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "wrong.yaml").write_text("data: {source: table.csv, target: label}\ntraining: {epochs: 5}\n")
    assert main(["check", "wrong.yaml", "a.yaml", "--format", "github"]) == 2
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("::error file=wrong.yaml,line=2,col=12::training.epochs")
    assert "%0A" in first
    assert second == "a.yaml   ok"


def test_runs_beside_one_another(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--seeds", "2"]) == 0
    assert main(["fit", "a.yaml", "seed=5"]) == 0
    capsys.readouterr()
    assert main(["compare", "runs/a/0001", "runs/a/0002", "--json"]) == 0
    several, single = json.loads(capsys.readouterr().out)["rows"]
    whole = Path("runs/a/0001/summary.json")
    whole.write_text(json.dumps(summary("runs/a/0001") | {"seconds": 5000.0}))
    assert main(["compare", "runs/a/0001"]) == 0
    screen = capsys.readouterr().out.splitlines()
    assert max(map(len, screen)) <= 80  # one line a figure, as one line for all is wider
    told = dict(line.rsplit("   ", 1) for line in screen if "   " in line)
    assert {name.strip(): cell for name, cell in told.items()}["time"] == "1 h 23 min"
    assert not any(cell == "-" for cell in told.values())  # the epochs are told, too
    assert main(["runs"]) == 0
    line = next(line for line in capsys.readouterr().out.splitlines() if "runs/a/0001" in line)
    assert "1 h 23 min" in line
    assert " - " not in line
    assert several["mean"]["test.loss"] == pytest.approx(summary("runs/a/0001")["test"]["loss"])
    assert several["varied"] == ["seed"]
    assert single["sd"] == {}
    assert main(["compare", "runs/a/0001", "runs/a/0002", "--format", "csv"]) == 0
    lines = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [line["row"] for line in lines] == ["runs/a/0001", "runs/a/0001", "runs/a/0002"]
    assert float(lines[2]["test.loss"]) == summary("runs/a/0002")["test"]["loss"]
    for form, sign in (("markdown", "| --- |"), ("latex", r"$\pm$"), ("text", "differ in: seed")):
        assert main(["compare", "runs/a/0001", "runs/a/0002", "--format", form]) == 0
        assert sign in capsys.readouterr().out


def test_runs_of_one_config_are_one_row(capsys: pytest.CaptureFixture[str]) -> None:
    for seed in (0, 1):
        assert main(["fit", "a.yaml", f"seed={seed}"]) == 0
    assert main(["fit", "a.yaml", "optimizer.lr=0.1"]) == 0
    capsys.readouterr()
    assert main(["compare", "--by", "config", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [len(row["runs"]) for row in rows] == [2, 1]


def test_a_run_that_is_worse_than_allowed_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "optimizer.lr=0.05", "training.max_epochs=20"]) == 0
    assert main(["fit", "a.yaml", "optimizer.lr=1e-5"]) == 0
    compare = ["compare", "runs/a/0002", "runs/a/0001", "--tolerance"]
    assert main([*compare, "test.loss=100"]) == 0
    assert main([*compare, "test.loss=0.001"]) == 6
    assert main(["compare", "runs/a/0001", "runs/a/0002", "--tolerance", "test.loss=0"]) == 0
    capsys.readouterr()
    assert main([*compare, "test.los=0.1"]) == 2
    assert "test.loss" in capsys.readouterr().err


def test_every_row_is_tested_by_a_fold_that_has_not_seen_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--folds", "3"]) == 0
    shown = capsys.readouterr().out
    assert all(f"(fold {index})" in shown for index in (1, 2, 3))
    with Path("runs/a/0001/out_of_fold.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert [int(line["row"]) for line in lines] == list(range(1, 61))
    assert {line["fold"] for line in lines} == {"1", "2", "3"}
    assert {line["prediction"] for line in lines} <= {"a", "b"}
    truth = [line.split(",")[2] for line in ROWS.splitlines()]
    for fold in ("1", "2", "3"):
        tested = [place for place, line in enumerate(lines) if line["fold"] == fold]
        assert [truth[place] for place in tested].count("a") in {8, 9}  # 26 of 60, in equal shares
        hits = sum(truth[place] == lines[place]["prediction"] for place in tested)
        member = summary(f"runs/a/0001/members/0{fold}")
        assert member["test"]["accuracy"] == pytest.approx(hits / len(tested))
    assert summary("runs/a/0001")["kind"] == "folds"


def test_groups_stay_whole_in_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{x},{x % 7},{'ab'[x // 7 % 2]}" for x in range(60)]
    (tmp_path / "table.csv").write_text("\n".join(["x,y,label", *lines]) + "\n")
    (tmp_path / "g.yaml").write_text(CONFIG.replace("split: {", "split: {by: group, column: y, "))
    assert main(["fit", "g.yaml", "--folds", "2"]) == 0
    with Path("runs/g/0001/out_of_fold.csv").open() as file:
        fold_of = {int(line["row"]): line["fold"] for line in csv.DictReader(file)}
    groups = [line.split(",")[1] for line in lines]
    for group in set(groups):
        assert len({fold_of[row] for row, each in enumerate(groups, 1) if each == group}) == 1


def test_given_test_rows_are_not_cut_into_folds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.yaml").write_text(
        CONFIG.replace("source: table.csv", "source: {path: table.csv, test: table.csv}").replace(", test: 0.2", "")
    )
    assert main(["fit", "t.yaml", "--folds", "2"]) == 2
    assert "they are given already" in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_single_run_does_not_stand_for_its_seeds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml"]) == 0
    for name in ("seeds of a single run", "the same seeds again"):
        capsys.readouterr()
        assert main(["fit", "a.yaml", "--skip-done", "--seeds", "2"]) == 0
        assert ("skipped" in capsys.readouterr().out) == (name == "the same seeds again")
    assert main(["fit", "a.yaml", "--skip-done", "--seeds", "3"]) == 0
    assert summary("runs/a/0003")["run"] == "runs/a/0003"
    assert main(["fit", "a.yaml", "--skip-done"]) == 0
    assert "runs/a/0001 is finished" in capsys.readouterr().out
