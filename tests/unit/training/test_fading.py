"""Dropout and weight decay that change over a run: by hand, and wherever a network drops."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_run import Net, TinyRun, make_run
from torch import Tensor, nn

from nntrain.modules.attention import SelfAttention
from nntrain.modules.dropping import SharedDropout
from nntrain.modules.graph import AttentionHeads, Heads
from nntrain.modules.recurrent import recurrent
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import GroupRule
from nntrain.optimizers.sgd import SGD
from nntrain.schedules.decay import WSD, Linear
from nntrain.schedules.schedule import Horizon
from nntrain.training.evaluation import evaluating
from nntrain.training.fading import Fading
from nntrain.training.settings import TrainingSettings

FLAT_COS = WSD(decay_fraction=0.5, shape="cosine")
EIGHT = Horizon(total_steps=8, steps_per_epoch=4)


def flat_cos(done: float) -> float:
    """RealMLP's: 1 in the first half of a run, then half a cosine wave to 0."""
    return 1.0 if done <= 0.5 else (1 + math.cos(math.pi * (2 * done - 1))) / 2


def fading(network: nn.Module, schedule: Any = FLAT_COS, **options: Any) -> tuple[Fading, torch.optim.Optimizer]:
    optimizer = SGD(lr=0.5).build(parameter_groups(network, **options))
    found = Fading.of(schedule, network, optimizer)
    assert found is not None
    return found, optimizer


def test_dropout_and_weight_decay_follow_flat_cos() -> None:
    network = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.4), nn.Linear(3, 2))
    found, optimizer = fading(network, weight_decay=0.2, rules=[GroupRule(match="2", weight_decay=0.6)])
    dropout: Any = network[1]
    for step in [0, 3, 4, 5, 7, 8, 2]:  # in any order: nothing is carried over
        found.apply(optimizer, step, EIGHT)
        factor = flat_cos(step / 8)
        assert dropout.p == pytest.approx(0.4 * factor)
        decays = sorted({group["weight_decay"] for group in optimizer.param_groups})
        assert decays == pytest.approx(sorted({0.0, 0.2 * factor, 0.6 * factor}))
    assert found.apply(optimizer, 0, EIGHT) is False  # step 2 had the same
    assert (dropout.p, sorted(group["weight_decay"] for group in optimizer.param_groups)[-1]) == (0.4, 0.6)  # to the bit
    assert found.apply(optimizer, 5, EIGHT) is True


def test_every_module_that_drops_is_found_and_others_are_not() -> None:
    heads = AttentionHeads(Heads(1, 2, True, 0.2, 0.5, True))
    attention = SelfAttention(4, 4, 1, 1, causal=False, rotary=False, bias=True, dropout=0.1)
    lstm = recurrent("lstm", 2, 3, num_layers=2, bidirectional=False, dropout=0.2)
    both = recurrent("gru", 2, 3, num_layers=2, bidirectional=True, dropout=0.25)
    dropping = [nn.Dropout(0.3), nn.AlphaDropout(0.35), SharedDropout(0.45, kept=1), attention, lstm, both, heads]
    network = nn.ModuleList(
        [*dropping, nn.Dropout(0.0), nn.Linear(2, 2), recurrent("rnn", 2, 3, num_layers=1, bidirectional=False, dropout=0.0)]
    )
    found, optimizer = fading(network, Linear())
    assert [drop.p for drop in found.drops] == [0.3, 0.35, 0.45, 0.1, 0.2, 0.25, 0.5]
    found.apply(optimizer, 4, EIGHT)
    assert [getattr(drop.module, drop.attribute) for drop in found.drops] == [0.15, 0.175, 0.225, 0.05, 0.1, 0.125, 0.25]


def test_what_drops_between_other_parts_drops_as_much_as_it_says() -> None:
    x = torch.ones(2, 5, 4)
    modules: list[Any] = [
        SelfAttention(4, 4, 1, 1, causal=False, rotary=False, bias=True, dropout=0.9),
        recurrent("lstm", 4, 3, num_layers=2, bidirectional=False, dropout=0.9),
        recurrent("gru", 4, 3, num_layers=2, bidirectional=True, dropout=0.9),
    ]
    for module in modules:
        found, optimizer = fading(module, Linear())
        found.apply(optimizer, 8, EIGHT)
        dropped = module(x)[0]
        torch.testing.assert_close(dropped, module.eval()(x)[0])  # nothing at the end
        module.train()
        found.apply(optimizer, 0, EIGHT)
        assert not torch.allclose(module(x)[0], dropped)


def test_a_step_decays_by_the_factor_of_that_step() -> None:
    network = nn.Linear(1, 1, bias=False)
    network.weight.data.fill_(2.0)
    found, optimizer = fading(network, Linear(), weight_decay=0.4)
    expected = 2.0
    for step in range(3):
        found.apply(optimizer, step, EIGHT)
        network.weight.grad = torch.tensor([[1.0]])
        optimizer.step()
        expected -= 0.5 * (1.0 + 0.4 * (1 - step / 8) * expected)
        assert network.weight.item() == pytest.approx(expected)


class Watched(Net):
    """Notes the probability that acts in each forward pass, and whether it was one of training."""

    def __init__(self) -> None:
        super().__init__(dropout=0.4)
        self.seen: list[tuple[bool, float]] = []

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        dropout: Any = self.body[-1]
        self.seen.append((self.training, dropout.p))
        return super().forward(inputs, state)


def fading_run(training: TrainingSettings, network: Net, **options: Any) -> TinyRun:
    run = make_run(training, network=network, **options)
    return replace(run, session=replace(run.session, fading=Fading.of(FLAT_COS, network, run.session.optimizer)))


def test_the_loop_sets_it_before_the_forward_pass_of_each_step() -> None:
    network = Watched()
    run = fading_run(TrainingSettings(max_steps=8), network)
    run.events()
    assert [p for is_training, p in network.seen if is_training] == [pytest.approx(0.4 * flat_cos(step / 8)) for step in range(8)]
    assert run.session.optimizer.param_groups[0]["weight_decay"] == pytest.approx(0.01 * flat_cos(7 / 8))


def test_evaluation_drops_nothing_whatever_the_factor() -> None:
    network = Net(dropout=0.4)
    found, optimizer = fading(network)
    rows = {"@number": torch.randn(5, 4)}
    outputs: list[Tensor] = []
    for step in (0, 7):
        found.apply(optimizer, step, EIGHT)
        with evaluating(network):
            outputs.append(network(rows)[0]["label"])
    assert torch.equal(*outputs)


def test_without_a_schedule_there_is_none() -> None:
    network = nn.Linear(2, 2)
    assert Fading.of(None, network, SGD(lr=0.1).build(parameter_groups(network))) is None
