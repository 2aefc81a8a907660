"""One row per layer: how it is written, and what it gets. Everything in `test_layers.py` holds for every row.

A new layer is one class, one line in `nntrain/layers/settings.py`, and one row here.
"""

from __future__ import annotations

from cases_attention import ATTENTION, EXPERTS, TRANSFORMERS
from cases_capsules import CAPSULE_LAYERS
from cases_families import FAMILIES
from cases_filters import CONVOLUTIONS
from cases_pointwise import ACTIVATIONS, NORMS, RANDOM
from cases_pools import POOLS, SHAPES
from cases_recurrent import RECURRENT
from cases_series import SERIES_LAYERS
from contract_case import CATEGORY, NUMBER, PHOTO, PROBES, ROW, SCAN, SERIES, STEPS, TEXT, Case

__all__ = ["CASES", "CATEGORY", "NUMBER", "PHOTO", "PROBES", "ROW", "SCAN", "SERIES", "STEPS", "TEXT", "Case"]

CASES = (
    Case({"linear": 5}, ROW),
    Case({"linear": {"out_features": 5, "bias": False}}, SERIES),
    *CONVOLUTIONS,
    *POOLS,
    *SHAPES,
    *NORMS,
    *RECURRENT,
    *ATTENTION,
    Case({"embedding": 3}, CATEGORY),
    Case({"embedding": 3}, TEXT),
    *RANDOM,
    Case("flatten", PHOTO),
    Case({"unflatten": [3, 1, 2]}, ROW),
    *ACTIVATIONS,
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
    *FAMILIES,
    *EXPERTS,
    *TRANSFORMERS,
    *SERIES_LAYERS,
    *CAPSULE_LAYERS,
)
