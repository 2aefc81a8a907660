"""Stochastic weight averaging: the mean of the weights, batch norm included, is the model."""

from __future__ import annotations

import contextlib

import pytest
import torch
from tiny_run import make_run
from torch import nn
from torch.optim.swa_utils import AveragedModel, update_bn

from nntrain.optimizers.sgd import SGD
from nntrain.regularization import Regularization, SWASettings
from nntrain.schedules.plateau import Plateau
from nntrain.training.evaluation import measure
from nntrain.training.settings import Interval, TrainingSettings
from nntrain.training.snapshot import predicting_weights, snapshot
from nntrain.training.swa import StochasticAverage

SWA = Regularization(swa=SWASettings(start_fraction=0.5, every_steps=2))


def weights(network: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in network.named_parameters()}


def test_it_is_the_mean_of_the_weights_at_its_times() -> None:
    run = make_run(TrainingSettings(max_steps=12), optimizer=SGD(lr=0.5), regularization=SWA)
    taken = []
    for step in range(1, 13):
        run.events(pause_at=step)
        if step in {8, 10, 12}:
            taken.append(weights(run.session.network))
    assert run.session.ema is not None
    found = run.session.ema.weights(run.session.network)
    for name in taken[0]:
        torch.testing.assert_close(found[name], sum(one[name] for one in taken) / 3)


def test_before_its_start_the_network_is_the_model() -> None:
    settings = TrainingSettings(max_steps=12, evaluate_every=Interval(steps=2))
    plain, averaged = make_run(settings, optimizer=SGD(lr=0.5)), make_run(settings, optimizer=SGD(lr=0.5), regularization=SWA)
    one, other = plain.reports(), averaged.reports()
    assert [left.metrics["train.loss"] == right.metrics["train.loss"] for left, right in zip(one, other, strict=True)] == [
        *[True] * 4,
        *[False] * 2,
    ]
    for left, right in zip(plain.session.network.parameters(), averaged.session.network.parameters(), strict=True):
        assert torch.equal(left, right)


def test_batch_norm_equals_torchs_update_bn() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 2))
    ours, theirs = StochasticAverage(network, 0, 1), AveragedModel(network)
    batches = [torch.randn(6, 3) for _ in range(4)]
    for step in range(1, 4):
        network(torch.randn(6, 3) * 5)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(torch.randn_like(parameter))
        ours.update(network, step)
        theirs.update_parameters(network)
    before, state = {name: value.clone() for name, value in network.state_dict().items()}, torch.get_rng_state()

    class Rows(nn.Module):
        """Takes a batch as a network of ours does."""

        def __init__(self) -> None:
            super().__init__()
            self.inner = network

        def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.inner(inputs["x"])

    wrapped = Rows()
    average = StochasticAverage(wrapped, 0, 1)
    average._averages, average._updates, average._is_stale = ours._averages, 3, True
    average.refresh(wrapped, lambda: [{"x": batch} for batch in batches], contextlib.nullcontext)
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in before.items())
    update_bn(batches, theirs)
    wanted = theirs.module.state_dict()
    for name, value in average.weights(wrapped).items():
        torch.testing.assert_close(value, wanted[name.removeprefix("inner.")])


class HalfFrozen(nn.Module):
    """Two batch norms, of which the first stays in evaluation, as a frozen one of ours does."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen, self.trained = nn.BatchNorm1d(3), nn.BatchNorm1d(3)

    def train(self, mode: bool = True) -> HalfFrozen:
        super().train(mode)
        self.frozen.eval()
        return self

    def forward(self, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
        return self.trained(self.frozen(inputs["x"]))


def test_frozen_batch_norms_keep_their_statistics() -> None:
    network = HalfFrozen().train()
    average = StochasticAverage(network, 0, 1)
    average.update(network, 1)
    average.refresh(network, lambda: [{"x": 7 + torch.randn(20, 3)}], contextlib.nullcontext)
    assert not network.frozen.training
    assert network.trained.training
    found = average.weights(network)
    assert torch.equal(found["frozen.running_mean"], torch.zeros(3))
    assert float(found["trained.running_mean"].min()) > 5


@pytest.mark.parametrize("batch_norm", [False, True])
def test_what_is_saved_is_what_was_measured(batch_norm: bool) -> None:
    run = make_run(TrainingSettings(max_steps=12), optimizer=SGD(lr=0.5), regularization=SWA, batch_norm=batch_norm, dropout=0.3)
    report = run.reports()[-1]
    saved = predicting_weights(snapshot(run.session, run.protocol, run.progress))
    session = run.session
    session.network.load_state_dict(dict(saved))
    found = measure(session.network, session.objective, session.splits.train, session.precision, rows=64)
    assert found.metrics["loss"] == report.metrics["train.loss"]


def test_its_rate_takes_the_place_of_the_schedules() -> None:
    settings = TrainingSettings(max_steps=12, evaluate_every=Interval(steps=3))
    run = make_run(settings, optimizer=SGD(lr=1.0), regularization=Regularization(swa=SWASettings(start_fraction=0.5, lr=0.25)))
    assert [report.lr for report in run.reports()] == [1.0, 1.0, 0.25, 0.25]


def test_its_rate_does_not_fall_on_a_plateau() -> None:
    settings = TrainingSettings(max_steps=12, evaluate_every=Interval(steps=3))
    schedule = Plateau(factor=0.5, patience=0, threshold=10.0)  # no evaluation but the first is an improvement
    regularization = Regularization(swa=SWASettings(start_fraction=0.75, lr=0.25))
    run = make_run(settings, optimizer=SGD(lr=1.0), schedule=schedule, regularization=regularization)
    assert [report.lr for report in run.reports()] == [1.0, 1.0, 0.5, 0.25]
