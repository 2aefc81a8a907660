"""Rates of stochastic depth over a network, and norms that a causal one refuses."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.layer_list import LayerList
from nntrain.errors import ConfigError, SpecError
from nntrain.layers.dropout import StochasticDepth
from nntrain.layers.normalization import GroupNorm, default_groups
from nntrain.layers.program import Program
from nntrain.regularization import Regularization
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec

SERIES, ROW = Spec(SEQUENCE, (RAGGED, 6)), Spec(VECTOR, (8,))
CAUSAL = {"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "causal"}}


def compiled(layers: list[object], spec: Spec, regularization: Regularization | None = None) -> Program:
    """The program of a list of layers that ends in two classes."""
    architecture = LayerList.parse({"type": "layers", "layers": layers})
    return compile_program(architecture, {"x": spec}, {"y": Spec(VECTOR, (2,), kind="logits")}, regularization)


def test_rates_of_stochastic_depth_grow_evenly():
    layers: list[object] = [{"residual": [{"linear": 8}, "relu"]}] * 4
    program = compiled(layers, ROW, Regularization(stochastic_depth=0.2))
    rates = [step.layer.p for step in program.steps if isinstance(step.layer, StochasticDepth)]
    assert rates == pytest.approx([0.05, 0.1, 0.15, 0.2])
    network = program.build()
    x = torch.randn(3, 8)
    assert not torch.equal(network({"x": x})[0]["y"], network({"x": x})[0]["y"])
    network.eval()
    assert torch.equal(network({"x": x})[0]["y"], network({"x": x})[0]["y"])


def test_shortcut_of_a_dropped_branch_ends_in_the_norm_that_the_branch_ends_in():
    layers: list[object] = [{"residual": [{"linear": 4}, "batch_norm"]}]
    types = [step.layer.type for step in compiled(layers, ROW, Regularization(stochastic_depth=0.2)).steps]
    assert types == ["linear", "batch_norm", "stochastic_depth", "linear", "batch_norm", "add", "linear"]


@pytest.mark.parametrize(
    ("layers", "regularization", "message"),
    [
        ([{"linear": 8}, "relu"], Regularization(stochastic_depth=0.2), "this network has none"),
        ([{"residual": [{"linear": 8}, {"stochastic_depth": 0.1}]}], Regularization(stochastic_depth=0.2), "stands here and as"),
        ([{"linear": 8}, "relu", "rms_norm"], Regularization(norm="group"), "places another"),
        ([{"linear": 8}, "relu", "alpha_dropout"], Regularization(dropout=0.1), "alpha_dropout stands here and as"),
        ([{"linear": 8}, "relu"], Regularization(norm="instance"), "needs a sequence"),
    ],
)
def test_what_has_no_effect_or_stands_twice(layers: list[object], regularization: Regularization, message: str):
    with pytest.raises(ConfigError) as caught:
        compiled(layers, ROW, regularization)
    assert message in caught.value.problems[0].message


@pytest.mark.parametrize("norm", ["batch_norm", {"group_norm": 2}, "instance_norm", {"squeeze_excite": 2}])
@pytest.mark.parametrize("is_first", [True, False], ids=["before", "behind"])
def test_norm_over_time_in_a_causal_network(norm: object, is_first: bool):
    layers = [norm, CAUSAL] if is_first else [CAUSAL, "relu", norm]
    with pytest.raises(ConfigError) as caught:
        compiled([*layers, {"pool": "last"}], SERIES)
    [problem] = caught.value.problems
    assert "takes its statistics over time" in problem.message
    assert problem.path == ("architecture", "layers", 0 if is_first else 2)


def test_regularization_norm_over_time_in_a_causal_network():
    with pytest.raises(ConfigError, match="statistics over time"):
        compiled([CAUSAL, "relu", {"pool": "last"}], SERIES, Regularization(norm="batch"))


@pytest.mark.parametrize("layer", ["layer_norm", "rms_norm"])
def test_norms_of_each_step_may_stand_in_a_causal_network(layer: str):
    assert compiled([CAUSAL, layer, "relu", {"pool": "last"}, "batch_norm"], SERIES).steps  # behind the pool there is no time


@pytest.mark.parametrize("norm", ["batch", "layer", "group", "instance", "rms"])
def test_every_norm_of_regularization_over_an_image(norm: Literal["batch", "layer", "group", "instance", "rms"]):
    layers: list[object] = [{"conv2d": {"out_channels": 8, "kernel_size": 3}}, "relu", "global_avg_pool"]
    program = compiled(layers, Spec(IMAGE, (1, 8, 8)), Regularization(norm=norm))
    assert [step.layer.type for step in program.steps][1] == f"{norm}_norm"
    assert program.build()({"x": torch.randn(2, 1, 8, 8)})[0]["y"].shape == (2, 2)


@pytest.mark.parametrize(("channels", "groups"), [(64, 16), (512, 32), (96, 24), (6, 1), (7, 1), (8, 2), (1, 1)])
def test_default_groups_leave_four_channels_in_each(channels: int, groups: int):
    assert default_groups(channels) == groups


def test_group_norm_of_one_number_per_group_is_refused():
    with pytest.raises(SpecError, match="makes 0 of all"):
        GroupNorm(num_groups=8).out_spec(ROW)
    with pytest.raises(SpecError, match="into 3 groups"):
        GroupNorm(num_groups=3).out_spec(ROW)
