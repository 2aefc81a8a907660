"""Pools: local ones slide a window, global ones leave one vector. Padding of ragged rows is never seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import L, Layer, Need
from nntrain.layers.requirements import channel_axis
from nntrain.layers.windows import Pair, PixelPair, Pixels, Window, need_image, need_sequence, pair, window
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class SequencePool(Layer):
    """A window that slides along time, each feature by itself: [B, T, F] -> [B, T', F]."""

    main: ClassVar[str | None] = "kernel_size"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    kernel_size: PositiveInt
    """Steps in one window."""
    stride: PositiveInt | None = None
    """Steps from one window to the next; by default the kernel's size, so that windows touch."""
    padding: Pixels | Literal["same"] = 0
    """Steps added at both ends, at most half a kernel; `same` gives ceil(T / stride) steps, the odd one added at the end."""

    @model_validator(mode="after")
    def _padding_fits(self) -> Self:
        _check_padding((self.padding,), (self.kernel_size,))
        return self

    @property
    def window(self) -> Window:
        """How the window slides along time."""
        return window(self.kernel_size, self.stride or self.kernel_size, self.padding)

    @property
    def _slides(self) -> tuple[int, int, tuple[int, int]]:
        return (self.window.kernel, self.window.stride, self.window.pads)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        return spec.with_sizes(time=self.window.out_size(spec.size("time"), "time", spec))

    def out_lengths(self, lengths: L) -> L:
        return self.window.count(lengths)


class MaxPool1d(SequencePool):
    """Largest value of each window along time: [B, T, F] -> [B, T', F]. Steps added by padding never win."""

    type: Literal["max_pool1d"] = "max_pool1d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import SequenceMaxPool

        return SequenceMaxPool(*self._slides, count=self.out_lengths)


class AvgPool1d(SequencePool):
    """Mean of each window along time: [B, T, F] -> [B, T', F]. Steps added by padding count as zeros, as in torch."""

    type: Literal["avg_pool1d"] = "avg_pool1d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import SequenceAvgPool

        return SequenceAvgPool(*self._slides)


class ImagePool(Layer):
    """A window that slides over an image, each channel by itself: [B, C, H, W] -> [B, C, H', W']."""

    main: ClassVar[str | None] = "kernel_size"

    kernel_size: Pair
    """Pixels of one window; a number, or [height, width]."""
    stride: Pair | None = None
    """Pixels from one window to the next; by default the kernel's size, so that windows touch."""
    padding: PixelPair | Literal["same"] = 0
    """Pixels added on each side, at most half a kernel; `same` gives ceil(H / stride), the odd one added at the end."""

    @model_validator(mode="after")
    def _padding_fits(self) -> Self:
        _check_padding(self._paddings, pair(self.kernel_size))
        return self

    @property
    def _paddings(self) -> tuple[int | Literal["same"], int | Literal["same"]]:
        return ("same", "same") if self.padding == "same" else pair(self.padding)

    @property
    def windows(self) -> tuple[Window, Window]:
        """How the window slides along the height and the width."""
        height, width = zip(pair(self.kernel_size), pair(self.stride or self.kernel_size), self._paddings, strict=True)
        return window(*height), window(*width)

    @property
    def _slides(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int, int, int] | None]:
        """Kernel, stride, padding, and in its place the pads of each side where they differ."""
        down, across = self.windows
        kernel, stride = (down.kernel, across.kernel), (down.stride, across.stride)
        if down.is_symmetric and across.is_symmetric:
            return kernel, stride, (down.before, across.before), None
        return kernel, stride, (0, 0), (*across.pads, *down.pads)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_image(spec)
        down, across = self.windows
        return Spec(
            IMAGE,
            (
                spec.size("channel"),
                down.out_size(spec.size("height"), "height", spec),
                across.out_size(spec.size("width"), "width", spec),
            ),
        )


class MaxPool2d(ImagePool):
    """Largest value of each window: [B, C, H, W] -> [B, C, H', W']. Pixels added by padding never win."""

    type: Literal["max_pool2d"] = "max_pool2d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        kernel, stride, padding, pads = self._slides
        return nn.MaxPool2d(kernel, stride, padding) if pads is None else _padded(nn.MaxPool2d(kernel, stride), pads, float("-inf"))


class AvgPool2d(ImagePool):
    """Mean of each window: [B, C, H, W] -> [B, C, H', W']. Pixels added by padding count as zeros, as in torch."""

    type: Literal["avg_pool2d"] = "avg_pool2d"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        kernel, stride, padding, pads = self._slides
        return nn.AvgPool2d(kernel, stride, padding) if pads is None else _padded(nn.AvgPool2d(kernel, stride), pads, 0.0)


class GlobalPool(Layer):
    """Leaves the channels or features and pools every other axis: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    how: ClassVar[Literal["mean", "max"]]
    """What is taken over the axes."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.rank < 2 or spec.kind == "index":
            raise SpecError(f"needs an image [C, H, W] or a sequence [T, F] and gets {spec.describe()}")
        if spec.is_ragged and spec.axes != SEQUENCE:
            raise SpecError(f"needs a sequence [T, F] where lengths differ by row, and gets {spec.describe()}")
        return Spec(VECTOR, (spec.size(channel_axis(spec)),))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import AxesPool, StepPool

        if spec.axes == SEQUENCE:
            return StepPool(self.how)
        return AxesPool(self.how, tuple(1 + index for index, axis in enumerate(spec.axes) if axis != channel_axis(spec)))


class GlobalAvgPool(GlobalPool):
    """Mean over all pixels or true steps: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    how: ClassVar[Literal["mean", "max"]] = "mean"

    type: Literal["global_avg_pool"] = "global_avg_pool"


class GlobalMaxPool(GlobalPool):
    """Largest value over all pixels or true steps: [B, C, H, W] -> [B, C], [B, T, F] -> [B, F]."""

    how: ClassVar[Literal["mean", "max"]] = "max"

    type: Literal["global_max_pool"] = "global_max_pool"


class Pool(Layer):
    """One vector of the true steps of a sequence: [B, T, F] -> [B, F]. A row without steps gives zeros."""

    main: ClassVar[str | None] = "how"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})

    type: Literal["pool"] = "pool"
    how: Literal["last", "first", "mean", "max", "sum", "attention"]
    """`last` of a bidirectional layer joins the forward half at the last true step and the backward half at the first.
    `attention` is a mean weighted by the softmax of a learned score `w · x_t` (Yang et al. 2016, without the hidden layer)."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        return Spec(VECTOR, (spec.size("feature"),))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"score.weight": (1, spec.size("feature"))} if self.how == "attention" else {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.pooling import AttentionPool, BothEnds, StepPool

        if self.how == "attention":
            return AttentionPool(known(spec.size("feature")))
        if self.how == "last" and spec.directions == 2:
            return BothEnds()
        return StepPool(self.how)


def _padded(pool: nn.Module, pads: tuple[int, int, int, int], value: float) -> nn.Module:
    from torch import nn

    return nn.Sequential(nn.ConstantPad2d(pads, value), pool)


def _check_padding(paddings: tuple[int | str, ...], kernels: tuple[int, ...]) -> None:
    for padding, kernel in zip(paddings, kernels, strict=True):
        if isinstance(padding, int) and 2 * padding > kernel:
            raise PydanticCustomError(
                "padding_over_half",
                "pads {padding}, and a pool pads at most half of its kernel_size {kernel}: {most}",
                {"padding": padding, "kernel": kernel, "most": kernel // 2},
            )
