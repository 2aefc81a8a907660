"""Rows of the layer table for layers and families over series of one length."""

from __future__ import annotations

from contract_case import STEPS, Case

SERIES_LAYERS = (
    Case({"series_decomposition": 3}, STEPS),
    Case({"time_linear": 5}, STEPS),
    Case({"time_linear": {"out_steps": 5, "individual": True}}, STEPS),
    Case({"patch": 4}, STEPS),
    Case({"patch": {"size": 4, "stride": 2, "pad_end": 2}}, STEPS),
    Case({"each_feature": ["flatten", {"linear": 5}]}, STEPS),
    Case({"each_feature": [{"linear": 3}, "relu"]}, STEPS),
    Case({"reversible_norm": [{"time_linear": 5}]}, STEPS),
    Case({"dlinear": {"kernel_size": 3, "horizon": 5}}, STEPS),
    Case({"dlinear": {"kernel_size": 3, "horizon": 5, "individual": True, "reversible_norm": True}}, STEPS),
    Case(
        {"patchtst": {"patch_size": 4, "stride": 2, "num_layers": 1, "dim": 4, "num_heads": 2, "dim_feedforward": 6, "horizon": 5}},
        STEPS,
        mixes_rows=True,
    ),
)
