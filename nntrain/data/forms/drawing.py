"""Masks as pictures: in the colours of their classes, and as outlines over the images that they are of."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.masks import nearest

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

Color = tuple[int, int, int]

COLORS: Final[tuple[Color, ...]] = (
    (0, 0, 0),
    (230, 159, 0),
    (86, 180, 233),
    (0, 158, 115),
    (240, 228, 66),
    (0, 114, 178),
    (213, 94, 0),
    (204, 121, 167),
)
"""Of the first classes, which people who see few colours tell apart (Okabe and Ito, 2008)."""
WRONG: Final = (255, 0, 0)
"""What is laid over pixels that are taken for another class than theirs."""
_STRENGTH: Final = 0.45
"""How much of a wrong pixel is red."""
_PIXELS_PER_LINE: Final = 400
"""Height of an image for each pixel of the width of its outlines."""


def draw_overlay(image: Array, mask: Array, truth: Array | None) -> Any:
    """A Pillow image: outlines of a mask `[H, W]` on an image uint8 `[H, W, 3]`.

    Args:
        image: The image.
        mask: Class indices.
        truth: The true ones, 255 where nothing counts, in any size; errors are red. `None` where nobody knows.
    """
    import numpy as np
    from PIL import Image as Pictures

    drawn = image.astype(np.float32)
    width = max(1, round(min(mask.shape) / _PIXELS_PER_LINE))
    later = np.where(_outline(mask, width), _latest(mask, width), 0)
    for index in np.unique(later[later > 0]).tolist():
        drawn[later == index] = color_of(index)
    if truth is not None:  # last: where classes are thin, all errors lie on outlines
        truth = nearest(truth, (mask.shape[0], mask.shape[1]))
        is_wrong = (truth != mask) & (truth != 255)
        drawn[is_wrong] = (1 - _STRENGTH) * drawn[is_wrong] + _STRENGTH * np.array(WRONG)
    return Pictures.fromarray(drawn.round().astype(np.uint8))


def draw_mask(mask: Array, values: Sequence[int]) -> Any:
    """A Pillow image that reads as the training masks do, of class indices `[H, W]`; `values` has what pixels of each class hold.

    Pixels hold the number of their class in a palette, where the training masks have 0, 1, 2, …; else gray values or colours as these have.
    """
    import numpy as np
    from PIL import Image as Pictures

    from nntrain.data.fields.mask import COLOR

    if list(values) == list(range(len(values))):
        picture = Pictures.fromarray(mask.astype(np.uint8), "P")
        picture.putpalette([part for index in range(len(values)) for part in color_of(index)])
        return picture
    table = np.array(values)
    if max(values) >= COLOR:
        colors = (table % COLOR)[mask]
        return Pictures.fromarray(np.stack([colors >> 16, colors >> 8 & 255, colors & 255], axis=2).astype(np.uint8))
    return Pictures.fromarray(table[mask].astype(np.uint8 if max(values) < 256 else np.uint16))


def color_of(index: int) -> Color:
    """The colour of a class."""
    if index < len(COLORS):
        return COLORS[index]
    red, green, blue = colorsys.hsv_to_rgb(0.61803398875 * index % 1, 0.65, 0.6 + 0.35 * (index % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def shown(image: Array) -> Array:
    """An image `[C, H, W]`, uint8 or in [0, 1], as people see it, uint8 `[H, W, 3]`.

    One channel is gray, and so is the first of two; of more than three the first three are red, green and blue.
    """
    import numpy as np

    pixels = image if image.dtype == np.uint8 else (image.clip(0, 1) * 255).round().astype(np.uint8)
    return np.ascontiguousarray((pixels[:3] if len(pixels) > 2 else pixels[:1].repeat(3, axis=0)).transpose(1, 2, 0))


def _outline(mask: Array, width: int) -> Array:
    """Pixels that have a neighbour of another class, to the right, below, or so many pixels on, bool `[H, W]`."""
    import numpy as np

    edges = np.zeros(mask.shape, dtype=bool)
    for away in range(1, width + 1):
        edges[:-away] |= mask[:-away] != mask[away:]
        edges[:, :-away] |= mask[:, :-away] != mask[:, away:]
    return edges


def _latest(mask: Array, width: int) -> Array:
    """The highest class of each pixel and those to the right and below, up to so many pixels on."""
    import numpy as np

    found = mask.copy()
    for away in range(1, width + 1):
        found[:-away] = np.maximum(found[:-away], mask[away:])
        found[:, :-away] = np.maximum(found[:, :-away], mask[:, away:])
    return found
