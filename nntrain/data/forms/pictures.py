"""Predictions that are images: a PNG each, many on a sheet, or arrays; no cell of a table holds one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Final

from nntrain.data.forms.form import Beside, File, Form
from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Decoded

SUFFIX: Final = ".png"
_GAP: Final = 2
"""Pixels between the images of a sheet."""
_MOST_PIXELS: Final = 100_000_000


@dataclass(frozen=True, slots=True)
class Pictures(Form):
    """Images `[C, H, W]` in [0, 1], C being 1 or 3; what lies beyond is cut."""

    plural: ClassVar[str] = "images"
    in_cells: ClassVar[bool] = False
    arrays: ClassVar[str | None] = "arrays [N, C, H, W] in [0, 1]"
    each: ClassVar[str | None] = "a PNG"
    sheet: ClassVar[str | None] = SUFFIX

    def columns(self, found: Decoded) -> dict[str, Sequence[object]]:
        """None."""
        return {}

    def files(self, found: Decoded, beside: Beside) -> Iterator[File]:
        """A PNG for each row, by the place of the row. Raises `UsageError` for images that a PNG does not hold."""
        digits = max(3, len(str(len(found.values) - 1)))
        return ((f"{place:0{digits}}{SUFFIX}", png(levels(image))) for place, image in enumerate(found.values))

    def on_sheet(self, found: Decoded) -> bytes:
        """One PNG, row by row from the top left, as nearly a square as the number of images gives.

        Raises:
            UsageError: The images are none that a PNG holds, or too many for one sheet.
        """
        return png(sheet(found.values))


def sheet(images: Sequence[Array]) -> Array:
    """Images `[C, H, W]` of one size side by side, uint8 `[H, W, C]`. Raises `UsageError` where they are too many."""
    import numpy as np

    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    channels, height, width = images[0].shape
    if rows * (height + _GAP) * columns * (width + _GAP) > _MOST_PIXELS:
        raise UsageError(f"{len(images):,} images of {height} x {width} are too many for one sheet", "-o FOLDER   or -o images.npz")
    found = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels), dtype=np.uint8)
    found += 128  # gray between the images, which may be black or white
    for place, image in enumerate(images):
        top, left = place // columns * (height + _GAP), place % columns * (width + _GAP)
        found[top : top + height, left : left + width] = levels(image)
    return found


def levels(image: Array) -> Array:
    """`[C, H, W]` in [0, 1] as uint8 `[H, W, C]`."""
    import numpy as np

    return np.moveaxis(np.round(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8), 0, 2)


def png(pixels: Array) -> bytes:
    """Pixels uint8 `[H, W, C]` as a file. Raises `UsageError` for another number of channels than 1 or 3."""
    from PIL import Image as Files

    if pixels.shape[2] not in (1, 3):
        raise UsageError(f"images of {pixels.shape[2]} channels are no pictures", "-o images.npz")
    content: Any = BytesIO()
    Files.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(content, "PNG")
    return content.getvalue()
