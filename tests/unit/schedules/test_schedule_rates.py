import pytest
import torch
from pydantic import ValidationError

from nntrain.schedules.constant import Constant
from nntrain.schedules.cosine import Cosine, WarmRestarts
from nntrain.schedules.cycles import Cyclic, OneCycle
from nntrain.schedules.decay import WSD
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.schedules.step import MultiStep, Step

HORIZON = Horizon(total_steps=100, steps_per_epoch=10)


def rates(schedule: Schedule, base_lr: float = 0.5) -> list[float]:
    return [schedule.lr(step, base_lr, HORIZON) for step in range(HORIZON.total_steps)]


def torch_rates(make: object) -> list[float]:
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule = make(optimizer)
    found = []
    for _ in range(HORIZON.total_steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_constant_stays() -> None:
    assert rates(Constant()) == [0.5] * 100


def test_step_equals_torch() -> None:
    wanted = torch_rates(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.1))
    assert rates(Step(every_steps=30)) == pytest.approx(wanted)
    assert rates(Step(every_epochs=3)) == pytest.approx(wanted)


def test_cosine_equals_torch() -> None:
    wanted = torch_rates(lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.01))
    assert rates(Cosine(min_lr=0.01)) == pytest.approx(wanted)


def test_cosine_stays_at_the_minimum_after_the_end() -> None:
    assert Cosine(min_lr=0.01).lr(1000, 0.5, HORIZON) == pytest.approx(0.01)


@pytest.mark.parametrize("warmup", [{"warmup_steps": 20}, {"warmup_fraction": 0.2}])
def test_warmup_rises_linearly_to_the_rate_itself(warmup: dict[str, float]) -> None:
    found = rates(Constant(**warmup))
    assert found[:21] == pytest.approx([0.5 * (step + 1) / 21 for step in range(21)])
    assert found[20:] == [0.5] * 80


def test_cosine_falls_from_the_end_of_the_warmup() -> None:
    found = rates(Cosine(warmup_steps=20))
    assert max(found) == found[20] == 0.5
    assert found[21:] == sorted(found[21:], reverse=True)
    assert Cosine(warmup_steps=20).lr(60, 0.5, HORIZON) == pytest.approx(0.25)


def test_groups_keep_their_ratio() -> None:
    schedule = Step(every_steps=7, warmup_steps=5)
    assert [10 * lr for lr in rates(schedule, 0.05)] == pytest.approx(rates(schedule, 0.5))


def test_only_what_is_relative_to_the_end_needs_it() -> None:
    assert Cosine().needs_total_steps
    assert Constant(warmup_fraction=0.1).needs_total_steps
    assert not Constant(warmup_steps=10).needs_total_steps
    assert not Step(every_steps=1).needs_total_steps


@pytest.mark.parametrize(
    ("schedule", "options", "message"),
    [
        (Constant, {"warmup_steps": 1, "warmup_fraction": 0.1}, "either warmup_steps or warmup_fraction"),
        (Step, {"step_size": 7}, "every_epochs: 7 or every_steps: 7"),
        (Step, {"every_steps": 1, "every_epochs": 1}, "either every_epochs or every_steps"),
        (Step, {}, "either every_epochs or every_steps"),
        (MultiStep, {"milestones": [3, 4]}, r"at_epochs: \[3, 4\] or at_steps"),
        (MultiStep, {"at_steps": (4, 3)}, "the earliest first"),
        (WarmRestarts, {"T_0": 5}, "first_epochs: 5 or first_steps: 5"),
        (OneCycle, {"warmup_steps": 10}, "pct_start"),
        (OneCycle, {"cycle_momentum": False, "max_momentum": 0.96}, "have no effect"),
        (OneCycle, {"three_phase": True, "pct_start": 0.5}, "below 0.5"),
        (Cyclic, {"min_lr": 0.1, "step_size_up": 10}, "up_epochs: 10 or up_steps: 10"),
        (Cyclic, {"min_lr": 0.1, "up_steps": 1, "gamma": 0.5}, "goes with mode"),
        (Cyclic, {"min_lr": 0.1}, "either up_epochs or up_steps"),
        (WSD, {"decay_steps": 1, "decay_fraction": 0.5}, "either decay_steps or decay_fraction"),
    ],
)
def test_ambiguous_options_are_refused(schedule: type[Schedule], options: dict[str, float], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        schedule.model_validate(options)
