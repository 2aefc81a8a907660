"""The rules that watch a metric, over any values: never too early, never by NaN, and the same after a restart anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Literal

from hypothesis import given
from hypothesis import strategies as st

from nntrain.training.early_stopping import Converge, EarlyStopping, PlateauRule

Values = list[float | None]
VALUES = st.lists(st.none() | st.floats() | st.floats(0, 1) | st.sampled_from([0.5, 0.25, -0.0, 0.0]), max_size=30)
MODES: st.SearchStrategy[Literal["min", "max"]] = st.sampled_from(["min", "max"])


def stopping(mode: Literal["min", "max"], patience: int, min_delta: float, warmup: int) -> EarlyStopping:
    return EarlyStopping(mode, patience, min_delta, warmup)


RULES = st.builds(stopping, MODES, st.integers(1, 4), st.sampled_from([0.0, 0.1]), st.integers(0, 3))


@given(RULES, VALUES)
def test_it_stops_after_exactly_patience_evaluations_without_an_improvement(rule: EarlyStopping, values: Values) -> None:
    misses, reference = 0, None
    sign = 1 if rule.mode == "max" else -1
    for epoch, value in enumerate(values, 1):
        improves = value is not None and math.isfinite(value)
        if improves and reference is not None and value is not None:
            gain = sign * (value - reference)
            improves = gain > 0 and gain >= rule.min_delta
        if improves:
            misses, reference = 0, value
        elif epoch > rule.warmup:
            misses += 1
        verdict = rule.update(value, epoch, epoch)
        assert verdict.should_stop == (misses >= (rule.patience or 0))
        if verdict.should_stop:
            assert epoch >= (rule.patience or 0)


@given(RULES, VALUES, st.sampled_from(["first", "last"]))
def test_the_best_is_the_first_or_the_last_of_the_best_finite_values(
    rule: EarlyStopping, values: Values, ties: Literal["first", "last"]
) -> None:
    rule.ties = ties
    for epoch, value in enumerate(values, 1):
        rule.update(value, epoch, 10 * epoch)
    finite = [(value, epoch) for epoch, value in enumerate(values, 1) if value is not None and math.isfinite(value)]
    if not finite:
        assert rule.best is None
        return
    wanted = (max if rule.mode == "max" else min)(value for value, _ in finite)
    epochs = [epoch for value, epoch in finite if value == wanted]
    epoch = epochs[0 if ties == "first" else -1]
    assert rule.best is not None
    assert (rule.best.value, rule.best.epoch, rule.best.step) == (wanted, epoch, 10 * epoch)


@given(VALUES, st.integers(0, 30), st.floats(1e-6, 1), st.integers(1, 4))
def test_converge_goes_on_as_if_nothing_happened(values: Values, cut: int, tolerance: float, patience: int) -> None:
    whole, first, second = (Converge(tolerance, patience) for _ in range(3))
    wanted = [whole.update(value) for value in values]
    found = [first.update(value) for value in values[:cut]]
    second.restore(json.loads(json.dumps(first.state())))
    assert [*found, *(second.update(value) for value in values[cut:])] == wanted
    assert second == whole


@given(VALUES, st.floats(1e-6, 1), st.integers(1, 4))
def test_converge_says_so_only_of_a_full_window_that_stands_still(values: Values, tolerance: float, patience: int) -> None:
    rule = Converge(tolerance, patience)
    for place, value in enumerate(values):
        if rule.update(value):
            window = values[place - patience : place + 1]
            assert len(window) == patience + 1
            numbers = [value for value in window if value is not None]
            assert len(numbers) == len(window)
            assert max(numbers) - min(numbers) <= tolerance


@given(VALUES, st.integers(0, 30), MODES, st.integers(0, 3), st.integers(0, 2), st.booleans())
def test_a_plateau_goes_on_as_if_nothing_happened(
    values: Values, cut: int, mode: Literal["min", "max"], patience: int, cooldown: int, relative: bool
) -> None:
    whole, first, second = (PlateauRule("validation.loss", mode, patience, 1e-4, relative, cooldown) for _ in range(3))

    def falls(rule: PlateauRule, part: Sequence[float | None]) -> list[int]:
        found: list[int] = []
        for value in part:
            rule.update(value)
            found.append(rule.falls)
        return found

    wanted, found = falls(whole, values), falls(first, values[:cut])
    second.restore(json.loads(json.dumps(first.state())))
    assert [*found, *falls(second, values[cut:])] == wanted
    assert second == whole
    assert whole.falls <= len(values) // (patience + 1)
