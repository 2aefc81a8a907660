"""`compare NEW OLD --tolerance`: which run is worse, and what is told. The runs are written by hand, nothing is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.runs import create_run

Screens = pytest.CaptureFixture[str]

DIRECTIONS = {"loss": "min", "accuracy": "max", "rmse": "min"}


def make_run(test: dict[str, float | None], *, rows: str = "a", seconds: float = 2.0) -> str:
    """A finished run with these test metrics; returns its name."""
    run = create_run(Path("runs"), "shops")
    run.write_text("resolved.yaml", "seed: 0\n")
    run.write_json("data.json", {"fingerprints": {"test": rows}})
    run.write_json("summary.json", summary(run.name, test, seconds))
    return run.name


def summary(name: str, test: dict[str, float | None], seconds: float = 2.0) -> dict[str, Any]:
    best = {f"validation.{metric}": value for metric, value in test.items()}
    return {
        "run": name,
        "stop_reason": "max_epochs",
        "epochs": 3,
        "steps": 12,
        "seconds": seconds,
        "parameters": 57,
        "monitor": "validation.accuracy",
        "directions": DIRECTIONS,
        "best": {"epoch": 2, "step": 8, **best},
        "last": {"epoch": 3, "step": 12, **best},
        "test": test,
    }


def make_members(values: list[float | None]) -> str:
    run = create_run(Path("runs"), "shops")
    run.write_text("resolved.yaml", "seed: 0\n")
    run.write_json("data.json", {"fingerprints": {"test": "a"}})
    members: list[dict[str, Any]] = []
    for index, value in enumerate(values):
        member = run.path / "members" / f"{index + 1:02d}"
        member.mkdir(parents=True)
        (member / "resolved.yaml").write_text(f"seed: {index}\n")
        (member / "data.json").write_text(json.dumps({"fingerprints": {"test": "a"}}))
        (member / "summary.json").write_text(json.dumps(summary(member.as_posix(), {"accuracy": value})))
        members.append({"run": member.as_posix()})
    run.write_json("summary.json", {**summary(run.name, {"accuracy": 0.5}), "members": members})
    return run.name


@pytest.mark.parametrize(
    ("metric", "new", "old", "allowed", "code"),
    [
        ("test.accuracy", 0.90, 0.95, 0.01, 6),  # more is better
        ("test.accuracy", 0.95, 0.90, 0, 0),
        ("test.accuracy", 0.94, 0.95, 0.01, 0),  # 0.95 - 0.94 is a little over 0.01 in binary
        ("test.accuracy", 0.939, 0.95, 0.01, 6),
        ("test.rmse", 5.0, 3.0, 1, 6),  # less is better
        ("test.rmse", 3.0, 5.0, 0, 0),
        ("last.validation.rmse", 5.0, 3.0, 1, 6),
        ("validation.accuracy", 0.90, 0.95, 0.01, 6),
        ("test.accuracy", None, 0.95, 0.01, 6),
        ("test.accuracy", 0.95, None, 0.01, 6),
    ],
)
def test_worse_is_by_the_direction_of_the_metric(
    capsys: Screens, metric: str, new: float | None, old: float | None, allowed: float, code: int
) -> None:
    name = metric.rpartition(".")[2]
    ours, theirs = make_run({name: new}), make_run({name: old})
    assert main(["compare", ours, theirs, "--tolerance", f"{metric}={allowed}"]) == code
    told = capsys.readouterr().err
    assert (metric in told) == (code == 6)


def test_the_sentence_names_both_values(capsys: Screens) -> None:
    new, old = make_run({"accuracy": 0.90}), make_run({"accuracy": 0.95})
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0.01"]) == 6
    assert capsys.readouterr().err == f"test.accuracy is 0.05 worse than in {old}, and 0.01 is allowed: 0.9000 against 0.9500\n"


def test_stdout_stays_json(capsys: Screens) -> None:
    new, old = make_run({"accuracy": 0.90}), make_run({"accuracy": 0.95})
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0.01", "--json"]) == 6
    assert [row["mean"]["test.accuracy"] for row in json.loads(capsys.readouterr().out)["rows"]] == [0.90, 0.95]


def test_what_a_run_costs_may_not_rise_either(capsys: Screens) -> None:
    new, old = make_run({"accuracy": 0.9}, seconds=30), make_run({"accuracy": 0.9}, seconds=20)
    assert main(["compare", new, old, "--tolerance", "seconds=5"]) == 6
    assert main(["compare", new, old, "--tolerance", "seconds=10", "--tolerance", "parameters=0"]) == 0
    assert "seconds is 10 worse" in capsys.readouterr().err


def test_members_are_compared_by_their_mean_with_the_spread_shown(capsys: Screens) -> None:
    new, old = make_members([0.88, 0.92]), make_run({"accuracy": 0.95})
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0.06"]) == 0
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0.01"]) == 6
    assert "0.9000 ± 0.028 against 0.9500" in capsys.readouterr().err


def test_a_member_without_the_metric_is_no_mean_of_the_others(capsys: Screens) -> None:
    new, old = make_members([0.96, None]), make_run({"accuracy": 0.95})
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0.01"]) == 6
    assert f"test.accuracy of {new} is undefined in 1 of its 2 runs" in capsys.readouterr().err


def test_other_test_rows_are_told(capsys: Screens) -> None:
    new, old = make_run({"accuracy": 0.95}, rows="a"), make_run({"accuracy": 0.95}, rows="b")
    assert main(["compare", new, old, "--tolerance", "test.accuracy=0"]) == 0
    assert f"{new} and {old} were tested on different rows" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("bar", "told"),
    [
        ("accuracy", "--tolerance needs metric=value, got 'accuracy'"),
        ("test.accuracy=", "--tolerance needs metric=value"),
        ("test.accuracy=much", "--tolerance test.accuracy: 'much' is no number. Example: --tolerance test.accuracy=0.01"),
        ("test.accuracy=nan", "--tolerance test.accuracy: 'nan' is no number"),
        ("test.accuracy=inf", "--tolerance test.accuracy: 'inf' is no number"),
        ("test.accuracy=-1", "so it is 0 or more"),
        ("test.acuracy=0.1", "nearest: test.accuracy"),
        ("test.auroc=0.1", "not a metric of both runs. They have: validation.accuracy"),
        ("test.secret=0.1", "which way is better is not known"),
    ],
)
def test_a_bar_that_says_nothing_is_refused(capsys: Screens, bar: str, told: str) -> None:
    new, old = make_run({"accuracy": 0.95, "secret": 1.0}), make_run({"accuracy": 0.95, "secret": 1.0})
    assert main(["compare", new, old, "--tolerance", bar]) == 2
    assert told in capsys.readouterr().err
