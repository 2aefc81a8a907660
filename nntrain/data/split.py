"""Which rows train, validate and test. Every split is a function of the seed and the row numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import numpy as np

from nntrain.data.noise import row_keys
from nntrain.data.sources.source import PART_OF_WORD
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.row_numbers import RowNumbers

Array = np.ndarray[Any, Any]

PORTION: Final = 2**16
"""Rows of which keys are made at once."""
_BUCKETS: Final = 20
"""Binary digits of the number of places that keys are counted in."""
TRAINS, VALIDATES, TESTS = 0, 2, 1
"""What a row does: of those with the lowest keys, which are held back, the lowest validate."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Row numbers, each in rising order; empty for a part that there is not."""

    train: Array
    validation: Array
    test: Array


def split_rows(
    rows: Array,
    sizes: Mapping[str, float | int | None],
    *,
    seed: int,
    classes: Array | None = None,
    told: Callable[[], str] = lambda: "",
) -> Parts:
    """Split rows off at random.

    Args:
        rows: Row numbers `[N]`.
        sizes: `validation` and `test`: a fraction below 1, a number of rows, or `None` for no such part.
        seed: Decides which rows.
        classes: Class of each row `[N]`: then each part has the shares of the classes, as near as whole rows allow, and
            each class keeps a training row.
        told: Tells what the classes are, for messages.

    Raises:
        DataError: The parts leave no training row, or the classes have too few rows.
    """
    marks = split_marks(rows, sizes, seed=seed, classes=classes, told=told)
    return Parts(*(rows[marks == part] for part in (TRAINS, VALIDATES, TESTS)))


def split_marks(
    rows: Array | RowNumbers,
    sizes: Mapping[str, float | int | None],
    *,
    seed: int,
    classes: Array | None = None,
    told: Callable[[], str] = lambda: "",
) -> Array:
    """What each of some rows does, uint8 `[N]`: `TRAINS`, `VALIDATES` or `TESTS`; arguments as of `split_rows`. Raises `DataError`."""
    counts = {part: _count(size, len(rows)) for part, size in sizes.items()}
    validation, test = counts.get("validation", 0), counts.get("test", 0)
    _check_counts(len(rows), validation, test)
    codes, first, held = _together(rows, validation, test) if classes is None else _stratified(classes, validation, test, told)
    return _marked(seed, rows, codes, (held, first))


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


def _together(rows: Array | RowNumbers, validation: int, test: int) -> tuple[Array, Array, Array]:
    """As `_stratified`, of one class."""
    return np.zeros(len(rows), dtype=np.uint8), np.array([validation]), np.array([validation + test])


def _stratified(classes: Array, validation: int, test: int, told: Callable[[], str]) -> tuple[Array, Array, Array]:
    """The class of each row `[N]`, and by class the rows that validate, and that validate or test `[K]`."""
    values, codes = _coded(classes)
    totals = _counts(codes, len(values))
    held = _shares(totals, validation + test, totals - 1)
    if held is None:
        alone = int((totals == 1).sum())
        message = f"too few rows for a stratified split: {len(codes):,} rows of {len(values):,} classes, {alone:,} of them with one row"
        raise DataError(message + told(), "data.split.by: random, fewer validation and test rows, or another target")
    first = _shares(held, validation, held) if validation + test else held
    assert first is not None
    return codes, first, held


def _marked(seed: int, rows: Array | RowNumbers, codes: Array, wanted: Sequence[Array]) -> Array:
    """How many of several lots of lowest keys each row is among, uint8 `[N]`.

    Keys are made a portion at a time and never kept. They are counted by their first digits, which tell where among them the last of
    each lot lies; those that share its first digits alone are sorted. No two rows have the same key.

    Args:
        seed: Of the keys.
        rows: Row numbers `[N]`.
        codes: Class of each row `[N]`.
        wanted: Of each lot how many rows of each class it has, `[K]`.
    """
    classes = len(wanted[0])
    digits = max(0, min(16, _BUCKETS - (classes - 1).bit_length(), len(rows).bit_length()))

    def portions() -> Iterator[tuple[slice, Array, Array, Array]]:
        for start in range(0, len(rows), PORTION):
            part = slice(start, min(start + PORTION, len(rows)))
            keys = row_keys(seed, np.asarray(rows[part]))
            own = codes[part].astype(np.int64)
            yield part, keys, own, (own << digits) + (keys >> np.uint64(64 - digits)).astype(np.int64) if digits else own

    counts = np.zeros(classes << digits, dtype=np.int64)
    for _, _, _, buckets in portions():
        counts += np.bincount(buckets, minlength=len(counts))
    reached = counts.reshape(classes, -1).cumsum(axis=1)
    lots = [(reached < lot[:, None]).sum(axis=1) + (np.arange(classes) << digits) for lot in wanted]
    asked = np.zeros(len(counts), dtype=bool)
    for lot, bucket in zip(wanted, lots, strict=True):
        asked[bucket[lot > 0]] = True
    found = [(buckets[near], keys[near]) for _, keys, _, buckets in portions() if len(near := np.flatnonzero(asked[buckets]))]
    near, keys = (np.concatenate(parts) for parts in zip(*found, strict=True)) if found else (np.zeros(0, np.int64), np.zeros(0, np.uint64))
    order = np.lexsort((keys, near))
    near, keys = near[order], keys[order]
    limits: list[Array] = []
    for lot, bucket in zip(wanted, lots, strict=True):
        before = reached.reshape(-1)[bucket] - counts[bucket]
        place = cast("Array", np.searchsorted(near, bucket)) + lot - before - 1
        limits.append(keys[np.where(lot > 0, place, 0)] if len(keys) else np.zeros(classes, np.uint64))
    marks = np.empty(len(rows), dtype=np.uint8)
    for part, keys, own, _ in portions():
        marks[part] = sum((keys <= limit[own]) & (lot > 0)[own] for limit, lot in zip(limits, wanted, strict=True))
    return marks


def _counts(codes: Array, classes: int) -> Array:
    """Rows of each class `[K]`, a portion at a time: numpy widens what it counts."""
    found = np.zeros(classes, dtype=np.int64)
    for start in range(0, len(codes), PORTION):
        found += np.bincount(codes[start : start + PORTION], minlength=classes)
    return found


def _coded(classes: Array) -> tuple[Array, Array]:
    """Different classes, rising, and the place of each row's among them; of small whole numbers without sorting all rows."""
    if classes.dtype.kind not in "iu" or not len(classes) or classes.min() < 0 or classes.max() > max(len(classes), 2**16):
        return np.unique(classes, return_inverse=True)
    is_there = _counts(classes, int(classes.max()) + 1) > 0
    if is_there.all():
        return np.arange(len(is_there)), classes
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1).astype(classes.dtype)[classes]


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


def split_groups(rows: Array, groups: Array, sizes: Mapping[str, float | int | None], *, seed: int) -> Parts:
    """Split whole groups off at random: no group is in two parts.

    The parts have about the wanted number of rows: groups are taken in random order as long as they fit in; where none does, the
    smallest is taken.

    Args:
        rows: Row numbers `[N]`.
        groups: Group of each row `[N]`.
        sizes: As in `split_rows`.
        seed: Decides which groups.

    Raises:
        DataError: There are fewer groups than parts.
    """
    counts = {part: _count(size, len(rows)) for part, size in sizes.items() if size is not None}
    names, codes = np.unique(groups, return_inverse=True)
    if len(names) <= len(counts):
        raise DataError(
            f"{len(names):,} group{'s' if len(names) != 1 else ''} cannot give {len(counts) + 1} splits: no group is in two of them",
            "data.split.by: random, another column, or set data.split.validation or data.split.test to null",
        )
    lengths = np.bincount(codes, minlength=len(names))
    free = [int(group) for group in np.argsort(row_keys(seed, np.arange(len(names))), kind="stable")]
    chosen: dict[str, list[int]] = {}
    for place, (part, wanted) in enumerate(counts.items()):
        spare = len(counts) - place  # groups that the other parts need, one each
        taken: list[int] = []
        have = 0
        for group in free:
            if len(free) - len(taken) > spare and have + lengths[group] <= wanted:
                taken.append(group)
                have += int(lengths[group])
        chosen[part] = taken or [min(free, key=lambda group: int(lengths[group]))]
        free = [group for group in free if group not in set(chosen[part])]
    found = {part: rows[np.isin(codes, members)] for part, members in chosen.items()}
    empty = rows[:0]
    return Parts(rows[np.isin(codes, free)], found.get("validation", empty), found.get("test", empty))


def split_by_time(rows: Array, times: Array | None, sizes: Mapping[str, float | int | None]) -> Parts:
    """Split the latest rows off: the last ones test, those before them validate.

    Args:
        rows: Row numbers `[N]`.
        times: What the rows are sorted by `[N]`; rows of one time keep their order. `None` for the order of the file.
        sizes: As in `split_rows`.

    Raises:
        DataError: The parts leave no training row.
    """
    counts = {part: _count(size, len(rows)) for part, size in sizes.items()}
    validation, test = counts.get("validation", 0), counts.get("test", 0)
    _check_counts(len(rows), validation, test)
    order = np.arange(len(rows)) if times is None else np.argsort(times, kind="stable")
    edges = [len(rows) - validation - test, len(rows) - test]
    train, second, third = (np.sort(rows[part]) for part in np.split(order, edges))
    return Parts(train, second, third)


@dataclass(frozen=True, slots=True)
class Fold:
    """One of several cuts of the same rows: row numbers in rising order."""

    train: Array
    validation: Array


FoldBy = Literal["random", "stratified", "group", "time"]


def folds(rows: Array, count: int, *, by: FoldBy, seed: int, values: Array | None = None) -> list[Fold]:
    """Cut rows into training and validation rows `count` times.

    Under `random`, `stratified` and `group` each row validates once. Under `time` a fold validates on the rows that come right after its
    training rows: the rows are cut into `count + 1` blocks, and fold k trains on the first k of them.

    Args:
        rows: Row numbers `[N]`.
        count: How many folds, from 2.
        by: What is kept: nothing, the shares of classes, groups whole, the order in time.
        seed: Decides which rows; without effect under `time`.
        values: Class, group or time of each row `[N]`; `None` under `time` for the order of the file, not used under `random`.

    Raises:
        DataError: There are fewer rows, groups or rows of a class than folds.
    """
    if by == "time":
        return _time_folds(rows, count, values)
    fold_of = _random_folds(rows, count, seed) if by == "random" or values is None else _folds_of(values, rows, count, by, seed)
    found = [Fold(rows[fold_of != fold], rows[fold_of == fold]) for fold in range(count)]
    if any(len(fold.validation) == 0 or len(fold.train) == 0 for fold in found):
        raise DataError(f"{len(rows):,} rows cannot give {count} folds", "fewer folds")
    return found


def _random_folds(rows: Array, count: int, seed: int) -> Array:
    """Fold of each row; sizes differ by one at most."""
    fold_of = np.empty(len(rows), dtype=np.int64)
    fold_of[np.argsort(row_keys(seed, rows), kind="stable")] = np.arange(len(rows)) % count
    return fold_of


def _folds_of(values: Array, rows: Array, count: int, by: FoldBy, seed: int) -> Array:
    """Fold of each row: classes dealt out one after another, or whole groups, the largest first, to the fold with the fewest rows."""
    names, codes = np.unique(values, return_inverse=True)
    lengths = np.bincount(codes, minlength=len(names))
    if by == "stratified":
        order = np.lexsort((row_keys(seed, rows), codes))
        fold_of = np.empty(len(rows), dtype=np.int64)
        fold_of[order] = np.arange(len(rows)) % count
        if lengths.max() < count:
            raise DataError(f"no class has {count} rows, one for each fold", "fewer folds, or data.split.by: random")
        return fold_of
    if len(names) < count:
        message = f"{len(names):,} group{'s' if len(names) != 1 else ''} cannot give {count} folds: no group is in two of them"
        raise DataError(message, f"fix:  --folds {len(names)}" if len(names) > 1 else "another column, or its role: ignore")
    fold_of_group = np.empty(len(names), dtype=np.int64)
    sizes = np.zeros(count, dtype=np.int64)
    for group in np.lexsort((row_keys(seed, np.arange(len(names))), -lengths)):
        fold_of_group[group] = sizes.argmin()
        sizes[sizes.argmin()] += lengths[group]
    return fold_of_group[codes]


def _time_folds(rows: Array, count: int, times: Array | None) -> list[Fold]:
    order = np.arange(len(rows)) if times is None else np.argsort(times, kind="stable")
    blocks = np.array_split(order, count + 1)
    if not len(blocks[-1]):
        raise DataError(f"{len(rows):,} rows cannot give {count} folds in time and training rows before them", "fewer folds")
    return [Fold(np.sort(rows[np.concatenate(blocks[:fold])]), np.sort(rows[blocks[fold]])) for fold in range(1, count + 1)]


def _check_counts(rows: int, validation: int, test: int) -> None:
    if validation + test >= rows:
        message = f"{rows:,} rows cannot give {validation:,} for validation and {test:,} for test, and keep some for training"
        raise DataError(message, "lower data.split.validation and data.split.test, or set one to null")
