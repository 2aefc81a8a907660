"""Rows for pools, and for what makes sequences, images and volumes larger."""

from __future__ import annotations

from contract_case import PHOTO, SCAN, SERIES, Case

from nntrain.specs import RAGGED, SEQUENCE, Spec

POOLS = (
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
    Case("global_avg_pool", SCAN),
    Case("global_max_pool", SCAN),
    Case({"max_pool3d": 2}, SCAN),
    Case({"max_pool3d": {"kernel_size": [2, 3, 2], "stride": 2, "padding": "same"}}, SCAN),
    Case({"avg_pool3d": {"kernel_size": 2, "stride": 1, "padding": 1}}, SCAN),
    Case({"lp_pool1d": {"kernel_size": 3, "stride": 2, "padding": "same", "norm_type": 3.0}}, SERIES),
    Case({"lp_pool2d": {"kernel_size": [2, 3]}}, PHOTO),
)
