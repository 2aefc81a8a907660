"""Transposed convolutions: filters that spread each point over a window, so that sequences, images and volumes grow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import L, Need
from nntrain.layers.requirements import channel_axis, need_known
from nntrain.layers.sliding import Reparametrized, check_groups, per_group
from nntrain.layers.windows import Pair, PixelPair, Pixels, PixelTriple, Triple, need_axes, spatial_axes, spread
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Axes, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True)
class Spreading:
    """How one axis grows: torch's padding leaves points out at both ends, `extra` adds some at the end, `crop` leaves more out."""

    kernel: int
    stride: int
    dilation: int
    padding: int
    extra: int
    crop: int = 0

    def count(self, size: L) -> L:
        """Points that come out of some; none of none."""
        grown = (size - 1) * self.stride + self.dilation * (self.kernel - 1) + 1 - 2 * self.padding + self.extra - self.crop
        return grown * (size > 0)


def spreading(kernel: int, stride: int, padding: int | Literal["same"], dilation: int, extra: int) -> Spreading:
    """Resolve the options of one axis.

    `same` gives n * stride points: the reverse of a convolution with `padding: same` and this stride (see `windows.window`), and
    what `padding=(kernel_size - 1) // 2, output_padding=stride - 1` gives in torch for an odd kernel.
    """
    if padding != "same":
        return Spreading(kernel, stride, dilation, padding, extra)
    around = dilation * (kernel - 1)
    rest = stride - 1 - around % 2
    return Spreading(kernel, stride, dilation, around // 2, max(rest, 0), max(-rest, 0))


class Transposed(Reparametrized):
    """A transposed convolution. With `weight_norm` each incoming channel has a length of its own, as in torch."""

    main: ClassVar[str | None] = "out_channels"
    sized: ClassVar[bool] = True
    axes: ClassVar[Axes]

    out_channels: PositiveInt
    """Number of filters: the channels (of a sequence, the features) that come out."""
    groups: PositiveInt = 1
    """Parts into which channels and filters are split; each part of the filters sees its part of the channels."""
    bias: bool = True
    """Whether to add a learned offset per filter."""

    @property
    def spreadings(self) -> tuple[Spreading, ...]:
        """How each axis grows."""
        raise NotImplementedError

    @property
    def looks_ahead(self) -> bool:
        """Points that are left out at the start move what is behind them to the front."""
        return any(axis.padding > 0 for axis in self.spreadings)

    @model_validator(mode="after")
    def _extra_is_below_stride(self) -> Self:
        for axis in self.spreadings:
            if axis.extra and axis.extra >= max(axis.stride, axis.dilation):
                raise PydanticCustomError(
                    "output_padding_too_large",
                    "output_padding is {extra}, and must be below the stride ({stride}) or the dilation ({dilation})",
                    {"extra": axis.extra, "stride": axis.stride, "dilation": axis.dilation},
                )
        return self

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_axes(spec, self.axes)
        check_groups(spec.size(channel_axis(spec)), self.out_channels, self.groups)
        sizes: dict[str, Size] = {}
        for axis, grown in zip(spatial_axes(spec), self.spreadings, strict=True):
            size = spec.size(axis)
            shortest = size if isinstance(size, int) else 1
            if grown.count(shortest) < 1:
                raise SpecError(
                    f"leaves out {grown.padding} points at both ends of the {axis} and gets {spec.describe()}, of which nothing is left",
                    hint="use a smaller padding, or padding: same",
                )
            sizes[axis] = grown.count(size) if isinstance(size, int) else size
        return Spec(spec.axes, spec.sizes).with_sizes(**sizes, **{channel_axis(spec): self.out_channels})

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        filters = per_group(self.out_channels, self.groups)
        weight = (spec.size(channel_axis(spec)), filters, *(axis.kernel for axis in self.spreadings))
        return self.reparametrized({"weight": weight, "bias": (self.out_channels,)} if self.bias else {"weight": weight})

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        from nntrain.modules.convolution import CroppedConvTranspose2d, CroppedConvTranspose3d, SequenceConvTranspose1d

        axes = self.spreadings
        crop = tuple(axis.crop for axis in axes)
        sizes = (known(spec.size(channel_axis(spec))), self.out_channels)
        options: dict[str, Any] = {
            "kernel_size": tuple(axis.kernel for axis in axes),
            "stride": tuple(axis.stride for axis in axes),
            "padding": tuple(axis.padding for axis in axes),
            "output_padding": tuple(axis.extra for axis in axes),
            "dilation": tuple(axis.dilation for axis in axes),
            "groups": self.groups,
            "bias": self.bias,
        }
        if self.axes == SEQUENCE:
            return self.reparametrize(SequenceConvTranspose1d(*sizes, crop=crop[0], **options))
        if any(crop):
            cropped = CroppedConvTranspose2d if self.axes == IMAGE else CroppedConvTranspose3d
            return self.reparametrize(cropped(*sizes, crop=crop, **options))
        plain = nn.ConvTranspose2d if self.axes == IMAGE else nn.ConvTranspose3d
        return self.reparametrize(plain(*sizes, **options))

    def _spread(
        self,
        kernel: int | tuple[int, ...],
        stride: int | tuple[int, ...],
        padding: int | tuple[int, ...] | Literal["same"],
        dilation: int | tuple[int, ...],
        extra: int | tuple[int, ...],
    ) -> tuple[Spreading, ...]:
        need_known(kernel_size=kernel, stride=stride, padding=padding, dilation=dilation, output_padding=extra)
        rank = len(self.axes) - 1
        paddings = (padding,) * rank if isinstance(padding, str) else spread(padding, rank)
        options = (spread(kernel, rank), spread(stride, rank), paddings, spread(dilation, rank), spread(extra, rank))
        if padding == "same" and any(spread(extra, rank)):
            raise PydanticCustomError("output_padding_with_same", "output_padding has no effect: padding: same gives n * stride", {})
        return tuple(spreading(*axis) for axis in zip(*options, strict=True))


class ConvTranspose1d(Transposed):
    """Transposed convolution along time: [B, T, F] -> [B, T', out_channels], T' = T * stride with `padding: same`."""

    axes: ClassVar[Axes] = SEQUENCE
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["conv_transpose1d"] = "conv_transpose1d"
    kernel_size: PositiveInt
    """Steps over which a filter spreads one step."""
    stride: PositiveInt = 1
    """Steps from one window to the next: how much longer the sequence becomes."""
    padding: Pixels | Literal["same"] = 0
    """Steps left out at both ends of the output; `same` gives T * stride steps."""
    output_padding: Pixels = 0
    """Steps added at the end of the output; below the stride."""
    dilation: PositiveInt = 1
    """Steps between two points of a filter."""

    @property
    def spreadings(self) -> tuple[Spreading, ...]:
        return self._spread(self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)

    def out_lengths(self, lengths: L) -> L:
        return self.spreadings[0].count(lengths)


class ConvTranspose2d(Transposed):
    """Transposed convolution over an image: [B, C, H, W] -> [B, out_channels, H', W'], H' = H * stride with `padding: same`."""

    axes: ClassVar[Axes] = IMAGE

    type: Literal["conv_transpose2d"] = "conv_transpose2d"
    kernel_size: Pair
    """Pixels over which a filter spreads one pixel; a number, or [height, width]."""
    stride: Pair = 1
    """Pixels from one window to the next: how much larger the image becomes; a number, or [height, width]."""
    padding: PixelPair | Literal["same"] = 0
    """Pixels left out on each side of the output, a number or [height, width]; `same` gives H * stride."""
    output_padding: PixelPair = 0
    """Pixels added below and right of the output, a number or [height, width]; below the stride."""
    dilation: Pair = 1
    """Pixels between two points of a filter; a number, or [height, width]."""

    @property
    def spreadings(self) -> tuple[Spreading, ...]:
        return self._spread(self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)


class ConvTranspose3d(Transposed):
    """Transposed convolution through a volume: [B, C, D, H, W] -> [B, out_channels, D', H', W'], D' = D * stride with `padding: same`."""

    axes: ClassVar[Axes] = VOLUME

    type: Literal["conv_transpose3d"] = "conv_transpose3d"
    kernel_size: Triple
    """Voxels over which a filter spreads one voxel; a number, or [depth, height, width]."""
    stride: Triple = 1
    """Voxels from one window to the next: how much larger the volume becomes; a number, or [depth, height, width]."""
    padding: PixelTriple | Literal["same"] = 0
    """Voxels left out on each side of the output, a number or [depth, height, width]; `same` gives D * stride."""
    output_padding: PixelTriple = 0
    """Voxels added at the end of each axis, a number or [depth, height, width]; below the stride."""
    dilation: Triple = 1
    """Voxels between two points of a filter; a number, or [depth, height, width]."""

    @property
    def spreadings(self) -> tuple[Spreading, ...]:
        return self._spread(self.kernel_size, self.stride, self.padding, self.dilation, self.output_padding)
