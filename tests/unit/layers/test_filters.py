"""Convolutions of every kind: sizes, the future that a causal one doesn't see, weights that others express, and refusals."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.testing import assert_close

from nntrain.errors import SpecError
from nntrain.layers.convolution import Conv1d, Conv2d, Conv3d
from nntrain.layers.initialization import Constant, HeNormal, Orthogonal
from nntrain.layers.layer import Layer
from nntrain.layers.normalization import GroupNorm
from nntrain.layers.program import Program
from nntrain.layers.scope import Draft, Scope
from nntrain.layers.separable import DepthwiseConv1d, DepthwiseConv2d
from nntrain.layers.squeezing import SqueezeExcite
from nntrain.layers.transposed import ConvTranspose1d, ConvTranspose2d
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VOLUME, Spec, Unknown

STEPS = Spec(SEQUENCE, (8, 6))


@pytest.mark.parametrize("dilation", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 4, 5, 8])
def test_transposed_same_gives_n_times_stride_and_reverses_the_convolution(kernel_size: int, stride: int, dilation: int):
    """It is the transpose of the `same` convolution: <conv(x), y> = <x, conv_transpose(y)> for shared weights."""
    grow = ConvTranspose1d(out_channels=2, kernel_size=kernel_size, stride=stride, padding="same", dilation=dilation, bias=False)
    shrink = Conv1d(out_channels=3, kernel_size=kernel_size, stride=stride, padding="same", dilation=dilation, bias=False)
    short, long = Spec(SEQUENCE, (5, 3)), Spec(SEQUENCE, (5 * stride, 2))
    assert grow.out_spec(short).sizes == (5 * stride, 2)
    up, down = grow.build(short).double(), shrink.build(long).double()
    up.load_state_dict(down.state_dict())
    x, y = torch.randn(1, 5 * stride, 2).double(), torch.randn(1, 5, 3).double()
    assert up(y).shape == x.shape
    assert_close((down(x) * y).sum(), (x * up(y)).sum())


@pytest.mark.parametrize(
    "layer",
    [
        Conv1d(out_channels=4, kernel_size=3, padding="causal", dilation=2),
        Conv1d(out_channels=4, kernel_size=3, padding="causal", weight_norm=True),
        Conv1d(out_channels=4, kernel_size=3, padding="causal", padding_mode="replicate"),
        DepthwiseConv1d(kernel_size=3, padding="causal"),
    ],
    ids=Layer.describe,
)
def test_causal_sees_no_future(layer: Layer):
    module = layer.build(STEPS)
    x = torch.randn(1, 8, 6)
    changed = x.clone()
    changed[:, 5:] = 100.0
    before, after = module(x), module(changed)
    assert_close(after[:, :5], before[:, :5], rtol=0, atol=0)
    assert not torch.equal(after[:, 5:], before[:, 5:])


def program(layer: Layer, spec: Spec) -> Program:
    """A program of one layer, with its initializer."""
    draft = Draft(root=(), fields={"x": spec})
    scope = Scope(draft, ())
    output = scope.place(layer, scope.input("x", spec))
    return Program(inputs={"x": spec}, steps=tuple(draft.steps.values()), outputs={"y": output})


def test_weight_norm_begins_at_the_initialized_weight():
    network = program(Conv1d(out_channels=4, kernel_size=3, weight_norm=True, initializer=Orthogonal()), STEPS).build()
    [convolution] = [module for module in network.modules() if isinstance(module, nn.Conv1d)]
    weight = convolution.weight.flatten(1)
    assert_close(weight @ weight.T, torch.eye(4))  # orthogonal filters of length 1
    parameters = dict(convolution.named_parameters())
    assert_close(parameters["parametrizations.weight.original0"].flatten(), torch.ones(4))


def test_spectral_norm_follows_the_initialized_weight():
    torch.manual_seed(0)
    network = program(Conv2d(out_channels=6, kernel_size=3, spectral_norm=True, initializer=HeNormal()), Spec(IMAGE, (4, 8, 8))).build()
    [convolution] = [module for module in network.eval().modules() if isinstance(module, nn.Conv2d)]
    assert torch.linalg.matrix_norm(convolution.weight.flatten(1), 2).item() == pytest.approx(1.0, abs=0.05)


def test_initializers_reach_expressed_weights_by_their_written_name():
    layer = Conv1d(
        out_channels=4, kernel_size=3, weight_norm=True, initializer={"weight": Constant(value=0.5), "bias": Constant(value=2.0)}
    )
    network = program(layer, STEPS).build()
    [convolution] = [module for module in network.modules() if isinstance(module, nn.Conv1d)]
    assert_close(convolution.weight, torch.full((4, 6, 3), 0.5))
    assert convolution.bias is not None
    assert_close(convolution.bias, torch.full((4,), 2.0))


def test_unknown_sizes_stay_unknown():
    channels = Unknown("channels of scan")
    spec = Spec(VOLUME, (channels, Unknown("size of scan"), 8, 8))
    assert Conv3d(out_channels=4, kernel_size=3).out_spec(spec).sizes == (4, Unknown("size of scan"), 6, 6)
    image = Spec(IMAGE, (channels, 8, 8))
    depthwise = DepthwiseConv2d(kernel_size=3, depth_multiplier=2)
    assert depthwise.out_spec(image).sizes == (channels, 6, 6)
    assert depthwise.parameter_shapes(image)["weight"] == (channels, 1, 3, 3)
    assert GroupNorm(num_groups=2).model_copy(update={"num_groups": channels}).out_spec(image).sizes == (channels, 8, 8)
    assert SqueezeExcite().model_copy(update={"reduction": channels}).out_spec(image).sizes == (channels, 8, 8)
    asked = Conv2d(out_channels=4, kernel_size=3).model_copy(update={"out_channels": Unknown("features"), "groups": channels})
    assert asked.out_spec(image).sizes == (Unknown("features"), 6, 6)
    assert asked.parameter_shapes(image)["weight"] == (Unknown("features"), 1, 3, 3)


@pytest.mark.parametrize(
    ("layer", "spec", "message"),
    [
        (Conv3d(out_channels=1, kernel_size=3), Spec(IMAGE, (1, 9, 9)), r"needs a volume \[C, D, H, W\] and gets an image"),
        (Conv2d(out_channels=1, kernel_size=3), Spec(VOLUME, (1, 9, 9, 9)), r"needs an image \[C, H, W\] and gets a volume"),
        (ConvTranspose1d(out_channels=1, kernel_size=2, padding=3), Spec(SEQUENCE, (RAGGED, 2)), "of which nothing is left"),
        (ConvTranspose2d(out_channels=3, kernel_size=2, groups=2), Spec(IMAGE, (4, 3, 3)), "splits its 3 filters into 2 groups"),
        (
            Conv1d(out_channels=1, kernel_size=3, padding="same", padding_mode="reflect"),
            Spec(SEQUENCE, (RAGGED, 2)),
            "where lengths differ by row",
        ),
        (Conv2d(out_channels=1, kernel_size=7, padding="same", padding_mode="reflect"), Spec(IMAGE, (1, 3, 9)), "takes at most 2 of"),
    ],
)
def test_what_does_not_fit_is_told_in_words(layer: Layer, spec: Spec, message: str):
    with pytest.raises(SpecError, match=message):
        layer.out_spec(spec)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding_mode": "reflect"}, "no effect without padding"),
        ({"padding": "causal", "padding_mode": "circular"}, "sees no later step"),
        ({"weight_norm": True, "spectral_norm": True}, "takes one of them"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        Conv1d.parse({"type": "conv1d", "out_channels": 2, "kernel_size": 3, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "same", "output_padding": 1, "stride": 2}, "no effect: padding: same"),
        ({"output_padding": 2, "stride": 2}, "below the stride"),
    ],
)
def test_output_padding_has_an_effect_or_is_refused(options: dict[str, object], message: str):
    with pytest.raises(ValidationError, match=message):
        ConvTranspose2d.parse({"type": "conv_transpose2d", "out_channels": 2, "kernel_size": 3, **options})
