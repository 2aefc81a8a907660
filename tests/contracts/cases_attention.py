"""Rows of the layer table for attention."""

from __future__ import annotations

from contract_case import SERIES, STEPS, Case

POINT = {"linear": {"out_features": 6, "name": "a"}}

ATTENTION = (
    Case({"multihead_attention": 2}, SERIES),
    Case({"multihead_attention": {"num_heads": 2, "causal": True}}, SERIES),
    Case({"multihead_attention": {"num_heads": 3, "rotary": True, "causal": True, "bias": False}}, SERIES),
    Case({"multihead_attention": {"num_heads": 4, "num_kv_heads": 2, "dim": 8, "rotary": True}}, STEPS),
    Case({"multihead_attention": {"num_heads": 4, "num_kv_heads": 1, "dim": 8, "causal": True}}, SERIES),
    Case({"multihead_attention": {"num_heads": 2, "dropout": 0.2}}, SERIES, is_random=True),
    Case({"sequential": [POINT, "relu", {"multihead_attention": {"num_heads": 2, "memory": "a"}}]}, SERIES, "multihead_attention"),
    Case({"sequential": [POINT, {"max_pool1d": 2}, {"cross_attention": {"points": "a", "num_heads": 3}}]}, SERIES, "cross_attention"),
)
