"""Columns of made-up rows: those that the fields name, with values that are what the fields say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.fake.image_files import write_images
from nntrain.data.fake.masks import masks
from nntrain.data.fake.sequences import tags_of
from nntrain.data.fake.sounds import write_sounds
from nntrain.data.fake.values import Rows, cells, images, matrix
from nntrain.data.fields.audio import Audio
from nntrain.data.fields.auto import Auto
from nntrain.data.fields.category import Category
from nntrain.data.fields.field import Field, Role
from nntrain.data.fields.mask import Mask
from nntrain.data.fields.number import Number
from nntrain.data.fields.series import Series
from nntrain.data.naming import is_pattern, matching
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]
    Values = list[Any] | Array

NUMBERS_OF_A_PATTERN: Final = 12
"""Columns that a pattern of single values stands for."""
_NOBODY_NAMES: Final = {"number_1": Number(), "number_2": Number(), "category_1": Category()}
"""Inputs where the config names none."""
_CLASSES_OF_AN_INPUT: Final = ("red", "green", "blue", "black")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the columns are written, and what such a file can hold."""

    folder: Path
    """For files that cells name."""
    part: str
    """`train`, `validation` or `test`."""
    has_arrays: bool
    """Whether a column may be a list or an array a row."""
    is_binary: bool = False
    """Whether it holds whole images."""
    names: tuple[str, ...] | None = None
    """The only names that columns can have, where the source says them."""
    date_format: str | None = None


def columns(settings: DataSettings, rows: Rows, place: Place) -> dict[str, Values]:
    """Values by column, in the order of the settings.

    Raises:
        DataError: Nothing makes up what a field says.
    """
    found: dict[str, Values] = {}
    beside = {key: field for key, field in _fields(settings).items() if field.beside is not None}
    for index, (key, field) in enumerate(_fields(settings).items()):
        if key in beside or field.source_columns == ():
            continue
        role = role_of(key, field, settings)
        for name, values in _columns(key, field, role, rows, place, settings, index).items():
            found.setdefault(name, values)
    for key, field in beside.items():
        other = settings.fields.get(str(field.beside))
        texts = found.get((other.column if other is not None else None) or str(field.beside))
        if texts is not None and (field.column or key) not in found:
            found[field.column or key] = tags_of(field, list(texts))
    if place.names is None:
        return found
    lost = [name for name in place.names if name not in found]
    found |= {name: cells(Number(), "input", rows, index) for index, name in enumerate(lost)}
    return {name: found[name] for name in place.names}


def made_up_inputs(settings: DataSettings) -> tuple[str, ...]:
    """Columns that no setting names, which there must be for there to be inputs."""
    inputs = [key for key, field in settings.fields.items() if "input" in field.role_set or role_of(key, field, settings) == "input"]
    if inputs:
        return ()
    return tuple(name for name, field in _NOBODY_NAMES.items() if settings.window is None or field.type == "number")


def role_of(name: str, field: Field, settings: DataSettings) -> Role:
    """What a column is for; of several roles the one that decides its values."""
    by = settings.split.by
    if name == settings.split.column:
        return "group" if by == "group" else "time" if by == "time" else "split"
    if name in settings.targets:
        return "target"
    others: list[Role] = [role for role in field.role_set if role != "input"]
    return others[0] if others else "input"


def _fields(settings: DataSettings) -> dict[str, Field]:
    """Every field that is named anywhere, targets last, and inputs of our own where there are none."""
    own = {name: field for name, field in _NOBODY_NAMES.items() if name in made_up_inputs(settings)}
    named = [*settings.targets, *([settings.split.column] if settings.split.column else [])]
    exact = {key: field for key, field in settings.fields.items() if not is_pattern(key)}
    patterns = {key: field for key, field in settings.fields.items() if is_pattern(key)}
    more = {name: _of_pattern(name, patterns) for name in named if name not in exact}
    return {**own, **exact, **patterns, **more}


def _of_pattern(name: str, patterns: Mapping[str, Field]) -> Field:
    return next((field for pattern, field in patterns.items() if fnmatchcase(name, pattern)), Auto())


def _columns(key: str, field: Field, role: Role, rows: Rows, place: Place, settings: DataSettings, index: int) -> dict[str, Values]:  # noqa: PLR0913
    """The columns of one field."""
    if isinstance(field, Series) and field.values is not None and field.lengths is not None:
        return _ragged(field.values, field.lengths, rows, place)
    written = field.source_columns or (key,)
    is_joined = field.type in ("series", "vector") and role != "ignore"
    width = rows.assumptions.steps if is_joined else NUMBERS_OF_A_PATTERN
    taken = {name for name in (*settings.fields, *settings.targets, settings.split.column or "") if not is_pattern(name)} - {key}
    names = [name for name in _expanded(written, width, place.names) if name not in taken or name in written]
    if is_joined and (len(names) > 1 or is_pattern(written[0])):
        values = matrix(rows, len(names), index)
        return {name: values[:, number].tolist() for number, name in enumerate(names)}
    if is_joined and place.has_arrays:
        return {names[0]: matrix(rows, rows.assumptions.steps, index)}
    if field.type in ("image", "mask") and role != "ignore":
        made = masks(field, settings.fields, rows, is_file=not place.is_binary) if isinstance(field, Mask) else None
        return {name: _images(images(field, rows, is_file=not place.is_binary) if made is None else made, place, name) for name in names}
    if isinstance(field, Audio) and role != "ignore":
        return {name: _sounds(field, rows, place, name) for name in names}
    plain = Number() if is_joined else field
    if isinstance(plain, Category) and role == "input" and plain.classes is None:
        plain = plain.model_copy(update={"classes": _CLASSES_OF_AN_INPUT})
    return {name: cells(plain, role, rows, index + number, place.date_format) for number, name in enumerate(names)}


def _sounds(field: Audio, rows: Rows, place: Place, name: str) -> list[str]:
    """Names of files, which are written beside the table."""
    names = [f"{name}_{place.part}/{row:05d}.wav" for row in range(len(rows))]
    write_sounds(place.folder, names, field, rows)
    return names


def _images(made: Array, place: Place, name: str) -> Values:
    """Images uint8 `[N, C, H, W]` in the table, or the names of files, which are written beside it."""
    if place.is_binary:
        return made[:, 0] if made.shape[1] == 1 else made
    names = [f"{name}_{place.part}/{row:05d}.png" for row in range(len(made))]
    write_images(place.folder, names, made)
    return names


def _ragged(values: str, lengths: str, rows: Rows, place: Place) -> dict[str, Values]:
    """Rows of different lengths, one after another."""
    import numpy as np

    if not place.has_arrays:
        raise DataError("values and lengths of a series stand in a .npz file", "a table has  columns: 't*'")
    counts = 5 + (rows.hidden * 20).astype(np.int64)
    waves = matrix(rows, int(counts.max()), 0)
    steps = np.concatenate([wave[:count] for wave, count in zip(waves, counts, strict=True)])
    return {values: steps, lengths: counts}


def _expanded(written: Sequence[str], width: int, given: tuple[str, ...] | None) -> list[str]:
    """Names that some names and patterns stand for."""
    if given is not None:
        return list(matching(written, given))
    names: dict[str, None] = {}
    for pattern in written:
        if not is_pattern(pattern):
            names[pattern] = None
            continue
        stem = "x*" if pattern == "*" else pattern
        for number in range(width):
            name = re.sub(r"\[([^\]])[^\]]*\]", r"\1", stem).replace("*", str(number), 1).replace("*", "").replace("?", str(number % 10))
            if fnmatchcase(name, pattern):
                names[name] = None
    return list(names)
