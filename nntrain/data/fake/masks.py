"""Made-up masks: which pixels are on the bright bar of the image beside them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.data.fake.values import LARGEST_FILE, Rows
from nntrain.data.fields.field import Field
from nntrain.data.fields.image import Image
from nntrain.data.fields.mask import COLOR, Mask

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]


def masks(field: Mask, fields: Mapping[str, Field], rows: Rows, *, is_file: bool) -> Array:
    """What pixels hold, uint8 `[N, C, H, W]`: the first class far from the bar, the last on it.

    Args:
        field: Its settings.
        fields: All fields, of which an image decides the size.
        rows: The rows.
        is_file: Whether images are files, which are no larger than needed.
    """
    image = next((each for each in fields.values() if isinstance(each, Image)), None)
    size = field.size_pair or (None if image is None else image.size_pair)
    height, width = size or (rows.assumptions.size, rows.assumptions.size)
    if is_file:
        height, width = min(height, LARGEST_FILE), min(width, LARGEST_FILE)
    values = field.values or (0, 1)
    away = np.abs(np.arange(width) / width - rows.hidden[:, None])
    index = np.clip((len(values) * (1 - away / 0.4)).astype(int), 0, len(values) - 1)
    found = np.repeat(np.array(values)[index][:, None, None, :], height, axis=2)
    if max(values) < COLOR:
        return found.astype(np.uint8)
    return np.concatenate([found % COLOR >> shift & 255 for shift in (16, 8, 0)], axis=1).astype(np.uint8)
