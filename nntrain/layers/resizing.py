"""Layers that make sequences, images and volumes larger, without a weight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import L, Layer, Need
from nntrain.layers.requirements import need_known
from nntrain.layers.sliding import PaddingMode
from nntrain.layers.windows import Pixels, Window, check_padding_mode, need_image, pads, spatial_axes, spread
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Spec, over, times

if TYPE_CHECKING:
    from torch import nn

_SPATIAL: Final = (SEQUENCE, IMAGE, VOLUME)
_RANKS: Final = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_SMOOTH: Final = {1: "linear", 2: "bilinear or bicubic", 3: "trilinear"}


class Upsample(Layer):
    """Makes a sequence longer, or an image or volume larger, by whole factors: [B, C, H, W] -> [B, C, H * f, W * f], [B, T * f, F]."""

    main: ClassVar[str | None] = "scale_factor"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["upsample"] = "upsample"
    scale_factor: PositiveInt | Annotated[tuple[PositiveInt, ...], Field(min_length=1, max_length=3)]
    """How many times larger: a number, or one for each axis: [height, width]."""
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear"] = "nearest"
    """What stands between the points: the nearest one, or a mix (linear for sequences, bilinear or bicubic for images, trilinear for
    volumes)."""
    align_corners: bool = False
    """Whether the first and the last point stay where they are, as in the U-Nets of many papers; needs a mix and one length."""

    @model_validator(mode="after")
    def _corners_are_mixed(self) -> Self:
        if self.align_corners and self.mode == "nearest":
            raise PydanticCustomError("align_corners_of_nearest", "align_corners has no effect with mode: nearest", {})
        return self

    @property
    def looks_ahead(self) -> bool:
        return self.mode != "nearest"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes not in _SPATIAL:
            raise SpecError(f"needs an image [C, H, W] or a sequence [T, F], and gets {spec.describe()}")
        need_known(scale_factor=self.scale_factor)
        rank = spec.rank - 1
        if isinstance(self.scale_factor, tuple) and len(self.scale_factor) != rank:
            raise SpecError(f"has {len(self.scale_factor)} factors and gets {spec.describe()}, which has {rank} axes to enlarge")
        if _RANKS.get(self.mode, rank) != rank:
            raise SpecError(f"has mode {self.mode} and gets {spec.describe()}", hint=f"mode: nearest, or {_SMOOTH[rank]}")
        if spec.is_ragged and self.align_corners:
            raise SpecError(f"aligns corners, which needs rows of one length, and gets {spec.describe()}", hint="leave align_corners out")
        factors = dict(zip(spatial_axes(spec), spread(self.scale_factor, rank), strict=True))
        sizes = {axis: times(spec.size(axis), factor) for axis, factor in factors.items()}
        return Spec(spec.axes, spec.sizes, directions=spec.directions).with_sizes(**sizes)

    def out_lengths(self, lengths: L) -> L:
        return lengths * spread(self.scale_factor, 1)[0]

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.resizing import Enlarged

        options: dict[str, Any] = {} if self.mode == "nearest" else {"align_corners": self.align_corners}
        factors = tuple(float(factor) for factor in spread(self.scale_factor, spec.rank - 1))
        return Enlarged(factors, self.mode, is_sequence=spec.axes == SEQUENCE, **options)


class PixelShuffle(Layer):
    """Channels become pixels: [B, C * f², H, W] -> [B, C, H * f, W * f] (Shi et al. 2016)."""

    main: ClassVar[str | None] = "upscale_factor"

    type: Literal["pixel_shuffle"] = "pixel_shuffle"
    upscale_factor: PositiveInt
    """How many times higher and wider the image becomes."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_image(spec)
        channels, height, width = spec.sizes
        need_known(upscale_factor=self.upscale_factor)
        square = self.upscale_factor**2
        if isinstance(channels, int) and channels % square:
            raise SpecError(
                f"makes {self.upscale_factor} x {self.upscale_factor} pixels of every {square} channels and gets {spec.describe()}",
                hint=f"make the channels a multiple of {square} before it",
            )
        return Spec(IMAGE, (over(channels, square), times(height, self.upscale_factor), times(width, self.upscale_factor)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.PixelShuffle(self.upscale_factor)


class PixelUnshuffle(Layer):
    """Pixels become channels: [B, C, H * f, W * f] -> [B, C * f², H, W]."""

    main: ClassVar[str | None] = "downscale_factor"

    type: Literal["pixel_unshuffle"] = "pixel_unshuffle"
    downscale_factor: PositiveInt
    """How many times lower and narrower the image becomes."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_image(spec)
        channels, height, width = spec.sizes
        need_known(downscale_factor=self.downscale_factor)
        for size, axis in ((height, "height"), (width, "width")):
            if isinstance(size, int) and size % self.downscale_factor:
                raise SpecError(f"divides the {axis} by {self.downscale_factor} and gets {spec.describe()}, which doesn't work out")
        factor = self.downscale_factor
        return Spec(IMAGE, (times(channels, factor**2), over(height, factor), over(width, factor)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.PixelUnshuffle(self.downscale_factor)


class Pad(Layer):
    """Adds points around a sequence, an image or a volume: [B, C, H, W] -> [B, C, H + before + after, W + …]."""

    main: ClassVar[str | None] = "padding"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["pad"] = "pad"
    padding: Pixels | Annotated[tuple[Pixels | tuple[Pixels, Pixels], ...], Field(min_length=1, max_length=3)]
    """Points on every side: a number; or for each axis one, or [before, after]: `[1, [0, 1]]` is 1 above and below, 1 at the right."""
    padding_mode: PaddingMode = "zeros"
    """What stands there: zeros, the input mirrored (`reflect`), its edge (`replicate`), or its other end (`circular`).
    All but zeros need rows of one length."""

    @property
    def looks_ahead(self) -> bool:
        """What is mirrored comes from later steps."""
        return self.padding_mode in {"reflect", "circular"}

    def _windows(self, rank: int) -> tuple[Window, ...]:
        """The same as windows of one point, which know how an axis grows."""
        need_known(padding=self.padding)
        sides = spread(self.padding, rank) if isinstance(self.padding, int) else self.padding
        both = [(side, side) if isinstance(side, int) else side for side in sides]
        return tuple(Window(1, 1, before, after) for before, after in both)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes not in _SPATIAL:
            raise SpecError(f"needs an image [C, H, W] or a sequence [T, F], and gets {spec.describe()}")
        windows = self._windows(spec.rank - 1)
        if len(windows) != spec.rank - 1:
            raise SpecError(f"pads {len(windows)} axes and gets {spec.describe()}, which has {spec.rank - 1} to pad")
        check_padding_mode(spec, self.padding_mode, windows)
        sizes = {axis: window.out_size(spec.size(axis), axis, spec) for axis, window in zip(spatial_axes(spec), windows, strict=True)}
        return Spec(spec.axes, spec.sizes, directions=spec.directions).with_sizes(**sizes)

    def out_lengths(self, lengths: L) -> L:
        [window] = self._windows(1)
        return lengths + window.before + window.after

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.resizing import Padded

        return Padded(pads(self._windows(spec.rank - 1)), self.padding_mode, is_sequence=spec.axes == SEQUENCE)
