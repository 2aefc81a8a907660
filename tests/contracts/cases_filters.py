"""Rows for convolutions of every kind."""

from __future__ import annotations

from contract_case import PHOTO, SCAN, SERIES, STEPS, Case

CONVOLUTIONS = (
    Case({"conv1d": {"out_channels": 4, "kernel_size": 3}}, SERIES),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 4, "padding": "same", "bias": False}}, SERIES),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "stride": 2}}, SERIES),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "causal", "dilation": 2}}, SERIES),
    Case({"conv1d": {"out_channels": 6, "kernel_size": 3, "padding": 2, "stride": 3, "groups": 3}}, SERIES),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "causal", "weight_norm": True}}, SERIES),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 4, "padding": "same", "padding_mode": "reflect"}}, STEPS),
    Case({"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "causal", "padding_mode": "replicate"}}, STEPS),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 3}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": [3, 2], "padding": "same", "stride": 2}}, PHOTO),
    Case({"conv2d": {"out_channels": 6, "kernel_size": 3, "padding": [1, 0], "stride": [1, 2], "groups": 2, "bias": False}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 2, "dilation": 2}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 3, "padding": "same", "padding_mode": "circular"}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 2, "padding": "same", "padding_mode": "replicate"}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 3, "weight_norm": True}}, PHOTO),
    Case({"conv2d": {"out_channels": 4, "kernel_size": 3, "spectral_norm": True, "bias": False}}, PHOTO),
    Case({"conv3d": {"out_channels": 4, "kernel_size": 3}}, SCAN),
    Case({"conv3d": {"out_channels": 4, "kernel_size": [2, 3, 1], "padding": "same", "stride": [1, 2, 3]}}, SCAN),
    Case({"conv3d": {"out_channels": 4, "kernel_size": 2, "padding": [1, 0, 1], "groups": 2, "dilation": 2}}, SCAN),
    Case({"depthwise_conv1d": 3}, SERIES),
    Case({"depthwise_conv1d": {"kernel_size": 4, "padding": "causal", "depth_multiplier": 2}}, SERIES),
    Case({"depthwise_conv2d": {"kernel_size": 3, "padding": "same", "stride": 2, "bias": False}}, PHOTO),
    Case({"depthwise_conv2d": {"kernel_size": [2, 3], "padding": "same", "depth_multiplier": 3, "weight_norm": True}}, PHOTO),
    Case({"separable_conv1d": {"out_channels": 5, "kernel_size": 3, "padding": "same", "stride": 2}}, SERIES),
    Case({"separable_conv2d": {"out_channels": 5, "kernel_size": 3, "padding": 1, "depth_multiplier": 2, "bias": False}}, PHOTO),
    Case({"separable_conv2d": {"out_channels": 5, "kernel_size": 2, "padding": "same", "padding_mode": "reflect"}}, PHOTO),
    Case({"conv_transpose1d": {"out_channels": 4, "kernel_size": 3}}, SERIES),
    Case({"conv_transpose1d": {"out_channels": 4, "kernel_size": 4, "padding": "same", "stride": 2}}, SERIES),
    Case({"conv_transpose1d": {"out_channels": 4, "kernel_size": 2, "padding": "same"}}, SERIES),
    Case({"conv_transpose1d": {"out_channels": 4, "kernel_size": 5, "stride": 3, "padding": 2, "output_padding": 1, "groups": 2}}, SERIES),
    Case({"conv_transpose2d": {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 1, "output_padding": [1, 0]}}, PHOTO),
    Case({"conv_transpose2d": {"out_channels": 4, "kernel_size": [4, 3], "stride": [2, 3], "padding": "same", "bias": False}}, PHOTO),
    Case({"conv_transpose2d": {"out_channels": 4, "kernel_size": 2, "padding": "same", "weight_norm": True}}, PHOTO),
    Case({"conv_transpose2d": {"out_channels": 4, "kernel_size": 3, "spectral_norm": True}}, PHOTO),
    Case({"conv_transpose3d": {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": "same"}}, SCAN),
    Case({"conv_transpose3d": {"out_channels": 4, "kernel_size": 2, "padding": "same", "dilation": 3}}, SCAN),
)
