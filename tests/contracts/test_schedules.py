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
    {"type": "cosine"},
    {"type": "cosine", "warmup_fraction": 0.1},
    {"type": "step", "every_steps": 30},
    {"type": "step", "every_epochs": 3, "gamma": 0.5, "warmup_steps": 10},
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: json.dumps(case))

HORIZON = Horizon(total_steps=100, steps_per_epoch=10)


def read(written: Any) -> Schedule:
    schedule = Slot("scheduler", (SCHEDULES,)).validate(written)
    assert isinstance(schedule, Schedule)
    return schedule


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
    assert all(0 < rate <= 0.1 + 1e-12 for rate in rates)
    assert max(rates) == pytest.approx(0.1)


@every
def test_it_is_a_function_of_the_step_alone(case: dict[str, Any]) -> None:
    schedule = read(case)
    forward = [schedule.lr(step, 0.1, HORIZON) for step in range(100)]
    assert [schedule.lr(step, 0.1, HORIZON) for step in reversed(range(100))] == forward[::-1]


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
