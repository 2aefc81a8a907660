import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.training.early_stopping import Best, Converge, EarlyStopping

NAN, INF = float("nan"), float("inf")


def stops_at(rule: EarlyStopping, values: list[float | None]) -> int | None:
    """Number of the evaluation, from 1, after which the rule stops."""
    for number, value in enumerate(values, 1):
        if rule.update(value, epoch=number, step=10 * number).should_stop:
            return number
    return None


@pytest.mark.parametrize(
    ("values", "patience", "expected"),
    [
        ([5, 4, 3, 2, 1], 1, None),
        ([5, 5], 1, 2),
        ([5, 6, 4, 5, 6], 2, 5),
        ([5, 6, 4, 5, 6], 3, None),
        ([5, NAN, NAN], 2, 3),
        ([5, INF, -INF], 2, 3),
        ([None, None, None], 3, 3),
        ([NAN, 5, 4], 2, None),
    ],
)
def test_patience_counts_evaluations_without_improvement(values: list[float | None], patience: int, expected: int | None) -> None:
    assert stops_at(EarlyStopping("min", patience), values) == expected


def test_without_patience_it_never_stops_and_knows_the_best() -> None:
    rule = EarlyStopping("max")
    assert stops_at(rule, [0.1, 0.9, 0.3] + [0.2] * 100) is None
    assert rule.best == Best(0.9, 2, 20)


def test_of_equals_the_earliest_is_best() -> None:
    rule = EarlyStopping("max", 5)
    assert [rule.update(value, step, step).is_best for step, value in enumerate([1.0, 1.0, 2.0, 2.0])] == [True, False, True, False]


@pytest.mark.parametrize("mode", ["min", "max"])
def test_of_equals_the_latest_is_best_where_ties_say_so(mode: str) -> None:
    rule = EarlyStopping(mode, 3, ties="last")
    sign = 1.0 if mode == "max" else -1.0
    verdicts = [rule.update(sign * value, step, 10 * step) for step, value in enumerate([1.0, 1.0, 2.0, 1.0, 2.0, 2.0], 1)]
    assert [verdict.is_best for verdict in verdicts] == [True, True, True, False, True, True]
    assert rule.best == Best(sign * 2.0, 6, 60)
    assert [verdict.should_stop for verdict in verdicts] == [False] * 5 + [True]  # an equal value is no improvement


def test_small_gains_that_add_up_to_min_delta_are_an_improvement() -> None:
    values = [1.0 - 0.04 * step for step in range(20)]
    assert stops_at(EarlyStopping("min", 3, min_delta=0.1), values) is None
    assert stops_at(EarlyStopping("min", 2, min_delta=0.1), values) == 3


def test_a_gain_below_min_delta_is_best_but_no_improvement() -> None:
    rule = EarlyStopping("min", 1, min_delta=0.1)
    rule.update(1.0, 1, 1)
    verdict = rule.update(0.95, 2, 2)
    assert (verdict.is_best, verdict.should_stop) == (True, True)


def test_warmup_epochs_do_not_count() -> None:
    assert stops_at(EarlyStopping("min", 2, warmup=3), [1, 2, 3, 4, 5, 6]) == 5


def test_nan_is_never_best() -> None:
    rule = EarlyStopping("max", 3)
    assert not any(rule.update(value, 1, 1).is_best for value in (NAN, INF, None))
    assert rule.best is None


VALUES = st.lists(st.one_of(st.none(), st.floats(), st.floats(0, 1)), max_size=12)


@given(VALUES, st.integers(0, 12), st.sampled_from(["min", "max"]), st.integers(1, 3), st.sampled_from([0.0, 0.25]))
def test_a_restored_rule_goes_on_as_if_nothing_happened(
    values: list[float | None], cut: int, mode: str, patience: int, min_delta: float
) -> None:
    whole = EarlyStopping(mode, patience, min_delta)
    first, second = EarlyStopping(mode, patience, min_delta), EarlyStopping(mode, patience, min_delta)
    wanted = [whole.update(value, epoch, epoch) for epoch, value in enumerate(values)]
    found = [first.update(value, epoch, epoch) for epoch, value in enumerate(values[:cut])]
    second.restore(json.loads(json.dumps(first.state())))
    found += [second.update(value, epoch, epoch) for epoch, value in enumerate(values[cut:], min(cut, len(values)))]
    assert (found, second) == (wanted, whole)


def test_converge_needs_the_whole_window_to_stand_still() -> None:
    rule = Converge(tolerance=0.1, patience=2)
    assert [rule.update(value) for value in [1.0, 0.5, 0.45, 0.41, 0.4]] == [False, False, False, True, True]


def test_converge_sees_a_slow_drift() -> None:
    rule = Converge(tolerance=0.1, patience=3)
    assert not any(rule.update(1.0 - 0.05 * step) for step in range(10))


def test_converge_starts_anew_after_an_undefined_value() -> None:
    rule = Converge(tolerance=0.1, patience=1)
    assert [rule.update(value) for value in [1.0, NAN, 1.0, None, 1.0, 1.0]] == [False] * 5 + [True]


def test_converge_restores() -> None:
    rule, again = Converge(tolerance=0.1, patience=2), Converge(tolerance=0.1, patience=2)
    rule.update(1.0)
    rule.update(1.0)
    again.restore(json.loads(json.dumps(rule.state())))
    assert again.update(1.0)
