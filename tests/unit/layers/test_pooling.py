"""Exact values of pools."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.global_pooling import GlobalAvgPool, GlobalMaxPool, Pool
from nntrain.layers.pooling import AvgPool1d, AvgPool2d, MaxPool1d, MaxPool2d
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec

RAGGED_ONE = Spec(SEQUENCE, (RAGGED, 1))

# rows of 2 and 4 true steps; what lies beyond the first row's length must not matter
X = torch.tensor([[1.0, 3.0, math.inf, -math.inf], [4.0, -2.0, 6.0, 8.0]]).unsqueeze(2)
LENGTHS = torch.tensor([2, 4])


@pytest.mark.parametrize(("how", "expected"), [("last", [3, 8]), ("first", [1, 4]), ("mean", [2, 4]), ("max", [3, 8]), ("sum", [4, 16])])
def test_pool_sees_true_steps_only(how: str, expected: list[float]):
    module = Pool.parse({"type": "pool", "how": how}).build(RAGGED_ONE)
    assert module(X, LENGTHS).flatten().tolist() == expected


def test_pool_last_of_both_directions_ends_where_each_ends():
    module = Pool(how="last").build(Spec(SEQUENCE, (RAGGED, 2), directions=2))
    x = torch.tensor([[[1.0, 10.0], [2.0, 20.0], [9.0, 90.0]]])
    assert module(x, torch.tensor([2])).tolist() == [[2.0, 10.0]]  # forward at the last true step, backward at the first
    assert module(x).tolist() == [[9.0, 10.0]]


def test_pool_attention_weighs_by_softmax_of_scores():
    module = Pool(how="attention").build(RAGGED_ONE)
    with torch.no_grad():
        module.score.weight.fill_(1.0)
    expected = (1 * math.e + 3 * math.e**3) / (math.e + math.e**3)
    assert_close(module(X, LENGTHS)[0], torch.tensor([expected]))


def test_pool_refuses_what_has_no_steps():
    with pytest.raises(SpecError, match=r"needs a sequence \[T, F\] and gets a row of numbers \[6\]"):
        Pool(how="mean").out_spec(Spec(VECTOR, (6,)))


def test_max_pool1d_of_ragged_rows():
    layer = MaxPool1d(kernel_size=2)
    out = layer.build(RAGGED_ONE)(X, LENGTHS)
    assert out.flatten(1).tolist() == [[3.0, 0.0], [4.0, 8.0]]
    assert layer.out_lengths(LENGTHS).tolist() == [1, 2]


def test_max_pool1d_padding_never_wins():
    out = MaxPool1d(kernel_size=2, stride=1, padding="same").build(RAGGED_ONE)(-torch.ones(1, 3, 1))
    assert out.flatten().tolist() == [-1.0, -1.0, -1.0]


def test_avg_pool1d_padding_counts_as_zeros():
    out = AvgPool1d(kernel_size=3, stride=2, padding=1).build(RAGGED_ONE)(torch.full((1, 3, 1), 3.0))
    assert out.flatten().tolist() == [2.0, 2.0]


def test_max_pool2d_same_gives_ceil_and_pads_below_and_right():
    image = torch.tensor([[[[-1.0, -2.0, -3.0], [-4.0, -5.0, -6.0], [-7.0, -8.0, -9.0]]]])
    layer = MaxPool2d(kernel_size=2, stride=2, padding="same")
    assert layer.out_spec(Spec(IMAGE, (1, 3, 3))).sizes == (1, 2, 2)
    assert_close(layer.build(Spec(IMAGE, (1, 3, 3)))(image), torch.tensor([[[[-1.0, -3.0], [-7.0, -9.0]]]]))


def test_pool_stride_is_the_kernel_by_default():
    assert AvgPool2d(kernel_size=(2, 3)).out_spec(Spec(IMAGE, (4, 9, 9))).sizes == (4, 4, 3)


@pytest.mark.parametrize("options", [{"kernel_size": 2, "padding": 2}, {"kernel_size": 3, "padding": 2}])
def test_pool_pads_at_most_half_a_kernel(options: dict[str, int]):
    with pytest.raises(ValidationError, match="at most half of its kernel_size"):
        MaxPool1d.parse({"type": "max_pool1d", **options})
    with pytest.raises(ValidationError, match="at most half of its kernel_size"):
        AvgPool2d.parse({"type": "avg_pool2d", **options})


def test_pool_window_larger_than_the_image():
    with pytest.raises(SpecError, match=r"a window of 4 along the width and gets an image \[1, 8, 3\], only 3 with padding"):
        MaxPool2d(kernel_size=4).out_spec(Spec(IMAGE, (1, 8, 3)))


def test_global_pools_leave_channels_or_features():
    image = torch.arange(8.0).view(1, 2, 2, 2)
    assert GlobalAvgPool().build(Spec(IMAGE, (2, 2, 2)))(image).tolist() == [[1.5, 5.5]]
    assert GlobalMaxPool().build(Spec(IMAGE, (2, 2, 2)))(image).tolist() == [[3.0, 7.0]]
    assert GlobalAvgPool().build(RAGGED_ONE)(X, LENGTHS).tolist() == [[2.0], [4.0]]
    assert GlobalMaxPool().build(RAGGED_ONE)(X, LENGTHS).tolist() == [[3.0], [8.0]]


def test_global_pools_refuse_a_row_of_numbers():
    with pytest.raises(SpecError, match=r"gets a row of numbers \[6\]"):
        GlobalAvgPool().out_spec(Spec(VECTOR, (6,)))
