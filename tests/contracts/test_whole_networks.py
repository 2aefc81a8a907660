"""Whole networks of sequences, input stage and output layer included: padding says nothing, and a step at a time is the whole."""

from __future__ import annotations

from typing import Any, Final

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from nntrain.architectures.architecture import Architecture
from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import ARCHITECTURES
from nntrain.generation.stepping import Stepper, carries_all
from nntrain.layers.program import Program
from nntrain.losses.links import Identity
from nntrain.regularization import Regularization
from nntrain.schema import load_class
from nntrain.specs import RAGGED, SEQUENCE, TOKENS, VECTOR, Spec
from nntrain.tasks.seq2seq import Seq2Seq
from nntrain.tasks.task import Target

SERIES = Spec(SEQUENCE, (RAGGED, 3))
TEXT = Spec(TOKENS, (RAGGED,), kind="index", classes=9)
ROW = Spec(VECTOR, (2,), kind="logits")
STEPS = Spec(SEQUENCE, (RAGGED, 9), kind="logits")
LENGTHS: Final = (5, 2, 7)
SMALL: Final = {"dim": 8, "num_layers": 2, "num_heads": 2, "dim_feedforward": 6}
RECURRENT: Final = [{"type": tag, "hidden_size": 3, "num_layers": 2} for tag in ("rnn", "lstm", "gru")]
CAUSAL_CONV: Final = {"conv1d": {"out_channels": 8, "kernel_size": 3, "padding": "causal", "dilation": 2}}
CAUSAL_ATTENTION: Final = {"multihead_attention": {"num_heads": 2, "causal": True}}
EXPERTS: Final = {"mixture_of_experts": {"num_experts": 3, "top_k": 2, "hidden": 5}}

OF_A_ROW: Final[list[tuple[Any, Spec]]] = [
    *((tree, spec) for tree in RECURRENT for spec in (SERIES, TEXT)),
    *(({**tree, "bidirectional": True}, SERIES) for tree in RECURRENT),
    *(({**tree, "bidirectional": True, "pool": "attention"}, TEXT) for tree in RECURRENT),
    ({"type": "tcn", "channels": [4, 4], "kernel_size": 2}, SERIES),
    ({"type": "tcn", "channels": [4], "pool": "mean"}, TEXT),
    ({"type": "cnn", "channels": [4, 4], "reduce": "mean"}, SERIES),
    ({"type": "conv_rnn", "channels": [3, 4], "stride": 2, "hidden_size": 3}, SERIES),
    ({"type": "conv_rnn", "channels": [3], "kernel_size": 2, "hidden_size": 3}, TEXT),
    ({"type": "textcnn", "filters": 2, "widths": [1, 2, 4], "dim": 4}, TEXT),
    ({"type": "transformer_encoder", **SMALL}, SERIES),
    ({"type": "transformer_encoder", **SMALL, "positions": "rotary", "norm_first": False, "pool": "max"}, TEXT),
    ({"type": "gpt", **SMALL, "max_length": 12}, TEXT),
    ({"type": "layers", "layers": [{"multihead_attention": 3}, EXPERTS, {"pool": "mean"}]}, SERIES),
]


def read(tree: dict[str, Any]) -> Architecture:
    found = load_class(ARCHITECTURES[tree["type"]]).parse(tree)
    assert isinstance(found, Architecture)
    return found


def built(tree: dict[str, Any], spec: Spec, need: Spec) -> tuple[Program, torch.nn.Module]:
    program = compile_program(read(tree), {"x": spec}, {"y": need}, Regularization())
    torch.manual_seed(0)
    network = program.build().double()
    for parameter in network.parameters():  # embeddings begin so small that rows would hardly differ
        torch.nn.init.normal_(parameter, std=0.4)
    return program, network


def rows_of(spec: Spec) -> list[Tensor]:
    sizes = [(1, length, *spec.sizes[1:]) for length in LENGTHS]
    if spec.kind == "index":
        return [torch.randint(1, 9, size) for size in sizes]  # type: ignore[arg-type]
    return [torch.randn(size, dtype=torch.float64, requires_grad=True) for size in sizes]  # type: ignore[arg-type]


def padded(rows: list[Tensor], *, beyond: int = 2) -> Tensor:
    """One batch, filled up with what must not matter."""
    steps = max(row.shape[1] for row in rows) + beyond
    batch = torch.full((len(rows), steps, *rows[0].shape[2:]), 7, dtype=rows[0].dtype)
    for index, row in enumerate(rows):
        batch[index, : row.shape[1]] = row[0].detach()
    return batch.requires_grad_(batch.is_floating_point())


def gradients(network: torch.nn.Module) -> dict[str, Tensor]:
    found = {name: parameter.grad.clone() for name, parameter in network.named_parameters() if parameter.grad is not None}
    network.zero_grad()
    return found


def without_pool(tree: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in tree.items() if key != "pool"}
    return kept if tree["type"] == "gpt" else {**kept, "pool": None}


OF_EACH_STEP: Final = [
    (without_pool(tree), spec) for tree, spec in OF_A_ROW if tree["type"] in ("rnn", "lstm", "gru", "tcn", "transformer_encoder", "gpt")
]
"""What keeps as many steps as come in."""


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    ("tree", "spec", "need"),
    [*((tree, spec, ROW) for tree, spec in OF_A_ROW), *((tree, spec, STEPS) for tree, spec in OF_EACH_STEP)],
    ids=str,
)
def test_padding_law(tree: dict[str, Any], spec: Spec, need: Spec, training: bool) -> None:
    """The answers of a padded batch, and the gradients of inputs and parameters, are those of its rows alone."""
    _, network = built(tree, spec, need)
    network.train(training)
    rows = rows_of(spec)
    alone = [network({"x": row, "x.lengths": torch.tensor([row.shape[1]])})[0]["y"] for row in rows]
    wanted = [torch.randn_like(out) for out in alone]
    torch.autograd.backward(alone, wanted)
    of_rows, of_parameters = [row.grad for row in rows], gradients(network)
    batch = padded(rows)
    out = network({"x": batch, "x.lengths": torch.tensor(LENGTHS)})[0]["y"]
    cotangent = torch.zeros_like(out)
    for index, (single, weight) in enumerate(zip(alone, wanted, strict=True)):
        part = (index, slice(0, single.shape[1])) if need is STEPS else (index,)
        assert_close(out[part], single[0])
        cotangent[part] = weight[0]
    out.backward(cotangent)
    assert_close(gradients(network), of_parameters)
    for index, gradient in enumerate(of_rows):
        if gradient is not None:
            assert batch.grad is not None
            assert_close(batch.grad[index, : LENGTHS[index]], gradient[0])
            assert not batch.grad[index, LENGTHS[index] :].any()


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize(
    "options", [{}, {"positions": "rotary", "norm_first": False, "num_kv_heads": 1}, {"num_decoder_layers": 1}], ids=str
)
def test_padding_law_of_what_reads_and_writes(options: dict[str, Any], training: bool) -> None:
    """An encoder and its decoder: rows of other lengths on both sides, of which each side pads another."""
    task, target = Seq2Seq(), Target("y", "text", TEXT)
    family, port = read({"type": "encoder_decoder", **SMALL, **options}), task.port(target)
    assert port is not None
    program = compile_program(family, {"x": TEXT}, {"y": task.needs(target, Identity())}, ports={"y": port})
    network = program.build().double().train(training)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    rows, told = rows_of(TEXT), [torch.randint(2, 9, (1, length)) for length in (3, 6, 1)]

    def inputs(one: Tensor, other: Tensor, lengths: list[int], told_lengths: list[int]) -> dict[str, Tensor]:
        sizes = {"x.lengths": torch.tensor(lengths), "teacher.y.lengths": torch.tensor(told_lengths)}
        return {"x": one, "teacher.y": other, **sizes}

    alone = [network(inputs(one, other, [one.shape[1]], [other.shape[1]]))[0]["y"] for one, other in zip(rows, told, strict=True)]
    wanted = [torch.randn_like(out) for out in alone]
    torch.autograd.backward(alone, wanted)
    of_parameters = gradients(network)
    assert len(of_parameters) == len(list(network.parameters()))
    out = network(inputs(padded(rows), padded(told), list(LENGTHS), [3, 6, 1]))[0]["y"]
    cotangent = torch.zeros_like(out)
    for index, (single, weight) in enumerate(zip(alone, wanted, strict=True)):
        assert_close(out[index, : single.shape[1]], single[0])
        cotangent[index, : single.shape[1]] = weight[0]
    out.backward(cotangent)
    assert_close(gradients(network), of_parameters)


@pytest.mark.parametrize(
    ("tree", "carries"),
    [
        *((tree, True) for tree in RECURRENT),
        ({"type": "gpt", **SMALL, "max_length": 12}, True),
        ({"type": "gpt", **SMALL, "positions": "rotary", "num_kv_heads": 1}, True),
        ({"type": "transformer_encoder", **SMALL, "causal": True, "positions": "sinusoidal"}, True),
        ({"type": "tcn", "channels": [4, 4], "kernel_size": 2}, False),
        (
            {"type": "layers", "layers": [{"embedding": 8}, CAUSAL_ATTENTION, EXPERTS, "relu"]},
            True,
        ),
        ({"type": "layers", "layers": [{"embedding": 8}, {"residual": [CAUSAL_CONV, "relu"]}, {"residual": [{"gru": 8}]}]}, False),
    ],
    ids=str,
)
def test_a_step_at_a_time_is_the_whole(tree: dict[str, Any], carries: bool) -> None:
    """Generation with a cache, or reading its steps anew where a layer keeps none, says what all steps at once give."""
    program, network = built(tree, TEXT, STEPS)
    network.eval()
    assert carries_all(program) is carries
    tokens = torch.randint(2, 9, (2, 10))
    stepper = Stepper(network, program, "x", "y", longest=12)
    with torch.inference_mode():
        found = [stepper.advance(tokens[:, :4]), *(stepper.advance(tokens[:, place : place + 1]) for place in range(4, 10))]
        whole = network({"x": tokens, "x.lengths": torch.tensor([10, 10])})[0]["y"]
    assert_close(torch.stack(found, dim=1), whole[:, 3:])
