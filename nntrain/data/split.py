"""Which rows train, validate and test. Every split is a function of the seed and the row numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from nntrain.data.noise import row_keys
from nntrain.errors import DataError

Array = np.ndarray[Any, Any]

PART_OF_WORD: Final = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Words of a split column."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Row numbers, each in rising order; empty for a part that there is not."""

    train: Array
    validation: Array
    test: Array


def split_rows(rows: Array, sizes: Mapping[str, float | int | None], *, seed: int, classes: Array | None = None, told: str = "") -> Parts:
    """Split rows off at random.

    Args:
        rows: Row numbers `[N]`.
        sizes: `validation` and `test`: a fraction below 1, a number of rows, or `None` for no such part.
        seed: Decides which rows.
        classes: Class of each row `[N]`: then each part has the shares of the classes, as near as whole rows allow, and
            each class keeps a training row.
        told: What the classes are, for messages.

    Raises:
        DataError: The parts leave no training row, or the classes have too few rows.
    """
    counts = {part: _count(size, len(rows)) for part, size in sizes.items()}
    validation, test = counts.get("validation", 0), counts.get("test", 0)
    if validation + test >= len(rows):
        message = f"{len(rows):,} rows cannot give {validation:,} for validation and {test:,} for test, and keep some for training"
        raise DataError(message, "lower data.split.validation and data.split.test, or set one to null")
    order = np.argsort(row_keys(seed, rows), kind="stable")
    chosen = np.split(order, [validation, validation + test]) if classes is None else _stratified(order, classes, validation, test, told)
    found = [np.sort(rows[part]) for part in chosen]
    return Parts(train=found[2], validation=found[0], test=found[1])


def split_by_words(rows: Array, words: list[str | None], name: str) -> tuple[Parts, Array]:
    """Split by what a column says for each row; a row without a word trains.

    Returns:
        The parts, and the rows whose word is none of `PART_OF_WORD`.

    Raises:
        DataError: No row trains.
    """
    named = np.array([PART_OF_WORD.get(word.lower(), "?") if word is not None else "train" for word in words], dtype="U10")
    parts = Parts(*(rows[named == part] for part in ("train", "validation", "test")))
    if not len(parts.train) and not (named == "?").any():
        raise DataError(f"no row of column {name!r} says train", "accepted words: train, validation, test")
    return parts, rows[named == "?"]


def _count(size: float | int | None, rows: int) -> int:
    if size is None:
        return 0
    return size if isinstance(size, int) else max(1, round(size * rows))


def _stratified(order: Array, classes: Array, validation: int, test: int, told: str) -> list[Array]:
    """Positions of validation, test and training rows."""
    values, codes = np.unique(classes, return_inverse=True)
    totals = np.bincount(codes, minlength=len(values))
    held = _shares(totals, validation + test, totals - 1)
    if held is None:
        alone = int((totals == 1).sum())
        message = f"too few rows for a stratified split: {len(order):,} rows of {len(values):,} classes, {alone:,} of them with one row"
        raise DataError(message + told, "data.split.by: random, fewer validation and test rows, or another target")
    first = _shares(held, validation, held) if validation + test else held
    assert first is not None
    codes = codes[order]
    by_class = [order[codes == code] for code in range(len(values))]
    cuts = [np.split(rows, [first[code], held[code]]) for code, rows in enumerate(by_class)]
    return [np.concatenate([cut[part] for cut in cuts]) for part in range(3)]


def _shares(totals: Array, wanted: int, most: Array) -> Array | None:
    """Whole numbers that add up to `wanted`, proportional to `totals`, at most `most`; `None` if there are none.

    Largest remainders, round after round, as a class at its limit leaves its part to the others.
    """
    if most.sum() < wanted:
        return None
    ideal = totals * (wanted / max(int(totals.sum()), 1))
    found = np.minimum(np.floor(ideal).astype(np.int64), most)
    while found.sum() < wanted:
        remainder = np.where(found < most, ideal - found, -np.inf)
        open_places = np.argsort(-remainder, kind="stable")[: wanted - int(found.sum())]
        found[open_places[np.isfinite(remainder[open_places])]] += 1
    return found
