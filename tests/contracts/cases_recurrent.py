"""Rows of the layer table for the recurrent layers."""

from __future__ import annotations

from contract_case import SERIES, Case

RECURRENT = (
    *(Case({tag: 5}, SERIES) for tag in ("rnn", "lstm", "gru")),
    *(Case({tag: {"hidden_size": 5, "num_layers": 2}}, SERIES) for tag in ("rnn", "lstm", "gru")),
    *(Case({tag: {"hidden_size": 5, "num_layers": 2, "dropout": 0.2}}, SERIES, is_random=True) for tag in ("rnn", "lstm", "gru")),
    *(Case({tag: {"hidden_size": 5, "bidirectional": True, "bias": False}}, SERIES) for tag in ("rnn", "lstm", "gru")),
    *(Case({tag: {"hidden_size": 5, "bidirectional": True, "num_layers": 2}}, SERIES) for tag in ("rnn", "lstm", "gru")),
    Case({"rnn": {"hidden_size": 5, "nonlinearity": "relu"}}, SERIES),
)
