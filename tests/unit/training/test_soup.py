"""Greedy soups: what is taken, what is averaged, and what is not."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from typing import Literal

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from nntrain.training.early_stopping import BestStates, EarlyStopping
from nntrain.training.running_statistics import moving_norms, take_statistics
from nntrain.training.soup import Soup, cook

VALUES = st.lists(st.one_of(st.none(), st.sampled_from([float("nan"), float("inf")]), st.integers(0, 5).map(float)), max_size=12)


MODES: list[Literal["min", "max"]] = ["min", "max"]
TIES: list[Literal["first", "last"]] = ["first", "last"]


@given(VALUES, st.sampled_from(MODES), st.sampled_from(TIES), st.integers(2, 4))
def test_the_best_states_are_those_that_a_sort_gives_and_begin_with_the_best(
    values: list[float | None], mode: Literal["min", "max"], ties: Literal["first", "last"], count: int
) -> None:
    rule, best = BestStates(mode, count, ties), EarlyStopping(mode, ties=ties)
    for step, value in enumerate(values):
        rule.update(value, step // 2, step)
        best.update(value, step // 2, step)
        again = BestStates(mode, count, ties)
        again.restore(rule.state())
        rule = again
    sign = 1 if mode == "min" else -1
    finite = [
        (sign * value, step if ties == "first" else -step, step)
        for step, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    assert rule.steps == tuple(step for _, _, step in sorted(finite)[:count])
    assert rule.found[:1] == ([] if best.best is None else [best.best])


def states(*values: float) -> list[dict[str, Tensor]]:
    """Weights of a network with one weight, whose buffers differ too."""
    return [
        {"weight": torch.tensor([value]), "count": torch.tensor(place), "mean": torch.tensor(value)} for place, value in enumerate(values)
    ]


class One(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.register_buffer("count", torch.tensor(0))
        self.register_buffer("mean", torch.tensor(0.0))


def distance(network: One, to: float) -> float:
    return abs(float(network.weight.detach()) - to)


def stirred(network: One, found: list[dict[str, Tensor]], to: float) -> Soup:
    return cook(network, found, lambda: distance(network, to), lambda: None, "min")


def test_what_makes_it_worse_is_left_out() -> None:
    network = One()
    soup = stirred(network, states(1.0, -2.0, 5.0, -1.0, 0.0), to=0.0)
    assert soup.taken == (0, 1, 4)  # 1, then -0.5; with 5 it is 1.33, with -1 it is -0.67, with 0 it is -0.33
    assert (soup.before, soup.after) == (1.0, distance(network, 0.0))


def test_each_state_that_is_taken_counts_the_same_and_buffers_are_those_of_the_best() -> None:
    network = One()
    soup = stirred(network, states(4.0, 2.0, 0.0), to=0.0)
    assert soup.taken == (0, 1, 2)
    torch.testing.assert_close(soup.weights["weight"], torch.tensor([2.0]))
    assert (int(soup.weights["count"]), float(soup.weights["mean"])) == (0, 4.0)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in soup.weights.items())


def test_equal_weights_stay_as_they_are_to_the_last_bit() -> None:
    network = One()
    soup = stirred(network, states(0.1, 0.1, 0.1, 0.1), to=0.3)
    assert soup.taken == (0, 1, 2, 3)
    assert torch.equal(soup.weights["weight"], torch.tensor([0.1]))


def test_where_the_metric_is_undefined_nothing_is_averaged() -> None:
    network = One()
    soup = cook(network, states(1.0, 2.0), lambda: None, lambda: None, "max")
    assert (soup.taken, soup.after) == ((0,), None)
    assert torch.equal(network.weight.detach(), torch.tensor([1.0]))


def test_larger_is_better_where_the_metric_says_so() -> None:
    network = One()
    assert cook(network, states(1.0, 3.0), lambda: -distance(network, 2.0), lambda: None, "max").taken == (0, 1)
    assert cook(network, states(1.0, 3.0), lambda: -distance(network, 1.0), lambda: None, "max").taken == (0,)


class Normed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        return self.inner(inputs["x"])


def test_running_statistics_are_those_of_the_averaged_weights() -> None:
    torch.manual_seed(0)
    network, rows = Normed(), torch.randn(40, 3)
    found = [{name: value.clone() for name, value in Normed().state_dict().items()} for _ in range(2)]
    norms = moving_norms(network)

    def settle() -> None:
        take_statistics(network, norms, lambda: [{"x": rows}], contextlib.nullcontext)

    soup = cook(network, found, lambda: 0.0, settle, "min")
    assert soup.taken == (0, 1)
    hidden = nn.functional.linear(rows, soup.weights["inner.0.weight"], soup.weights["inner.0.bias"])
    torch.testing.assert_close(soup.weights["inner.1.running_mean"], hidden.mean(dim=0))
    torch.testing.assert_close(soup.weights["inner.1.running_var"], hidden.var(dim=0))
    assert network.training
    assert norms[0].momentum == 0.1
