"""`rearrange`: shapes without torch, numbers as einops has them, and patterns that mean nothing."""

from __future__ import annotations

import pytest
import torch
from einops import rearrange
from pydantic import ValidationError

from nntrain.errors import SpecError
from nntrain.layers.rearranging import Rearrange
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, VOLUME, Spec, Unknown

PHOTO = Spec(IMAGE, (3, 12, 18))


def layer(pattern: str) -> Rearrange:
    return Rearrange.parse({"type": "rearrange", "pattern": pattern})


def test_patches_of_an_image():
    x = torch.randn(2, 3, 12, 18)
    patches = layer("c (h 6) (w 6) -> (h w) (6 6 c)")
    assert patches.out_spec(PHOTO) == Spec(SEQUENCE, (6, 108))
    assert torch.equal(patches.build(PHOTO)(x), rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=6, q=6))


def test_an_image_becomes_a_sequence_a_row_and_a_volume():
    assert layer("c h w -> (h w) c").out_spec(PHOTO) == Spec(SEQUENCE, (216, 3))
    assert layer("c h w -> (c h w)").out_spec(PHOTO) == Spec(VECTOR, (648,))
    assert layer("c h (d 9) -> c d h 9").out_spec(PHOTO) == Spec(VOLUME, (3, 2, 12, 9))


def test_numbers_stand_for_equal_numbers_in_order():
    x = torch.randn(2, 3, 12, 18)
    turned = layer("c (h 2) (w 3) -> h w (3 2 c)")
    assert torch.equal(turned.build(PHOTO)(x), rearrange(x, "b c (h p) (w q) -> b h w (q p c)", p=2, q=3))


def test_unknown_sizes_stay_unknown_and_steps_stay_ragged():
    features = Unknown("features")
    assert layer("(a 2) -> a 2").out_spec(Spec(VECTOR, (features,))) == Spec(SEQUENCE, (features, 2))
    assert layer("t (a 2) -> t (2 a)").out_spec(Spec(SEQUENCE, (RAGGED, 6))) == Spec(SEQUENCE, (RAGGED, 6))


@pytest.mark.parametrize("pattern", ["t f -> f t", "t f -> (t f)", "(a 2) f -> a (2 f)", "t (f 2) -> f t 2"])
def test_steps_whose_number_differs_by_row_stay_in_place(pattern: str):
    with pytest.raises(SpecError, match="whose number differs by row"):
        layer(pattern).out_spec(Spec(SEQUENCE, (RAGGED, 6)))


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("c (h 5) w -> (h w) (5 c)", r"splits 12 into \(h 5\), and gets an image \[3, 12, 18\]"),
        ("c (h p) w -> (h w) (p c)", "splits an axis into h and p, and can't tell how"),
        ("h w -> w h", "takes 2 axes, and gets an image"),
    ],
)
def test_what_does_not_fit_is_told(pattern: str, told: str):
    with pytest.raises(SpecError, match=told):
        layer(pattern).out_spec(PHOTO)


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("c h w", "has no ->"),
        ("c h w -> c h", "has w on one side only"),
        ("c (h 6) w -> c h w", "has 6 on one side only"),
        ("c c w -> c w", "names c twice on one side"),
        ("c (h w -> c h w", "has a bracket without its other one"),
        ("b ... -> ... b", "which is neither the name of an axis nor a number"),
    ],
)
def test_what_is_no_pattern_is_told(pattern: str, told: str):
    with pytest.raises(ValidationError, match=told):
        layer(pattern)
