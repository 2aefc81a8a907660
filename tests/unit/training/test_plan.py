"""When a run measures and stops, by its position alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nntrain.training.plan import Plan, Watch
from nntrain.training.settings import TrainingSettings


@pytest.mark.parametrize(
    "settings",
    [
        {"max_epochs": 3},
        {"max_epochs": 4, "evaluate_every": {"epochs": 2}},
        {"max_steps": 17, "max_epochs": None},
        {"max_epochs": 3, "max_steps": 8, "evaluate_every": {"steps": 3}},
        {"max_epochs": 2, "max_minutes": 1},
    ],
)
def test_nothing_is_due_before_the_step_that_is_told(settings: Mapping[str, Any]) -> None:
    plan = Plan(TrainingSettings.model_validate(settings), 5, Watch("train.loss", "min"), {})
    due = [step for step in range(1, 40) if plan.evaluation_due(step) or plan.limit_reached(step, 0.0) is not None]
    for step in range(30):
        later = [each for each in due if each > step]
        told = plan.next_due(step)
        assert step < told <= later[0]
        assert plan.settings.max_minutes is not None or told == later[0]
