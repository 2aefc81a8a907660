"""Pools that slide a window over sequences, images and volumes. Padding of ragged rows is never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.layer import L, Layer, Need
from nntrain.layers.windows import Pair, PixelPair, Pixels, Window, need_axes, pads, slid, windows
from nntrain.specs import IMAGE, SEQUENCE, Axes, Spec

if TYPE_CHECKING:
    from torch import nn


class SlidingPool(Layer):
    """A window that slides over every channel by itself."""

    main: ClassVar[str | None] = "kernel_size"
    axes: ClassVar[Axes]
    """What it takes."""

    @property
    def windows(self) -> tuple[Window, ...]:
        """How the window slides along each axis."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _padding_fits(self) -> Self:
        for window in self.windows:
            if window.is_symmetric and 2 * window.before > window.kernel:
                raise PydanticCustomError(
                    "padding_over_half",
                    "pads {padding}, and a pool pads at most half of its kernel_size {kernel}: {most}",
                    {"padding": window.before, "kernel": window.kernel, "most": window.kernel // 2},
                )
        return self

    @property
    def looks_ahead(self) -> bool:
        return any(window.looks_ahead for window in self.windows)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_axes(spec, self.axes)
        return slid(spec, self.windows)

    def torchs(self, kind: Literal["Max", "Avg"], value: float) -> nn.Module:
        """Torch's pool of images or volumes, behind a layer that pads with `value` where the sides differ."""
        from torch import nn

        rank = len(self.axes) - 1
        pool: Any = getattr(nn, f"{kind}Pool{rank}d")
        kernel, stride = tuple(window.kernel for window in self.windows), tuple(window.stride for window in self.windows)
        if all(window.is_symmetric for window in self.windows):
            return pool(kernel, stride, tuple(window.before for window in self.windows))
        pad: Any = getattr(nn, f"ConstantPad{rank}d")
        return nn.Sequential(pad(pads(self.windows), value), pool(kernel, stride))


class PoolAlongTime(SlidingPool):
    """A window that slides along time, each feature by itself: [B, T, F] -> [B, T', F]."""

    axes: ClassVar[Axes] = SEQUENCE
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    kernel_size: PositiveInt
    """Steps in one window."""
    stride: PositiveInt | None = None
    """Steps from one window to the next; by default the kernel's size, so that windows touch."""
    padding: Pixels | Literal["same"] = 0
    """Steps added at both ends, at most half a kernel; `same` gives ceil(T / stride) steps, the odd one added at the end."""

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(1, self.kernel_size, self.stride or self.kernel_size, self.padding)

    @property
    def slides(self) -> tuple[int, int, tuple[int, int]]:
        """Kernel, stride, and steps added before and after."""
        [window] = self.windows
        return (window.kernel, window.stride, window.pads)

    def out_lengths(self, lengths: L) -> L:
        return self.windows[0].count(lengths)


class PoolOverImage(SlidingPool):
    """A window that slides over an image, each channel by itself: [B, C, H, W] -> [B, C, H', W']."""

    axes: ClassVar[Axes] = IMAGE

    kernel_size: Pair
    """Pixels of one window; a number, or [height, width]."""
    stride: Pair | None = None
    """Pixels from one window to the next; by default the kernel's size, so that windows touch."""
    padding: PixelPair | Literal["same"] = 0
    """Pixels added on each side, at most half a kernel; `same` gives ceil(H / stride), the odd one added at the end."""

    @property
    def windows(self) -> tuple[Window, ...]:
        return windows(2, self.kernel_size, self.stride or self.kernel_size, self.padding)


class MaxPool1d(PoolAlongTime):
    """Largest value of each window along time: [B, T, F] -> [B, T', F]. Steps added by padding never win."""

    type: Literal["max_pool1d"] = "max_pool1d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import SequenceMaxPool

        return SequenceMaxPool(*self.slides, count=self.out_lengths)


class AvgPool1d(PoolAlongTime):
    """Mean of each window along time: [B, T, F] -> [B, T', F]. Steps added by padding count as zeros, as in torch."""

    type: Literal["avg_pool1d"] = "avg_pool1d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import SequenceAvgPool

        return SequenceAvgPool(*self.slides)


class MaxPool2d(PoolOverImage):
    """Largest value of each window: [B, C, H, W] -> [B, C, H', W']. Pixels added by padding never win."""

    type: Literal["max_pool2d"] = "max_pool2d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        return self.torchs("Max", float("-inf"))


class AvgPool2d(PoolOverImage):
    """Mean of each window: [B, C, H, W] -> [B, C, H', W']. Pixels added by padding count as zeros, as in torch."""

    type: Literal["avg_pool2d"] = "avg_pool2d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        return self.torchs("Avg", 0.0)
