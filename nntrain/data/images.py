"""Arrays of images: one layout, one size, values in [0, 1], normalised as asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from nntrain.data.fields.field import State
from nntrain.data.fields.image import Image, channels_first
from nntrain.data.table import Table
from nntrain.errors import DataError, SpecError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of the red, green and blue of ImageNet's training images, as torchvision's weights expect."""

GRAY: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601), as Pillow's conversion to gray."""


def read_images(field: Image, table: Table, column: str) -> Array:
    """An array of images as float32 `[N, C, H, W]` in [0, 1].

    Raises:
        DataError: The array is no images, or its values are neither uint8 nor within [0, 1].
    """
    array: Any = table.column(column)
    try:
        channels, height, width = channels_first(column, array.shape[1:])
    except SpecError as error:
        raise DataError(f"{table.name}: {error.message}") from None
    images = array if array.ndim < 4 or array.shape[1] == channels else array.transpose(0, 3, 1, 2)
    images = _unit(images.reshape(len(array), channels, height, width), table.name, column)
    wanted = field.num_channels or channels
    if wanted != channels:
        images = images.repeat(3, axis=1) if wanted == 3 else np.einsum("nchw,c->nhw", images, np.array(GRAY, np.float32))[:, None]
    size = field.size_pair
    if size is not None and size != (height, width):
        images = _resize(images, size)
    return np.ascontiguousarray(images)


def fit_images(field: Image, images: Array) -> State:
    """Offset and scale of each channel, as float64 tensors `[C]`, and the sizes. Raises `DataError`."""
    channels = images.shape[1]
    mean, std = _moments(field, images)
    if len(mean) != channels or len(std) != channels:
        raise DataError(f"normalize has {len(mean)} means and {len(std)} deviations, and the images have {channels} channels")
    return {
        "sizes": list(images.shape[1:]),
        "offset": torch.tensor(mean, dtype=torch.float64),
        "scale": torch.tensor(std, dtype=torch.float64),
    }


def normalize_images(images: Array, state: State) -> Array:
    """Normalise `[N, C, H, W]`. Raises `DataError` for images of other sizes than in training."""
    if list(images.shape[1:]) != state["sizes"]:
        raise DataError(f"images {list(images.shape[1:])}, and training had {state['sizes']}", "set size and channels of the field")
    offset, scale = (state[key].numpy().astype(np.float32)[:, None, None] for key in ("offset", "scale"))
    return images if not offset.any() and (scale == 1).all() else (images - offset) / scale


def _moments(field: Image, images: Array) -> tuple[Any, Any]:
    channels = images.shape[1]
    match field.normalize:
        case "unit":
            return [0.0] * channels, [1.0] * channels
        case "imagenet":
            return IMAGENET
        case "standard":
            mean = images.mean(axis=(0, 2, 3), dtype=np.float64)
            std = images.std(axis=(0, 2, 3), dtype=np.float64)
            return mean.tolist(), np.where(std > 0, std, 1.0).tolist()
        case (low, high):
            scale = 1.0 / (high - low)
            return [-low * scale] * channels, [scale] * channels
        case moments:
            return moments.mean, moments.std


def _unit(images: Array, file: str, column: str) -> Array:
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(255)
    if images.dtype.kind not in "iuf" or not bool(np.isfinite(images).all()):
        raise DataError(f"{file}: {column} should hold images, and holds {images.dtype} or values that are not finite")
    low, high = float(images.min(initial=0)), float(images.max(initial=0))
    if low < 0 or high > 1:
        raise DataError(f"{file}: {column} has values from {low:g} to {high:g}; an image is uint8, or has values in [0, 1]")
    return images.astype(np.float32)


def _resize(images: Array, size: tuple[int, int]) -> Array:
    resized = torch.nn.functional.interpolate(torch.from_numpy(np.ascontiguousarray(images)), size, mode="bilinear", antialias=True)
    return resized.clamp(0, 1).numpy()
