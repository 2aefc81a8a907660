"""Rows for pools, and for what makes sequences, images and volumes larger."""

from __future__ import annotations

from contract_case import CATEGORY, PHOTO, SCAN, SERIES, STEPS, TEXT, Case

from nntrain.specs import IMAGE, RAGGED, SEQUENCE, Spec

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
    Case({"adaptive_avg_pool1d": 3}, SERIES),
    Case({"adaptive_avg_pool1d": 3}, STEPS),
    Case({"adaptive_max_pool1d": 2}, SERIES),
    Case({"adaptive_avg_pool2d": [2, 3]}, PHOTO),
    Case({"adaptive_max_pool2d": 3}, PHOTO),
    Case({"adaptive_avg_pool3d": [2, 3, 1]}, SCAN),
    Case({"adaptive_max_pool3d": 2}, SCAN),
)

SHAPES = (
    Case({"upsample": 2}, SERIES),
    Case({"upsample": {"scale_factor": 3, "mode": "linear"}}, SERIES),
    Case({"upsample": {"scale_factor": 2, "mode": "linear", "align_corners": True}}, STEPS),
    Case({"upsample": [2, 3]}, PHOTO),
    Case({"upsample": {"scale_factor": 2, "mode": "bilinear", "align_corners": True}}, PHOTO),
    Case({"upsample": {"scale_factor": 2, "mode": "bicubic"}}, PHOTO),
    Case({"upsample": {"scale_factor": 2, "mode": "trilinear"}}, SCAN),
    Case({"pixel_shuffle": 2}, PHOTO),
    Case({"pixel_unshuffle": 3}, Spec(IMAGE, (2, 6, 9))),
    Case({"pad": 1}, SERIES),
    Case({"pad": [[2, 0]]}, SERIES),
    Case({"pad": {"padding": [1, [0, 2]], "padding_mode": "reflect"}}, PHOTO),
    Case({"pad": {"padding": 2, "padding_mode": "circular"}}, STEPS),
    Case({"pad": {"padding": 1, "padding_mode": "replicate"}}, SCAN),
    Case({"position_embedding": "sinusoidal"}, SERIES),
    Case("class_token", SERIES),
    Case("class_token", STEPS),
    Case({"position_embedding": "learned"}, STEPS),
    Case({"position_embedding": {"kind": "learned", "max_length": 12}}, SERIES),
    Case({"sequential": ["one_hot", {"linear": 3}]}, CATEGORY, "one_hot"),  # alone it has no gradient
    Case({"sequential": ["one_hot", {"conv1d": {"out_channels": 3, "kernel_size": 2}}]}, TEXT, "one_hot"),
)
