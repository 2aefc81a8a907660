"""What holds for layers put together: lengths, states and names along a program."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from layer_cases import SERIES
from subjects import compiled, read, tensor
from torch import nn
from torch.testing import assert_close

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.layer_list import LayerList
from nntrain.errors import SpecError
from nntrain.modules.network import Network
from nntrain.regularization import Regularization
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec


def network(*layers: object, spec: Spec = SERIES) -> Network:
    """A network of a list of layers over a field `x`."""
    torch.manual_seed(0)
    return compiled(read({"sequential": list(layers)}), spec).build().double()


@pytest.mark.parametrize(
    ("layers", "lengths"),
    [
        ([{"conv1d": {"out_channels": 4, "kernel_size": 3, "stride": 2}}, "relu", {"max_pool1d": 2}, {"pool": "mean"}], (40, 9, 22)),
        # the front of a network on raw audio: windows far longer than any short row
        ([{"conv1d": {"out_channels": 4, "kernel_size": 80, "stride": 16}}, {"max_pool1d": 4}, {"pool": "last"}], (700, 150, 400)),
        ([{"lstm": {"hidden_size": 3, "bidirectional": True}}, {"pool": "last"}], (7, 2, 5)),
        ([{"lstm": {"hidden_size": 3, "bidirectional": True}}, "layer_norm", {"dropout": 0.5}, {"pool": "last"}], (7, 2, 5)),
        ([{"residual": [{"conv1d": {"out_channels": 6, "kernel_size": 3, "padding": "same", "stride": 2}}]}, {"pool": "max"}], (7, 2, 5)),
    ],
)
def test_lengths_follow_through_a_program(layers: list[object], lengths: tuple[int, ...]):
    net = network(*layers).eval()
    rows = [tensor(SERIES, 1, length, seed) for seed, length in enumerate(lengths)]
    batch = torch.full((len(rows), max(lengths) + 3, 6), 7.0, dtype=torch.float64)
    for index, row in enumerate(rows):
        batch[index, : lengths[index]] = row[0]
    out = net({"x": batch, "x.lengths": torch.tensor(lengths)})[0]["y"]
    for index, row in enumerate(rows):
        assert_close(out[index], net({"x": row, "x.lengths": torch.tensor([lengths[index]])})[0]["y"][0])


@pytest.mark.parametrize("norm", ["batch", "layer"])
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_padding_changes_nothing_in_a_whole_network(norm: Literal["batch", "layer"], training: bool):
    """Input stage, norms that `regularization` places, and the task's output layer included."""
    architecture = LayerList.parse(
        {"layers": [{"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}, "relu", {"lstm": 3}, {"pool": "last"}]}
        | {"type": "layers"}
    )
    needs = {"kind": Spec(VECTOR, (2,), kind="logits")}
    net = compile_program(architecture, {"series": SERIES}, needs, Regularization(norm=norm)).build().double().train(training)
    assert [type(module) for module in net.modules() if isinstance(module, nn.LayerNorm | nn.BatchNorm1d)]
    x, lengths = tensor(SERIES, 3), torch.tensor([9, 2, 5])
    longer = torch.cat([x, torch.full((3, 4, 6), 7.0, dtype=torch.float64)], 1)
    longer[1, 2:], longer[2, 5:] = -3.0, 11.0
    outputs = [net({"series": batch, "series.lengths": lengths})[0]["kind"] for batch in (x, longer)]
    assert outputs[0].shape == (3, 2)
    assert_close(outputs[1], outputs[0])


def test_state_is_carried_over_windows():
    net = network({"lstm": {"hidden_size": 3, "num_layers": 2}}, "relu", {"lstm": 4}, {"linear": 2}).eval()
    x, full = tensor(SERIES, 2, 12), torch.tensor([4, 4])
    whole, state = net({"x": x, "x.lengths": 3 * full}, {})
    assert set(state) == {"lstm_1", "lstm_2"}
    state, parts = {}, []
    for window in x.split(4, dim=1):
        outputs, state = net({"x": window, "x.lengths": full}, state)
        parts.append(outputs["y"])
    assert_close(torch.cat(parts, 1), whole["y"])


def test_nothing_is_carried_unasked():
    net = network({"lstm": 3})
    assert net({"x": tensor(SERIES, 2), "x.lengths": torch.tensor([9, 3])})[1] == {}


def test_bidirectional_layer_refuses_to_carry():
    net = network({"lstm": {"hidden_size": 3, "bidirectional": True}})
    with pytest.raises(ValueError, match="carries no state"):
        net({"x": tensor(SERIES, 2), "x.lengths": torch.tensor([9, 3])}, {})


def test_a_layer_written_twice_has_two_sets_of_weights():
    layer = read({"linear": 6})
    program = compiled(read({"type": "sequential", "layers": [layer.model_dump(), layer.model_dump()]}), SERIES)
    net = program.build()
    assert list(program.parameter_shapes) == ["linear_1.weight", "linear_1.bias", "linear_2.weight", "linear_2.bias"]
    modules = [module for module in net.modules() if isinstance(module, nn.Linear)]
    assert len(modules) == 2
    assert not torch.equal(modules[0].weight, modules[1].weight)


def test_each_layer_is_called_through_one_module():
    net = network({"conv1d": {"out_channels": 4, "kernel_size": 3}}, "relu", {"dropout": 0.1}, "relu", {"pool": "attention"})
    leaves = [module for module in net.modules() if not list(module.children()) and module is not net]
    assert len(leaves) == len({id(module) for module in leaves}) == 5


def test_what_does_not_fit_names_layer_and_origin():
    with pytest.raises(SpecError, match=r"conv2d needs an image \[C, H, W\] and gets a row of numbers \[64\] from flatten"):
        compiled(read({"sequential": ["flatten", {"conv2d": {"out_channels": 4, "kernel_size": 3}}]}), Spec(IMAGE, (1, 8, 8)))


def test_a_sequence_of_one_length_needs_no_lengths():
    net = network({"lstm": 3}, {"pool": "last"}, spec=Spec(SEQUENCE, (5, 6)))
    assert net({"x": tensor(Spec(SEQUENCE, (RAGGED, 6)), 2, 5)})[0]["y"].shape == (2, 3)
