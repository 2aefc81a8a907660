"""What convolutions share: the options of a filter along time, over an image, through a volume."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import L, Layer, Need
from nntrain.layers.requirements import channel_axis, divisors_hint
from nntrain.layers.windows import (
    Pair,
    PixelPair,
    Pixels,
    PixelTriple,
    Triple,
    Window,
    check_padding_mode,
    need_axes,
    pads,
    slid,
    windows,
)
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Axes, Size, Spec, known, over

if TYPE_CHECKING:
    from torch import nn

PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]


class Windowed(Layer):
    """A filter with a size along each axis that it slides over."""

    axes: ClassVar[Axes]
    """What it takes."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """How the filter slides along each axis."""
        raise NotImplementedError


class Sliding(Windowed):
    """A filter that slides over the axes of its input."""

    padding_mode: PaddingMode = "zeros"
    """What stands in the padding: zeros, the input mirrored (`reflect`), its edge (`replicate`), or its other end (`circular`).
    All but zeros need rows of one length."""

    @property
    def kernel(self) -> tuple[int, ...]:
        """Size of the filter along each axis."""
        return tuple(window.kernel for window in self.windows)

    @model_validator(mode="after")
    def _mode_has_padding(self) -> Self:
        if self.padding_mode != "zeros" and not any(sum(window.pads) for window in self.windows):
            raise PydanticCustomError(
                "mode_without_padding", "padding_mode has no effect without padding: add padding: same, or a number", {}
            )
        return self

    @model_validator(mode="after")
    def _causal_reads_no_future(self) -> Self:
        if self.is_causal and self.padding_mode in {"reflect", "circular"}:
            raise PydanticCustomError(
                "causal_mirror",
                "padding: causal sees no later step, and padding_mode {mode} puts later steps before the first: zeros or replicate",
                {"mode": self.padding_mode},
            )
        return self

    @property
    def looks_ahead(self) -> bool:
        return any(window.looks_ahead for window in self.windows) or self.padding_mode in {"reflect", "circular"}

    def slid(self, spec: Spec) -> Spec:
        """What comes out along the axes that the filter slides over.

        Raises:
            SpecError: It does not fit.
        """
        need_axes(spec, self.axes)
        check_padding_mode(spec, self.padding_mode, self.windows)
        return slid(spec, self.windows)


class AlongTime(Windowed):
    """Options of a filter along time; the padding of shorter rows is read as zeros, like the border."""

    axes: ClassVar[Axes] = SEQUENCE
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    kernel_size: PositiveInt
    """Steps that one filter sees."""
    stride: PositiveInt = 1
    """Steps from one window to the next."""
    padding: Pixels | Literal["same", "causal"] = 0
    """Zeros at both ends; `same` gives ceil(T / stride) steps, the odd zero at the end; `causal` pads the past only."""
    dilation: PositiveInt = 1
    """Steps between two points of a filter."""

    @property
    def is_causal(self) -> bool:
        return self.padding == "causal"

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(1, self.kernel_size, self.stride, self.padding, self.dilation)

    def out_lengths(self, lengths: L) -> L:
        return self.windows[0].count(lengths)


class OverImage(Windowed):
    """Options of a filter over an image."""

    axes: ClassVar[Axes] = IMAGE

    kernel_size: Pair
    """Pixels that one filter sees; a number, or [height, width]."""
    stride: Pair = 1
    """Pixels from one window to the next; a number, or [height, width]."""
    padding: PixelPair | Literal["same"] = 0
    """Zeros on each side, a number or [height, width]; `same` gives ceil(H / stride), the odd zero at the end."""
    dilation: Pair = 1
    """Pixels between two points of a filter; a number, or [height, width]."""

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(2, self.kernel_size, self.stride, self.padding, self.dilation)


class ThroughVolume(Windowed):
    """Options of a filter through a volume."""

    axes: ClassVar[Axes] = VOLUME

    kernel_size: Triple
    """Voxels that one filter sees; a number, or [depth, height, width]."""
    stride: Triple = 1
    """Voxels from one window to the next; a number, or [depth, height, width]."""
    padding: PixelTriple | Literal["same"] = 0
    """Zeros on each side, a number or [depth, height, width]; `same` gives ceil(D / stride), the odd zero at the end."""
    dilation: Triple = 1
    """Voxels between two points of a filter; a number, or [depth, height, width]."""

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(3, self.kernel_size, self.stride, self.padding, self.dilation)


class Reparametrized(Layer):
    """Options of a layer whose weight may be expressed by other numbers."""

    weight_norm: bool = False
    """Whether the weight is g * v / |v|: the length of each filter is learned apart from its direction (Salimans and Kingma 2016)."""
    spectral_norm: bool = False
    """Whether the weight is divided by its largest singular value, so that the layer stretches nothing (Miyato et al. 2018)."""

    @model_validator(mode="after")
    def _one_norm(self) -> Self:
        if self.weight_norm and self.spectral_norm:
            raise PydanticCustomError("two_weight_norms", "has weight_norm and spectral_norm, and a weight takes one of them", {})
        return self

    def reparametrized(self, shapes: dict[str, tuple[Size, ...]]) -> dict[str, tuple[Size, ...]]:
        """Parameters of the module once its weight is expressed by others, in torch's order: they come last."""
        if not (self.weight_norm or self.spectral_norm):
            return shapes
        weight = shapes["weight"]
        others = {name: shape for name, shape in shapes.items() if name != "weight"}
        original = "parametrizations.weight.original"
        if self.spectral_norm:
            return {**others, original: weight}
        return {**others, f"{original}0": (weight[0], *[1] * (len(weight) - 1)), f"{original}1": weight}

    def reparametrize(self, module: nn.Module) -> nn.Module:
        """The module, its weight expressed by others where the options say so."""
        from torch.nn.utils.parametrizations import spectral_norm, weight_norm

        if self.weight_norm:
            return weight_norm(module)
        return spectral_norm(module) if self.spectral_norm else module


class Filters(Reparametrized, Sliding):
    """Filters, each of which makes one channel: the shape rule and the module of every plain convolution."""

    convolves = True

    bias: bool = True
    """Whether to add a learned offset per filter."""

    def filters(self, channels: Size) -> Size:
        """Number of filters over some incoming channels."""
        raise NotImplementedError

    def split(self, channels: Size) -> Size:
        """Parts into which channels and filters are split."""
        raise NotImplementedError

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        out = self.slid(spec)
        channels = spec.size(channel_axis(spec))
        filters = self.filters(channels)
        check_groups(channels, filters, self.split(channels))
        return out.with_sizes(**{channel_axis(spec): filters})

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        channels = spec.size(channel_axis(spec))
        filters = self.filters(channels)
        weight = (filters, per_group(channels, self.split(channels)), *self.kernel)
        return self.reparametrized({"weight": weight, "bias": (filters,)} if self.bias else {"weight": weight})

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        channels = spec.size(channel_axis(spec))
        options: dict[str, Any] = {"groups": known(self.split(channels)), "bias": self.bias, "padding_mode": self.padding_mode}
        module = convolution(self.windows, channels, self.filters(channels), axes=self.axes, **options)
        return self.reparametrize(module)


def convolution(windows: tuple[Window, ...], channels: Size, filters: Size, *, axes: Axes, **options: Any) -> nn.Module:
    """The module whose filters slide as `windows` say over a sequence, an image or a volume; torch's own where that pads alike.

    Options are `groups`, `bias` and `padding_mode`, as torch's.
    """
    from torch import nn

    from nntrain.modules import convolution as ours

    sizes = (known(channels), known(filters))
    options |= {name: tuple(getattr(window, name) for window in windows) for name in ("stride", "dilation")}
    options["kernel_size"] = tuple(window.kernel for window in windows)
    if axes == SEQUENCE:
        return ours.SequenceConv1d(*sizes, pads=windows[0].pads, **options)
    if all(window.is_symmetric for window in windows):
        plain = nn.Conv2d if axes == IMAGE else nn.Conv3d
        return plain(*sizes, padding=tuple(window.before for window in windows), **options)  # pyright: ignore[reportArgumentType]
    padded = ours.PaddedConv2d if axes == IMAGE else ours.PaddedConv3d
    return padded(*sizes, pads=pads(windows), **options)


def per_group(count: Size, groups: Size) -> Size:
    """Size of one of several groups of equal size."""
    return 1 if count == groups else over(count, groups)


def check_groups(channels: Size, filters: Size, groups: Size) -> None:
    """Refuse groups that do not divide what they split.

    Raises:
        SpecError: They don't.
    """
    for count, what in ((filters, "its {} filters"), (channels, "the {} channels it gets")):
        if isinstance(count, int) and isinstance(groups, int) and count % groups:
            raise SpecError(
                f"splits {what.format(count)} into {groups} groups of one size, which doesn't work out", hint=divisors_hint("groups", count)
            )
