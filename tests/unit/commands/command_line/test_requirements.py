from __future__ import annotations

import math

import pytest

from nntrain.commands.command_line.requirements import Bars
from nntrain.errors import UsageError

METRICS = {"accuracy": 0.85, "log_loss": 0.4, "auroc": None}


def test_no_requirement_is_missed_by_nothing() -> None:
    assert Bars.of([], []).missed(METRICS) == []


@pytest.mark.parametrize(
    ("minimum", "maximum"), [(["accuracy=0.8"], []), (["accuracy=0.85"], ["log_loss=0.4"]), ([], ["log_loss=0.5", "accuracy=1"])]
)
def test_values_at_the_bar_or_better_are_not_missed(minimum: list[str], maximum: list[str]) -> None:
    assert Bars.of(minimum, maximum).missed(METRICS) == []


def test_every_missed_requirement_is_told() -> None:
    assert Bars.of(["accuracy=0.9", "log_loss=0"], ["log_loss=0.25"]).missed(METRICS) == [
        "accuracy 0.8500 is below --min 0.9",
        "log_loss 0.4000 is above --max 0.25",
    ]


def test_a_near_miss_is_told_with_all_digits() -> None:
    assert Bars.of(["accuracy=0.9"], []).missed({"accuracy": 0.89999}) == ["accuracy 0.89999 is below --min 0.9"]


@pytest.mark.parametrize("value", [None, math.nan])
def test_an_undefined_metric_misses_every_bar(value: float | None) -> None:
    assert Bars.of(["auroc=0"], ["auroc=1"]).missed({"auroc": value}) == [
        "auroc is undefined on these rows; --min asks for 0",
        "auroc is undefined on these rows; --max asks for 1",
    ]


@pytest.mark.parametrize("named", ["accuracy", "test.accuracy"])
def test_the_split_may_be_left_out(named: str) -> None:
    assert len(Bars.of([f"{named}=0.9"], []).missed({"test.accuracy": 0.5, "test.loss": 1.0})) == 1


def test_the_split_must_be_said_where_there_are_several() -> None:
    with pytest.raises(UsageError, match=r"--min accuracy: which of validation\.accuracy, test\.accuracy\?"):
        Bars.of(["accuracy=0.9"], []).missed({"validation.accuracy": 0.5, "test.accuracy": 0.5})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("accuracy", "--min needs metric=value, got 'accuracy'. Example: --min accuracy=0.9"),
        ("accuracy=", "--min needs metric=value, got 'accuracy='. Example: --min accuracy=0.9"),
        ("=0.9", "--min needs metric=value, got '=0.9'. Example: --min accuracy=0.9"),
        ("", "--min needs metric=value, got ''. Example: --min accuracy=0.9"),
        ("accuracy=high", "--min accuracy: 'high' is no number. Example: --min accuracy=0.9"),
        ("accuracy=90%", "--min accuracy: '90%' is no number. Example: --min accuracy=0.9"),
        ("accuracy=nan", "--min accuracy: 'nan' is no number. Example: --min accuracy=0.9"),
        ("accuracy=inf", "--min accuracy: 'inf' is no number. Example: --min accuracy=0.9"),
    ],
)
def test_what_is_no_metric_and_number_is_an_error(text: str, message: str) -> None:
    with pytest.raises(UsageError) as error:
        Bars.of([text], [])
    assert str(error.value) == message


def test_an_unknown_metric_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(UsageError) as error:
        Bars.of([], ["acuracy=0.9"]).missed(METRICS)
    assert str(error.value) == "--max: no metric 'acuracy'. This run reports accuracy, log_loss, auroc.\n   fix:  --max accuracy=0.9"


def test_an_unknown_metric_without_a_near_name_has_no_fix() -> None:
    with pytest.raises(UsageError) as error:
        Bars.of(["zzz=1"], []).missed(METRICS)
    assert error.value.hint is None


INTERVALS = {"accuracy": (0.8, 0.9), "log_loss": (0.3, 0.5), "auroc": None}


def test_sure_asks_it_of_the_unfavourable_end_of_the_interval() -> None:
    assert Bars.of(["accuracy=0.8"], ["log_loss=0.5"], sure=True).surely_missed(METRICS, INTERVALS, 0.95) == []
    assert Bars.of(["accuracy=0.81"], ["log_loss=0.49"], sure=True).surely_missed(METRICS, INTERVALS, 0.9) == [
        "accuracy 0.8500: its 90 % interval begins at 0.8000, below --min 0.81",
        "log_loss 0.4000: its 90 % interval ends at 0.5000, above --max 0.49",
    ]


def test_a_metric_whose_interval_is_undefined_misses_every_bar() -> None:
    assert Bars.of(["auroc=0"], [], sure=True).surely_missed(METRICS, INTERVALS, 0.95) == [
        "auroc is undefined on these rows; --min asks for 0"
    ]


def test_nothing_is_sure_of_a_metric_without_an_interval() -> None:
    with pytest.raises(UsageError) as error:
        Bars.of([], ["loss=1"], sure=True).surely_missed({**METRICS, "loss": 0.5}, INTERVALS, 0.95)
    assert str(error.value) == "--sure: loss has no interval. Those that have one: accuracy, log_loss, auroc"


def test_sure_needs_a_requirement() -> None:
    with pytest.raises(UsageError, match="--sure has no effect without --min or --max"):
        Bars.of([], [], sure=True)


def test_metrics_of_a_class_are_named_with_its_name() -> None:
    found = {"test.precision.fraud_at_0.9": 0.5, "test.recall.a=b": 0.5}
    assert len(Bars.of(["precision.fraud_at_0.9=0.6", "test.recall.a=b=0.6"], []).missed(found)) == 2
