"""Networks for tables: what they become, and that they compute what their authors' packages compute."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compiled import ONE, TABLE, compiled, lines, problems, told
from torch import Tensor, nn

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import AnyArchitecture
from nntrain.layers.ensemble import EnsembleHead
from nntrain.losses.links import Softmax
from nntrain.schema import StrictModel
from nntrain.specs import VECTOR, Spec

NUMBERS = {name: Spec((), ()) for name in ("a", "b", "c")}
MIXED = {"a": Spec((), ()), "color": Spec((), (), "index", classes=4), "b": Spec((), ())}


class Written(StrictModel):
    architecture: AnyArchitecture


def network_of(architecture: Any, inputs: dict[str, Spec], need: Spec) -> nn.Module:
    return compiled(architecture, inputs, {"y": need}).build()


def copy(theirs: Any, ours: Any) -> None:
    with torch.no_grad():
        ours.copy_(theirs)


def test_tabm_encodes_every_field_and_has_one_head_for_each_member():
    program = compiled({"tabm": {"hidden": [8], "k": 5}}, TABLE, None, {"dropout": 0.1})
    assert lines(program) == [
        "inputs.ple_1: ple, dim 16 -> [32]",
        "inputs.one_hot_1: one_hot sex, city -> [23]",
        "inputs.concat_1: concat -> [55]",
        "ensemble_1: ensemble 5, init normal -> [5, 55]",
        "linear_1: linear 8 -> [5, 8]",
        "relu_1: relu -> [5, 8]",
        "dropout_1: dropout 0.1 -> [5, 8]",
        "head: linear 3 for each member -> [3]",
    ]
    assert program.num_parameters == sum(value.numel() for value in program.build().parameters())
    assert program.members_of("y") == 5


def test_in_the_full_variant_every_layer_scales_and_adds_for_each_member():
    program = compiled({"tabm": {"hidden": [8, 6], "k": 5, "variant": "full"}}, TABLE)
    assert lines(program)[3:8] == [
        "ensemble_1: ensemble 5, init normal -> [5, 55]",
        "ensemble_linear_1: ensemble_linear 8, scale_inputs false -> [5, 8]",
        "relu_1: relu -> [5, 8]",
        "ensemble_linear_2: ensemble_linear 6 -> [5, 6]",
        "relu_2: relu -> [5, 6]",
    ]
    assert program.num_parameters == sum(value.numel() for value in program.build().parameters())


def test_a_layer_of_members_is_behind_ensemble():
    found = told(problems({"layers": [{"ensemble_linear": 4}]}, NUMBERS, {"y": ONE}))
    assert "needs rows of members and gets" in found[0]
    assert "put ensemble before it" in found[0]


def test_what_the_config_says_of_a_field_comes_before_what_a_family_implies():
    program = compiled({"type": "tabm", "hidden": [4], "inputs": {"city": {"embedding": 3}}}, TABLE)
    assert lines(program)[1:3] == ["inputs.one_hot_1: one_hot sex -> [3]", "inputs.embedding_1: embedding city, dim 3 -> [3]"]


def test_the_scales_of_a_member_begin_alike_for_all_numbers_of_a_field():
    torch.manual_seed(0)
    scales = network_of({"tabm": {"hidden": [4], "k": 6}}, MIXED, ONE).get_parameter("ensemble_1.weight").detach()
    parts = scales.split([16, 16, 3], dim=1)  # two numbers, then the three values of a category
    assert all(bool((part == part[:, :1]).all()) for part in parts)
    assert len({float(part[0, 0]) for part in parts}) == 3
    assert len({float(member) for member in parts[0][:, 0]}) == 6
    signs = network_of({"tabm": {"hidden": [4], "k": 50, "ensemble_init": "random_signs"}}, MIXED, ONE).get_parameter("ensemble_1.weight")
    assert set(signs.unique().tolist()) == {-1.0, 1.0}


def test_members_answer_one_after_another_in_training_and_together_after_it():
    network = network_of({"layers": [{"ensemble": 4}, {"linear": 5}, "relu"]}, NUMBERS, Spec(VECTOR, (3,), "logits"))
    x = {"@number": torch.randn(7, 3)}
    assert network.train()(x)[0]["y"].shape == (28, 3)
    assert network.eval()(x)[0]["y"].shape == (7, 3)


def test_the_answer_of_members_is_the_mean_of_their_shares():
    read = Written.parse({"architecture": {"layers": [{"ensemble": 4}, "relu"]}}).architecture
    program = compile_program(read, NUMBERS, {"y": Spec(VECTOR, (3,), "logits")}, links={"y": Softmax()})
    network, x = program.build(), {"@number": torch.randn(7, 3)}
    each = network.train()(x)[0]["y"].reshape(7, 4, 3)
    torch.testing.assert_close(network.eval()(x)[0]["y"].softmax(1), each.softmax(2).mean(1))


def test_members_have_one_answer_per_example():
    found = told(problems({"layers": [{"ensemble": 4}, "relu"]}, NUMBERS, {"y": Spec(("time", "feature"), (5, 2))}))
    assert found == [
        "architecture.layers[1] linear (the output layer) gets rows of members [4, 3] from relu (layers[1]), "
        "and members have one answer per example"
    ]


@pytest.mark.parametrize(("variant", "arch_type"), [("mini", "tabm-mini"), ("full", "tabm")])
def test_tabm_computes_what_the_package_of_its_authors_computes(variant: str, arch_type: str):
    tabm = pytest.importorskip("tabm")
    embeddings = pytest.importorskip("rtdl_num_embeddings")
    torch.manual_seed(1)
    rows = torch.randn(200, 2)
    bins = embeddings.compute_bins(rows, n_bins=6)
    theirs = tabm.TabM.make(
        n_num_features=2, cat_cardinalities=[3], d_out=2, n_blocks=2, d_block=8, dropout=0.0, k=4, arch_type=arch_type,
        num_embeddings=embeddings.PiecewiseLinearEmbeddings(bins, 16, activation=False, version="B"),
    )  # fmt: skip
    written = {"type": "tabm", "hidden": [8, 8], "k": 4, "variant": variant, "inputs": {"?": {"ple": {"bins": 6, "dim": 16}}}}
    ours: Any = network_of(written, MIXED, Spec(VECTOR, (2,)))
    ple = ours.inputs.ple_1
    ple.begin(rows, None)
    their_names = dict(theirs.named_parameters())
    with torch.no_grad():
        for value in their_names.values():
            value.normal_()
    copy(their_names["num_module.linear0.weight"], ple.number.weight[:, 0])
    copy(their_names["num_module.linear0.bias"], ple.number.bias)
    copy(their_names["num_module.linear.weight"], ple.linear.weight)
    copy(their_names["backbone.affine.weight" if variant == "mini" else "backbone.blocks.0.0.r"], ours.ensemble_1.weight)
    names = {"weight": "weight", "bias": "bias"} | ({"r": "input_scale", "s": "output_scale"} if variant == "full" else {})
    layers = (ours.linear_1, ours.linear_2) if variant == "mini" else (ours.ensemble_linear_1, ours.ensemble_linear_2)
    for place, layer in enumerate(layers):
        for their_name, name in names.items():
            if (place, their_name) != (0, "r"):
                copy(their_names[f"backbone.blocks.{place}.0.{their_name}"], getattr(layer, name))
    copy(their_names["output.weight"], ours.head.weight)
    copy(their_names["output.bias"], ours.head.bias)
    assert len(list(ours.parameters())) == len(their_names)
    numbers, colors = torch.randn(30, 2), torch.randint(0, 3, (30, 1))
    given = {"@number": numbers, "@category": colors + 1}
    found, wanted = ours.train()(given)[0]["y"].reshape(30, 4, 2), theirs(numbers, colors)
    torch.testing.assert_close(found, wanted, rtol=1e-6, atol=1e-6 * float(wanted.detach().abs().max()))


def test_ft_transformer_computes_what_the_package_of_its_authors_computes():
    package = pytest.importorskip("rtdl_revisiting_models")
    torch.manual_seed(1)
    options = {"n_blocks": 2, "d_block": 8, "attention_n_heads": 2, "attention_dropout": 0.0, "ffn_dropout": 0.0, "residual_dropout": 0.0}
    theirs = package.FTTransformer(
        n_cont_features=2, cat_cardinalities=[3], d_out=2, ffn_d_hidden=5, ffn_d_hidden_multiplier=None, **options
    )
    written = {"dim": 8, "num_layers": 2, "num_heads": 2, "dim_feedforward": 5, "attention_dropout": 0.0}
    ours: Any = network_of({"ft_transformer": written}, MIXED, Spec(VECTOR, (2,)))
    names: dict[str, Tensor] = dict(theirs.named_parameters())
    copy(names["cont_embeddings.weight"], ours.inputs.linear_embedding_1.linear.weight[:, 0])
    copy(names["cont_embeddings.bias"], ours.inputs.linear_embedding_1.linear.bias)
    bias = names["cat_embeddings.bias"]  # theirs has an offset beside the vectors of a category, which says nothing more
    copy(names["cat_embeddings.embeddings.0.weight"] + bias, ours.inputs.embedding_1.weight[1:])
    copy(names["cls_embedding.weight"], ours.class_token_1.weight[0])
    linears = [ours.linear_1, ours.linear_2, ours.linear_3, ours.linear_4]
    for place, attention in enumerate((ours.multihead_attention_1, ours.multihead_attention_2)):
        there = f"backbone.blocks.{place}"
        copy(torch.cat([names[f"{there}.attention.W_{part}.weight"] for part in "qkv"]), attention.in_proj_weight)
        copy(names[f"{there}.attention.W_out.weight"], attention.out_proj.weight)
        widened, narrowed = linears[2 * place : 2 * place + 2]
        for part in ("weight", "bias"):
            halves = names[f"{there}.ffn.linear1.{part}"].chunk(2)  # a * relu(b) there, relu(a) * b here
            copy(torch.cat(halves[::-1]), getattr(widened, part))
            copy(names[f"{there}.ffn.linear2.{part}"], getattr(narrowed, part))
    copy(names["backbone.output.linear.weight"], ours.head.weight)
    copy(names["backbone.output.linear.bias"], ours.head.bias)
    numbers, colors = torch.randn(30, 2), torch.randint(0, 3, (30, 1))
    torch.testing.assert_close(ours({"@number": numbers, "@category": colors + 1})[0]["y"], theirs(numbers, colors))


def test_ft_transformer_needs_fields_of_its_width():
    found = told(problems({"type": "ft_transformer", "dim": 8, "num_heads": 2, "inputs": {"color": "one_hot"}}, MIXED, {"y": ONE}))
    assert "takes fields encoded by 8 numbers each, and one of them has 3" in found[0]


def test_tab_resnet_computes_what_the_package_of_its_authors_computes():
    package = pytest.importorskip("rtdl_revisiting_models")
    torch.manual_seed(1)
    theirs = package.ResNet(d_in=3, d_out=2, n_blocks=2, d_block=4, d_hidden=None, d_hidden_multiplier=2.0, dropout1=0.0, dropout2=0.0)
    ours: Any = network_of({"tab_resnet": {"dim": 4, "num_layers": 2}}, NUMBERS, Spec(VECTOR, (2,)))
    mine = [module for module in ours.modules() if isinstance(module, nn.Linear | nn.BatchNorm1d)]
    others = [module for module in theirs.modules() if isinstance(module, nn.Linear | nn.BatchNorm1d)]
    assert [tuple(module.weight.shape) for module in mine] == [tuple(module.weight.shape) for module in others]
    for module, other in zip(mine, others, strict=True):
        module.load_state_dict(other.state_dict())
    x = torch.randn(9, 3)
    torch.testing.assert_close(ours({"@number": x})[0]["y"], theirs(x))


def test_the_layer_of_a_task_is_known_as_one_of_members():
    program = compiled({"tabm": {"hidden": [4], "k": 2}}, NUMBERS, {"y": ONE})
    assert isinstance(program.steps[-1].layer, EnsembleHead)
