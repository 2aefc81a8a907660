"""Each rule of the diagnosis is provoked by a real training with its fault, and says nothing of one that could have it and has not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

import nntrain
from nntrain.commands.screens.display import Display
from nntrain.commands.training import diagnosing
from nntrain.insight import pace_rules
from nntrain.insight.diagnosis import RULES
from nntrain.insight.leak_rules import NAMES

from diagnosed import Config, clipped, copied, deep_sigmoids, digits, digits_network, dying_units, few_rows, grouped  # isort: skip
from diagnosed import leaking, long_steps, nothing_to_learn, numbered, overlapping, pictures, rare_class  # isort: skip
from diagnosed import tiny_steps, wide, with_columns, wrong_labels  # isort: skip


class Training(NamedTuple):
    make: Callable[[Path], Config]
    changes: tuple[str, ...] = ()


def of(config: Callable[[], Config], *changes: str) -> Training:
    """A training without a file."""
    return Training(lambda folder: config(), changes)


def mlp(epochs: int, *hidden: int) -> Callable[[], Config]:
    return lambda: digits(epochs=epochs, architecture={"type": "mlp", "hidden": list(hidden)})


TANH = "architecture.activation=tanh"
TWELVE = (64,) * 12

PROVOKED = {
    "alike_units": of(mlp(4, 64, 64), "architecture.initializer={'*.weight': {constant: 0.1}, '*.bias': zeros}"),
    "learning_rate_too_high": of(digits, "optimizer.lr=1.0"),
    "vanishing_gradients": of(deep_sigmoids),
    "exploding_gradients": of(mlp(4, *TWELVE), "architecture.initializer={'*': {type: normal, std: 0.9}}", "optimizer={sgd: 1e-12}"),
    "dead_units": of(dying_units),
    "saturated_units": of(mlp(6, 64, 64), TANH, "architecture.initializer={'*': {type: normal, std: 5}}"),
    "learning_rate_too_low": of(tiny_steps),
    "update_ratio": Training(long_steps),
    "class_collapse": Training(rare_class),
    "few_steps": of(mlp(5, 64, 64), "optimizer.lr=3e-4", "data.batch_size=700"),
    "overfitting": Training(few_rows),
    "class_imbalance": Training(overlapping),
    "small_batch_norm": of(mlp(1, 64, 64), "regularization.norm=batch", "data.batch_size=4"),
    "clipped_steps": of(clipped),
    "data_bound": Training(pictures),
    "underfitting": Training(nothing_to_learn),
    "initial_loss": of(mlp(3, 64, 64), "architecture.initializer={'*': {type: normal, std: 1}}"),
    "plateau": of(wide),
    "still_falling": of(mlp(6, 64, 64)),
    "label_noise": Training(wrong_labels),
    "unused_units": of(wide),
    "leakage": Training(leaking),
    "copied_rows": Training(copied),
    "split_groups": Training(grouped),
    "row_numbers": Training(numbered),
}
"""A training with the fault."""

HEALTHY = {
    "alike_units": of(mlp(4, 64, 64), "architecture.initializer={'*.bias': zeros}"),
    "learning_rate_too_high": of(mlp(12, 64, 64), "optimizer.lr=1e-2"),
    "vanishing_gradients": of(mlp(12, *TWELVE[:8])),
    "exploding_gradients": of(mlp(6, *TWELVE), "architecture.initializer=he_normal"),
    "dead_units": of(dying_units, "architecture.initializer=null"),
    "saturated_units": of(mlp(6, 64, 64), TANH),
    "learning_rate_too_low": of(digits_network, "scheduler.warmup_fraction=0.8", "training.max_epochs=6"),
    "update_ratio": Training(long_steps, ("optimizer.lr=1e-3",)),
    "class_collapse": Training(rare_class, ("loss={type: bce, class_weights: balanced}",)),
    "few_steps": of(mlp(60, 64, 64), "optimizer.lr=1e-2", "data.batch_size=700"),
    "overfitting": Training(few_rows, ("regularization.dropout=0.5", "training.early_stopping.patience=3")),
    "class_imbalance": Training(overlapping, ("loss={type: bce, class_weights: balanced}",)),
    "small_batch_norm": of(mlp(3, 64, 64), "regularization.norm=batch"),
    "clipped_steps": of(clipped, "regularization.clip_norm=10"),
    "data_bound": Training(pictures, ("data.streaming=false",)),
    "underfitting": Training(overlapping),
    "initial_loss": of(mlp(3, 64, 64), "architecture.initializer=he_normal"),
    "plateau": of(wide, "scheduler=cosine"),
    "still_falling": of(mlp(60, 64, 64)),
    "label_noise": Training(lambda folder: wrong_labels(folder, every=10_000)),
    "unused_units": of(mlp(40, 64, 64)),
    "leakage": Training(leaking, ("data.fields.paid.role=ignore",)),
    "copied_rows": Training(lambda folder: with_columns(folder, {})),
    "split_groups": Training(grouped, ("data.fields.flat.role=group",)),
    "row_numbers": Training(numbered, ("data.fields.order_id.role=ignore",)),
}
"""A training of the same kind without it."""


def names(training: Training, folder: Path) -> list[str]:
    return [each["name"] for each in nntrain.fit(training.make(folder), *training.changes).summary["advice"]]


def test_no_rule_lacks_a_training_that_provokes_it_or_one_that_does_not() -> None:
    rules = [*(rule.name for rule in RULES), *NAMES.values()]
    assert len(set(rules)) == len(rules)
    assert set(PROVOKED) == set(rules)
    assert set(HEALTHY) == set(rules)


@pytest.mark.parametrize("name", PROVOKED)
def test_a_training_with_the_fault_is_told_so(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_rules, "LONG_S", 0.0)
    assert name in names(PROVOKED[name], tmp_path)


@pytest.mark.parametrize("name", HEALTHY)
def test_a_training_without_the_fault_is_not(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace_rules, "LONG_S", 0.0)
    assert name not in names(HEALTHY[name], tmp_path)


RATES = ("learning_rate_too_low", "update_ratio", "underfitting")


@pytest.mark.parametrize("rate", ["1e-5", "1e-7"])
def test_a_small_rate_for_trained_weights_is_none_that_is_too_low(rate: str) -> None:
    trained = nntrain.fit(digits()).run.path
    config = digits(architecture={"type": "mlp", "hidden": [64, 64], "init": {"from": str(trained)}})
    assert not {*RATES} & {*names(Training(lambda folder: config, (f"optimizer.lr={rate}",)), Path())}


def test_weights_that_are_frozen_move_by_nothing_and_nobody_asks_why() -> None:
    trained = nntrain.fit(digits()).run.path
    body = {"type": "mlp", "hidden": [64, 64], "init": {"from": str(trained)}, "freeze": ["linear_*"]}
    assert not {*RATES} & {*names(of(lambda: digits(architecture=body)), Path())}


def test_a_warm_up_is_not_told_to_be_slow_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosing, "LEAST_STEPS", 1)
    monkeypatch.setattr(diagnosing, "MOST_COST", 1e9)
    told: list[str] = []
    monkeypatch.setattr(Display, "advise", lambda display, line: told.append(line or ""))
    nntrain.fit(digits_network(20), "scheduler.warmup_fraction=0.9")
    assert len(told) > 20
    assert not [line for line in told if "learning rate" in line or "of their size" in line]
