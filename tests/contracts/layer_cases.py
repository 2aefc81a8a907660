"""One row per layer: how it is written, and what it gets. Everything in `test_layers.py` holds for every row.

A new layer is one class, one line in `nntrain/layers/settings.py`, and one row here.
"""

from __future__ import annotations

from cases_filters import CONVOLUTIONS
from contract_case import CATEGORY, PHOTO, PROBES, ROW, SERIES, STEPS, TEXT, Case

from nntrain.specs import RAGGED, SEQUENCE, Spec

__all__ = ["CASES", "PROBES", "SERIES", "Case"]

CASES = (
    Case({"linear": 5}, ROW),
    Case({"linear": {"out_features": 5, "bias": False}}, SERIES),
    *CONVOLUTIONS,
    Case({"max_pool1d": 2}, SERIES),
    Case({"max_pool1d": {"kernel_size": 3, "stride": 2, "padding": 1}}, SERIES),
    Case({"max_pool1d": {"kernel_size": 4, "stride": 2, "padding": "same"}}, SERIES),
    Case({"avg_pool1d": 2}, SERIES),
    Case({"avg_pool1d": {"kernel_size": 4, "stride": 3, "padding": "same"}}, SERIES),
    Case({"max_pool2d": 2}, PHOTO),
    Case({"max_pool2d": {"kernel_size": [3, 2], "stride": 2, "padding": "same"}}, PHOTO),
    Case({"max_pool2d": {"kernel_size": 3, "stride": 2, "padding": 1}}, PHOTO),
    Case({"avg_pool2d": {"kernel_size": [2, 3]}}, PHOTO),
    Case({"avg_pool2d": {"kernel_size": 2, "stride": 2, "padding": "same"}}, PHOTO),
    Case("global_avg_pool", PHOTO),
    Case("global_avg_pool", SERIES),
    Case("global_max_pool", PHOTO),
    Case("global_max_pool", SERIES),
    *(Case({"pool": how}, SERIES) for how in ("last", "first", "mean", "max", "sum", "attention")),
    Case({"pool": "last"}, Spec(SEQUENCE, (RAGGED, 6), directions=2)),
    Case("batch_norm", ROW),
    Case("batch_norm", PHOTO),
    Case("batch_norm", STEPS),
    Case({"batch_norm": {"eps": 1e-3, "momentum": 0.3}}, SERIES, mixes_rows=True),
    Case("layer_norm", ROW),
    Case("layer_norm", SERIES),
    Case("layer_norm", PHOTO),
    Case({"lstm": 5}, SERIES),
    Case({"lstm": {"hidden_size": 5, "num_layers": 2}}, SERIES),
    Case({"lstm": {"hidden_size": 5, "num_layers": 2, "dropout": 0.2}}, SERIES, is_random=True),
    Case({"lstm": {"hidden_size": 5, "bidirectional": True}}, SERIES),
    Case({"lstm": {"hidden_size": 5, "bidirectional": True, "num_layers": 2}}, SERIES),
    Case({"embedding": 3}, CATEGORY),
    Case({"embedding": 3}, TEXT),
    Case({"dropout": 0.3}, SERIES, takes_all=True, is_random=True),
    Case("flatten", PHOTO),
    Case({"unflatten": [3, 1, 2]}, ROW),
    Case("relu", SERIES, takes_all=True),
    Case({"leaky_relu": 0.1}, SERIES, takes_all=True),
    Case("gelu", SERIES, takes_all=True),
    Case("silu", SERIES, takes_all=True),
    Case("elu", SERIES, takes_all=True),
    Case("tanh", SERIES, takes_all=True),
    Case("sigmoid", SERIES, takes_all=True),
    Case("softplus", SERIES, takes_all=True),
    Case("softmax", SERIES),
    Case("log_softmax", SERIES),
    Case({"sequential": [{"linear": 4}, "relu", {"linear": 3}]}, SERIES),
    Case({"sequential": [{"conv1d": {"out_channels": 4, "kernel_size": 3}}, {"max_pool1d": 2}, {"lstm": 3}, {"pool": "last"}]}, SERIES),
    Case({"residual": [{"linear": 6}, "relu"]}, SERIES),
    Case({"residual": [{"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "stride": 2}}, "relu"]}, SERIES),
    Case({"residual": [{"conv2d": {"out_channels": 5, "kernel_size": 3, "padding": "same", "stride": 2}}, "batch_norm"]}, PHOTO),
    Case({"residual": {"layers": [{"linear": 4}], "shortcut": [{"linear": 4}]}}, ROW),
    Case({"sequential": [{"linear": {"out_features": 4, "name": "a"}}, {"linear": 3}, {"concat": "a"}]}, SERIES, stands_for="concat"),
    Case(
        {"sequential": [{"conv2d": {"out_channels": 3, "kernel_size": 1, "name": "a"}}, "global_avg_pool", {"concat": "a"}]},
        PHOTO,
        "concat",
    ),
    Case({"sequential": [{"linear": {"out_features": 4, "name": "a"}}, {"linear": 4}, {"add": "a"}]}, SERIES, stands_for="add"),
    Case({"sequential": [{"linear": {"out_features": 4, "name": "a"}}, {"pool": "mean"}, {"add": "a"}]}, SERIES, stands_for="add"),
    Case({"mlp": [8, 5]}, ROW),
    Case({"mlp": {"hidden": [7], "activation": "gelu"}}, PHOTO),
    Case({"cnn": [3, 5]}, PHOTO),
    Case({"cnn": {"channels": [3], "kernel_size": 4, "convolutions": 2, "pool": "avg", "reduce": "mean", "hidden": [6]}}, PHOTO),
    Case({"cnn": {"channels": [4, 3], "kernel_size": 2}}, SERIES),
)
