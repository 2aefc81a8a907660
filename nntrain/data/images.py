"""Images of arrays and files: one layout, one size, uint8 where they are stored so, and how they are normalised."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
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

GRAY_MODES: Final = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "F"})
"""Pillow's modes of one channel; all others become red, green and blue."""

MAX_LISTED: Final = 5


def read_images(field: Image, table: Table, column: str) -> Array:
    """Images `[N, C, H, W]`: uint8 of files and of uint8 arrays, else float32 in [0, 1].

    Raises:
        DataError: The column is no images, an image is broken or of another size, or values are neither uint8 nor within [0, 1].
    """
    cells = table.column(column)
    if not isinstance(cells, np.ndarray):
        return read_image_files(field, table, column)
    array: Array = cells
    try:
        channels, height, width = channels_first(column, array.shape[1:])
    except SpecError as error:
        raise DataError(f"{table.name}: {error.message}") from None
    images: Array = array if array.ndim < 4 or array.shape[1] == channels else array.transpose(0, 3, 1, 2)
    images = _checked(images.reshape(len(array), channels, height, width), table.name, column)
    wanted = field.num_channels or channels
    if wanted != channels:
        images = images.repeat(3, axis=1) if wanted == 3 else _gray(images)
    size = field.size_pair
    if size is not None and size != (height, width):
        images = _resize(images, size)
    return np.ascontiguousarray(images)


def read_image_files(field: Image, table: Table, column: str) -> Array:
    """Images that the cells of a column name, uint8 `[N, C, H, W]`: as they are shown (EXIF), without transparency, 16 bits cut to 8.

    Raises:
        DataError: A file is missing or broken, or the images have different sizes and the field names none; the files are named.
    """
    names: list[str | None] = table.texts(column).to_list()
    lost = [row for row, name in enumerate(names) if name is None]
    if lost:
        raise DataError(f"{table.name}: {column} names no image in {table.places(lost)}")
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = list(pool.map(partial(_decoded, field, table), (str(name) for name in names)))
    broken = [image for image in found if isinstance(image, str)]
    if broken:
        more = f"\n   and {len(broken) - MAX_LISTED:,} more" if len(broken) > MAX_LISTED else ""
        told = "\n   ".join(broken[:MAX_LISTED])
        raise DataError(f"{table.name}: {len(broken):,} of {len(found):,} images cannot be read:\n   {told}{more}", "repair or remove them")
    images = [image for image in found if not isinstance(image, str)]
    _check_sizes(table, column, names, images)
    channels = field.num_channels or max((len(image) for image in images), default=1)
    return np.stack([image if len(image) == channels else image.repeat(3, axis=0) for image in images])


def _decoded(field: Image, table: Table, name: str) -> Array | str:
    """One image, uint8 `[C, H, W]`, or what is wrong with it. Gray images keep one channel, but where the field says three."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    assert table.store is not None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture: Any = ImageOps.exif_transpose(Pictures.open(BytesIO(table.store.read(name))))
            is_gray = picture.mode in GRAY_MODES if field.num_channels is None else field.num_channels == 1
            if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would cut values off at 255
                picture = Pictures.fromarray((np.asarray(picture, dtype=np.int64).clip(0, 65_535) >> 8).astype(np.uint8))
            elif picture.mode == "F":
                return f"{name}: its pixels are numbers without a range"
            picture = picture.convert("L" if is_gray else "RGB")
            size = field.size_pair
            if size is not None and size != (picture.height, picture.width):
                picture = picture.resize((size[1], size[0]), Pictures.Resampling.BILINEAR)
    except DataError as error:
        return error.message
    except (OSError, ValueError, SyntaxError, EOFError, Pictures.DecompressionBombError) as error:
        return f"{name}: {error}" if "BytesIO" not in str(error) else f"{name}: no image, or damaged"
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _check_sizes(table: Table, column: str, names: list[str | None], images: list[Array]) -> None:
    first: dict[tuple[int, ...], str | None] = {}
    for name, image in zip(names, images, strict=True):
        first.setdefault(image.shape[1:], name)
    if len(first) > 1:
        shown = ", ".join(f"{height} x {width} ({name})" for (height, width), name in list(first.items())[:3])
        raise DataError(
            f"{table.name}: the images of {column} have {len(first):,} sizes (height x width): {shown}",
            f"fix:  fields: {{{column}: {{type: image, size: 64}}}}",
        )


def fit_images(field: Image, images: Array) -> State:
    """Offset and scale of each channel, of values in [0, 1], as float64 tensors `[C]`, and the sizes. Raises `DataError`."""
    channels = images.shape[1]
    mean, std = _moments(field, images)
    if len(mean) != channels or len(std) != channels:
        raise DataError(f"normalize has {len(mean)} means and {len(std)} deviations, and the images have {channels} channels")
    return {
        "sizes": list(images.shape[1:]),
        "offset": torch.tensor(mean, dtype=torch.float64),
        "scale": torch.tensor(std, dtype=torch.float64),
    }


def fitting_images(images: Array, state: State) -> Array:
    """Images `[N, C, H, W]` with the channels of training: gray ones become red, green and blue where training had colour.

    Raises:
        DataError: They have other sizes than in training.
    """
    channels, *sizes = state["sizes"]
    if list(images.shape[2:]) != sizes or images.shape[1] not in (1, channels):
        raise DataError(f"images {list(images.shape[1:])}, and training had {state['sizes']}", "set size and channels of the field")
    return images if images.shape[1] == channels else images.repeat(channels, axis=1)


def _moments(field: Image, images: Array) -> tuple[Any, Any]:
    channels = images.shape[1]
    match field.normalize:
        case "unit":
            return [0.0] * channels, [1.0] * channels
        case "imagenet":
            return IMAGENET
        case "standard":
            mean, std = _fitted_moments(images)
            return mean.tolist(), np.where(std > 0, std, 1.0).tolist()
        case (low, high):
            scale = 1.0 / (high - low)
            return [-low * scale] * channels, [scale] * channels
        case moments:
            return moments.mean, moments.std


def _fitted_moments(images: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel, float64 `[C]`; of uint8 exactly, from how often each value occurs."""
    if images.dtype != np.uint8:
        return images.mean(axis=(0, 2, 3), dtype=np.float64), images.std(axis=(0, 2, 3), dtype=np.float64)
    levels = np.arange(256) / 255
    counts = np.stack([np.bincount(images[:, channel].reshape(-1), minlength=256) for channel in range(images.shape[1])])
    mean = counts @ levels / counts.sum(axis=1)
    return mean, np.sqrt((counts * (levels - mean[:, None]) ** 2).sum(axis=1) / counts.sum(axis=1))


def _checked(images: Array, file: str, column: str) -> Array:
    """Images as uint8, or as float32 in [0, 1]."""
    if images.dtype == np.uint8:
        return images
    if images.dtype.kind not in "iuf" or not bool(np.isfinite(images).all()):
        raise DataError(f"{file}: {column} should hold images, and holds {images.dtype} or values that are not finite")
    low, high = float(images.min(initial=0)), float(images.max(initial=0))
    if low < 0 or high > 1:
        raise DataError(f"{file}: {column} has values from {low:g} to {high:g}; an image is uint8, or has values in [0, 1]")
    return images.astype(np.float32)


def _gray(images: Array) -> Array:
    gray = np.einsum("nchw,c->nhw", images.astype(np.float32), np.array(GRAY, np.float32))[:, None]
    return gray.round().astype(np.uint8) if images.dtype == np.uint8 else gray


def _resize(images: Array, size: tuple[int, int]) -> Array:
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float()
    resized = torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
    if images.dtype == np.uint8:
        return resized.round().clamp(0, 255).byte().numpy()
    return resized.clamp(0, 1).numpy()
