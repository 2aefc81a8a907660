"""RealMLP: what it becomes, how it begins, and what it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from compiled import CLASSES, NUMBER, ONE, PHOTO, SERIES, TABLE, compiled, lines, problems, told

from nntrain.modules.first_rows import begin_with, first_rows_asked
from nntrain.specs import SEQUENCE, VECTOR, Spec

NUMBERS = dict.fromkeys(("a", "b", "c"), NUMBER)
TWO = Spec(VECTOR, (2,))


def test_td_encodes_numbers_and_begins_with_rows_in_all_its_layers() -> None:
    program = compiled({"realmlp": [8, 4]}, TABLE, None, {"dropout": 0.15})
    assert lines(program) == [
        "inputs.periodic_1: periodic 4, num_frequencies 16, sigma 0.1, activation none, phase true, keep_input true -> [8]",
        "inputs.one_hot_1: one_hot sex -> [3]",
        "inputs.embedding_1: embedding city -> [10]",
        "inputs.concat_1: concat -> [21]",
        "layer_scale_1: layer_scale -> [21]",
        "ntk_linear_1: ntk_linear 8, init data -> [8]",
        "parametric_1: parametric selu -> [8]",
        "dropout_1: dropout 0.15 -> [8]",
        "ntk_linear_2: ntk_linear 4, init data -> [4]",
        "parametric_2: parametric selu -> [4]",
        "dropout_2: dropout 0.15 -> [4]",
        "head: ntk_linear 3, init data -> [3]",
    ]


def test_td_s_is_plain_and_ends_in_zeros() -> None:
    program = compiled({"type": "realmlp", "hidden": [8], "variant": "td_s"}, NUMBERS)
    assert lines(program) == [
        "layer_scale_1: layer_scale -> [3]",
        "ntk_linear_1: ntk_linear 8 -> [8]",
        "selu_1: selu -> [8]",
        "head: ntk_linear 3, init zeros -> [3]",
    ]
    network = program.build()
    assert not first_rows_asked(network)
    assert not network({"@number": torch.randn(5, 3)})[0]["y"].any()


def test_td_s_has_a_column_for_each_value_of_a_category() -> None:
    program = compiled({"type": "realmlp", "hidden": [8], "variant": "td_s"}, TABLE)
    assert lines(program)[0] == "inputs.one_hot_1: one_hot sex, city -> [23]"


def test_parameters_of_the_published_size() -> None:
    """Of 8 numbers (California housing), three layers of 256 and one output."""
    waves = 8 * (16 + 16 + 16 * 3 + 3)
    body = 32 + (32 + 1 + 1) * 256 + 2 * (256 + 1 + 1) * 256 + 256 + 1
    program = compiled("realmlp", {f"x{place}": NUMBER for place in range(8)}, {"y": ONE})
    assert program.num_parameters == waves + body
    assert program.num_parameters == sum(value.numel() for value in program.build().parameters())


def test_the_config_says_how_numbers_are_encoded_and_the_family_the_rest() -> None:
    program = compiled({"type": "realmlp", "hidden": [4], "inputs": {"age": "none"}}, TABLE)
    assert [line.split(":")[0] for line in lines(program)[:2]] == ["inputs.columns_1", "inputs.columns_2"]
    assert "inputs.concat_1: concat -> [18]" in lines(program)  # age 1, income 4, sex 3, city 10


@pytest.mark.parametrize(
    ("needs", "word"), [({"y": CLASSES}, "selu"), ({"y": ONE}, "mish"), ({"y": ONE, "z": TWO}, "mish"), ({"y": ONE, "z": CLASSES}, "selu")]
)
def test_the_activation_goes_by_the_targets(needs: dict[str, Spec], word: str) -> None:
    program = compiled({"realmlp": [4]}, NUMBERS, needs)
    assert f"parametric_1: parametric {word} -> [4]" in lines(program)
    heads = [line for line in lines(program) if line.startswith("head")]
    assert len(heads) == len(needs)
    assert all("ntk_linear" in head for head in heads)


def test_the_config_says_the_activation() -> None:
    program = compiled({"type": "realmlp", "hidden": [4], "activation": {"leaky_relu": 0.2}}, NUMBERS, {"y": ONE})
    assert "parametric_1: parametric leaky_relu 0.2 -> [4]" in lines(program)


def test_an_activation_with_options_of_a_layer_is_refused_at_its_place() -> None:
    found = told(problems({"type": "realmlp", "activation": {"type": "prelu", "initializer": "zeros"}}, NUMBERS))
    assert found == [
        "architecture.activation parametric has initializer in its activation, which has none of its own. fix:  initializer beside it"
    ]


def test_an_image_is_flattened_and_rows_of_different_lengths_are_refused() -> None:
    assert lines(compiled({"realmlp": [4]}, PHOTO))[:2] == ["flatten_1: flatten -> [64]", "layer_scale_1: layer_scale -> [64]"]
    assert "needs rows of one length" in told(problems("realmlp", SERIES))[0]


def test_begun_layers_can_not_read_padding() -> None:
    layers = [{"ntk_linear": {"out_features": 4, "init": "data"}}, {"pool": "last"}]
    found = told(problems({"layers": layers}, SERIES))
    assert found == [
        "architecture.layers[0] ntk_linear needs rows of one length for init: data and gets a sequence [*, 2] from the field 'series'. "
        "fix:  init: normal"
    ]


def test_the_output_layer_is_for_one_row_of_numbers() -> None:
    assert "needs numbers for each pixel" in told(problems("realmlp", PHOTO, {"y": Spec(("channel", "height", "width"), (2, 8, 8))}))[0]
    forecast = compiled({"realmlp": [4]}, {"x": Spec(SEQUENCE, (6, 2))}, {"y": Spec(SEQUENCE, (3, 2))})
    assert lines(forecast)[-1] == "head: linear 6, as [3, 2] -> [3, 2]"


def computed(state: dict[str, np.ndarray[Any, Any]], x: np.ndarray[Any, Any], layers: int) -> np.ndarray[Any, Any]:
    """What the paper's network makes of numbers, written out."""
    angles = 2 * np.pi * x[:, :, None] * state["inputs.periodic_1.frequencies"] + state["inputs.periodic_1.phase_bias"]
    waves = np.einsum("nfi,fio->nfo", np.cos(angles), state["inputs.periodic_1.linear.weight"]) + state["inputs.periodic_1.linear.bias"]
    h = np.concatenate([waves, x[:, :, None]], 2).reshape(len(x), -1) * state["layer_scale_1.scale"]
    for place in range(1, layers + 1):
        h = h @ state[f"ntk_linear_{place}.weight"].T / np.sqrt(h.shape[1]) + state[f"ntk_linear_{place}.bias"]
        mish = h * np.tanh(np.log1p(np.exp(h)))
        h = h + state[f"parametric_{place}.amount"] * (mish - h)
    return h @ state["head.weight"].T / np.sqrt(h.shape[1]) + state["head.bias"]


def test_the_network_computes_what_the_paper_says() -> None:
    torch.manual_seed(0)
    network = compiled({"realmlp": [7, 5]}, NUMBERS, {"y": TWO}, {"dropout": 0.2}).build().eval()
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith(("scale", "amount")):
                parameter.normal_(1, 0.3)
    x = torch.randn(20, 3)
    state = {name: value.double().numpy() for name, value in network.state_dict().items()}
    expected = computed(state, x.double().numpy(), 2)
    np.testing.assert_allclose(network({"@number": x})[0]["y"].detach().numpy(), expected, rtol=1e-4, atol=1e-5)


def test_what_comes_out_of_each_layer_varies_by_one_over_the_first_rows() -> None:
    torch.manual_seed(0)
    network: Any = compiled({"realmlp": [16, 16]}, NUMBERS, {"y": TWO}, {"dropout": 0.5}).build()
    seen: dict[str, torch.Tensor] = {}
    parts = {"first": network.ntk_linear_1, "second": network.ntk_linear_2, "head": network.head}
    rows = {"@number": torch.randn(400, 3) * torch.tensor([1.0, 3, 0.2])}
    begin_with(network, lambda: [(rows, None)])
    for name, module in parts.items():
        module.register_forward_hook(lambda _, __, out, name=name: seen.update({name: out}))
    network.eval()(rows)
    for out in seen.values():
        torch.testing.assert_close(out.std(0, correction=0), torch.ones(out.shape[1]), rtol=1e-4, atol=1e-4)
    assert len(seen) == 3
