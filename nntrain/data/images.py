"""Images of arrays and files: one layout, one size, uint8 where they are stored so, and how they are normalised."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from nntrain.data.fields.field import State
from nntrain.data.fields.image import IMAGENET, Image, channels_first, fitting_size
from nntrain.data.file_store import FileStore
from nntrain.data.table import Table
from nntrain.errors import DataError, SpecError

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.fields.field import Array

GRAY: Final = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601), as Pillow's conversion to gray."""

GRAY_MODES: Final = frozenset({"1", "L", "LA", "La", "I", "I;16", "I;16L", "I;16B", "F"})
"""Pillow's modes of one channel; all others become red, green and blue."""

FORMATS: Final = ("PNG", "JPEG", "BMP", "DIB", "PPM", "TIFF", "WEBP", "GIF")
"""What a file may be, whatever its name says. Others that Pillow knows start programs (EPS) or are hardly ever met."""

MAX_LISTED: Final = 5


def read_images(field: Image, table: Table, column: str) -> Array:
    """Images `[N, C, H, W]`: uint8 of files and of uint8 arrays, else float32 in [0, 1].

    Raises:
        DataError: The column is no images, an image is broken or of another size, or values are neither uint8 nor within [0, 1].
    """
    cells = table.column(column)
    if not isinstance(cells, np.ndarray):
        import polars as pl

        return _read_image_cells(field, table, column, cells) if cells.dtype == pl.Binary else read_image_files(field, table, column)
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
    if field.size_pair not in (None, (height, width)):
        images = _resize(images, field.size_pair, is_cut=field.crop_to_aspect_ratio)
    return np.ascontiguousarray(images)


def read_image_files(field: Image, table: Table, column: str) -> Array:
    """Images that the cells of a column name, uint8 `[N, C, H, W]`: as they are shown (EXIF), without transparency, 16 bits cut to 8.

    Raises:
        DataError: A file is missing or broken, or the images have different sizes and the field names none; the files are named.
    """
    names: list[str] = names_of(table, column).to_list()
    store = FileStore(Path()) if table.store is None else table.store  # rows of a program name files from where it stands
    read = partial(decode, store, field=field)
    return _joined(field, table, column, names, read)


def _read_image_cells(field: Image, table: Table, column: str, cells: pl.Series) -> Array:
    """The same of images whose files are the cells. Raises `DataError`."""
    if cells.null_count():
        lost: list[int] = cells.is_null().arg_true().to_list()
        raise DataError(f"{table.name}: {column} has no image in {table.places(lost)}", "remove these rows")
    rows = {table.place(row): row for row in range(table.rows)}

    def read(place: str) -> Array | str:
        return decode_content(cells[rows[place]], place, field)

    return _joined(field, table, column, list(rows), read)


def _joined(field: Image, table: Table, column: str, names: Sequence[str], read: Callable[[str], Array | str]) -> Array:
    """Images, each of which `read` finds by its name, uint8 `[N, C, H, W]`. Raises `DataError`."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = list(pool.map(read, names))
    broken = [at_line(table, row, image) for row, image in enumerate(found) if isinstance(image, str)]
    if broken:
        raise broken_images(broken, len(found), f"{table.name}: {column}: ")
    images = [image for image in found if not isinstance(image, str)]
    first: dict[tuple[int, ...], str] = {}
    for name, image in zip(names, images, strict=True):
        first.setdefault(image.shape[1:], name)
    check_sizes(column, first, f"{table.name}: ")
    channels = field.num_channels or max((len(image) for image in images), default=1)
    return np.stack([image if len(image) == channels else image.repeat(3, axis=0) for image in images])


def names_of(table: Table, column: str) -> pl.Series:
    """The files that the cells of a column name, `[N]`. Raises `DataError` where one is empty."""
    names = table.texts(column)
    if names.null_count():
        lost: list[int] = names.is_null().arg_true().to_list()
        raise DataError(f"{table.name}: {column} names no image in {table.places(lost)}", "remove these rows, or name an image")
    return names


def at_line(table: Table, row: int, told: str) -> str:
    """What is wrong with the file that a cell of a text file names, with the line."""
    place = table.place(row)
    return told if table.lines is None or told.startswith(place) else f"{place}: {told}"


def broken_images(broken: Sequence[str], count: int, where: str = "") -> DataError:
    """The error for images of which some cannot be read; `broken` says of each what is wrong, and `where` begins the message."""
    more = f"\n   and {len(broken) - MAX_LISTED:,} more" if len(broken) > MAX_LISTED else ""
    told = "\n   ".join(broken[:MAX_LISTED])
    return DataError(f"{where}{len(broken):,} of {count:,} images cannot be read:\n   {told}{more}", "repair or remove them")


def decode(store: FileStore, name: str, field: Image) -> Array | str:
    """One image, uint8 `[C, H, W]`, or what is wrong with it.

    Args:
        store: Where its name counts from.
        name: The file.
        field: Its channels and size, where it sets them.
    """
    try:
        content = store.read(name)
    except DataError as error:
        return error.message
    return decode_content(content, name, field)


def decode_content(content: bytes, name: str, field: Image) -> Array | str:
    """The same of what is in a file, of which messages say `name`."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pictures.DecompressionBombWarning)
            picture: Any = ImageOps.exif_transpose(Pictures.open(BytesIO(content), formats=FORMATS))
            is_gray = picture.mode in GRAY_MODES if field.num_channels is None else field.num_channels == 1
            if picture.mode.startswith("I"):  # 16 bits a pixel; Pillow's own conversion would cut values off at 255
                picture = Pictures.fromarray((np.asarray(picture, dtype=np.int64).clip(0, 65_535) >> 8).astype(np.uint8))
            elif picture.mode == "F":
                return f"{name}: its pixels are numbers without a range"
            picture = picture.convert("L" if is_gray else "RGB")
            if field.size_pair not in (None, (picture.height, picture.width)):
                height, width = field.size_pair
                resize = partial(ImageOps.fit, picture) if field.crop_to_aspect_ratio else picture.resize
                picture = resize((width, height), Pictures.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, EOFError, Pictures.DecompressionBombError, Pictures.DecompressionBombWarning) as error:
        return f"{name}: {error}" if "BytesIO" not in str(error) else f"{name}: no image, or damaged"
    pixels = np.asarray(picture)
    return pixels[None] if pixels.ndim == 2 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def check_sizes(column: str, first: Mapping[tuple[int, ...], str], where: str = "") -> None:
    """Refuse images of several sizes; `first` has an image of each height and width. Raises `DataError`, which `where` begins."""
    if len(first) > 1:
        shown = ", ".join(f"{height} x {width} ({name})" for (height, width), name in list(first.items())[:3])
        raise DataError(
            f"{where}the images of {column} have {len(first):,} sizes (height x width): {shown}",
            f"fix:  fields: {{{column}: {{type: image, size: {fitting_size(first)}}}}}",
        )


def fit_images(field: Image, shape: Sequence[int], moments: Callable[[], tuple[Array, Array]]) -> State:
    """Offset and scale of each channel, of values in [0, 1], as float64 tensors `[C]`, and the sizes.

    Args:
        field: What is wanted.
        shape: Channels, height and width.
        moments: Mean and standard deviation of each channel, float64 `[C]`, where they are to be fitted.

    Raises:
        DataError: The field has moments of another number of channels.
    """
    channels = shape[0]
    mean, std = _moments(field, channels, moments)
    if len(mean) != channels or len(std) != channels:
        raise DataError(f"normalize has {len(mean)} means and {len(std)} deviations, and the images have {channels} channels")
    return {
        "sizes": list(shape),
        "offset": torch.tensor(mean, dtype=torch.float64),
        "scale": torch.tensor(std, dtype=torch.float64),
    }


def fitting_images(images: Array, state: State) -> Array:
    """Images `[N, C, H, W]` with the channels of training: gray ones become red, green and blue where training had colour.

    Raises:
        DataError: They have other sizes than in training.
    """
    check_fits(images.shape[1:], state)
    channels = state["sizes"][0]
    return images if images.shape[1] == channels else images.repeat(channels, axis=1)


def check_fits(shape: Sequence[int], state: State) -> None:
    """Refuse images `[C, H, W]` of other sizes than in training, but for gray ones in place of colour. Raises `DataError`."""
    channels, *sizes = state["sizes"]
    if list(shape[1:]) != sizes or shape[0] not in (1, channels):
        raise DataError(f"images {list(shape)}, and training had {state['sizes']}", "set size and channels of the field")


def _moments(field: Image, channels: int, fitted: Callable[[], tuple[Array, Array]]) -> tuple[Any, Any]:
    match field.normalize:
        case "unit":
            return [0.0] * channels, [1.0] * channels
        case "imagenet":
            return IMAGENET
        case "standard":
            mean, std = fitted()
            return mean.tolist(), np.where(std > 0, std, 1.0).tolist()
        case (low, high):
            scale = 1.0 / (high - low)
            return [-low * scale] * channels, [scale] * channels
        case moments:
            return moments.mean, moments.std


def moments_of(images: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel, float64 `[C]`; of uint8 exactly, from how often each value occurs."""
    if images.dtype != np.uint8:
        return images.mean(axis=(0, 2, 3), dtype=np.float64), images.std(axis=(0, 2, 3), dtype=np.float64)
    return moments_of_levels(np.stack([np.bincount(images[:, channel].reshape(-1), minlength=256) for channel in range(images.shape[1])]))


def moments_of_levels(counts: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel in [0, 1], from how often each of the 256 values occurs, int64 `[C, 256]`."""
    levels = np.arange(256) / 255
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
    return images.astype(np.float32, copy=False)


def _gray(images: Array) -> Array:
    gray = np.einsum("nchw,c->nhw", images.astype(np.float32), np.array(GRAY, np.float32))[:, None]
    return gray.round().astype(np.uint8) if images.dtype == np.uint8 else gray


def _resize(images: Array, size: tuple[int, int], *, is_cut: bool) -> Array:
    if is_cut:
        old_height, old_width = images.shape[2:]
        height = min(old_height, round(old_width * size[0] / size[1]))
        width = min(old_width, round(old_height * size[1] / size[0]))
        top, left = (old_height - height) // 2, (old_width - width) // 2
        images = images[:, :, top : top + max(height, 1), left : left + max(width, 1)]
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float()
    resized = torch.nn.functional.interpolate(pixels, size, mode="bilinear", antialias=True)
    if images.dtype == np.uint8:
        return resized.round().clamp(0, 255).byte().numpy()
    return resized.clamp(0, 1).numpy()
