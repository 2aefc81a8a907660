"""Values of made-up rows: all of a row's depend on one hidden number, so that each tells something about the others."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from nntrain.data.dates import has_zone
from nntrain.data.fake.assumptions import Assumptions
from nntrain.data.fake.sequences import pieces
from nntrain.data.fields.boolean import Boolean
from nntrain.data.fields.category import Category
from nntrain.data.fields.date import Date
from nntrain.data.fields.field import Field, Role, words
from nntrain.data.fields.image import Image
from nntrain.data.fields.multi_label import MultiLabel
from nntrain.data.fields.number import Number
from nntrain.data.fields.ordinal import Ordinal
from nntrain.errors import DataError

if TYPE_CHECKING:
    Array = np.ndarray[Any, Any]

_GOLDEN: Final = 0.6180339887498949
LARGEST_FILE: Final = 64
"""Height and width of image files at most: fields with a larger size resize them."""
FOLDS: Final = 5
"""Folds of made-up rows."""
GROUPS: Final = 20
"""Values of a column of groups."""
_PERIOD: Final = 24
"""Rows after which smooth ones repeat themselves, nearly."""
_START: Final = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)


@dataclass(frozen=True, slots=True)
class Rows:
    """Some made-up rows."""

    hidden: Array
    """What decides all values of a row, in [0, 1), `[N]`: multiples of the golden ratio, so that every stretch of rows has all of it."""
    random: np.random.Generator
    assumptions: Assumptions

    @staticmethod
    def of(count: int, seed: int, assumptions: Assumptions, *, is_smooth: bool = False) -> Rows:
        """Rows that differ from those of another seed; those that are smooth tell what comes next."""
        places = np.arange(count) + 7 * seed
        hidden = 0.5 + 0.45 * np.sin(places * 2 * np.pi / _PERIOD) if is_smooth else (0.1 * seed + 0.5 + _GOLDEN * places) % 1.0
        return Rows(hidden, np.random.default_rng(seed), assumptions)

    def __len__(self) -> int:
        return len(self.hidden)


def class_names(field: Field, assumptions: Assumptions) -> tuple[str, ...]:
    """The classes of a field, or made-up ones."""
    if field.class_names:
        return field.class_names
    if isinstance(field, Category) and isinstance(field.classes, int):
        return tuple(str(index) for index in range(field.classes))
    if isinstance(field, Ordinal):
        return tuple(str(index + 1) for index in range(5))
    return tuple(
        f"class_{index:03d}" if assumptions.classes > 26 else "abcdefghijklmnopqrstuvwxyz"[index] for index in range(assumptions.classes)
    )


def cells(field: Field, role: Role, rows: Rows, place: int, date_format: str | None = None) -> list[Any]:
    """Single values of a field, one a row: text or numbers.

    Args:
        field: Its settings.
        role: What it is for; some roles decide the values.
        rows: The rows.
        place: Which column it is: each depends on the hidden number in another way.
        date_format: How dates are written where the field does not say it.

    Raises:
        DataError: Nothing makes such values up.
    """
    if role in _OF_ROLE and not (role == "time" and isinstance(field, Date)) and not (role == "group" and isinstance(field, Number)):
        return _OF_ROLE[role](rows)
    if role == "group":
        return [row % GROUPS for row in range(len(rows))]
    if field.type == "auto":
        field = Number() if role != "target" else _TARGETS[rows.assumptions.target]
    make = _OF_TYPE.get(field.type)
    if make is None:
        raise DataError(f"no rows can be made up for fields of type {field.type}", "smoke-run it on a few real rows")
    if isinstance(field, Date) and field.format is None:
        field = field.model_copy(update={"format": date_format})
    return make(field, rows, place, role)


def matrix(rows: Rows, width: int, place: int) -> Array:
    """Numbers that belong together, `[N, width]`: a wave whose speed is the hidden number."""
    steps = np.arange(width) * 2 * np.pi * (1 + place % 3) / max(width, 8)
    waves = np.sin(steps * (0.5 + 3 * rows.hidden[:, None])) + rows.hidden[:, None]
    return np.round(waves + 0.1 * rows.random.normal(size=waves.shape), 4)


def images(field: Field | None, rows: Rows, *, is_file: bool) -> Array:
    """Images, uint8 `[N, C, H, W]`: a bright bar, whose place is the hidden number."""
    height = width = rows.assumptions.size
    channels = rows.assumptions.channels
    if isinstance(field, Image):
        height, width = field.size_pair or (height, width)
        channels = field.num_channels or channels
    if is_file:
        height, width = min(height, LARGEST_FILE), min(width, LARGEST_FILE)
    return bars(rows, channels, height, width)


def bars(rows: Rows, channels: int, height: int, width: int) -> Array:
    """The same in a given size."""
    away = np.arange(width) / width - rows.hidden[:, None]
    bar = (60 + 140 * rows.hidden[:, None]) * np.exp(-((away / 0.15) ** 2))
    noise = rows.random.integers(0, 40, (len(rows), 1, height, width), dtype=np.uint8)
    return np.repeat(bar.astype(np.uint8)[:, None, None, :] + noise, channels, axis=1)


def _numbers(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    noise = 0.02 if role == "target" else 0.3
    values = 10 + 4 * np.cos(np.pi * rows.hidden * (1 + place % 3)) + noise * rows.random.normal(size=len(rows))
    unit = field.strip if isinstance(field, Number) else None
    return [f"{value:.4f}{unit}" if unit else round(float(value), 4) for value in values]


def _picked(names: tuple[str, ...], rows: Rows, role: Role) -> list[Any]:
    """One of some names, in the order of the hidden number; one in five inputs is any of them."""
    chosen = (rows.hidden * len(names)).astype(int)
    if role == "input":
        chosen = np.where(rows.random.random(len(rows)) < 0.2, rows.random.integers(0, len(names), len(rows)), chosen)
    return [names[index] for index in chosen]


def _categories(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    return _picked(class_names(field, rows.assumptions), rows, role)


def _booleans(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    assert isinstance(field, Boolean)
    no, yes = (words(field.false)[0], words(field.true)[0]) if field.true is not None and field.false is not None else ("no", "yes")
    return _picked((no, yes), rows, role)


def _labels(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    """Each label for a stretch of the hidden number: one or two a row."""
    assert isinstance(field, MultiLabel)
    names = field.class_names or ("red", "green", "blue", "black")
    low = (rows.hidden * len(names)).astype(int)
    high = np.minimum(low + (rows.hidden * len(names) % 1 > 0.5), len(names) - 1)
    separator = field.separator or "|"
    pairs: list[tuple[int, int]] = list(zip(low.tolist(), high.tolist(), strict=True))
    return [separator.join(names[index] for index in sorted({one, two})) for one, two in pairs]


def _texts(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    """Three to nine words each, most of them of a stretch of the hidden number."""
    names = np.array([f"{first}{last}" for first in ("ba", "do", "fi", "gu", "le", "mo") for last in ("ra", "tin", "sel", "ko", "ven")])
    near = (rows.hidden[:, None] * len(names) + rows.random.integers(0, 4, (len(rows), 9))).astype(int) % len(names)
    lengths = rows.random.integers(3, 10, len(rows))
    return [" ".join(names[words[:length]]) for words, length in zip(near, lengths, strict=True)]


def _dates(field: Field, rows: Rows, place: int, role: Role) -> list[Any]:
    assert isinstance(field, Date)
    written = field.format or ("%Y-%m-%d %H:%M%z" if field.time_zone else "%Y-%m-%d")
    if field.time_zone and not has_zone(written):
        raise DataError("a date with time_zone needs a format with an offset", "write into its field:  format: '%Y-%m-%d %H:%M%z'")
    days = np.arange(len(rows)) if role == "time" else rows.hidden * 700
    return [(_START + datetime.timedelta(days=float(day), hours=int(day) % 24)).strftime(written) for day in days]


_TARGETS: Final[Mapping[str, Field]] = {"category": Category(), "boolean": Boolean(), "number": Number()}

_OF_TYPE: Final[Mapping[str, Callable[[Any, Rows, int, Role], list[Any]]]] = {
    "boolean": _booleans,
    "category": _categories,
    "date": _dates,
    "multi_label": _labels,
    "notes": lambda field, rows, place, role: list(pieces(field, rows)),
    "number": _numbers,
    "ordinal": _categories,
    "text": _texts,
}

_OF_ROLE: Final[Mapping[Role, Callable[[Rows], list[Any]]]] = {
    "fold": lambda rows: [1 + row % FOLDS for row in range(len(rows))],
    "group": lambda rows: [f"group_{row % GROUPS}" for row in range(len(rows))],
    "ignore": lambda rows: [f"text {row}" for row in range(len(rows))],
    "split": lambda rows: [("train", "train", "validation", "train", "test")[row // 2 % 5] for row in range(len(rows))],
    "time": lambda rows: list(range(len(rows))),
    "weight": lambda rows: [round(float(value), 4) for value in 0.5 + rows.hidden],
}
