"""The rule that lowers the rate on a plateau, against torch's ReduceLROnPlateau and in runs."""

from __future__ import annotations

import itertools
import math
import random

import pytest
import torch
from tiny_run import make_run
from torch.optim.lr_scheduler import ReduceLROnPlateau

from nntrain.optimizers.sgd import SGD
from nntrain.schedules.cycles import OneCycle
from nntrain.schedules.plateau import Plateau
from nntrain.training.early_stopping import PlateauRule
from nntrain.training.settings import Interval, TrainingSettings


def values(seed: int) -> list[float]:
    """A metric that falls, stands, jumps and goes below zero."""
    draw = random.Random(seed)
    return [draw.choice([1.0, 0.5, 0.5 - index * 0.05, draw.gauss(0, 0.3), math.nan]) for index in range(60)]


@pytest.mark.parametrize(("mode", "relative"), list(itertools.product(["min", "max"], [True, False])))
@pytest.mark.parametrize(("patience", "cooldown", "threshold"), [(0, 0, 0.0), (2, 0, 0.1), (3, 2, 1e-4), (1, 5, 0.3)])
def test_it_equals_torch(mode: str, relative: bool, patience: int, cooldown: int, threshold: float) -> None:
    schedule = Plateau(factor=0.5, patience=patience, cooldown=cooldown, threshold=threshold, min_lr=1e-3)
    for seed in range(5):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.8)
        kind = "rel" if relative else "abs"
        theirs = ReduceLROnPlateau(optimizer, mode, 0.5, patience, threshold, kind, cooldown, min_lr=1e-3)
        ours = PlateauRule("validation.loss", mode, patience, threshold, relative, cooldown)  # pyright: ignore[reportArgumentType]
        for value in values(seed):
            value = abs(value) if relative else value  # below 0 torch moves a relative bar the wrong way
            theirs.step(value)
            ours.update(value)
            assert schedule.reduced(0.8, ours.falls) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-12)


def test_an_undefined_value_is_no_improvement() -> None:
    rule = PlateauRule("validation.loss", "min", 1, 0.0, True, 0)
    for value in (1.0, None, math.inf):
        rule.update(value)
    assert rule.falls == 1


@pytest.mark.parametrize("mode", ["min", "max"])
def test_standing_still_below_zero_is_no_improvement(mode: str) -> None:
    rule = PlateauRule("validation.loss", mode, 1, 0.1, True, 0)  # pyright: ignore[reportArgumentType]
    for _ in range(3):
        rule.update(-10.0)
    assert rule.falls == 1
    rule.update(-12.0 if mode == "min" else -8.0)
    assert rule.best == (-12.0 if mode == "min" else -8.0)


def test_a_rate_below_the_lowest_stays() -> None:
    assert Plateau(min_lr=0.1).reduced(0.05, 3) == 0.05


def test_a_run_on_a_plateau_lowers_every_rate() -> None:
    run = make_run(
        TrainingSettings(max_steps=9, evaluate_every=Interval(steps=1)),
        optimizer=SGD(lr=1e-30),
        schedule=Plateau(patience=1, factor=0.5, min_lr=2e-31),
    )
    rates = [report.lr for report in run.reports()]
    assert rates == pytest.approx([1e-30] * 3 + [5e-31] * 2 + [2.5e-31] * 2 + [2e-31] * 2)


@pytest.mark.parametrize(("optimizer", "key"), [(SGD(lr=0.1, momentum=0.9), "momentum"), (None, "betas")])
def test_one_cycle_moves_the_momentum(optimizer: SGD | None, key: str) -> None:
    schedule = OneCycle()
    run = make_run(TrainingSettings(max_steps=8), optimizer=optimizer, schedule=schedule)
    for step in (2, 3, 8):
        run.events(pause_at=step)
        group = run.session.optimizer.param_groups[0]
        found = group[key][0] if key == "betas" else group[key]
        assert found == pytest.approx(schedule.momentum(step - 1, run.session.horizon))
    assert found == pytest.approx(0.95)
    assert key == "momentum" or group["betas"][1] == 0.999
