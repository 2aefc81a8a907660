import pytest
import torch
from tiny_run import make_run
from torch import nn

from nntrain.training.ema import AveragedWeights
from nntrain.training.settings import TrainingSettings


def moved(network: nn.Module) -> None:
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_averages_equal_the_formula() -> None:
    network = nn.Linear(3, 2)
    averaged = AveragedWeights(network, 0.5)
    wanted = network.weight.detach().clone()
    for update in range(8):
        moved(network)
        averaged.update(network)
        decay = min(0.5, (1 + update) / (10 + update))
        wanted = decay * wanted + (1 - decay) * network.weight.detach()
    torch.testing.assert_close(averaged.weights(network)["weight"], wanted)


def test_the_own_weights_come_back_bit_for_bit_also_after_an_error() -> None:
    network = nn.Linear(3, 2)
    averaged = AveragedWeights(network, 0.9)
    moved(network)
    averaged.update(network)
    own, average = network.weight.detach().clone(), averaged.weights(network)["weight"]
    with averaged.applied(network):
        assert torch.equal(network.weight, average)
    assert torch.equal(network.weight, own)
    with pytest.raises(ZeroDivisionError), averaged.applied(network):
        raise ZeroDivisionError
    assert torch.equal(network.weight, own)


def test_buffers_are_the_networks_own() -> None:
    network = nn.BatchNorm1d(2)
    averaged = AveragedWeights(network, 0.9)
    network(torch.randn(8, 2))
    assert torch.equal(averaged.weights(network)["running_mean"], network.running_mean)
    assert list(averaged.weights(network)) == list(network.state_dict())


def test_tied_weights_have_one_average() -> None:
    network = nn.ModuleDict({"one": nn.Linear(2, 2), "two": nn.Linear(2, 2)})
    network["two"].weight = network["one"].weight
    averaged = AveragedWeights(network, 0.9)
    moved(network)
    averaged.update(network)
    found = averaged.weights(network)
    assert found["one.weight"] is found["two.weight"]
    assert set(found) == set(network.state_dict())


def test_state_goes_on_where_it_was() -> None:
    network = nn.Linear(3, 2)
    averaged, again = AveragedWeights(network, 0.9), AveragedWeights(nn.Linear(3, 2), 0.9)
    moved(network)
    averaged.update(network)
    again.restore(averaged.state(network))
    moved(network)
    averaged.update(network)
    again.update(network)
    assert torch.equal(averaged.weights(network)["bias"], again.weights(network)["bias"])


def test_reports_measure_the_averaged_weights() -> None:
    plain, averaged = make_run(TrainingSettings(max_steps=3)), make_run(TrainingSettings(max_steps=3), ema=0.999)
    one, other = plain.reports()[-1], averaged.reports()[-1]
    assert one.metrics["train.running_loss"] == other.metrics["train.running_loss"]
    assert one.metrics["train.loss"] != other.metrics["train.loss"]
    for left, right in zip(plain.session.network.parameters(), averaged.session.network.parameters(), strict=True):
        assert torch.equal(left, right)
