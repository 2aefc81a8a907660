"""Transformers beside torch's and beside published sizes, step by step, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest
import torch
from compiled import CLASSES, SERIES, compiled, lines, problems, told
from pydantic import ValidationError
from torch import Tensor, nn
from torch.testing import assert_close

from nntrain.layers.program import Program
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, TOKENS, Spec

CHARACTERS = {"text": Spec(TOKENS, (64,), "index", classes=65)}
NEXT = {"next": Spec(SEQUENCE, (64, 65), "logits")}
NANO = {"type": "gpt", "dim": 128, "num_layers": 4, "num_heads": 4, "bias": False}
TEXT = {"text": Spec(TOKENS, (RAGGED,), "index", classes=11)}
TAGS = {"tags": Spec(SEQUENCE, (RAGGED, 3), "logits")}


def theirs(ours: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Weights of a block of ours under torch's names."""
    names = {
        f"multihead_attention_{number}": "self_attn",
        f"linear_{2 * number}": "linear1",
        f"linear_{2 * number + 1}": "linear2",
        f"layer_norm_{2 * number - 1}": "norm1",
        f"layer_norm_{2 * number}": "norm2",
    }
    return {f"{names[step]}.{rest}": value for name, value in ours.items() for step, _, rest in [name.partition(".")] if step in names}


@pytest.mark.parametrize("norm_first", [True, False])
def test_blocks_are_torchs(norm_first: bool):
    options = {"dim": 8, "num_layers": 2, "num_heads": 2, "dim_feedforward": 12, "positions": None, "norm_first": norm_first}
    net = compiled({"type": "transformer_encoder", **options}, SERIES, TAGS).build().double().eval()
    state = {name: torch.randn_like(value) for name, value in net.state_dict().items()}
    net.load_state_dict(state)
    layers = [nn.TransformerEncoderLayer(8, 2, 12, 0.0, "gelu", batch_first=True, norm_first=norm_first).double() for _ in range(2)]
    x, lengths = torch.randn(3, 7, 2, dtype=torch.float64), torch.tensor([7, 2, 5])
    padding = torch.arange(7) >= lengths.unsqueeze(1)
    expected = nn.functional.linear(x, state["linear_1.weight"], state["linear_1.bias"])
    for number, layer in enumerate(layers, 1):
        layer.load_state_dict(theirs(state, number))
        expected = layer(expected, src_key_padding_mask=padding)
    if norm_first:
        expected = nn.functional.layer_norm(expected, (8,), state["layer_norm_5.weight"], state["layer_norm_5.bias"])
    expected = nn.functional.linear(expected, state["head.weight"], state["head.bias"])
    out = net({"series": x, "series.lengths": lengths})[0]["tags"]
    assert_close(out[~padding], expected[~padding])


def test_dropout_stands_where_torch_has_it():
    program = compiled({"type": "transformer_encoder", "num_layers": 1}, SERIES, TAGS, {"dropout": 0.1})
    assert [line.split(":")[1].split(" ->")[0].strip() for line in lines(program)] == [
        "linear 128",
        "position_embedding sinusoidal",
        "dropout 0.1",
        "layer_norm",
        "multihead_attention 4, dropout 0.1",
        "dropout 0.1",
        "add",
        "layer_norm",
        "linear 512",
        "gelu",
        "dropout 0.1",
        "linear 128",
        "dropout 0.1",
        "add",
        "layer_norm",
        "linear 3",
    ]


def test_nano_gpt_has_the_published_size_and_begins_at_chance():
    """nanoGPT's recipe for a CPU: 0.80 M parameters without the positions, and a first loss of about ln 65."""
    program = compiled(NANO, CHARACTERS, NEXT)
    assert program.num_parameters is not None
    assert program.num_parameters - 64 * 128 == 795_904
    assert program.ties == {"head.weight": "embedding_1.weight"}
    torch.manual_seed(0)
    net = program.build()
    out = net({"text": torch.randint(1, 65, (12, 64))})[0]["next"]
    loss = nn.functional.cross_entropy(out.flatten(0, 1), torch.randint(1, 65, (12 * 64,)))
    assert abs(loss.item() - math.log(65)) < 0.1


def test_gpt_begins_as_gpt_2():
    torch.manual_seed(0)
    net = compiled({**NANO, "bias": True, "initializer": {"linear_1": {"normal": 0.5}}}, CHARACTERS, NEXT).build()
    weights = dict(net.named_parameters())
    for name in ("embedding_1.weight", "position_embedding_1.weight", "linear_3.weight", "multihead_attention_2.in_proj_weight"):
        assert_close(weights[name].std().item(), 0.02, rtol=0.05, atol=0)
    for name in ("linear_2.weight", "linear_8.weight", "multihead_attention_4.out_proj.weight"):
        assert_close(weights[name].std().item(), 0.02 / 8**0.5, rtol=0.05, atol=0)
    assert not any(weight.any() for name, weight in weights.items() if name.endswith("bias"))
    assert_close(weights["linear_1.weight"].std().item(), 0.5, rtol=0.05, atol=0)  # what the config says comes first


@pytest.mark.parametrize(
    ("architecture", "needs", "ties"),
    [
        ({**NANO, "tie": False}, NEXT, {}),
        (NANO, {"y": CLASSES}, {}),
        ({**NANO, "tie": {"linear_3.weight": "linear_1.weight"}}, NEXT, {"linear_3.weight": "linear_1.weight"}),
    ],
    ids=["off", "classes", "own"],
)
def test_weights_are_tied_where_tokens_are_predicted(architecture: dict[str, object], needs: Mapping[str, Spec], ties: dict[str, str]):
    assert compiled(architecture, CHARACTERS, needs).ties == ties


def test_tie_that_does_not_fit_is_refused():
    (problem,) = told(problems({**NANO, "tie": True}, CHARACTERS, {"y": CLASSES}))
    assert "head.weight is [3, 128], and embedding_1.weight is [65, 128]: tied parameters have one shape" in problem


@pytest.mark.parametrize(
    ("family", "needs", "pool"),
    [
        ("transformer_encoder", {"y": CLASSES}, "pool mean"),
        ("gpt", {"y": CLASSES}, "pool last"),
        ("gpt", TAGS, None),
        ("transformer_encoder", {**TAGS, "y": CLASSES}, "pool mean"),
    ],
)
def test_pool_follows_from_the_targets(family: str, needs: Mapping[str, Spec], pool: str | None):
    architecture = {"nodes": {"a": {"from": "text", family: {"positions": "rotary"}}}, "heads": dict.fromkeys(needs, "a")}
    if len(needs) == 2:
        assert any("a value for each step" in problem for problem in told(problems(architecture, TEXT, needs)))
        return
    steps = [row.layer for row in compiled(architecture, TEXT, needs).rows()]
    assert [step for step in steps if step.startswith("pool")] == ([] if pool is None else [pool])


CAUSAL = [
    {"type": "gpt", "max_length": 20},
    {"type": "gpt", "positions": "rotary", "num_kv_heads": 2, "activation": "swiglu"},
    {"type": "transformer_encoder", "causal": True},
    {"type": "transformer_encoder", "causal": True, "positions": None, "norm_first": False},
]


@pytest.mark.parametrize("architecture", CAUSAL, ids=str)
def test_step_by_step_is_the_whole(architecture: dict[str, Any]):
    """A prompt of some steps, of another length in each row, then one step at a time: what the whole rows give."""
    torch.manual_seed(0)
    program = compiled({**architecture, "dim": 16, "num_layers": 2}, TEXT, TAGS)
    net = program.build().double().eval()
    lengths, more = torch.tensor([5, 2, 4]), 4
    rows = torch.randint(1, 11, (3, 5 + more))
    whole = [net(_inputs(row[: length + more].unsqueeze(0)))[0]["tags"][0] for row, length in zip(rows, lengths.tolist(), strict=True)]
    outputs, state = net({"text": rows[:, :5], "text.lengths": lengths}, {})
    for index, length in enumerate(lengths.tolist()):
        assert_close(outputs["tags"][index, :length], whole[index][:length])
    for step in range(more):
        outputs, state = net(_inputs(rows.gather(1, (lengths + step).unsqueeze(1))), state)
        assert_close(outputs["tags"][:, 0], torch.stack([row[length + step] for row, length in zip(whole, lengths, strict=True)]))


def _inputs(text: Tensor) -> dict[str, Tensor]:
    return {"text": text, "text.lengths": torch.full((len(text),), text.shape[1])}


@pytest.mark.parametrize("architecture", CAUSAL, ids=str)
def test_causal_networks_do_not_see_what_follows(architecture: dict[str, Any]):
    program = compiled({**architecture, "dim": 16, "num_layers": 2}, TEXT, TAGS)
    net = program.build().eval()
    text = torch.randint(1, 11, (2, 9))
    changed = torch.cat([text[:, :6], text[:, 6:].roll(1, 1)], 1)
    assert_close(net(_inputs(text))[0]["tags"][:, :6], net(_inputs(changed))[0]["tags"][:, :6])
    assert not any(step.layer.looks_ahead for step in program.steps)


def test_encoder_looks_ahead():
    assert _looks_ahead(compiled({"type": "transformer_encoder"}, TEXT, TAGS))


def _looks_ahead(program: Program) -> bool:
    return any(step.layer.looks_ahead for step in program.steps)


@pytest.mark.parametrize(
    ("options", "inputs", "regularization", "text"),
    [
        ({"num_heads": 3}, TEXT, {}, "multihead_attention splits 128 numbers into 3 heads"),
        ({"positions": "rotary", "dim": 12}, TEXT, {}, "a head has 3: 12 over 4 heads"),
        ({"positions": "learned"}, TEXT, {}, "position_embedding learns a vector per step"),
        ({}, {"photo": Spec(IMAGE, (1, 8, 8))}, {}, "needs a sequence [T, F] and gets an image"),
        ({}, TEXT, {"norm": "batch"}, "regularization.norm says batch. layer or rms"),
        ({"pool": None}, TEXT, {}, "put `pool: last`"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused(options: dict[str, object], inputs: Mapping[str, Spec], regularization: dict[str, object], text: str):
    (problem,) = told(problems({"type": "transformer_encoder", **options}, inputs, {"y": CLASSES}, regularization))
    assert text in problem


def test_experts_stand_in_place_of_the_feedforward_layer():
    program = compiled({**NANO, "num_experts": 3, "top_k": 1}, CHARACTERS, NEXT)
    assert program.loss_parts == {f"mixture_of_experts_{number}.balance": 0.01 for number in range(1, 5)}
    torch.manual_seed(0)
    weights = dict(program.build().named_parameters())
    assert_close(weights["mixture_of_experts_1.experts.0.up.weight"].std().item(), 0.02, rtol=0.05, atol=0)
    assert_close(weights["mixture_of_experts_4.experts.2.down.weight"].std().item(), 0.02 / 8**0.5, rtol=0.05, atol=0)


def test_options_without_effect_are_refused():
    for options in ({"top_k": 2}, {"max_length": 9}):
        with pytest.raises(ValidationError, match="has no effect without"):
            compiled({"type": "transformer_encoder", **options}, TEXT, TAGS)


def test_rms_norms_are_placed():
    rows = compiled({"type": "gpt", "max_length": 9}, TEXT, TAGS, {"norm": "rms"}).rows()
    assert [row.layer for row in rows if "norm" in row.layer] == ["rms_norm"] * 9
