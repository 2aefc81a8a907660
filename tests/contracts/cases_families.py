"""Rows of the layer table for the families: narrow ones, which hold what wide ones do."""

from __future__ import annotations

from contract_case import PHOTO, Case

from nntrain.specs import IMAGE, Spec

TINY = Spec(IMAGE, (3, 8, 8))
SMALL = Spec(IMAGE, (3, 32, 32))

FAMILIES = (
    Case("perceptron", PHOTO),
    Case({"resnet": {"depth": 20, "width": 2}}, TINY),
    Case({"vgg": {"depth": 11, "hidden": [4]}}, SMALL),
    Case({"densenet": {"growth_rate": 1, "stem": "cifar"}}, TINY),
    Case({"mobilenet": {"width_multiplier": 0.1, "stem": "cifar"}}, TINY),
    Case({"unet": {"channels": 2, "num_levels": 2}}, TINY),
    Case({"unet": {"channels": 2, "num_levels": 1, "up": "upsample"}}, TINY),
)
