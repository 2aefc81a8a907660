"""The same weights give torch's numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.testing import assert_close

from nntrain.layers.layer import Layer
from nntrain.layers.settings import LAYERS
from nntrain.schema import load_class
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, VOLUME, Spec

ROW, STEPS, PHOTO, SCAN = Spec(VECTOR, (6,)), Spec(SEQUENCE, (8, 6)), Spec(IMAGE, (4, 9, 7)), Spec(VOLUME, (4, 5, 6, 7))


def built(tag: str, spec: Spec, **options: object) -> nn.Module:
    """A layer's module."""
    layer = load_class(LAYERS[tag]).parse({"type": tag, **options})
    assert isinstance(layer, Layer)
    return layer.build(spec)


def example(spec: Spec) -> Tensor:
    """Two rows of random numbers."""
    sizes = [size for size in spec.sizes if isinstance(size, int)]
    return torch.randn(2, *sizes)


def over_time(function: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """What torch does to `[B, F, T]`, for `[B, T, F]`."""
    return lambda x: function(x.transpose(1, 2)).transpose(1, 2)


TORCHS: list[tuple[str, Spec, dict[str, object], nn.Module]] = [
    ("conv1d", STEPS, {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": 2}, nn.Conv1d(6, 4, 3, 2, 2)),
    (
        "conv1d",
        STEPS,
        {"out_channels": 4, "kernel_size": 3, "padding": "same", "padding_mode": "circular"},
        nn.Conv1d(6, 4, 3, padding=1, padding_mode="circular"),
    ),
    (
        "conv2d",
        PHOTO,
        {"out_channels": 4, "kernel_size": 4, "padding": "same", "padding_mode": "reflect"},
        nn.Conv2d(4, 4, 4, padding="same", padding_mode="reflect"),
    ),
    ("conv3d", SCAN, {"out_channels": 6, "kernel_size": 3, "groups": 2, "padding": 1}, nn.Conv3d(4, 6, 3, padding=1, groups=2)),
    ("depthwise_conv1d", STEPS, {"kernel_size": 3, "depth_multiplier": 2}, nn.Conv1d(6, 12, 3, groups=6)),
    ("depthwise_conv2d", PHOTO, {"kernel_size": [3, 2], "bias": False}, nn.Conv2d(4, 4, (3, 2), groups=4, bias=False)),
    (
        "conv_transpose1d",
        STEPS,
        {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": "same"},
        nn.ConvTranspose1d(6, 4, 3, 2, padding=1, output_padding=1),
    ),
    (
        "conv_transpose2d",
        PHOTO,
        {"out_channels": 4, "kernel_size": 4, "stride": 2, "padding": "same"},
        nn.ConvTranspose2d(4, 4, 4, 2, padding=1),
    ),
    (
        "conv_transpose3d",
        SCAN,
        {"out_channels": 4, "kernel_size": 3, "stride": [1, 2, 2], "padding": 1, "output_padding": [0, 1, 0], "groups": 2},
        nn.ConvTranspose3d(4, 4, 3, (1, 2, 2), 1, (0, 1, 0), groups=2),
    ),
    ("max_pool3d", SCAN, {"kernel_size": 2, "stride": 1, "padding": 1}, nn.MaxPool3d(2, 1, 1)),
    ("avg_pool3d", SCAN, {"kernel_size": [2, 3, 2]}, nn.AvgPool3d((2, 3, 2))),
    ("lp_pool1d", STEPS, {"kernel_size": 3}, nn.LPPool1d(2, 3)),
    ("lp_pool2d", PHOTO, {"kernel_size": 2, "stride": 1, "norm_type": 4.0}, nn.LPPool2d(4, 2, 1)),
    ("adaptive_avg_pool2d", PHOTO, {"output_size": [2, 3]}, nn.AdaptiveAvgPool2d((2, 3))),
    ("adaptive_max_pool1d", STEPS, {"output_size": 3}, nn.AdaptiveMaxPool1d(3)),
    ("group_norm", PHOTO, {"num_groups": 2}, nn.GroupNorm(2, 4)),
    ("group_norm", STEPS, {"num_groups": 3}, nn.GroupNorm(3, 6)),
    ("instance_norm", PHOTO, {"affine": True}, nn.InstanceNorm2d(4, affine=True)),
    ("instance_norm", STEPS, {}, nn.InstanceNorm1d(6)),
    ("batch_norm", SCAN, {}, nn.BatchNorm3d(4)),
    ("local_response_norm", PHOTO, {"size": 3, "alpha": 0.5}, nn.LocalResponseNorm(3, 0.5)),
    ("local_response_norm", STEPS, {"size": 3, "alpha": 0.5}, nn.LocalResponseNorm(3, 0.5)),
    ("prelu", PHOTO, {"per_channel": True}, nn.PReLU(4)),
    ("prelu", STEPS, {"per_channel": True, "init": 0.1}, nn.PReLU(6, 0.1)),
    ("glu", PHOTO, {}, nn.GLU(1)),
    ("glu", STEPS, {}, nn.GLU(1)),
    ("upsample", PHOTO, {"scale_factor": [2, 3], "mode": "bilinear"}, nn.Upsample(scale_factor=(2, 3), mode="bilinear")),
    (
        "upsample",
        STEPS,
        {"scale_factor": 2, "mode": "linear", "align_corners": True},
        nn.Upsample(scale_factor=2, mode="linear", align_corners=True),
    ),
    ("upsample", SCAN, {"scale_factor": 2}, nn.Upsample(scale_factor=2)),
]


@pytest.mark.parametrize(("tag", "spec", "options", "theirs"), TORCHS, ids=lambda value: value if isinstance(value, str) else "")
def test_same_weights_same_numbers(tag: str, spec: Spec, options: dict[str, object], theirs: nn.Module):
    ours = built(tag, spec, **options)
    ours.load_state_dict(theirs.state_dict())
    x = example(spec)
    assert_close(ours(x), (over_time(theirs) if spec.axes == SEQUENCE else theirs)(x))


ALONE: list[tuple[str, Spec, dict[str, object], Callable[[Tensor], Tensor]]] = [
    ("reglu", ROW, {}, lambda x: functional.relu(x[:, :3]) * x[:, 3:]),
    ("geglu", ROW, {}, lambda x: functional.gelu(x[:, :3]) * x[:, 3:]),
    ("swiglu", PHOTO, {}, lambda x: functional.silu(x[:, :2]) * x[:, 2:]),
    ("maxout", ROW, {"pieces": 3}, lambda x: torch.stack([x[:, :3].amax(1), x[:, 3:].amax(1)], 1)),
    ("normalize", PHOTO, {}, lambda x: functional.normalize(x, dim=1)),
    ("pad", PHOTO, {"padding": [1, [0, 2]]}, lambda x: functional.pad(x, (0, 2, 1, 1))),
    ("pixel_shuffle", PHOTO, {"upscale_factor": 2}, lambda x: functional.pixel_shuffle(x, 2)),
    ("hardtanh", ROW, {"min_val": -0.5, "max_val": 0.25}, lambda x: x.clamp(-0.5, 0.25)),
    ("celu", ROW, {"alpha": 2.0}, lambda x: functional.celu(x, 2.0)),
    ("softplus", ROW, {"beta": 3.0}, lambda x: functional.softplus(x, 3.0)),
    ("rms_norm", STEPS, {"eps": 1e-3}, lambda x: x / (x.square().mean(2, keepdim=True) + 1e-3).sqrt()),
    ("rms_norm", PHOTO, {"eps": 1e-3}, lambda x: x / (x.square().mean(1, keepdim=True) + 1e-3).sqrt()),
]


@pytest.mark.parametrize(("tag", "spec", "options", "function"), ALONE, ids=lambda value: value if isinstance(value, str) else "")
def test_known_functions(tag: str, spec: Spec, options: dict[str, object], function: Callable[[Tensor], Tensor]):
    x = example(spec)
    assert_close(built(tag, spec, **options)(x), function(x))


def test_separable_is_depthwise_then_pointwise_with_one_offset():
    ours = built("separable_conv2d", PHOTO, out_channels=5, kernel_size=3, depth_multiplier=2)
    weights = dict(ours.named_parameters())
    assert list(weights) == ["depthwise.weight", "pointwise.weight", "pointwise.bias"]
    x = example(PHOTO)
    middle = functional.conv2d(x, weights["depthwise.weight"], groups=4)
    assert_close(ours(x), functional.conv2d(middle, weights["pointwise.weight"], weights["pointwise.bias"]))


def test_squeeze_excite_weighs_channels_by_their_means():
    ours = built("squeeze_excite", PHOTO, reduction=2)
    weights = dict(ours.named_parameters())
    x = example(PHOTO)
    hidden = functional.linear(x.mean((2, 3)), weights["squeeze.weight"], weights["squeeze.bias"]).relu()
    gate = functional.linear(hidden, weights["excite.weight"], weights["excite.bias"]).sigmoid()
    assert_close(ours(x), x * gate[:, :, None, None])


def test_sinusoidal_positions_are_the_papers():
    out, _ = built("position_embedding", Spec(SEQUENCE, (50, 6)), kind="sinusoidal")(torch.zeros(1, 50, 6))
    expected = [torch.tensor(7 / 10000 ** (2 * i / 6)) for i in range(3)]
    assert_close(out[0, 7], torch.stack([wave for angle in expected for wave in (angle.sin(), angle.cos())]))
