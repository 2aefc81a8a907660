"""Rows of the layer table for the families: narrow ones, which hold what wide ones do."""

from __future__ import annotations

from contract_case import PHOTO, ROW, SERIES, TEXT, Case

from nntrain.specs import IMAGE, Spec

TINY = Spec(IMAGE, (3, 8, 8))
SMALL = Spec(IMAGE, (3, 32, 32))

FAMILIES = (
    Case("perceptron", PHOTO),
    Case({"tab_resnet": {"dim": 4, "num_layers": 1}}, ROW, mixes_rows=True),
    Case({"tab_resnet": {"dim": 4, "num_layers": 2, "dim_hidden": 3, "residual_dropout": 0.0}}, PHOTO, mixes_rows=True),
    Case({"realmlp": [5, 4]}, ROW),
    Case({"realmlp": {"hidden": [5], "variant": "td_s", "activation": "gelu"}}, PHOTO),
    Case({"tabm": {"hidden": [5, 4], "k": 2}}, ROW),
    Case({"tabm": {"hidden": [5, 4], "k": 2, "variant": "full"}}, ROW),
    Case({"ft_transformer": {"dim": 3, "num_layers": 2, "num_heads": 1, "attention_dropout": 0.0}}, ROW),
    Case({"resnet": {"depth": 20, "width": 2}}, TINY),
    Case({"vgg": {"depth": 11, "hidden": [4]}}, SMALL),
    Case({"densenet": {"growth_rate": 1, "stem": "cifar"}}, TINY),
    Case({"mobilenet": {"width_multiplier": 0.1, "stem": "cifar"}}, TINY),
    Case({"efficientnet_lite": {"width_multiplier": 0.1, "depth_multiplier": 0.3}}, SMALL),
    Case({"vit": {"patch_size": 4, "dim": 8, "num_heads": 2, "num_layers": 2}}, TINY),
    Case({"vit": {"patch_size": 2, "dim": 4, "num_heads": 2, "num_layers": 1, "pool": None, "positions": "sinusoidal"}}, TINY),
    Case({"unet": {"channels": 2, "num_levels": 2}}, TINY),
    Case({"unet": {"channels": 2, "num_levels": 1, "up": "upsample"}}, TINY),
    Case({"tcn": [4, 4]}, SERIES),
    Case({"tcn": {"channels": [6, 3], "kernel_size": 2, "pool": None, "dim": 6}}, TEXT),
    Case({"conv_rnn": {"channels": [3, 4], "stride": 4, "hidden_size": 3, "pool": None}}, SERIES),
    Case({"conv_rnn": {"channels": [3], "kernel_size": 2, "stride": 3, "hidden_size": 3, "num_layers": 2, "dim": 4}}, TEXT),
    Case({"textcnn": {"filters": 2, "widths": [1, 2], "dim": 4}}, TEXT),
    Case({"textcnn": {"filters": 2, "widths": [2]}}, SERIES),
)
