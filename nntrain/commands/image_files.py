"""Images as files that people look at: many on a sheet, or one file each."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import ResourceError, UsageError
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

SHEET_SUFFIX: Final = ".png"
_GAP: Final = 2
"""Pixels between the images of a sheet."""
_MOST_PIXELS: Final = 100_000_000


def check_folder(output: Path) -> None:
    """Refuse a folder that has files, or can't be made, before anything is computed. Raises `UsageError`."""
    if output.is_dir() and any(output.iterdir()):
        raise UsageError(f"the folder {output.as_posix()} is not empty", f"another one: -o {output.as_posix().rstrip('/')}_2")
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output.as_posix()} is a file, and images are written into a folder", "another name, or one that ends in .npz")
    if not output.resolve().parent.is_dir():
        raise UsageError(f"no folder {output.parent.as_posix()} to make {output.name} in", "make it first")


def write_sheet(output: Path, images: Sequence[Array]) -> None:
    """Write images as one PNG, row by row from the top left, as nearly a square as their number gives.

    Args:
        output: The file; replaced whole or not at all.
        images: `[C, H, W]` in [0, 1], all of one size; what lies beyond is cut. C is 1 or 3.

    Raises:
        ResourceError: The file can't be written.
        UsageError: The images are none that a PNG holds, or too many for one sheet.
    """
    import numpy as np

    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    channels, height, width = images[0].shape
    if rows * (height + _GAP) * columns * (width + _GAP) > _MOST_PIXELS:
        raise UsageError(f"{len(images):,} images of {height} x {width} are too many for one sheet", "-o FOLDER   or -o images.npz")
    sheet = np.zeros((rows * (height + _GAP) - _GAP, columns * (width + _GAP) - _GAP, channels), dtype=np.uint8)
    sheet += 128  # gray between the images, which may be black or white
    for place, image in enumerate(images):
        top, left = place // columns * (height + _GAP), place % columns * (width + _GAP)
        sheet[top : top + height, left : left + width] = levels(image)
    _write(output, png(sheet))


def write_images(output: Path, images: Sequence[Array], names: Sequence[str]) -> None:
    """Write each image as a PNG of its own into a new folder, which appears whole or not at all.

    Args:
        output: The folder; not there, or empty.
        images: `[C, H, W]` in [0, 1], as of `write_sheet`.
        names: Names of the files.

    Raises:
        ResourceError: It can't be written.
        UsageError: The images are none that a PNG holds.
    """
    beside = output.resolve().with_name(f".{output.resolve().name}-{os.getpid()}.tmp")
    try:
        beside.mkdir()
        for name, image in zip(names, images, strict=True):
            (beside / name).write_bytes(png(levels(image)))
        if output.is_dir():
            output.rmdir()
        beside.rename(output.resolve())
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def write_pictures(output: Path, images: Mapping[str, Sequence[Array]]) -> int:
    """Write the images of one or more targets into a new folder, numbered by their rows; behind its name where there are several.

    Returns:
        The number of files. Raises as `write_images`.
    """
    names = [name for target, rows in images.items() for name in file_names(len(rows), "" if len(images) == 1 else f"{target}_")]
    write_images(output, [image for rows in images.values() for image in rows], names)
    return len(names)


def file_names(count: int, prefix: str = "") -> list[str]:
    """A name for each of so many images, in their order: `000.png`."""
    digits = max(3, len(str(count - 1)))
    return [f"{prefix}{number:0{digits}}{SHEET_SUFFIX}" for number in range(count)]


def levels(image: Array) -> Array:
    """`[C, H, W]` in [0, 1] as uint8 `[H, W, C]`."""
    import numpy as np

    return np.moveaxis(np.round(np.clip(np.nan_to_num(image), 0, 1) * 255).astype(np.uint8), 0, 2)


def png(pixels: Array) -> bytes:
    """Pixels uint8 `[H, W, C]` as a file. Raises `UsageError` for another number of channels than 1 or 3."""
    from PIL import Image as Pictures

    if pixels.shape[2] not in (1, 3):
        raise UsageError(f"images of {pixels.shape[2]} channels are no pictures", "-o images.npz")
    content: Any = BytesIO()
    Pictures.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(content, "PNG")
    return content.getvalue()


def _write(output: Path, content: bytes) -> None:
    try:
        write_atomically(output.resolve(), content)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
