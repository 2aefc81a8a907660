"""Real trainings with a fault: the right sentence comes first, and what it says mends them. Without the fault nothing of it is said."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import nntrain
from nntrain.commands.screens.display import Display
from nntrain.commands.training import diagnosing, run_facts
from nntrain.commands.training.diagnosing import look_due

from diagnosed import Config, deep_sigmoids, digits, dying_units, few_rows, leaking, rare_class, tiny_steps  # isort: skip


def advice_of(config: Config, *changes: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    summary = nntrain.fit(config, *changes).summary
    return list(summary["advice"]), dict(summary)


class Case(NamedTuple):
    name: str
    make: Callable[[Path], Config]
    metric: str
    good: float
    """What the metric is at least after the change, and below before it."""


CASES = [
    Case("vanishing_gradients", lambda folder: deep_sigmoids(), "validation.accuracy", 0.9),
    Case("dead_units", lambda folder: dying_units(), "validation.accuracy", 0.85),
    Case("learning_rate_too_high", lambda folder: digits(optimizer={"type": "adamw", "lr": 1.0}), "validation.accuracy", 0.85),
    Case("learning_rate_too_high", lambda folder: digits(optimizer={"type": "sgd", "lr": 3.0}), "validation.accuracy", 0.85),
    Case("learning_rate_too_low", lambda folder: digits(optimizer={"type": "adamw", "lr": 1e-6}), "validation.accuracy", 0.85),
    Case("learning_rate_too_low", lambda folder: tiny_steps(), "validation.accuracy", 0.9),
    Case("overfitting", few_rows, "-validation.loss", -0.55),
    Case("class_collapse", rare_class, "validation.balanced_accuracy", 0.7),
]


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=[f"{place} {case.name}" for place, case in enumerate(CASES)])
def test_the_first_advice_names_the_fault_and_following_it_mends_it(case: Case, tmp_path: Path) -> None:
    config = case.make(tmp_path)

    def metric(summary: dict[str, Any]) -> float:
        value = float(summary["best"][case.metric.removeprefix("-")])
        return -value if case.metric.startswith("-") else value

    advice, before = advice_of(config)
    assert advice[0]["name"] == case.name
    assert advice[0]["evidence"]
    mended, after = advice_of(config, *shlex.split(advice[0]["override"]))
    assert metric(before) < case.good <= metric(after)
    assert case.name not in [each["name"] for each in mended]


def test_what_gives_the_target_away_comes_first_and_its_advice_leaves_it_out(tmp_path: Path) -> None:
    config = leaking(tmp_path)
    advice, before = advice_of(config)
    assert (advice[0]["name"], advice[0]["override"]) == ("leakage", "data.fields.paid.role=ignore")
    mended, after = advice_of(config, *shlex.split(advice[0]["override"]))
    assert "leakage" not in [each["name"] for each in mended]
    assert after["best"]["validation.accuracy"] < 0.9 < before["best"]["validation.accuracy"]


def test_a_training_without_a_fault_has_no_advice_of_one() -> None:
    advice, _ = advice_of(digits())
    assert {each["name"] for each in advice} <= {"still_falling"}


def test_what_is_advised_is_what_fit_takes(tmp_path: Path) -> None:
    """No rule of these cases advises what the config refuses: a list of layers has no knob for a norm in front of softmax."""
    config = dying_units()
    config["architecture"] = {
        "layers": ["flatten", {"linear": 32}, "relu", {"linear": 32}, "relu"],
        "initializer": {"*.bias": {"constant": -9}},
    }
    advice, _ = advice_of(config, "training.max_epochs=3")
    assert advice[0]["name"] == "dead_units"
    nntrain.fit(config, *shlex.split(advice[0]["override"]), "training.max_epochs=1")


STATEFUL = digits(
    epochs=4,
    architecture={"layers": ["flatten", {"linear": 16}, "batch_norm", "relu", {"dropout": 0.3}, {"linear": 16}, "sigmoid"]},
    regularization={"clip_norm": 1.0, "ema": 0.9},
)


def digests(run: Path) -> dict[str, str]:
    last = run / "checkpoints" / (run / "checkpoints/last").read_text().strip()
    files = [run / "history.jsonl", *sorted(last.glob("*.safetensors"))]
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("config", [STATEFUL, digits(epochs=4)], ids=["dropout, norms, averages", "recorded steps"])
def test_a_run_that_is_looked_at_is_to_the_bit_the_one_that_is_not(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "LEAST_STEPS", 1)
    monkeypatch.setattr(diagnosing, "MOST_COST", 1e9)
    looked_at = nntrain.fit(config).run.path
    assert len((looked_at / "signals.jsonl").read_text().splitlines()) == 1 + 4
    monkeypatch.setattr(run_facts, "probe_of", lambda *given: None)
    alone = nntrain.fit(config).run.path
    assert (alone / "signals.jsonl").read_bytes() == b""
    assert digests(looked_at) == digests(alone)


def test_a_run_that_goes_on_has_the_looks_of_one_that_never_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "LEAST_STEPS", 1)
    monkeypatch.setattr(diagnosing, "MOST_COST", 1e9)
    whole = nntrain.fit(STATEFUL).run.path
    shorter = nntrain.fit(STATEFUL, "training.max_epochs=2").run.path
    nntrain.fit(STATEFUL, resume=shorter)
    assert (shorter / "signals.jsonl").read_bytes() == (whole / "signals.jsonl").read_bytes()
    advice = [json.loads((run / "summary.json").read_text())["advice"] for run in (shorter, whole)]
    assert advice[0] == advice[1]


def test_looks_are_a_function_of_the_step_alone() -> None:
    assert [step for step in range(23, 23 * 60, 23) if look_due(step, 23, 400)] == [414, 805, 1219]
    assert all(look_due(step, 500, 400) for step in range(500, 5000, 500))


def test_members_that_train_at_once_each_have_their_advice(capsys: pytest.CaptureFixture[str]) -> None:
    from nntrain.cli import main
    from nntrain.config.loading import dump

    Path("seeds.yaml").write_text(dump(digits(optimizer={"type": "adamw", "lr": 1e-6}, epochs=4)))
    assert main(["fit", "seeds.yaml", "--seeds", "2"]) == 0
    for member in sorted(Path("runs/digits/0001/members").iterdir()):
        assert json.loads((member / "summary.json").read_text())["advice"][0]["name"] == "learning_rate_too_low"


def test_while_a_run_goes_on_it_is_told_what_is_wrong_now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "LEAST_STEPS", 200)
    told: list[str | None] = []
    monkeypatch.setattr(Display, "advise", lambda display, line: told.append(line))
    nntrain.fit(digits(optimizer={"type": "adamw", "lr": 1e-6}, epochs=20))
    *during, last = told
    assert last is None
    assert during[-1] is not None
    assert during[-1].startswith("the learning rate is too low")
    assert during[-1].endswith("optimizer.lr=0.001")


def test_advice_is_shown_in_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    from nntrain.cli import main
    from nntrain.config.loading import dump

    Path("slow.yaml").write_text(dump(digits(optimizer={"type": "adamw", "lr": 1e-6}, epochs=20)))
    assert main(["fit", "slow.yaml"]) == 0
    shown = capsys.readouterr()
    assert "advice   the learning rate is too low: train.loss falls steadily" in shown.out
    assert "optimizer.lr=0.001" in shown.out
