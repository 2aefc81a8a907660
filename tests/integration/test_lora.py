"""Adapters: what is trained, what they compute, and that they are saved, resumed and started from like any weight."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from three_kinds import write_three_kinds
from torch import Tensor

from nntrain import fit
from nntrain.architectures.compiling import compile_program
from nntrain.architectures.layer_list import LayerList
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.stored.opening import checkpoint_of, open_run
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError
from nntrain.layers.program import Program
from nntrain.specs import Spec

Tree = dict[str, Any]
LAYERS: list[Any] = [
    {"linear": 8, "name": "up"},
    {"multihead_attention": {"num_heads": 2}, "name": "look"},
    {"layer_norm": {}},
    {"linear": {"out_features": 8, "bias": False}, "name": "down"},
    {"pool": "mean"},
    "relu",
]


def program(adapter: Tree | None, layers: list[Any] = LAYERS) -> Program:
    tree: Tree = {"type": "layers", "layers": layers, **({} if adapter is None else {"adapter": adapter})}
    series = Spec(("time", "feature"), (5, 4))
    return compile_program(LayerList.parse(tree), {"x": series}, {"y": Spec(("feature",), (3,), "logits")})


def test_merged_weights_compute_the_same() -> None:
    adapted, plain = program({"rank": 2, "alpha": 6}).build().eval(), program(None).build().eval()
    for name, parameter in adapted.named_parameters():
        if name.endswith("lora_b"):
            torch.nn.init.normal_(parameter)
    state: dict[str, Tensor] = adapted.state_dict()
    merged = {name: value.clone() for name, value in state.items() if "lora" not in name}
    for name in merged:
        stem = name.removesuffix("weight")
        if f"{stem}lora_a" in state:
            merged[name] += 6 / 2 * state[f"{stem}lora_b"] @ state[f"{stem}lora_a"]
    plain.load_state_dict(merged)
    rows = {"x": torch.randn(3, 5, 4)}
    torch.testing.assert_close(adapted(rows)[0]["y"], plain(rows)[0]["y"])
    assert {name for name in state if name.endswith("lora_a")} == {
        "up.lora_a",
        "look.in_proj_lora_a",
        "look.out_proj.lora_a",
        "down.lora_a",
    }


def test_the_beginning_is_the_network_that_is_adapted() -> None:
    adapted, plain = program({"rank": 2}).build().eval(), program(None).build().eval()
    plain.load_state_dict({name: value for name, value in adapted.state_dict().items() if "lora" not in name})
    rows = {"x": torch.randn(3, 5, 4)}
    assert torch.equal(adapted(rows)[0]["y"], plain(rows)[0]["y"])


def test_adapters_and_the_head_are_trained_alone_and_counted_without_torch() -> None:
    found = program({"rank": 2, "match": ["up", "look"]})
    trained = {*found.trainable_shapes}
    own = {"up.lora_a", "up.lora_b", "look.in_proj_lora_a", "look.in_proj_lora_b", "look.out_proj.lora_a", "look.out_proj.lora_b"}
    assert trained == {*own, "head.weight", "head.bias"}
    network = found.build()
    assert {name for name, parameter in network.named_parameters() if parameter.requires_grad} == trained
    assert {name: tuple(parameter.shape) for name, parameter in network.named_parameters()} == found.parameter_shapes
    assert list(found.parameter_shapes) == [name for name, _ in network.named_parameters()]
    assert found.num_parameters == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    ("adapter", "told"),
    [
        ({"match": "none"}, "'none' matches no linear layer or attention below the head"),
        ({"match": "head"}, "'head' matches no linear layer"),
        ({"match": ["up", "layer_norm_1"]}, "'layer_norm_1' matches no linear layer"),
    ],
)
def test_patterns_without_a_layer_are_told(adapter: Tree, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        program(adapter)


def test_a_network_without_linear_layers_is_not_adapted(tmp_path: Path) -> None:
    write_three_kinds(tmp_path / "rows.csv")
    lora = {"type": "mlp", "hidden": [], "adapter": {"type": "lora"}}
    with pytest.raises(ConfigError, match="the network has none there") as found:
        prepare_job(read_mapping({"data": {"source": "rows.csv", "target": "kind"}, "architecture": lora}))
    assert "remove adapter" in str(found.value)


def test_a_run_is_adapted_saved_and_goes_on(tmp_path: Path) -> None:
    write_three_kinds(tmp_path / "rows.csv")
    base: Tree = {"type": "mlp", "hidden": [8, 8]}
    tree: Tree = {"name": "base", "data": {"source": "rows.csv", "target": "kind"}, "architecture": base}
    first = fit({**tree, "training": {"max_epochs": 1, "threads": 1}}).run
    adapted = {**base, "init": {"from": "runs/base"}, "adapter": {"type": "lora", "rank": 2}}
    second: Tree = {**tree, "name": "adapted", "architecture": adapted, "training": {"max_epochs": 3, "threads": 1}}
    whole = fit(second).run
    before, after = (checkpoint_of(run, "last")[1]["weights"] for run in (first, whole))
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("linear"))
    assert float(after["linear_1.lora_b"].abs().sum()) > 0
    part = fit(second, "training.max_epochs=1").run
    resumed = checkpoint_of(fit(None, "training.max_epochs=3", resume=part.path).run, "last")[1]["weights"]
    assert all(torch.equal(value, resumed[name]) for name, value in after.items())
    assert "linear_1.lora_a" in dict(open_run(whole).network.named_parameters())
    shown = prepare_job(read_mapping(second)).blueprint.program.rows()
    assert next(row for row in shown if row.name == "linear_1").layer == "linear 8, lora 2"
