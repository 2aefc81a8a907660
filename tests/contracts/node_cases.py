"""Rows of the layer table for the nodes of graphs; see `layer_cases.py`."""

from __future__ import annotations

from contract_case import ATOMS, Case

from nntrain.specs import NODES, RAGGED, Spec

KINDS = Spec(NODES[:1], (RAGGED,), kind="index", classes=5)

NODE_CASES = (
    Case({"gcn": 5}, ATOMS),
    Case({"gcn": {"out_features": 4, "bias": False, "normalize": False}}, ATOMS),
    Case({"gat": 5}, ATOMS),
    Case({"gat": {"out_features": 3, "num_heads": 4, "dropout": 0.2}}, ATOMS, is_random=True),
    Case({"gat": {"out_features": 3, "num_heads": 2, "concat": False, "bias": False}}, ATOMS),
    Case({"gat": {"out_features": 3, "num_heads": 2, "v2": True}}, ATOMS),
    Case({"gat": {"out_features": 3, "v2": True, "bias": False}}, ATOMS),
    Case({"sage": 5}, ATOMS),
    Case({"sage": {"out_features": 7, "aggregation": "max", "bias": False}}, ATOMS),
    Case({"sage": {"out_features": 4, "aggregation": "sum", "normalize": True}}, ATOMS),
    Case({"gin": 5}, ATOMS),
    Case({"gin": {"out_features": 5, "hidden": [], "eps": 0.1}}, ATOMS),
    Case({"gin": {"out_features": 5, "hidden": [3, 4], "train_eps": True}}, ATOMS),
    *(Case({"pool": how}, ATOMS) for how in ("mean", "max", "sum", "attention")),
    Case("global_avg_pool", ATOMS),
    Case("global_max_pool", ATOMS),
    *(Case({"pair": how}, ATOMS) for how in ("dot", "multiply", "concat")),
    Case({"sequential": [{"pair": "concat"}, {"linear": 3}, "relu", "layer_norm", {"linear": 1}]}, ATOMS, "pair"),
    Case({"linear": 5}, ATOMS),
    Case({"embedding": 3}, KINDS),
    Case({"sequential": ["one_hot", {"gcn": 3}]}, KINDS, "one_hot"),
    Case({"sequential": ["one_hot", {"linear": 3}]}, KINDS, "one_hot"),
    Case("layer_norm", ATOMS),
    Case("rms_norm", ATOMS),
    Case({"group_norm": 2}, ATOMS),
    Case({"normalize": 1}, ATOMS),
    Case("batch_norm", ATOMS, mixes_rows=True),
    *(Case(name, ATOMS, takes_all=True) for name in ("relu", "tanh", "softmax", "prelu", "glu")),
    Case({"dropout": 0.5}, ATOMS, takes_all=True, is_random=True),
    Case({"residual": [{"gcn": 6}, "relu"]}, ATOMS),
    Case({"residual": [{"gcn": 4}, "relu"]}, ATOMS),
    Case({"branches": [[{"gcn": 3}], [{"sage": 2}], []]}, ATOMS),
    Case({"branches": {"merge": "max", "of": [[{"gcn": 6}], []]}}, ATOMS),
    Case({"sequential": [{"gcn": {"out_features": 4, "name": "a"}}, {"gin": 3}, {"concat": "a"}, {"pool": "sum"}]}, ATOMS, "concat"),
    Case({"mlp": [8, 5]}, ATOMS),
    Case({"gnn": {"hidden_size": 5, "pool": "sum"}}, ATOMS),
    Case({"gnn": {"conv": "gin", "hidden_size": 4, "jump": "concat"}}, ATOMS),
    Case({"gnn": {"conv": "gat", "hidden_size": 6, "num_heads": 2, "jump": "max", "pool": "attention"}}, ATOMS),
    Case({"gnn": {"conv": "sage", "hidden_size": 4, "num_layers": 1}}, ATOMS),
)
