"""Exact values of recurrent layers."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch.testing import assert_close

from nntrain.layers.embedding import Embedding
from nntrain.layers.global_pooling import Pool
from nntrain.layers.recurrent import GRU, LSTM, RNN, Recurrent
from nntrain.modules.recurrent import reverse
from nntrain.specs import RAGGED, SEQUENCE, Spec

SERIES = Spec(SEQUENCE, (RAGGED, 3))


def test_lstm_one_step_by_hand():
    module = LSTM(hidden_size=1).build(Spec(SEQUENCE, (RAGGED, 1)))
    with torch.no_grad():
        for name, value in module.named_parameters():
            value.fill_(0.5 if name.startswith("weight") else 0.0)
    gate, cell = 1 / (1 + math.exp(-1.0)), math.tanh(1.0)  # x = 2, weight 0.5: every gate sees 1
    out, (hidden, memory) = module(torch.tensor([[[2.0]]]), state=module.init_state(1))
    assert_close(memory.item(), gate * cell, rtol=0, atol=1e-6)
    assert_close(out.item(), gate * math.tanh(gate * cell), rtol=0, atol=1e-6)
    assert hidden.item() == out.item()


def test_lstm_starts_by_remembering():
    module = LSTM(hidden_size=2, num_layers=2).build(SERIES)
    for layer in range(2):
        total = module.get_parameter(f"bias_ih_l{layer}") + module.get_parameter(f"bias_hh_l{layer}")
        assert total[2:4].tolist() == [1.0, 1.0]
        assert not torch.equal(total[:2], torch.ones(2))


@pytest.mark.parametrize("cell", [RNN, GRU, LSTM])
def test_bidirectional_last_is_what_torch_ends_with(cell: type[Recurrent]):
    torch.manual_seed(0)
    layer = cell(hidden_size=4, bidirectional=True)
    module = layer.build(SERIES)
    theirs = getattr(torch.nn, cell.__name__)(3, 4, bidirectional=True, batch_first=True)
    ours = module.state_dict()
    theirs.load_state_dict(
        {name.removeprefix("ahead.0."): value for name, value in ours.items() if name.startswith("ahead")}
        | {f"{name.removeprefix('back.0.')}_reverse": value for name, value in ours.items() if name.startswith("back")}
    )
    x = torch.randn(2, 5, 3)
    out, _ = module(x)
    expected, end = theirs(x)
    hidden = end[0] if cell is LSTM else end
    assert_close(out, expected)
    assert_close(Pool(how="last").build(layer.out_spec(SERIES))(out), torch.cat([hidden[0], hidden[1]], 1))


def test_rnn_of_relu_by_hand():
    module = RNN(hidden_size=1, nonlinearity="relu", bias=False).build(Spec(SEQUENCE, (RAGGED, 1)))
    with torch.no_grad():
        for value in module.parameters():
            value.fill_(0.5)
    out, (hidden,) = module(torch.tensor([[[2.0], [4.0], [-9.0]]]), state=module.init_state(1))
    assert out.flatten().tolist() == [1.0, 2.5, 0.0]
    assert hidden.item() == 0.0


def test_gru_keeps_its_state_behind_a_closed_gate():
    module = GRU(hidden_size=2).build(SERIES)
    with torch.no_grad():
        for value in module.parameters():
            value.zero_()
        module.get_parameter("bias_ih_l0")[2:4] = 100.0  # torch's order: reset, update, new; an update gate of 1 keeps the state
    begin = torch.tensor([[[0.3, -0.7]]])
    out, (hidden,) = module(torch.randn(1, 6, 3), state=(begin,))
    assert_close(hidden, begin)
    assert_close(out, begin[0].expand(1, 6, 2))


@pytest.mark.parametrize("cell", [RNN, GRU, LSTM])
def test_bidirectional_refuses_a_state(cell: type[Recurrent]):
    module = cell(hidden_size=4, bidirectional=True).build(SERIES)
    with pytest.raises(ValueError, match="carries no state"):
        module.init_state(1)
    with pytest.raises(ValueError, match="carries no state"):
        module(torch.zeros(1, 2, 3), state=(torch.zeros(1, 1, 4), torch.zeros(1, 1, 4)))


@pytest.mark.parametrize("tag", ["rnn", "gru", "lstm"])
def test_without_bias_there_is_none(tag: str):
    layer = {"rnn": RNN, "gru": GRU, "lstm": LSTM}[tag](hidden_size=4, bias=False)
    assert [name for name, _ in layer.build(SERIES).named_parameters()] == ["weight_ih_l0", "weight_hh_l0"]


def test_lstm_gives_a_state_back_where_one_was_given():
    module = LSTM(hidden_size=4).build(SERIES)
    assert module(torch.zeros(2, 3, 3))[1] is None
    assert module(torch.zeros(2, 3, 3), state=module.init_state(2))[1] is not None


def test_lstm_dropout_needs_a_second_layer():
    with pytest.raises(ValidationError, match="num_layers is 1"):
        LSTM.parse({"type": "lstm", "hidden_size": 3, "dropout": 0.1})


def test_lstm_bidirectional_drops_between_its_layers_only():
    module = LSTM(hidden_size=2, num_layers=2, bidirectional=True, dropout=0.9).build(SERIES)
    x = torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(module(x)[0], module(x)[0])
    assert module(x)[0].ne(0).all(), "what comes out is not dropped"


def test_reverse_stays_within_the_length():
    x = torch.tensor([[1.0, 2.0, 3.0, 4.0], [1.0, 2.0, 3.0, 4.0]]).unsqueeze(2)
    assert reverse(x, torch.tensor([3, 0])).squeeze(2).tolist() == [[3.0, 2.0, 1.0, 4.0], [1.0, 2.0, 3.0, 4.0]]


def test_embedding_of_index_0_is_zero_and_stays():
    module = Embedding(dim=2).build(Spec((), (), kind="index", classes=4))
    module(torch.tensor([0, 2])).sum().backward()
    assert module(torch.tensor([0])).tolist() == [[0.0, 0.0]]
    assert module.weight.grad.tolist() == [[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [0.0, 0.0]]
