"""The rules on made-up histories: what each looks at, and what it must not take for a fault."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nntrain.insight.diagnosis import RULES, diagnose
from nntrain.insight.findings import Facts, Finding, Rows, Story, Target
from nntrain.insight.rates import higher_rate, lower_rate, rate_text
from nntrain.insight.signals import ClassSignals, LayerSignals, Signals, UnitSignals, first_to_last, rounded

FACTS = Facts(
    monitor="validation.accuracy",
    direction="max",
    optimizer="adamw",
    lr=1e-3,
    default_lr=1e-3,
    scales_gradients=True,
    scheduler="cosine",
    steps_per_epoch=25,
    total_steps=500,
    max_epochs=20,
    max_steps=None,
    stops_early=False,
    batch_size=64,
    micro_batch=64,
    train_rows=1600,
    validation_rows=200,
    num_parameters=10_000,
    regularization={},
    activations={"relu": ("architecture.activation",)},
    widths=(64, 64),
    targets=(Target("y", (800, 800), ("a", "b"), is_weighted=False, is_scored_by_entropy=True, loss="cross_entropy"),),
    baseline={"train.accuracy": 0.5},
)
TRAIN = [0.69 * 0.8**place for place in range(20)]


def look(step: int, **changes: Any) -> Signals:
    layers = tuple(LayerSignals(f"linear_{place}", 2e-3, 0.1, 1e-3, is_alike=False) for place in range(1, 6))
    units = tuple(UnitSignals(f"relu_{place}", "relu", 0.05, 64) for place in (1, 2))
    seen = ClassSignals("y", (100, 100), (99, 101), right=195)
    found = Signals(200, 0.69 if step == 0 else 0.05, layers, units, (seen,), step, step // 25)
    return replace(found, **changes)


def story(train: list[float] = TRAIN, validation: list[float] | None = None, *, looks: list[Signals] | None = None, **facts: Any) -> Story:
    values = [0.05 + loss for loss in train] if validation is None else validation
    metrics = [
        {"train.loss": one, "train.running_loss": one, "validation.loss": other, "train.accuracy": 1 - one / 2}
        for one, other in zip(train, values, strict=True)
    ]
    count = len(train)
    return Story(
        replace(FACTS, **facts),
        epochs=list(range(1, count + 1)),
        steps=[25 * place for place in range(1, count + 1)],
        metrics=metrics,
        lrs=[1e-3] * count,
        signals=[look(0), look(25 * count)] if looks is None else looks,
        stop_reason="max_epochs",
    )


def names(told: Story) -> list[str]:
    return [finding.name for finding in diagnose(told)]


def test_a_healthy_run_is_told_nothing() -> None:
    assert names(story()) == []


def test_no_rule_stumbles_over_a_run_without_reports_or_looks() -> None:
    empty = Story(FACTS, (), (), (), (), ())
    assert names(empty) == []
    assert names(replace(story(looks=[]), stop_reason=None)) == []
    without = [{"train.loss": None, "validation.loss": 0.1}] * 20
    assert names(replace(story(), metrics=without)) == []
    assert all(rule.read(empty) is None for rule in RULES)


STUCK = [0.69 + 0.001 * (place % 3) for place in range(20)]


def faint(step: int) -> Signals:
    layers = tuple(LayerSignals(f"linear_{place}", 10.0 ** (place - 12), 0.1, 1e-3, is_alike=False) for place in range(1, 11))
    return look(step, layers=layers)


def test_gradients_vanish_only_where_nothing_is_learned() -> None:
    looks = [faint(0), faint(500)]
    [first] = diagnose(story(STUCK, looks=looks))
    assert first.name == "vanishing_gradients"
    assert first.overrides[0] == ("regularization.norm=batch",)
    assert names(story(looks=looks)) == []


def test_small_batches_are_given_a_norm_of_each_row() -> None:
    [first] = diagnose(story(STUCK, looks=[faint(0), faint(500)], micro_batch=4))
    assert first.overrides[0] == ("regularization.norm=layer",)


def test_units_that_are_off_from_the_start_need_other_weights_and_those_that_died_a_lower_rate() -> None:
    dead = tuple(UnitSignals(f"relu_{place}", "relu", 1.0, 64) for place in (1, 2))
    always = story(STUCK, looks=[look(0, units=dead), look(500, units=dead)], initializes=True)
    died = story(STUCK, looks=[look(0), look(500, units=dead)])
    assert [finding.overrides[0] for finding in (*diagnose(always), *diagnose(died))] == [
        ("architecture.initializer=null",),
        ("optimizer.lr=0.0001",),
    ]


@pytest.mark.parametrize(("since", "word"), [(4, "epoch 5"), (9, "epoch 10")])
def test_overfitting_is_told_with_epoch_and_gap(since: int, word: str) -> None:
    validation = [*(0.5 - 0.02 * place for place in range(since)), *(0.3 + 0.02 * place for place in range(20 - since))]
    [first] = diagnose(story(TRAIN, validation))
    gap = validation[-3] / 0.3 - 1
    assert first.sentence == f"overfitting since {word} (gap {gap * 100:.0f} %)"


def test_a_rise_that_early_stopping_waits_for_is_no_overfitting() -> None:
    validation = [*(0.6 - 0.02 * place for place in range(15)), 0.32, 0.34, 0.36, 0.37, 0.38]
    assert names(story(TRAIN, validation)) == ["overfitting"]
    assert names(story(TRAIN, validation, stops_early=True)) == []


def test_the_lowest_of_a_noisy_curve_is_luck() -> None:
    assert names(story(TRAIN, [0.5, 0.3, 0.6, 0.35, 0.65, 0.4] * 3 + [0.5, 0.6])) == []


def test_one_good_report_of_few_rows_is_luck() -> None:
    noisy = [0.6, 0.55, 0.5, 0.45, 0.2, 0.45, 0.41, 0.44, 0.4, 0.43, 0.41, 0.44, 0.42, 0.4, 0.43, 0.41, 0.42, 0.44, 0.41, 0.42]
    assert names(story(TRAIN, noisy)) == []


def test_more_dropout_where_some_is_not_enough() -> None:
    validation = [*(0.5 - 0.02 * place for place in range(5)), *(0.3 + 0.004 * place for place in range(15))]
    [first] = diagnose(story(TRAIN, validation, regularization={"dropout": 0.2, "weight_decay": 0.01}))
    assert first.overrides == (
        ("regularization.dropout=0.5",),
        ("regularization.weight_decay=0.1",),
        ("training.early_stopping.monitor=validation.loss", "training.early_stopping.patience=10"),
    )


def test_swings_of_a_network_that_has_learned_everything_are_none() -> None:
    swinging = [0.69 * 0.5**place for place in range(10)] + [0.001, 0.002] * 5
    assert names(story(swinging, lr=0.1)) == []
    high = [0.69, 0.5, 0.4, 0.3] + [0.2, 0.26] * 8
    assert names(story(high, lr=0.1))[0] == "learning_rate_too_high"


def test_swings_of_a_loss_that_falls_all_the_same_are_those_of_few_rows() -> None:
    falling = [0.69 * 0.9**place * (1.2 if place % 2 else 0.8) for place in range(20)]
    assert names(story(falling, lr=1e-2, scheduler="step")) == []
    standing = [0.69, 0.5, *[0.3 * (1.2 if place % 2 else 0.8) for place in range(18)]]
    assert names(story(standing, lr=1e-2, scheduler="step")) == ["learning_rate_too_high"]


def test_after_a_fault_that_stops_learning_nothing_else_is_told() -> None:
    one_class = ClassSignals("y", (200, 0), (100, 100), right=100)
    looks = [replace(faint(0), classes=(one_class,)), replace(faint(500), classes=(one_class,))]
    assert names(story(STUCK, looks=looks)) == ["vanishing_gradients"]


def test_a_class_that_is_always_predicted_is_weighed_only_where_others_are_rarer() -> None:
    one_class = look(500, classes=(ClassSignals("y", (200, 0), (190, 10), right=190),))
    rare = Target("y", (1500, 100), ("a", "b"), is_weighted=False, is_scored_by_entropy=True, loss="bce")
    [even] = diagnose(story(looks=[look(0), one_class]))
    [uneven] = diagnose(story(looks=[look(0), one_class], targets=(rare,)))
    assert even.overrides == (("optimizer.lr=0.0001",),)
    assert uneven.overrides[:2] == (("loss.class_weights=balanced",), ("loss.type=bce", "loss.class_weights=balanced"))


def test_what_gives_the_target_away_comes_first_and_row_numbers_last() -> None:
    leaks = tuple(Finding(name, name, "", ()) for name in ("row_numbers", "leakage"))
    validation = [*(0.5 - 0.02 * place for place in range(5)), *(0.3 + 0.02 * place for place in range(15))]
    assert names(replace(story(TRAIN, validation), leaks=leaks)) == ["leakage", "overfitting", "row_numbers"]


def test_rates_to_try() -> None:
    assert [rate_text(lower_rate(*each)) for each in ((1.0, 1e-3), (1e-3, 1e-3), (3.0, 1e-3, 0.08))] == ["0.001", "0.0001", "0.1"]
    assert [rate_text(higher_rate(*each)) for each in ((1e-6, 1e-3, 8e-6), (1e-3, 1e-3, 1e-5), (1e-5, 1e-3, 3e-7))] == [
        "0.001",
        "0.01",
        "0.01",
    ]


def test_signals_come_back_from_their_record() -> None:
    found = look(25, clipped=0.5)
    assert Signals.of(found.record()) == found
    assert [rounded(value) for value in (1.23456789, float("nan"), float("inf"))] == [1.2346, 0.0, 0.0]


def test_gradients_of_the_first_layers_are_compared_with_those_of_the_last() -> None:
    assert first_to_last([1.0, 2.0, 9.0, 9.0, 9.0, 9.0, 4.0, 8.0]) == 1.5 / 6.0
    assert first_to_last([3.0]) == 1.0
    assert first_to_last([]) is None
    assert first_to_last([1.0, 0.0]) is None


def test_an_epoch_of_one_step_has_one_step() -> None:
    few = replace(story([0.69, 0.68, 0.67], steps_per_epoch=1, batch_size=1600), steps=(1, 2, 3))
    [finding] = [each for each in diagnose(few) if each.name == "few_steps"]
    assert finding.sentence == "an epoch has only 1 step of 1,600 rows, and the run had 3"


def test_shares_are_told_alike_in_all_advice() -> None:
    dead = (UnitSignals("relu_1", "relu", 0.95, 64),)
    [first] = diagnose(story(STUCK, looks=[look(0), look(500, units=dead)]))
    assert first.sentence.startswith("95 % of the units of relu_1 are 0")


FILES = Rows(streamed=("image",), cores=16)


@pytest.mark.parametrize(
    ("rows", "waited_s", "overrides"),
    [
        (FILES, 75.0, [("data.workers=3",)]),
        (replace(FILES, workers=2), 75.0, [("data.workers=8",)]),
        (replace(FILES, workers=16), 75.0, []),
        (replace(FILES, fit_in_memory=True), 75.0, [("data.streaming=false",), ("data.workers=3",)]),
        (replace(FILES, fit_in_memory=True, workers=16), 75.0, [("data.streaming=false", "data.workers=0")]),
        (Rows(augmented=("image",)), 75.0, []),
    ],
)
def test_steps_that_wait_for_rows_are_given_more_who_read_or_rows_in_memory(
    rows: Rows, waited_s: float, overrides: list[tuple[str, ...]]
) -> None:
    [found] = diagnose(replace(story(rows=rows), seconds=100.0, waited_s=waited_s))
    assert (found.name, list(found.overrides)) == ("data_bound", overrides)


def test_a_run_of_one_epoch_gains_nothing_by_rows_in_memory() -> None:
    [found] = diagnose(replace(story(rows=replace(FILES, fit_in_memory=True), total_steps=25), seconds=100.0, waited_s=75.0))
    assert found.overrides[0] == ("data.workers=3",)


def test_waiting_is_told_only_where_it_is_long_most_of_the_time_and_there_is_a_way() -> None:
    assert names(replace(story(rows=FILES), seconds=100.0, waited_s=45.0)) == []
    assert names(replace(story(rows=FILES), seconds=9.0, waited_s=8.0)) == []
    assert names(replace(story(), seconds=100.0, waited_s=75.0)) == []
    assert names(story(rows=FILES)) == []


def steps_of(update: float, step: int) -> Signals:
    return look(step, layers=tuple(LayerSignals(f"linear_{place}", 2e-3, 0.1, update, is_alike=False) for place in range(1, 6)))


RISING = [0.69 + 0.002 * place for place in range(20)]
"""What batch norms do to the loss while their averages are being made, of a network that stands still."""


def test_a_loss_that_stays_where_it_began_after_tiny_steps_is_a_rate_that_is_too_low() -> None:
    looks = [look(0), steps_of(2e-6, 500)]
    [found] = diagnose(story(RISING, looks=looks, lr=1e-7, baseline={"train.accuracy": 0.9}))
    assert (found.name, found.overrides) == ("learning_rate_too_low", (("optimizer.lr=0.001",),))
    assert "0.10 % in 500 steps at most" in found.evidence


def test_a_rate_that_changes_no_bit_of_a_weight_is_too_low() -> None:
    looks, baseline = [look(0), steps_of(0.0, 500)], {"train.accuracy": 0.9}
    [found] = diagnose(story([0.69] * 20, lr=1e-30, looks=looks, baseline=baseline))
    assert (found.name, found.overrides) == ("learning_rate_too_low", (("optimizer.lr=0.001",),))
    assert names(story([0.69] * 20, lr=1e-3, looks=looks, baseline=baseline)) == ["underfitting"], (
        "frozen, or a schedule that has come to 0"
    )
    assert names(story(RISING, lr=1e-30, looks=looks, baseline=baseline)) == ["underfitting"], "something has changed"


def test_no_rate_is_too_low_that_has_learned_or_had_the_way_to() -> None:
    tiny = [look(0), steps_of(2e-6, 500)]
    stuck: dict[str, Any] = {"lr": 1e-7, "baseline": {"train.accuracy": 0.9}}
    assert names(story(RISING, looks=[look(0), steps_of(1e-3, 500)], **stuck)) == ["underfitting"], "steps of a healthy size"
    better = story(RISING, looks=tiny, lr=1e-7, baseline={"train.accuracy": 0.5}, starts_trained=True)
    assert names(better) == [], "better than guessing all the time"
    far = replace(story(RISING, looks=tiny, **stuck), steps=[10_000 * place for place in range(1, 21)])
    assert "learning_rate_too_low" not in names(far), "steps enough to come anywhere"
    on_its_way = replace(story(RISING, looks=tiny, lr=1e-7, baseline={}), stop_reason=None)
    assert names(on_its_way) == ["learning_rate_too_low"]
    trained = replace(story(RISING, looks=tiny, lr=1e-7, baseline={}, starts_trained=True), stop_reason=None)
    assert names(trained) == [], "trained weights may be where they should be"


def test_steps_that_are_far_too_long_or_short_are_told_where_no_other_rule_has_told_the_rate() -> None:
    restless = [0.69, 0.55, *[0.42, 0.45] * 9]
    [long] = diagnose(story(restless, looks=[look(0), steps_of(0.03, 500)], lr=1e-3))
    assert (long.name, long.overrides) == ("update_ratio", (("optimizer.lr=0.0001",),))
    slow = [0.69, 0.6, *[0.5, 0.52] * 9]
    [short] = diagnose(story(slow, looks=[look(0), steps_of(2e-6, 500)], lr=1e-6))
    assert (short.name, short.overrides) == ("update_ratio", (("optimizer.lr=0.001",),))
    assert names(story(slow, looks=[look(0), steps_of(2e-6, 500)], lr=1e-6, starts_trained=True)) == [], "trained weights are to stay"
    assert names(story(restless, looks=[look(0), steps_of(5e-3, 500)])) == [], "noise, after steps of a usual size"
    assert names(story(looks=[look(0), steps_of(0.03, 500)])) == [], "it learns"
    assert names(story([0.69, 0.55, *[0.42, 0.421] * 9], looks=[look(0), steps_of(0.03, 500)])) == [], "nothing more to learn"


def test_one_cause_is_told_once() -> None:
    swinging = [0.69, 0.55, *[0.42, 0.52] * 9]
    assert names(story(swinging, looks=[look(0), steps_of(0.03, 500)], lr=1e-2)) == ["learning_rate_too_high"]
    creeping = [0.69 - 0.005 * place for place in range(20)]
    assert names(story(creeping, looks=[look(0), steps_of(2e-6, 500)], lr=1e-6)) == ["learning_rate_too_low"]
