"""Whole runs of every schedule that torch has too, step by step, to 1e-12; warm-up is torch's LinearLR before it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.schedules.settings import SCHEDULES
from nntrain.schema import Slot

HORIZON = Horizon(total_steps=120, steps_per_epoch=10)
LR = 0.5

Make = Callable[[torch.optim.Optimizer], Any]


def read(written: Any) -> Schedule:
    schedule = Slot("scheduler", (SCHEDULES,)).validate(written)
    assert isinstance(schedule, Schedule)
    return schedule


def run_torch(make: Make) -> tuple[list[float], list[float]]:
    """Rates and momenta of a run."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR, momentum=0.9)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # schedules in a row step before the optimizer does
        schedule = make(optimizer)
        rates, momenta = [], []
        for _ in range(HORIZON.total_steps):
            group = optimizer.param_groups[0]
            rates.append(float(group["lr"]))
            momenta.append(float(group["momentum"]))
            optimizer.step()
            schedule.step()
    return rates, momenta


CASES: list[tuple[dict[str, Any], Make]] = [
    ({"type": "constant"}, lambda o: theirs.ConstantLR(o, factor=1.0)),
    ({"type": "linear"}, lambda o: theirs.LinearLR(o, start_factor=1.0, end_factor=0.0, total_iters=120)),
    ({"type": "linear", "min_lr": 0.05}, lambda o: theirs.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=120)),
    ({"type": "cosine", "min_lr": 0.01}, lambda o: theirs.CosineAnnealingLR(o, T_max=120, eta_min=0.01)),
    ({"type": "polynomial", "power": 2.5}, lambda o: theirs.PolynomialLR(o, total_iters=120, power=2.5)),
    ({"type": "step", "every_epochs": 3}, lambda o: theirs.StepLR(o, step_size=30)),
    ({"type": "multi_step", "at_epochs": [3, 9], "gamma": 0.2}, lambda o: theirs.MultiStepLR(o, [30, 90], gamma=0.2)),
    ({"type": "multi_step", "at_steps": [1, 2, 119]}, lambda o: theirs.MultiStepLR(o, [1, 2, 119])),
    ({"type": "exponential", "every_steps": 1, "gamma": 0.95}, lambda o: theirs.ExponentialLR(o, gamma=0.95)),
    ({"type": "exponential", "every_epochs": 1, "gamma": 0.5}, lambda o: theirs.LambdaLR(o, lambda step: 0.5 ** (step / 10))),
    ({"type": "warm_restarts", "first_steps": 7}, lambda o: theirs.CosineAnnealingWarmRestarts(o, T_0=7)),
    (
        {"type": "warm_restarts", "first_epochs": 1, "multiply": 3, "min_lr": 0.01},
        lambda o: theirs.CosineAnnealingWarmRestarts(o, T_0=10, T_mult=3, eta_min=0.01),
    ),
    ({"type": "one_cycle"}, lambda o: theirs.OneCycleLR(o, max_lr=LR, total_steps=120)),
    (
        {"type": "one_cycle", "three_phase": True, "pct_start": 0.33, "anneal_strategy": "linear", "div_factor": 7, "final_div_factor": 3},
        lambda o: theirs.OneCycleLR(
            o, LR, total_steps=120, three_phase=True, pct_start=0.33, anneal_strategy="linear", div_factor=7, final_div_factor=3
        ),
    ),
    ({"type": "cyclic", "min_lr": 0.1, "up_steps": 9}, lambda o: theirs.CyclicLR(o, 0.1, LR, step_size_up=9)),
    (
        {"type": "cyclic", "min_lr": 0.1, "up_steps": 9, "down_epochs": 2, "mode": "triangular2", "base_momentum": 0.7},
        lambda o: theirs.CyclicLR(o, 0.1, LR, step_size_up=9, step_size_down=20, mode="triangular2", base_momentum=0.7),
    ),
    (
        {"type": "cyclic", "min_lr": 0.1, "up_epochs": 1, "mode": "exp_range", "gamma": 0.99},
        lambda o: theirs.CyclicLR(o, 0.1, LR, step_size_up=10, mode="exp_range", gamma=0.99),
    ),
]


@pytest.mark.parametrize(("written", "make"), CASES, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_it_equals_torch(written: dict[str, Any], make: Make) -> None:
    schedule = read(written)
    rates, momenta = run_torch(make)
    found = [schedule.lr(step, LR, HORIZON) for step in range(HORIZON.total_steps)]
    assert found == pytest.approx(rates, rel=1e-11, abs=1e-12)
    if written["type"] in {"one_cycle", "cyclic"}:
        assert [schedule.momentum(step, HORIZON) for step in range(HORIZON.total_steps)] == pytest.approx(momenta, rel=1e-12)


WARMED: list[tuple[dict[str, Any], Make]] = [
    ({"type": "constant"}, lambda o: theirs.ConstantLR(o, factor=1.0)),
    ({"type": "linear", "min_lr": 0.05}, lambda o: theirs.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=100)),
    ({"type": "cosine", "min_lr": 0.01}, lambda o: theirs.CosineAnnealingLR(o, T_max=100, eta_min=0.01)),
    ({"type": "polynomial", "power": 2.0}, lambda o: theirs.PolynomialLR(o, total_iters=100, power=2.0)),
    ({"type": "exponential", "every_steps": 1, "gamma": 0.95}, lambda o: theirs.ExponentialLR(o, gamma=0.95)),
    ({"type": "warm_restarts", "first_steps": 7}, lambda o: theirs.CosineAnnealingWarmRestarts(o, T_0=7)),
]


@pytest.mark.parametrize(("written", "make"), WARMED, ids=lambda value: str(value) if isinstance(value, dict) else "")
def test_a_warmup_is_torchs_linear_schedule_before_it(written: dict[str, Any], make: Make) -> None:
    def both(optimizer: torch.optim.Optimizer) -> Any:
        rising = theirs.LinearLR(optimizer, start_factor=1 / 21, end_factor=1.0, total_iters=20)
        return theirs.SequentialLR(optimizer, [rising, make(optimizer)], milestones=[20])

    schedule = read({**written, "warmup_steps": 20})
    found = [schedule.lr(step, LR, HORIZON) for step in range(HORIZON.total_steps)]
    assert found == pytest.approx(run_torch(both)[0], rel=1e-11, abs=1e-12)


def test_inverse_sqrt_is_the_schedule_of_the_transformer() -> None:
    dim, warmup = 512, 40

    def paper(step: int) -> float:  # equation 3, step from 1
        return dim**-0.5 * min(step**-0.5, step * warmup**-1.5)

    schedule = read({"type": "inverse_sqrt", "warmup_steps": warmup - 1})
    found = [schedule.lr(step, dim**-0.5 * warmup**-0.5, HORIZON) for step in range(120)]
    assert found == pytest.approx([paper(step + 1) for step in range(120)], rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "left"),
    [
        ("linear", lambda done: 1 - done),
        ("sqrt", lambda done: 1 - math.sqrt(done)),
        ("cosine", lambda done: (1 + math.cos(math.pi * done)) / 2),
    ],
)
def test_wsd_rises_stays_and_decays(shape: str, left: Callable[[float], float]) -> None:
    schedule = read({"type": "wsd", "warmup_steps": 20, "decay_fraction": 0.25, "shape": shape, "min_lr": 0.1})
    found = [schedule.lr(step, LR, HORIZON) for step in range(120)]
    assert found[:20] == pytest.approx([LR * (step + 1) / 21 for step in range(20)])
    assert found[20:91] == [LR] * 71
    assert found[90:] == pytest.approx([0.1 + 0.4 * left(step / 30) for step in range(30)])
    assert schedule.lr(500, LR, HORIZON) == pytest.approx(0.1)


@pytest.mark.parametrize("tag", sorted(SCHEDULES))
def test_every_schedule_is_compared_with_something(tag: str) -> None:
    assert tag in {*(written["type"] for written, _ in CASES), "inverse_sqrt", "coslog", "wsd", "plateau"}


@pytest.mark.parametrize(
    ("cycles", "peaks"), [(4, [(2**0.5 - 1) / 15, (2**1.5 - 1) / 15, (2**2.5 - 1) / 15, (2**3.5 - 1) / 15]), (1, [2**0.5 - 1])]
)
def test_coslog_has_a_wave_for_each_doubling(cycles: int, peaks: list[float]) -> None:
    schedule = read({"type": "coslog", "cycles": cycles})
    horizon = Horizon(total_steps=10**6, steps_per_epoch=100)
    assert [schedule.lr(round(10**6 * place), 0.04, horizon) for place in peaks] == pytest.approx([0.04] * cycles)
    ends = [(2**cycle - 1) / (2**cycles - 1) for cycle in range(cycles + 1)]
    assert [schedule.lr(round(10**6 * place), 0.04, horizon) for place in ends] == pytest.approx([0] * (cycles + 1), abs=1e-8)
