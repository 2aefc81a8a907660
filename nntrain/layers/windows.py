"""How a window slides along an axis: one arithmetic for convolutions and pools, for sizes and for tensors of row lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import L
from nntrain.layers.requirements import EMBED
from nntrain.specs import IMAGE, SEQUENCE, Size, Spec

Pair = PositiveInt | tuple[PositiveInt, PositiveInt]
"""One number for both axes, or `[height, width]`."""

Pixels = Annotated[int, Field(ge=0)]

PixelPair = Pixels | tuple[Pixels, Pixels]


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


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """`3` for both axes is `(3, 3)`."""
    return (value, value) if isinstance(value, int) else value


def need_image(spec: Spec) -> None:
    """Refuse what is no image `[C, H, W]` of numbers.

    Raises:
        SpecError: It is none, or one whose size differs by row.
    """
    if spec.axes != IMAGE:
        raise SpecError(f"needs an image [C, H, W] and gets {spec.describe()}", hint=_hint_for_image(spec))
    if spec.is_ragged:
        raise SpecError(f"needs images of one size and gets {spec.describe()}, where sizes differ by row")


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
    return "put it before flatten" if spec.rank == 1 else None
