"""rnn, lstm, gru, tcn, conv_rnn, textcnn: what they expand to, when they keep steps, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compiled import CLASSES, ONE, PHOTO, SERIES, Written, compiled, lines, problems, told
from torch.testing import assert_close

from nntrain.layers.recurrent import LSTM
from nntrain.specs import RAGGED, SEQUENCE, TOKENS, Spec

TEXT = {"words": Spec(TOKENS, (RAGGED,), "index", classes=50)}
PIXELS = {"pixels": Spec(SEQUENCE, (784, 1))}
STEPS = {"tags": Spec(SEQUENCE, (RAGGED, 3), "logits")}


@pytest.mark.parametrize(
    ("family", "inputs", "expected"),
    [
        (
            {"type": "lstm", "hidden_size": 8, "bidirectional": True},
            TEXT,
            ["embedding_1: embedding 128 -> [*, 128]", "lstm_1: lstm 8, bidirectional true -> [*, 16]", "pool_1: pool last -> [16]"],
        ),
        ({"type": "gru", "hidden_size": 8, "pool": "mean"}, SERIES, ["gru_1: gru 8 -> [*, 8]", "pool_1: pool mean -> [8]"]),
        (
            {"type": "rnn", "hidden_size": 8, "nonlinearity": "relu", "dim": 5},
            TEXT,
            ["embedding_1: embedding 5 -> [*, 5]", "rnn_1: rnn 8, nonlinearity relu -> [*, 8]", "pool_1: pool last -> [8]"],
        ),
    ],
)
def test_recurrent_families(family: Any, inputs: Any, expected: list[str]) -> None:
    assert lines(compiled(family, inputs)) == [*expected, f"head: linear 3 -> {CLASSES}"]


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru", "tcn", "conv_rnn"])
def test_steps_are_kept_where_every_target_has_one_a_step(family: str) -> None:
    def types(needs: Any) -> list[str]:
        return [step.layer.type for step in compiled(family, SERIES, needs).steps]

    assert "pool" not in types(STEPS)
    assert "pool" in types({"y": CLASSES})
    with_one_a_row = told(problems(family, SERIES, {**STEPS, "y": CLASSES}))
    assert len(with_one_a_row) == 1
    assert "(the output layer) needs a row of numbers for each step and gets a row of numbers" in with_one_a_row[0]


def test_pool_that_is_written_counts_more() -> None:
    assert "needs one row of numbers per example" in told(problems({"type": "gru", "pool": None}, SERIES))[0]
    assert "needs a row of numbers for each step" in told(problems({"type": "gru", "pool": "last"}, SERIES, STEPS))[0]


def test_dropout_stands_between_recurrent_layers_and_before_the_output() -> None:
    program = compiled({"type": "lstm", "hidden_size": 8, "num_layers": 2}, SERIES, regularization={"dropout": 0.2})
    assert [row.layer for row in program.rows()] == ["lstm 8, num_layers 2, dropout 0.2", "pool last", "dropout 0.2", "linear 3"]
    single = compiled({"type": "lstm", "hidden_size": 8}, SERIES, regularization={"dropout": 0.2})
    assert [row.layer for row in single.rows()] == ["lstm 8", "pool last", "dropout 0.2", "linear 3"]


def test_tcn_has_the_parameters_of_the_published_one() -> None:
    """The authors' network for MNIST pixel by pixel."""
    needs = {"y": Spec(("feature",), (10,), "logits")}
    assert compiled({"tcn": {"channels": [25] * 8, "kernel_size": 7}}, PIXELS, needs).num_parameters == 66_910


def test_tcn_sees_as_far_as_it_says() -> None:
    family = {"type": "tcn", "channels": [8, 8, 8], "kernel_size": 3}
    network = compiled(family, {"series": Spec(SEQUENCE, (40, 2))}).build().eval()
    x = torch.randn(32, 40, 2)
    output = network({"series": x})[0]["y"]
    seen = 1 + 2 * (3 - 1) * (2**3 - 1)
    for back, is_seen in ((seen, False), (seen - 1, True)):
        changed = x.clone()
        changed[:, 39 - back] += 5
        assert torch.equal(network({"series": changed})[0]["y"], output) != is_seen


def test_tcn_norms_weights_or_activations() -> None:
    def layers(regularization: Any) -> list[str]:
        return [row.layer for row in compiled({"type": "tcn", "channels": [2]}, SERIES, None, regularization).rows()]

    plain, normed = layers({"dropout": 0.1}), layers({"norm": "layer"})
    assert plain[:3] == ["conv1d 2, kernel_size 3, padding causal, weight_norm true", "relu", "dropout 0.1"]
    assert normed[:3] == ["conv1d 2, kernel_size 3, padding causal", "layer_norm", "relu"]
    assert "takes its statistics over time" in told(problems("tcn", SERIES, None, {"norm": "batch"}))[0]


def test_conv_rnn_shortens_by_its_stride() -> None:
    program = compiled({"type": "conv_rnn", "channels": [4, 5, 6], "stride": 6, "hidden_size": 3}, {"x": Spec(SEQUENCE, (60, 2))}, STEPS)
    outputs = [row.output for row in program.rows() if row.layer.startswith(("conv1d", "gru"))]
    assert outputs == ["[30, 4]", "[10, 5]", "[10, 6]", "[10, 6]"]
    assert "stride 8 = 2 x 2 x 2, and 2 convolutions" in told(problems({"type": "conv_rnn", "stride": 8}, SERIES))[0]


def test_textcnn_is_that_of_the_paper() -> None:
    program = compiled({"type": "textcnn", "dim": 300}, TEXT, {"y": ONE}, {"dropout": 0.5})
    filters = sum(100 * (300 * width + 1) for width in (3, 4, 5))
    assert program.num_parameters == 50 * 300 + filters + 301
    assert [row.layer for row in program.rows()][-3:] == ["concat", "dropout", "linear 1"]


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru", "tcn", "conv_rnn", "textcnn"])
def test_an_image_is_no_sequence(family: str) -> None:
    assert "needs a sequence [T, F] and gets an image [1, 8, 8] from the field 'photo'" in told(problems(family, PHOTO))[0]


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru", "tcn", "conv_rnn", "textcnn"])
def test_dim_is_of_a_text(family: str) -> None:
    assert "which has numbers. remove dim" in told(problems({"type": family, "dim": 8}, SERIES))[0]


@pytest.mark.parametrize("family", ["rnn", "lstm", "gru"])
def test_the_name_of_a_layer_is_the_layer_among_layers(family: str) -> None:
    in_a_list = compiled({"layers": [{family: 8}, {"pool": "last"}]}, SERIES)
    in_a_node = compiled({"nodes": {"a": {"from": "series", family: 8}, "b": {"from": "a", "pool": "last"}}}, SERIES)
    alone = compiled({"type": family, "hidden_size": 8}, SERIES)
    for program in (in_a_list, in_a_node):
        assert [row.layer for row in program.rows()] == [row.layer for row in alone.rows()]


def test_what_is_saved_means_the_same() -> None:
    family = Written.parse({"architecture": "lstm"}).architecture
    layer = Written.parse({"architecture": {"layers": [{"lstm": 8}]}}).architecture
    for read in (family, layer):
        assert Written.parse({"architecture": read.dump()}).architecture == read
    assert not isinstance(family, LSTM)


@pytest.mark.parametrize("family", [{"type": "lstm", "hidden_size": 3, "bidirectional": True}, {"type": "rnn", "hidden_size": 3}])
def test_padding_changes_nothing(family: Any) -> None:
    network = compiled(family, SERIES).build().eval()
    rows = [torch.randn(1, steps, 2) for steps in (5, 2, 7)]
    batch = torch.full((3, 9, 2), 7.0)
    for index, row in enumerate(rows):
        batch[index, : row.shape[1]] = row[0]
    together = network({"series": batch, "series.lengths": torch.tensor([5, 2, 7])})[0]["y"]
    for index, row in enumerate(rows):
        alone = network({"series": row, "series.lengths": torch.tensor([row.shape[1]])})[0]["y"]
        assert_close(together[index], alone[0])
