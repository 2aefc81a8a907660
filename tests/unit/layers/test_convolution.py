"""Exact values of convolutions."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.convolution import Conv1d, Conv2d
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, TOKENS, VECTOR, Spec, Unknown


def ones(module: torch.nn.Module) -> torch.nn.Module:
    """Set all weights to 1, so that a convolution adds up what its window sees."""
    with torch.no_grad():
        for value in module.parameters():
            value.fill_(1.0)
    return module


def sums(layer: Conv1d, *values: float) -> list[float]:
    """What an all-ones filter makes of a sequence of single numbers."""
    module = ones(layer.build(Spec(SEQUENCE, (len(values), 1))))
    return module(torch.tensor(values, dtype=torch.float32).view(1, -1, 1)).flatten().tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # 1 2 3 4 5, filter of three ones
        ({"kernel_size": 3}, [6, 9, 12]),
        ({"kernel_size": 3, "padding": "same"}, [3, 6, 9, 12, 9]),
        ({"kernel_size": 3, "padding": "same", "stride": 2}, [3, 9, 9]),  # centred on 1, 3, 5: as torch with padding 1
        ({"kernel_size": 2, "padding": "same"}, [3, 5, 7, 9, 5]),  # the odd zero at the end
        ({"kernel_size": 4, "padding": "same", "stride": 2}, [6, 14, 9]),  # one zero before, two after
        ({"kernel_size": 3, "padding": "causal"}, [1, 3, 6, 9, 12]),
        ({"kernel_size": 2, "padding": "causal", "dilation": 2}, [1, 2, 4, 6, 8]),
        ({"kernel_size": 3, "padding": 1, "stride": 2}, [3, 9, 9]),
    ],
)
def test_conv1d_padding(options: dict[str, object], expected: list[float]):
    layer = Conv1d.parse({"out_channels": 1, "bias": False, "type": "conv1d", **options})
    assert sums(layer, 1, 2, 3, 4, 5) == expected


def test_conv1d_same_with_even_length_and_stride_is_symmetric_not_tensorflows():
    layer = Conv1d(out_channels=1, kernel_size=3, padding="same", stride=2, bias=False)
    assert sums(layer, 1, 2, 3, 4) == [3, 9]  # TensorFlow pads this at the end only: [6, 7]


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5, 8])
def test_same_gives_ceil_of_length_by_stride(kernel_size: int, stride: int):
    layer = Conv1d(out_channels=1, kernel_size=kernel_size, padding="same", stride=stride)
    for length in range(1, 12):
        assert layer.out_spec(Spec(SEQUENCE, (length, 1))).size("time") == -(-length // stride)


def test_conv1d_row_shorter_than_the_kernel_counts_as_padded_with_zeros():
    layer = Conv1d(out_channels=1, kernel_size=4, bias=False)
    module = ones(layer.build(Spec(SEQUENCE, (RAGGED, 1))))
    out = module(torch.tensor([[[1.0], [2.0]]]), torch.tensor([2]))
    assert out.flatten().tolist() == [3.0]
    assert layer.out_lengths(2) == 1


def test_conv2d_pairs_are_height_and_width():
    layer = Conv2d(out_channels=3, kernel_size=(3, 1), stride=(2, 1), padding=(1, 0))
    assert layer.out_spec(Spec(IMAGE, (2, 8, 6))).sizes == (3, 4, 6)
    assert layer.build(Spec(IMAGE, (2, 8, 6)))(torch.zeros(1, 2, 8, 6)).shape == (1, 3, 4, 6)


def test_conv2d_same_puts_the_odd_zero_below_and_right():
    layer = Conv2d(out_channels=1, kernel_size=2, padding="same", bias=False)
    module = ones(layer.build(Spec(IMAGE, (1, 2, 2))))
    assert_close(module(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])), torch.tensor([[[[10.0, 6.0], [7.0, 4.0]]]]))


def test_conv2d_symmetric_padding_is_torchs_own_module():
    assert type(Conv2d(out_channels=1, kernel_size=3, padding="same").build(Spec(IMAGE, (1, 4, 4)))) is torch.nn.Conv2d


def test_conv2d_depthwise_has_one_filter_per_channel():
    layer = Conv2d(out_channels=6, kernel_size=3, groups=6)
    assert layer.parameter_shapes(Spec(IMAGE, (6, 5, 5))) == {"weight": (6, 1, 3, 3), "bias": (6,)}


def test_sizes_that_are_unknown_stay_unknown():
    channels = Unknown("channels of photo")
    spec = Spec(IMAGE, (channels, Unknown("size of photo"), 8))
    layer = Conv2d(out_channels=4, kernel_size=3)
    assert layer.out_spec(spec).sizes == (4, Unknown("size of photo"), 6)
    assert layer.parameter_shapes(spec)["weight"] == (4, channels, 3, 3)


@pytest.mark.parametrize(
    ("layer", "spec", "message"),
    [
        (Conv2d(out_channels=1, kernel_size=3), Spec(VECTOR, (128,)), r"needs an image \[C, H, W\] and gets a row of numbers \[128\]"),
        (Conv2d(out_channels=1, kernel_size=3), Spec(SEQUENCE, (9, 2)), r"needs an image \[C, H, W\] and gets a sequence \[9, 2\]"),
        (Conv1d(out_channels=1, kernel_size=3), Spec(IMAGE, (1, 9, 9)), r"needs a sequence \[T, F\] and gets an image \[1, 9, 9\]"),
        (Conv2d(out_channels=1, kernel_size=5), Spec(IMAGE, (1, 3, 9)), r"a window of 5 along the height and gets an image \[1, 3, 9\]"),
        (Conv1d(out_channels=1, kernel_size=3, dilation=4), Spec(SEQUENCE, (8, 1)), "a window of 9 along the time"),
        (Conv2d(out_channels=4, kernel_size=1, groups=2), Spec(IMAGE, (3, 9, 9)), "splits the 3 channels it gets into 2 groups"),
        (Conv2d(out_channels=3, kernel_size=1, groups=2), Spec(IMAGE, (4, 9, 9)), "splits its 3 filters into 2 groups"),
    ],
)
def test_what_does_not_fit_is_told_in_words(layer: Conv1d | Conv2d, spec: Spec, message: str):
    with pytest.raises(SpecError, match=message):
        layer.out_spec(spec)


def test_tokens_are_sent_to_embedding():
    with pytest.raises(SpecError) as caught:
        Conv1d(out_channels=1, kernel_size=3).out_spec(Spec(TOKENS, (RAGGED,), kind="index", classes=9))
    assert caught.value.hint == "put embedding before it"


def test_kernel_size_is_required():
    with pytest.raises(ValidationError, match="kernel_size"):
        Conv2d.parse({"type": "conv2d", "out_channels": 3})
