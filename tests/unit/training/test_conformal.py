"""Split-conformal scores: the rank as it is defined, the coverage that follows, and what is kept of many rows."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
import torch

from nntrain.losses.links import Interval
from nntrain.training.conformal import MAX_KEPT, Scores, kept_ranks


def scores_of(misses: list[float]) -> Scores:
    truth = torch.tensor(misses, dtype=torch.float64)
    return Scores.of(torch.zeros(len(misses)), None, truth)


@pytest.mark.parametrize(
    ("level", "wanted"),
    [(0.5, 5.0), (0.8, 8.0), (0.81, 9.0), (0.9, 9.0), (0.05, 1.0), (0.1, 1.0), (0.11, 2.0)],
)
def test_the_quantile_is_the_score_of_rank_ceil_n_plus_1_times_the_level(level: float, wanted: float) -> None:
    assert scores_of([3, -1, 2, -9, 4, 5, 8, -7, 6]).quantile(level).tolist() == [wanted], "n = 9: ranks 5, 8, 9, 9, 1, 1, 2"


def test_too_few_rows_have_no_interval() -> None:
    scores = scores_of([1.0] * 18)
    with pytest.raises(ValueError, match="too few rows"):
        scores.quantile(0.95)
    assert scores.least_rows(0.95) == 19
    assert scores_of([1.0] * 19).quantile(0.95).tolist() == [1.0]
    assert scores.least_rows(0.9) == 9


def test_new_values_are_held_as_often_as_promised() -> None:
    draws, rows, level = 4_000, 39, 0.9
    noise = torch.randn(draws, rows + 1, dtype=torch.float64).exp()
    held = [bool(noise[draw, -1] <= scores_of(cast("list[float]", noise[draw, :-1].tolist())).quantile(level)[0]) for draw in range(draws)]
    share = sum(held) / draws
    assert share == pytest.approx(level, abs=3 * (level * (1 - level) / draws) ** 0.5), "exactly 36 / 40 for continuous values"


def test_an_interval_of_the_loss_is_moved_by_what_is_outside_of_it() -> None:
    truth = torch.tensor([0.0, 5.0, 12.0, 9.0], dtype=torch.float64)
    own = Interval(torch.full((4,), 1.0, dtype=torch.float64), torch.full((4,), 10.0, dtype=torch.float64))
    point = torch.full((4,), 6.0, dtype=torch.float64)
    scores = Scores.of(point, own, truth)
    assert scores.values[:, 0].tolist() == [-4.0, -1.0, 1.0, 2.0], "max(low - y, y - high)"
    wide, narrow = (scores.interval(level, point[:1], Interval(own.low[:1], own.high[:1])) for level in (0.8, 0.2))
    assert (wide.low.tolist(), wide.high.tolist()) == ([-1.0], [12.0])
    assert (narrow.low.tolist(), narrow.high.tolist()) == ([5.0], [6.0]), "never without the prediction"


def test_each_value_of_a_row_has_its_own_quantile() -> None:
    scores = Scores.of(torch.zeros(9, 2), None, torch.stack([torch.arange(1.0, 10), 10 * torch.arange(1.0, 10)], dim=1))
    found = scores.interval(0.5, torch.tensor([[1.0, 1.0]], dtype=torch.float64), None)
    assert (found.low.tolist(), found.high.tolist()) == ([[-4.0, -49.0]], [[6.0, 51.0]])


def test_of_many_rows_a_part_is_kept_and_the_promise_too() -> None:
    rows = 50_000
    every = torch.randn(rows, dtype=torch.float64).abs().sort().values
    scores = Scores.of(torch.zeros(rows), None, every)
    assert len(scores.ranks) <= MAX_KEPT
    for level in (0.01, 0.5, 0.9, 0.99, 0.9999):
        rank = -(-int((rows + 1) * level * 10_000) // 10_000)
        index = int(torch.searchsorted(every, scores.quantile(level)[0])) + 1
        assert rank <= index <= rank + max(rows // 400, 1), level


def test_state_comes_back_and_is_checked() -> None:
    scores = scores_of([1.0, 2.0, 3.0])
    tree = json.loads(json.dumps(scores.state()))
    assert torch.equal(Scores.restore(tree).values, scores.values)
    faults: list[dict[str, Any]] = [
        {"rows": 4},
        {"ranks": [1, 1, 3]},
        {"ranks": []},
        {"values": [[3.0], [2.0], [1.0]]},
        {"values": [[1.0], [2.0]]},
        {"values": [[1.0], [2.0], ["x"]]},
        {"rows": None},
    ]
    for broken in faults:
        with pytest.raises((ValueError, TypeError)):
            Scores.restore({**tree, **broken})
    with pytest.raises(ValueError, match="not finite"):
        scores_of([1.0, float("nan")])
    assert kept_ranks(3).tolist() == [1, 2, 3]
