from __future__ import annotations

import math
import random
from itertools import pairwise

import pytest

from nntrain.insight.rate_range import DECADES, Stop, advise, smoothed, sweep_rates


def losses_of(rates: list[float], *, noise: float = 0.0) -> list[float]:
    """A sweep whose loss falls around 1e-3, is the lowest at 1e-2 and grows from there on."""
    draw = random.Random(0)
    return [2.0 - 1.5 / (1 + (1e-3 / rate) ** 2) + (rate / 0.1) ** 2 + noise * draw.gauss(0, 1) for rate in rates]


def test_rates_grow_evenly_around_the_configured_one() -> None:
    rates = sweep_rates(2e-3, 100)
    factors = [after / before for before, after in pairwise(rates)]
    assert rates[0] == pytest.approx(1e-6)
    assert rates[-1] == pytest.approx(1.0)
    assert factors == pytest.approx([factors[0]] * 99)
    assert sweep_rates(1e-3, 40, DECADES - 1)[0] == pytest.approx(1e-5)


@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_a_tenth_of_the_rate_with_the_lowest_loss_is_suggested(noise: float) -> None:
    rates = sweep_rates(1e-3, 100)
    found = advise(rates, losses_of(rates, noise=noise))
    assert found is not None
    assert found.lowest_at == pytest.approx(8e-3, rel=0.6)
    assert found.suggested is not None
    assert found.suggested == pytest.approx(found.lowest_at / 10, rel=0.5)
    assert found.holds(found.suggested)
    assert not found.is_open


def test_rates_that_leave_the_loss_or_blow_it_up_are_outside() -> None:
    rates = sweep_rates(1e-3, 100)
    found = advise(rates, losses_of(rates))
    assert found is not None
    assert not found.holds(1e-6)
    assert not found.holds(0.5)
    assert found.holds(1e-3)


def test_noise_alone_suggests_nothing() -> None:
    draw = random.Random(1)
    rates = sweep_rates(1e-3, 100)
    found = advise(rates, [2.0 + draw.gauss(0, 0.1) for _ in rates])
    assert found is not None
    assert found.suggested is None


def test_a_loss_that_falls_to_the_end_says_so() -> None:
    rates = sweep_rates(1e-3, 100)
    found = advise(rates, [2.0 - step / 100 for step in range(100)])
    assert found is not None
    assert found.is_open


def test_a_few_steps_say_nothing() -> None:
    assert advise([1e-3] * 5, [1.0] * 5) is None


def test_smoothing_keeps_constants_straight_lines_and_minima() -> None:
    assert smoothed([3.0] * 9) == pytest.approx([3.0] * 9)
    assert smoothed([float(step) for step in range(20)])[5:15] == pytest.approx(list(range(5, 15)))
    curve = smoothed([abs(step - 30.0) for step in range(60)])
    assert curve.index(min(curve)) == 30


def test_a_sweep_ends_when_the_loss_goes_far_up_or_is_lost() -> None:
    stop = Stop()
    falling = [2.0 - step / 50 for step in range(50)]
    assert not any(stop.is_over(loss) for loss in falling)
    assert any(stop.is_over(loss) for loss in [10.0] * 20)
    for lost in (None, math.nan, math.inf):
        assert Stop().is_over(lost)


def test_noise_around_the_first_loss_does_not_end_a_sweep() -> None:
    draw = random.Random(2)
    stop = Stop()
    assert not any(stop.is_over(1.0 + draw.gauss(0, 0.1)) for _ in range(100))
