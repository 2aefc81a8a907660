"""What holds for every schedule: a pure function of the step, proportional to the rate, with the same warm-up."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from nntrain.config.documentation.catalogue import attribute_docstrings
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.schedules.settings import SCHEDULES
from nntrain.schema import Slot, load_class

CASES: list[dict[str, Any]] = [
    {"type": "constant"},
    {"type": "constant", "warmup_steps": 10},
    {"type": "linear"},
    {"type": "linear", "warmup_steps": 10},
    {"type": "cosine"},
    {"type": "cosine", "warmup_fraction": 0.1},
    {"type": "polynomial", "power": 2.0},
    {"type": "polynomial", "power": 0.5, "warmup_steps": 10},
    {"type": "step", "every_steps": 30},
    {"type": "step", "every_epochs": 3, "gamma": 0.5, "warmup_steps": 10},
    {"type": "multi_step", "at_steps": [30, 70]},
    {"type": "multi_step", "at_epochs": [2, 4, 5], "gamma": 0.5, "warmup_steps": 10},
    {"type": "exponential", "every_steps": 1, "gamma": 0.97},
    {"type": "exponential", "every_epochs": 2, "gamma": 0.5, "warmup_fraction": 0.1},
    {"type": "inverse_sqrt"},
    {"type": "inverse_sqrt", "warmup_steps": 10},
    {"type": "one_cycle", "pct_start": 0.25},
    {"type": "one_cycle", "anneal_strategy": "linear", "three_phase": True, "cycle_momentum": False, "pct_start": 0.25},
    {"type": "cyclic", "min_lr": 0.0, "up_steps": 10},
    {"type": "cyclic", "min_lr": 0.0, "up_epochs": 1, "down_steps": 5, "mode": "triangular2"},
    {"type": "warm_restarts", "first_steps": 10, "multiply": 2},
    {"type": "warm_restarts", "first_epochs": 2, "warmup_steps": 10},
    {"type": "coslog"},
    {"type": "coslog", "cycles": 2},
    {"type": "wsd"},
    {"type": "wsd", "decay_steps": 30, "shape": "sqrt", "warmup_steps": 10},
    {"type": "wsd", "decay_fraction": 0.3, "shape": "cosine"},
    {"type": "plateau"},
    {"type": "plateau", "monitor": "train.loss", "patience": 3, "warmup_steps": 10},
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case))

HORIZON = Horizon(total_steps=100, steps_per_epoch=10)


def read(written: Any) -> Schedule:
    schedule = Slot("scheduler", (SCHEDULES,)).validate(written)
    assert isinstance(schedule, Schedule)
    return schedule


@pytest.mark.parametrize("case", [case for case in CASES if hasattr(read(case), "min_lr")], ids=lambda case: json.dumps(case))
def test_the_rate_of_a_group_below_the_lowest_never_rises_above_its_own(case: dict[str, Any]) -> None:
    schedule = read({**case, "min_lr": 0.1})
    assert all(schedule.lr(step, 0.01, HORIZON) <= 0.01 for step in range(101))


@pytest.mark.parametrize("tag", SCHEDULES)
def test_every_schedule_has_a_row_and_says_its_tag(tag: str) -> None:
    assert tag in {case["type"] for case in CASES}, f"add a row for {tag} to {__file__}"
    component = load_class(SCHEDULES[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__
    assert set(component.model_fields) == {"type", *attribute_docstrings(component)}


@every
def test_settings_survive_json(case: dict[str, Any]) -> None:
    schedule = read(case)
    assert read(json.loads(json.dumps(schedule.model_dump(mode="json")))) == schedule


@every
def test_rates_are_positive_and_never_above_the_rate_itself(case: dict[str, Any]) -> None:
    rates = [read(case).lr(step, 0.1, HORIZON) for step in range(100)]
    lowest = {"cyclic": rates[0], "coslog": 0.0}.get(case["type"], 1e-30)  # waves of coslog begin at 0, as its paper has them
    assert all(lowest <= rate <= 0.1 + 1e-12 for rate in rates)
    assert max(rates) == pytest.approx(0.1, rel=1e-4)  # a peak may lie between two steps


@every
def test_it_is_a_function_of_the_step_alone(case: dict[str, Any]) -> None:
    schedule = read(case)
    forward = [schedule.lr(step, 0.1, HORIZON) for step in range(100)]
    assert [schedule.lr(step, 0.1, HORIZON) for step in reversed(range(100))] == forward[::-1]
    momenta = [schedule.momentum(step, HORIZON) for step in range(100)]
    assert [schedule.momentum(step, HORIZON) for step in reversed(range(100))] == momenta[::-1]
    assert set(momenta) == {None} or all(value is not None and 0 <= value < 1 for value in momenta)


@every
def test_it_is_proportional_to_the_rate(case: dict[str, Any]) -> None:
    schedule = read(case)
    for step in range(0, 100, 7):
        assert schedule.lr(step, 0.3, HORIZON) == pytest.approx(3 * schedule.lr(step, 0.1, HORIZON))


@every
@pytest.mark.parametrize("horizon", [Horizon(1, 1), Horizon(2, 1), Horizon(100, 1000)])
@pytest.mark.parametrize("step", [0, 1, 99, 10_000])
def test_short_runs_and_steps_beyond_the_end_have_a_rate(case: dict[str, Any], horizon: Horizon, step: int) -> None:
    rate = read(case).lr(step, 0.1, horizon)
    assert math.isfinite(rate)
    assert rate >= 0
