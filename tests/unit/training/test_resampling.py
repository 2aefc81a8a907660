# pyright: basic

"""Metrics of groups of rows, and where they lie by chance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tiny_run import Net, make_data, make_objective

from nntrain.training import resampling
from nntrain.training.device import resolve_precision
from nntrain.training.evaluation import measure
from nntrain.training.resampling import Judged, by_group, intervals, judge, paired

stats: Any = pytest.importorskip("scipy.stats", reason="needs SciPy, which comes with scikit-learn")

FLOAT32 = resolve_precision("float32", torch.device("cpu"))


def judged(rows: int = 200, *, weights: bool = False) -> Judged:
    return judge(Net(), make_objective("label", "size"), make_data(rows, weights=weights), FLOAT32)


@pytest.mark.parametrize("weights", [False, True])
def test_a_group_is_measured_as_its_rows_alone(weights: bool) -> None:
    data, network, objective = make_data(60, weights=weights), Net(), make_objective("label", "size")
    groups = torch.arange(60) % 3
    found = by_group(judge(network, objective, data, FLOAT32), groups, 3)
    for group in range(3):
        alone = measure(network, objective, data.take((groups == group).nonzero().squeeze(1)), FLOAT32).metrics
        assert found[group] == pytest.approx({name: alone[name] for name in found[group]}, rel=1e-6)
        assert set(found[group]) == {"label.accuracy", "size.rmse", "size.mae"}


def test_a_group_without_rows_has_no_numbers() -> None:
    assert set(by_group(judged(10), torch.zeros(10, dtype=torch.int64), 2)[1].values()) == {None}


def test_intervals_agree_with_scipy() -> None:
    """Two bootstraps with random draws of their own: their ends differ by chance, here by less than a tenth of the width."""
    rows = judged()
    found = intervals(rows, 0.9, seed=0)
    errors = (rows.predictions["size"] - rows.targets["size"]).abs().numpy()
    hits = (rows.predictions["label"].argmax(dim=1) == rows.targets["label"]).double().numpy()
    for name, values in {"size.mae": errors, "label.accuracy": hits}.items():
        wanted = stats.bootstrap(
            (values,), np.mean, confidence_level=0.9, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
        ).confidence_interval
        interval = found[name]
        assert interval is not None
        assert interval == pytest.approx((wanted.low, wanted.high), abs=0.1 * float(wanted.high - wanted.low))


def test_what_is_hard_for_both_is_no_difference() -> None:
    rows = judged()
    worse = replace(rows, predictions={**rows.predictions, "size": rows.predictions["size"] + 5})
    found = paired(worse, rows, 0.95, seed=0)["size.mae"]
    errors = [(each.predictions["size"] - each.targets["size"]).abs().numpy() for each in (worse, rows)]
    wanted = stats.bootstrap(
        (errors[0] - errors[1],), np.mean, confidence_level=0.95, n_resamples=4000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert found.difference == pytest.approx(float((errors[0] - errors[1]).mean()), rel=1e-6)
    assert found.interval == pytest.approx((wanted.low, wanted.high), abs=0.1 * float(wanted.high - wanted.low))


def test_the_seed_decides_the_draws() -> None:
    rows = judged(50)
    assert intervals(rows, 0.95, seed=1) == intervals(rows, 0.95, seed=1)
    assert intervals(rows, 0.95, seed=1) != intervals(rows, 0.95, seed=2)


def test_many_rows_are_drawn_a_few_draws_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = judged(50)
    whole = intervals(rows, 0.95, seed=0)
    monkeypatch.setattr(resampling, "_CELLS", 100)
    assert intervals(rows, 0.95, seed=0)["size.mae"] == pytest.approx(whole["size.mae"], rel=0.1)


def test_rows_of_weight_0_move_nothing() -> None:
    """However wrong they are."""
    rows = judged(50)
    weights = torch.ones(50, dtype=torch.float64)
    weights[:10] = 0
    wild = {"size": rows.predictions["size"].clone()}
    wild["size"][:10] = 1e6
    found = intervals(Judged(make_objective("size"), wild, {"size": rows.targets["size"]}, weights), 0.95, seed=0)
    assert found["mae"] is not None
    assert found["mae"][1] < 1e3


def test_a_metric_that_is_mostly_undefined_has_no_interval() -> None:
    rows = judged(20)
    weights = torch.zeros(20, dtype=torch.float64)
    weights[0] = 1  # about a third of the draws have no row that counts
    assert intervals(Judged(rows.objective, rows.predictions, rows.targets, 0 * weights), 0.95, seed=0)["size.mae"] is None
    assert intervals(Judged(rows.objective, rows.predictions, rows.targets, weights), 0.95, seed=0)["size.mae"] is not None


def classifier(right: torch.Tensor, weights: torch.Tensor | None = None) -> Judged:
    """A network that takes each of some rows for its class, or for another."""
    truth = torch.arange(len(right)) % 3
    shares = torch.nn.functional.one_hot(torch.where(right, truth, (truth + 1) % 3), 3).float()
    counts = torch.ones(len(right), dtype=torch.float64) if weights is None else weights
    return Judged(make_objective("label"), {"label": shares}, {"label": truth}, counts)


def test_two_classifiers_differ_by_what_only_one_of_them_has_right() -> None:
    """Right in 360 and in 320 of 400 rows, both wrong in 20: the difference is 0.1, and its interval that of a mean of -1, 0 and 1."""
    rows = torch.arange(400)
    first, second = rows >= 40, (rows >= 60) | (rows < 20)
    second = second & (rows < 340)
    found = paired(classifier(first), classifier(second), 0.95, seed=0)["accuracy"]
    apart = first.double() - second.double()
    mean, spread = float(apart.mean()), float(apart.std()) / 20
    assert found.difference == pytest.approx(mean)
    assert found.interval == pytest.approx((mean - 1.96 * spread, mean + 1.96 * spread), abs=0.3 * spread)
    assert found.higher > 0.99
    assert found.lower < 0.01
    other = paired(classifier(second), classifier(first), 0.95, seed=0)["accuracy"]
    assert found.interval is not None
    assert other.interval == pytest.approx((-found.interval[1], -found.interval[0]))
    assert (other.higher, other.lower) == (found.lower, found.higher)


def test_rows_that_are_hard_for_both_do_not_widen_the_interval() -> None:
    rows = torch.arange(400)
    found = paired(classifier(rows % 2 == 0), classifier((rows % 2 == 0) & (rows > 8)), 0.95, seed=0)["accuracy"]
    alone = intervals(classifier(rows % 2 == 0), 0.95, seed=0)["accuracy"]
    assert found.interval is not None
    assert alone is not None
    assert found.interval[1] - found.interval[0] < 0.4 * (alone[1] - alone[0])


def test_a_network_does_not_differ_from_itself() -> None:
    rows = judged(50, weights=True)
    for found in paired(rows, rows, 0.95, seed=0).values():
        assert (found.difference, found.interval, found.higher, found.lower) == (0, (0, 0), 0, 0)


def test_rows_that_count_differently_are_not_paired() -> None:
    right = torch.ones(4, dtype=torch.bool)
    for weights in (torch.tensor([1.0, 1, 1, 2], dtype=torch.float64), torch.ones(3, dtype=torch.float64)):
        with pytest.raises(ValueError, match="have to be the same"):
            paired(classifier(right), classifier(right[: len(weights)], weights), 0.95, seed=0)
