"""`compare A B --paired` and `--html` of trained runs: what is told agrees with what the runs have measured, and with what is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main

Screens = pytest.CaptureFixture[str]

CONFIG = """
name: digits
data: {source: {type: builtin, name: digits}, split: {validation: 0.2, test: 0.6}}
architecture: {type: mlp, hidden: [16]}
training: {max_epochs: 3}
"""
FIRST, WORSE, ELSEWHERE, OTHER_SIZE, BAG = (f"runs/digits/000{number}" for number in range(1, 6))
BAG_CHANGES = ["data.split={test: 0.6}", "training.bag=2", "training.max_epochs=1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs: one of three epochs, one of one, two of other validation rows, a bag."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "digits.yaml").write_text(CONFIG)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for changes in ([], ["training.max_epochs=1"], ["data.split.seed=3"], ["data.split.validation=0.1"], BAG_CHANGES):
            assert main(["fit", "digits.yaml", "optimizer.lr=0.01", *changes]) == 0
    return folder


@pytest.fixture(autouse=True)
def here(trained: Path, tmp_path: Path) -> None:
    """A copy of that folder, in which the test stands."""
    shutil.copytree(trained, tmp_path, dirs_exist_ok=True)


def paired(capsys: Screens, *arguments: str) -> list[dict[str, Any]]:
    capsys.readouterr()
    assert main(["compare", *arguments, "--paired", "--json"]) == 0
    return json.loads(capsys.readouterr().out)["paired"]


def measured(run: str, part: str, name: str) -> float:
    return json.loads((Path(run) / "summary.json").read_text())[part][name]


def test_the_difference_is_that_of_the_summaries(capsys: Screens) -> None:
    (found,) = paired(capsys, FIRST, WORSE)
    assert (found["split"], found["rows"], next(iter(found["metrics"]))) == ("validation", 359, "accuracy")
    for name in ("accuracy", "log_loss"):
        apart = measured(FIRST, "best", f"validation.{name}") - measured(WORSE, "best", f"validation.{name}")
        metric = found["metrics"][name]
        assert metric["better_by"] == pytest.approx(apart if name == "accuracy" else -apart, abs=1e-6)
        assert metric["low"] < metric["better_by"] < metric["high"]
        assert metric["share_better"] == 1


def test_a_run_does_not_differ_from_itself(capsys: Screens) -> None:
    (found,) = paired(capsys, FIRST, FIRST)
    assert {tuple(metric.values())[1:] for metric in found["metrics"].values()} == {(0, 0, 0, 0, 0)}


def test_the_first_run_stands_against_each_of_the_others(capsys: Screens) -> None:
    assert main(["compare", WORSE, FIRST, WORSE, "--paired"]) == 0
    told = capsys.readouterr().out
    assert "0002 beside 0001, on the same 359 validation rows\nvalidation.accuracy: 0002 is " in told
    assert "worse (95 % interval" in told
    assert "0002 beside 0002" in told
    assert "training.max_epochs      1      3      1" in told


@pytest.mark.parametrize("other", [ELSEWHERE, OTHER_SIZE])
def test_runs_of_other_rows_are_not_paired(capsys: Screens, other: str) -> None:
    assert main(["compare", FIRST, other, "--paired"]) == 2
    told = capsys.readouterr()
    assert f"{FIRST} and {other} can't be paired: their validation rows differ" in told.err
    assert told.out == ""


def test_a_look_at_the_test_rows_is_asked_for_and_counted(capsys: Screens) -> None:
    Path("runs/test_looks.json").unlink()
    paired(capsys, FIRST, WORSE)
    assert not Path("runs/test_looks.json").exists()
    (found,) = paired(capsys, FIRST, WORSE, "--split", "test")
    (looks,) = json.loads(Path("runs/test_looks.json").read_text()).values()
    assert looks == ["digits/0001", "digits/0002"]
    apart = measured(FIRST, "test", "accuracy") - measured(WORSE, "test", "accuracy")
    assert found["metrics"]["accuracy"]["better_by"] == pytest.approx(apart, abs=1e-6)


def test_members_that_are_no_bag_answer_nothing_as_one(capsys: Screens) -> None:
    assert main(["fit", "digits.yaml", "training.max_epochs=1", "--seeds", "2"]) == 0
    assert main(["compare", FIRST, "runs/digits/0006", FIRST, "--paired"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "runs/digits/0006 has members, each a network of its own, and answers nothing as one" in told
    assert "0001 beside 0001, on the same" in told
    assert main(["compare", "runs/digits/0006", FIRST, "--paired"]) == 2


def test_a_bag_answers_as_one_and_only_for_rows_that_trained_none_of_it(capsys: Screens) -> None:
    assert main(["compare", FIRST, BAG, "--paired"]) == 2
    told = capsys.readouterr().err
    assert "is a bag: all but the test rows have trained most of its members" in told
    assert "--split test" in told
    member = f"{BAG}/members/01"
    (found,) = paired(capsys, BAG, member, "--split", "test")
    capsys.readouterr()
    assert main(["eval", member, "--split", "test", "--json"]) == 0
    apart = measured(BAG, "test", "accuracy") - json.loads(capsys.readouterr().out)["metrics"]["accuracy"]
    assert found["metrics"]["accuracy"]["better_by"] == pytest.approx(apart, abs=1e-6)


def test_a_run_against_itself_on_changed_files_is_refused_before_anything_is_computed(capsys: Screens) -> None:
    record = json.loads((Path(WORSE) / "data.json").read_text())
    record["fingerprints"]["source"] = "0" * 64
    (Path(WORSE) / "data.json").write_text(json.dumps(record))
    assert main(["compare", FIRST, WORSE, "--paired"]) == 2
    assert "can't be paired: the data files differ (source)" in capsys.readouterr().err
