"""Masks of arrays and files: what their pixels hold, and the classes that this stands for."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from nntrain.data.fields.field import Encoded, State
from nntrain.data.fields.image import fitting_size
from nntrain.data.fields.mask import COLOR, MAX_CLASSES, Mask, mask_sizes, pixel_word
from nntrain.data.file_store import FileStore
from nntrain.data.image_header import HEADER_BYTES, image_size
from nntrain.data.images import FORMATS, MAX_LISTED, at_line, broken_images, names_of
from nntrain.data.mask_rows import UNCOUNTED
from nntrain.data.table import Table, listed
from nntrain.errors import DataError, SpecError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

_UNKNOWN: Final = 256
_PLAIN: Final = re.compile(r"\d+|(?!(?:true|false|null|yes|no|on|off)$)[A-Za-z]\w*", re.IGNORECASE)
LOSSY: Final = "JPEG changes the values of pixels: save masks as PNG"


def read_masks(field: Mask, table: Table, column: str) -> Array:
    """What the pixels of masks hold, uint8 or int32 `[N, H, W]`: gray values and places in a palette, or colours, `COLOR` and more.

    Raises:
        DataError: The column is no masks, masks have several sizes, or pixels hold values that the field doesn't name.
    """
    cells = table.column(column)
    if isinstance(cells, np.ndarray):
        names = [f"row {row}" for row in range(len(cells))]
        found = list(_of_array(field, table.name, column, cells))
    else:
        names, found = _of_files(field, table, column, cells)
    first: dict[tuple[int, ...], str] = {}
    for name, mask in zip(names, found, strict=True):
        first.setdefault(mask.shape, name)
    if len(first) > 1:
        shown = ", ".join(f"{height} x {width} ({name})" for (height, width), name in list(first.items())[:3])
        message = f"{table.name}: the masks of {column} have {len(first):,} sizes (height x width): {shown}"
        size = fitting_size(_beside(table, column, [names.index(name) for name in first.values()]) or first)
        raise DataError(message, f"fix:  fields: {{{column}: {{type: mask, size: {size}}}}}")
    if any(_has_colors(mask) for mask in found) or _names_colors(field):
        found = [_colored(mask) for mask in found]
    _check_values(field, f"{table.name}: {column}", names, found)
    return np.stack(found)


def _beside(table: Table, column: str, rows: Sequence[int]) -> set[tuple[int, int]]:
    """The one height and width of the image files beside some masks; none where they have several, or are not there."""
    sizes: set[tuple[int, int]] = set()
    for name, known in table.known.items():
        if name != column and known.kind == "file" and table.store is not None:
            try:
                found = [image_size(table.store.read(str(table.columns[name][row]), HEADER_BYTES)) for row in rows]
            except DataError:  # one is missing, which is told when the images are read
                continue
            sizes |= {(size.height, size.width) for size in found if size is not None}
    return sizes if len(sizes) == 1 else set()


def _of_files(field: Mask, table: Table, column: str, cells: pl.Series) -> tuple[list[str], list[Array]]:
    """Masks that the cells of a column name or hold, and where each is from."""
    if cells.dtype == pl.Binary:
        if cells.null_count():
            lost: list[int] = cells.is_null().arg_true().to_list()
            raise DataError(f"{table.name}: {column} has no mask in {table.places(lost)}", "remove these rows")
        names = [table.place(row) for row in range(table.rows)]

        def content(row: int) -> bytes:
            return cells[row]
    else:
        names = names_of(table, column).to_list()
        store = FileStore(Path()) if table.store is None else table.store

        def content(row: int) -> bytes:
            return store.read(names[row])

    def read(row: int) -> Array | str:
        try:
            return decode_mask(content(row), names[row], field.size_pair)
        except DataError as error:
            return error.message

    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        found = list(pool.map(read, range(len(names))))
    broken = [at_line(table, row, mask) for row, mask in enumerate(found) if isinstance(mask, str)]
    if broken:
        raise broken_images(broken, len(found), f"{table.name}: {column}: ")
    return names, [mask for mask in found if not isinstance(mask, str)]


def decode_mask(content: bytes, name: str, size: tuple[int, int] | None) -> Array | str:
    """What the pixels of an image file hold, uint8 or int32 `[H, W]`, in a size if one is given; or what is wrong with it."""
    from PIL import Image as Pictures
    from PIL import ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Pictures.DecompressionBombWarning)
            picture: Any = ImageOps.exif_transpose(Pictures.open(BytesIO(content), formats=FORMATS))
            if picture.mode == "F":
                return f"{name}: its pixels are numbers without a range"
            if picture.mode not in ("1", "L", "P", "I", "I;16", "I;16L", "I;16B"):
                gray = {"LA": "L", "La": "L", "PA": "P"}.get(picture.mode)
                picture = picture.getchannel(0) if gray is not None else picture.convert("RGB")
            pixels = np.asarray(picture)
    except (OSError, ValueError, SyntaxError, EOFError, Pictures.DecompressionBombError, Pictures.DecompressionBombWarning) as error:
        return f"{name}: {error}" if "BytesIO" not in str(error) else f"{name}: no image, or damaged"
    pixels = pixels if size is None else nearest(pixels, size)
    return _values(pixels)


def nearest(pixels: Array, size: tuple[int, int]) -> Array:
    """Pixels `[H, W, …]` in another height and width, each the one that lies nearest."""
    rows, columns = ((np.arange(new) * 2 + 1) * old // (2 * new) for new, old in zip(size, pixels.shape[:2], strict=True))
    return pixels if pixels.shape[:2] == size else pixels[rows[:, None], columns]


def _values(pixels: Array) -> Array:
    """One number a pixel, uint8 or int32 `[H, W]`, of gray values `[H, W]` or colours `[H, W, 3]`; gray colours are gray values."""
    if pixels.ndim == 3:
        if bool((pixels == pixels[:, :, :1]).all()):
            pixels = pixels[:, :, 0]
        else:
            red, green, blue = (pixels[:, :, place].astype(np.int32) for place in range(3))
            return COLOR + red * 65536 + green * 256 + blue
    if pixels.dtype == np.bool_ or (pixels.dtype.kind in "iu" and pixels.min(initial=0) >= 0 and pixels.max(initial=0) < 256):
        return np.ascontiguousarray(pixels.astype(np.uint8))
    return np.ascontiguousarray(pixels.clip(-1, COLOR - 1).astype(np.int32))


def _of_array(field: Mask, file: str, column: str, array: Array) -> Iterator[Array]:
    try:
        height, width = mask_sizes(column, array.shape[1:])
    except SpecError as error:
        raise DataError(f"{file}: {error.message}") from None
    if array.dtype.kind not in "biu" and not (array.dtype.kind == "f" and bool((array == np.floor(array)).all())):
        raise DataError(f"{file}: {column} should hold a whole number for each pixel, and holds {array.dtype}")
    array = array.astype(np.int64) if array.dtype.kind == "f" else array
    for mask in array:
        shaped = mask if mask.ndim == 3 and mask.shape[2] == 3 else mask.reshape(height, width)
        yield _values(shaped if field.size_pair is None else nearest(shaped, field.size_pair))


def _has_colors(mask: Array) -> bool:
    return mask.dtype != np.uint8 and bool((mask >= COLOR).any())


def _names_colors(field: Mask) -> bool:
    return any(value >= COLOR for value in (*(field.values or ()), *field.ignored))


def _colored(mask: Array) -> Array:
    """The same with gray values as colours."""
    wide = mask.astype(np.int32)
    return np.where((wide < COLOR) & (wide >= 0) & (wide < 256), COLOR + wide * 0x010101, wide)


def _shown(mask: Array) -> Array:
    """The values that occur."""
    return np.flatnonzero(np.bincount(mask.reshape(-1), minlength=256)) if mask.dtype == np.uint8 else np.unique(mask)


def _check_values(field: Mask, where: str, names: Sequence[str], masks: Sequence[Array]) -> None:
    """Refuse values that the field doesn't name, where it names any. Raises `DataError`."""
    if field.values is None:
        return
    allowed = np.array([*field.values, *field.ignored])
    faults: list[str] = []
    for name, mask in zip(names, masks, strict=True):
        others = np.setdiff1d(_shown(mask), allowed)
        if len(others):
            faults.append(f"{name} holds {listed([pixel_word(int(value)) for value in others], 5)}")
    if not faults:
        return
    more = f", and {len(faults) - MAX_LISTED:,} more" if len(faults) > MAX_LISTED else ""
    known = listed([pixel_word(value) for value in field.values], 8)
    every = sorted({int(value) for mask in masks for value in _shown(mask)} - set(field.ignored))
    hint = f"JPEG? {LOSSY}" if names[0].lower().endswith((".jpg", ".jpeg")) else "do they not count? ignore: VALUE"
    names_of_values = dict(zip(field.values, field.class_names, strict=True))
    left = [value for value in every if value not in names_of_values]
    lost = [value for value in field.values if value not in every]
    if len(left) == len(lost) and (len(left) == 1 or not isinstance(field.classes, dict)):  # which of several is meant, nobody knows
        moved = dict(zip(lost, left, strict=True))
        hint = f"fix:  {classes_fix({moved.get(value, value): name for value, name in names_of_values.items()})}"
    raise DataError(f"{where}: the classes are of pixels that hold {known}; {'; '.join(faults[:MAX_LISTED])}{more}", hint)


def classes_fix(names: Mapping[int, str]) -> str:
    """Classes as a config has them, by the value of their pixels: colours in quotes."""
    return f"classes: {{{', '.join(f'{in_yaml(pixel_word(value))}: {in_yaml(name)}' for value, name in names.items())}}}"


def in_yaml(word: str) -> str:
    """A value or the name of a class as a config has it, in quotes where it needs them."""
    return word if _PLAIN.fullmatch(word) else json.dumps(word, ensure_ascii=False)


def fit_masks(field: Mask, masks: Array) -> State:
    """Height and width, the values of the classes and their names.

    Raises:
        DataError: The masks show less than two classes, or more than a byte holds.
    """
    shown = [int(value) for value in _shown(masks) if int(value) not in field.ignored]
    values = list(field.values or shown)
    if len(values) > MAX_CLASSES:
        raise DataError(f"the training masks hold {len(values):,} values, and a mask has at most {MAX_CLASSES} classes", f"JPEG? {LOSSY}")
    if len(shown) < 2:
        only = "no class" if not shown else f"{pixel_word(shown[0])} alone"
        raise DataError(f"the training masks show {only}: there is nothing to learn")
    names = list(field.class_names) or [pixel_word(value) for value in values]
    return {"sizes": list(masks.shape[1:]), "values": values, "classes": names, "has_missing": False}


def encode_masks(field: Mask, masks: Array, state: State) -> Encoded:
    """Class indices uint8 `[N, H, W]`. Raises `DataError` for another size than in training."""
    if list(masks.shape[1:]) != state["sizes"]:
        raise DataError(f"masks {list(masks.shape[1:])}, and training had {state['sizes']}", "set the size of the field")
    values = [*state["values"], *field.ignored]
    indices = np.array([*range(len(state["values"])), *[UNCOUNTED] * len(field.ignored)])
    masks = _colored(masks) if any(value >= COLOR for value in values) and not _has_colors(masks) else masks
    if masks.dtype == np.uint8:
        table = np.full(256, _UNKNOWN)
        table[[value for value in values if value < 256]] = indices[[value < 256 for value in values]]
        found = table.astype(np.int16)[masks]
    else:
        order = np.argsort(values)
        ranked = np.array(values)[order]
        places = np.searchsorted(ranked, masks).clip(max=len(values) - 1)
        found = np.where(ranked[places] == masks, indices[order][places], _UNKNOWN)
    is_unknown = found == _UNKNOWN
    unknown = is_unknown.reshape(len(masks), -1).any(axis=1)
    told = None
    if unknown.any():
        held = listed([pixel_word(int(value)) for value in np.setdiff1d(_shown(masks[unknown]), values)], 5)
        told = f"their pixels hold {held}, and training showed {_known(field, state)}"
    return Encoded(np.where(is_unknown, UNCOUNTED, found).astype(np.uint8), unknown=unknown, unknown_words=told, is_map=True)


def _known(field: Mask, state: State) -> str:
    """The values that training showed, with the names of their classes, and those that count nothing."""
    pairs = zip(state["values"], state["classes"], strict=True)
    known = listed([pixel_word(value) if str(name) == pixel_word(value) else f"{pixel_word(value)} ({name})" for value, name in pairs], 8)
    ignored = f", and {listed([pixel_word(value) for value in field.ignored], 8)} counts nothing" if field.ignored else ""
    return f"pixels of {known}{ignored}"


def check_shown(field: Mask, table: Table, column: str, masks: Array, unknown: Array, state: State) -> None:
    """Refuse masks with values that are no class. Raises `DataError`, which names files and values.

    Args:
        field: The field that read them.
        table: The rows.
        column: Of the files, or the array.
        masks: What their pixels hold, `[N, H, W]`.
        unknown: Which of them are to be refused, bool `[N]`.
        state: What the field learned.
    """
    rows = np.flatnonzero(unknown).tolist()
    if not rows:
        return
    cells = table.columns[column]
    has_names = isinstance(cells, pl.Series) and cells.dtype == pl.String
    names = [str(cells[row]) if has_names else table.place(row) for row in rows[:MAX_LISTED]]
    values: list[int] = state["values"]
    allowed = np.array([*values, *field.ignored])
    wide = [_colored(masks[row]) if any(value >= COLOR for value in values) and not _has_colors(masks[row]) else masks[row] for row in rows]
    others = [[pixel_word(int(value)) for value in np.setdiff1d(_shown(mask), allowed)] for mask in wide[:MAX_LISTED]]
    faults = [f"{name} holds {listed(found, 5)}" for name, found in zip(names, others, strict=True)]
    more = f", and {len(rows) - MAX_LISTED:,} more" if len(rows) > MAX_LISTED else ""
    message = f"{table.name}: {column}: {'; '.join(faults)}{more}, and training showed {_known(field, state)}"
    raise DataError(
        message,
        f"JPEG? {LOSSY}"
        if names[0].lower().endswith((".jpg", ".jpeg"))
        else f"does it not count? train with  fields: {{{column}: {{type: mask, ignore: {in_yaml(others[0][0])}}}}}",
    )
