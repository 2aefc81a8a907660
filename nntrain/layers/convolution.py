"""Convolutions over sequences and images. Padding by name holds for any stride (see `windows`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import L, Layer, Need
from nntrain.layers.windows import Pair, PixelPair, Pixels, Window, need_image, need_sequence, pair, window
from nntrain.specs import IMAGE, SEQUENCE, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Conv1d(Layer):
    """Convolution along time: [B, T, F] -> [B, T', out_channels]. The padding of shorter rows is read as zeros, like the border."""

    main: ClassVar[str | None] = "out_channels"
    sized: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["conv1d"] = "conv1d"
    out_channels: PositiveInt
    """Number of filters: the features that come out."""
    kernel_size: PositiveInt
    """Steps that one filter sees."""
    stride: PositiveInt = 1
    """Steps from one window to the next."""
    padding: Pixels | Literal["same", "causal"] = 0
    """Zeros at both ends; `same` gives ceil(T / stride) steps, the odd zero at the end; `causal` pads the past only."""
    dilation: PositiveInt = 1
    """Steps between two points of a filter."""
    groups: PositiveInt = 1
    """Parts into which features and filters are split; each part of the filters sees its part of the features."""
    bias: bool = True
    """Whether to add a learned offset per filter."""

    @property
    def window(self) -> Window:
        """How the filters slide along time."""
        return window(self.kernel_size, self.stride, self.padding, self.dilation)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        time, features = spec.sizes
        _check_groups(features, self.out_channels, self.groups)
        return Spec(SEQUENCE, (self.window.out_size(time, "time", spec), self.out_channels))

    def out_lengths(self, lengths: L) -> L:
        return self.window.count(lengths)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _shapes(spec.size("feature"), self.out_channels, self.groups, (self.kernel_size,), bias=self.bias)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.convolution import SequenceConv1d

        return SequenceConv1d(
            known(spec.size("feature")),
            self.out_channels,
            self.kernel_size,
            stride=self.stride,
            dilation=self.dilation,
            groups=self.groups,
            bias=self.bias,
            pads=self.window.pads,
        )


class Conv2d(Layer):
    """Convolution over an image: [B, C, H, W] -> [B, out_channels, H', W']."""

    main: ClassVar[str | None] = "out_channels"
    sized: ClassVar[bool] = True

    type: Literal["conv2d"] = "conv2d"
    out_channels: PositiveInt
    """Number of filters: the channels that come out."""
    kernel_size: Pair
    """Pixels that one filter sees; a number, or [height, width]."""
    stride: Pair = 1
    """Pixels from one window to the next; a number, or [height, width]."""
    padding: PixelPair | Literal["same"] = 0
    """Zeros on each side, a number or [height, width]; `same` gives ceil(H / stride), the odd zero at the end."""
    dilation: Pair = 1
    """Pixels between two points of a filter; a number, or [height, width]."""
    groups: PositiveInt = 1
    """Parts into which channels and filters are split; each part of the filters sees its part of the channels."""
    bias: bool = True
    """Whether to add a learned offset per filter."""

    @property
    def windows(self) -> tuple[Window, Window]:
        """How the filters slide along the height and the width."""
        padding = ("same", "same") if self.padding == "same" else pair(self.padding)
        height, width = zip(pair(self.kernel_size), pair(self.stride), padding, pair(self.dilation), strict=True)
        return window(*height), window(*width)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_image(spec)
        channels, height, width = spec.sizes
        _check_groups(channels, self.out_channels, self.groups)
        down, across = self.windows
        return Spec(IMAGE, (self.out_channels, down.out_size(height, "height", spec), across.out_size(width, "width", spec)))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _shapes(spec.size("channel"), self.out_channels, self.groups, pair(self.kernel_size), bias=self.bias)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.convolution import PaddedConv2d

        down, across = self.windows
        channels, kernel = known(spec.size("channel")), pair(self.kernel_size)
        options: dict[str, Any] = {"stride": pair(self.stride), "dilation": pair(self.dilation), "groups": self.groups, "bias": self.bias}
        if down.is_symmetric and across.is_symmetric:
            return nn.Conv2d(channels, self.out_channels, kernel, padding=(down.before, across.before), **options)
        return PaddedConv2d(channels, self.out_channels, kernel, pads=(*across.pads, *down.pads), **options)


def _check_groups(channels: Size, filters: int, groups: int) -> None:
    if filters % groups:
        raise SpecError(
            f"splits its {filters} filters into {groups} groups of one size, which doesn't work out", hint=_groups_hint(filters)
        )
    if isinstance(channels, int) and channels % groups:
        raise SpecError(
            f"splits the {channels} channels it gets into {groups} groups of one size, which doesn't work out", hint=_groups_hint(channels)
        )


def _groups_hint(channels: int) -> str:
    divisors = [n for n in range(1, channels + 1) if channels % n == 0]
    return "groups divides both: " + ", ".join(map(str, divisors[:12])) + (" …" if len(divisors) > 12 else "")


def _shapes(channels: Size, filters: int, groups: int, kernel: tuple[int, ...], *, bias: bool) -> dict[str, tuple[Size, ...]]:
    weight = (filters, channels // groups if isinstance(channels, int) else channels, *kernel)
    return {"weight": weight, "bias": (filters,)} if bias else {"weight": weight}
