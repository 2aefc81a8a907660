"""How a window slides along an axis: one arithmetic for convolutions and pools, for sizes and for tensors of row lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import L
from nntrain.layers.requirements import EMBED, need_known
from nntrain.specs import IMAGE, SEQUENCE, VOLUME, Axes, Size, Spec

Pair = PositiveInt | tuple[PositiveInt, PositiveInt]
"""One number for both axes, or `[height, width]`."""

Triple = PositiveInt | tuple[PositiveInt, PositiveInt, PositiveInt]
"""One number for all axes, or `[depth, height, width]`."""

Pixels = Annotated[int, Field(ge=0)]

PixelPair = Pixels | tuple[Pixels, Pixels]

PixelTriple = Pixels | tuple[Pixels, Pixels, Pixels]


@dataclass(frozen=True, slots=True)
class Window:
    """A kernel that slides along one axis, over `before` and `after` padded points."""

    kernel: int
    stride: int
    before: int = 0
    after: int = 0
    dilation: int = 1

    @property
    def span(self) -> int:
        """Points from the first to the last that one window covers."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def pads(self) -> tuple[int, int]:
        """Padded points before and after."""
        return (self.before, self.after)

    @property
    def looks_ahead(self) -> bool:
        """Whether it covers points behind the one that it stands for."""
        return self.span - 1 > self.before

    @property
    def is_symmetric(self) -> bool:
        """Whether both ends are padded alike, which torch's modules can do themselves."""
        return self.before == self.after

    def count(self, size: L) -> L:
        """Number of windows along an axis of this size, at least 1.

        A row shorter than a window counts as padded with zeros to one: the modules pad such a batch, so that a short row
        comes out the same alone and among longer ones.
        """
        steps = (size + self.before + self.after - self.span) // self.stride
        return steps * (steps > 0) + 1

    def out_size(self, size: Size, axis: str, spec: Spec) -> Size:
        """Size after sliding; one that is not known yet stays so.

        Raises:
            SpecError: Not even one window fits.
        """
        if not isinstance(size, int):
            return size
        padded = size + self.before + self.after
        if padded < self.span:
            raise SpecError(
                f"has a window of {self.span} along the {axis} and gets {spec.describe()}, only {padded} with padding",
                hint="use a smaller kernel_size or dilation, padding: same, or fewer layers that shrink the input",
            )
        return self.count(size)


def window(kernel: int, stride: int, padding: int | Literal["same", "causal"], dilation: int = 1) -> Window:
    """Resolve the options of one axis.

    `same` pads `span - 1` points, the odd one at the end, whatever the stride: ceil(n / stride) windows, the first one centred
    on the first point. This depends on no length, so it holds for ragged rows too; TensorFlow's depends on n and centres the
    first window of a strided layer elsewhere. `causal` pads as many, all of them before the start.
    """
    total = dilation * (kernel - 1)
    if padding == "same":
        return Window(kernel, stride, total // 2, total - total // 2, dilation)
    if padding == "causal":
        return Window(kernel, stride, total, 0, dilation)
    return Window(kernel, stride, padding, padding, dilation)


def windows(
    rank: int,
    kernel: int | tuple[int, ...],
    stride: int | tuple[int, ...],
    padding: int | tuple[int, ...] | Literal["same", "causal"],
    dilation: int | tuple[int, ...] = 1,
) -> tuple[Window, ...]:
    """Resolve the options of several axes; one number holds for all of them.

    Raises:
        SpecError: One of them is `=in` or `=out`, and only the data tells what that is.
    """
    need_known(kernel_size=kernel, stride=stride, padding=padding, dilation=dilation)
    paddings = (padding,) * rank if isinstance(padding, str) else spread(padding, rank)
    axes = zip(spread(kernel, rank), spread(stride, rank), paddings, spread(dilation, rank), strict=True)
    return tuple(window(*options) for options in axes)


def spread(value: int | tuple[int, ...], rank: int) -> tuple[int, ...]:
    """`3` for all axes is `(3, 3)`."""
    return value if isinstance(value, tuple) else (value,) * rank


def pads(windows: tuple[Window, ...]) -> tuple[int, ...]:
    """Padding of all axes in the order of torch's `pad`: the last axis first."""
    return tuple(count for window in reversed(windows) for count in window.pads)


def spatial_axes(spec: Spec) -> Axes:
    """The axes along which windows slide: time, or depth, height and width."""
    return tuple(axis for axis in spec.axes if axis not in {"channel", "feature"})


def slid(spec: Spec, windows: tuple[Window, ...]) -> Spec:
    """What windows make of the axes they slide along.

    Raises:
        SpecError: Not even one window fits.
    """
    sizes = {axis: window.out_size(spec.size(axis), axis, spec) for axis, window in zip(spatial_axes(spec), windows, strict=True)}
    return Spec(spec.axes, spec.sizes).with_sizes(**sizes)


def check_padding_mode(spec: Spec, mode: str, windows: tuple[Window, ...]) -> None:
    """Refuse a way to pad that a tensor has not enough points for, or whose rows end at places of their own.

    Raises:
        SpecError: It does.
    """
    if mode == "zeros":
        return
    if spec.is_ragged:
        raise SpecError(
            f"pads by {mode} at the ends of each row and gets {spec.describe()}, where lengths differ by row", hint="padding_mode: zeros"
        )
    for axis, window in zip(spatial_axes(spec), windows, strict=True):
        size, widest = spec.size(axis), max(window.pads)
        most = {"reflect": -1, "circular": 0}.get(mode)
        if isinstance(size, int) and most is not None and widest > size + most:
            raise SpecError(
                f"pads {widest} along the {axis} by {mode}, which takes at most {size + most} of {spec.describe()}",
                hint="padding_mode: zeros or replicate, or a smaller kernel_size",
            )


def need_axes(spec: Spec, axes: Axes) -> None:
    """Refuse what is not a sequence, an image or a volume of numbers, whichever is asked for.

    Raises:
        SpecError: It is not.
    """
    if axes == SEQUENCE:
        need_sequence(spec)
    elif axes == IMAGE:
        need_image(spec)
    else:
        need_volume(spec)


def need_image(spec: Spec) -> None:
    """Refuse what is no image `[C, H, W]` of numbers.

    Raises:
        SpecError: It is none, or one whose size differs by row.
    """
    if spec.axes != IMAGE:
        raise SpecError(f"needs an image [C, H, W] and gets {spec.describe()}", hint=_hint_for_image(spec))
    if spec.is_ragged:
        raise SpecError(f"needs images of one size and gets {spec.describe()}, where sizes differ by row")


def need_volume(spec: Spec) -> None:
    """Refuse what is no volume `[C, D, H, W]` of numbers.

    Raises:
        SpecError: It is none, or one whose size differs by row.
    """
    if spec.axes != VOLUME:
        hint = "an image takes the layer of two dimensions, such as conv2d" if spec.axes == IMAGE else None
        raise SpecError(f"needs a volume [C, D, H, W] and gets {spec.describe()}", hint=hint)
    if spec.is_ragged:
        raise SpecError(f"needs volumes of one size and gets {spec.describe()}, where sizes differ by row")


def need_sequence(spec: Spec) -> None:
    """Refuse what is no sequence `[T, F]` of numbers.

    Raises:
        SpecError: It is none.
    """
    if spec.axes == SEQUENCE:
        return
    raise SpecError(f"needs a sequence [T, F] and gets {spec.describe()}", hint=EMBED if spec.kind == "index" else None)


def _hint_for_image(spec: Spec) -> str | None:
    if spec.axes == SEQUENCE:
        return "a sequence takes conv1d, max_pool1d, avg_pool1d"
    if spec.axes == VOLUME:
        return "a volume takes the layer of three dimensions, such as conv3d"
    return "put it before flatten" if spec.rank == 1 else None
