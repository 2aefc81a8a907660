"""Rows of the layer table for attention and transformers."""

from __future__ import annotations

from contract_case import ROW, SERIES, STEPS, TEXT, Case

SMALL = {"dim": 8, "num_layers": 1, "num_heads": 2, "dim_feedforward": 6}
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

EXPERTS = (
    Case({"mixture_of_experts": 3}, SERIES),
    Case({"mixture_of_experts": {"num_experts": 2, "top_k": 1, "hidden": 5, "activation": "swiglu", "bias": False}}, SERIES),
    Case({"mixture_of_experts": {"num_experts": 2, "hidden": 5}}, ROW),
)

TRANSFORMERS = (
    Case({"transformer_encoder": {**SMALL, "pool": None}}, SERIES),
    Case({"transformer_encoder": {**SMALL, "positions": "rotary", "norm_first": False}}, TEXT),
    Case({"transformer_encoder": {**SMALL, "positions": "learned", "max_length": 12, "norm_first": False, "embedding_norm": True}}, TEXT),
    Case({"transformer_encoder": {**SMALL, "positions": "learned", "max_length": 12, "activation": "geglu"}}, SERIES),
    Case({"gpt": {**SMALL, "max_length": 12, "pool": None}}, TEXT),
    Case({"gpt": {**SMALL, "positions": "rotary", "num_kv_heads": 1, "activation": "swiglu", "bias": False}}, STEPS),
)
