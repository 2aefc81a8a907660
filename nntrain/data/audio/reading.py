"""Sound files as the steps that a network reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch

from nntrain.data.audio.resampling import resample
from nntrain.data.fields.field import RaggedArray, State
from nntrain.data.file_store import FileStore
from nntrain.data.table import MAX_EXAMPLES, Table
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.audio import Audio
    from nntrain.data.fields.field import Array

MOST_SAMPLES: Final = 2**28
"""Samples of a file, of all channels, above which it is not read: a small file of silence may claim any number."""
CHUNK: Final = 2**16
"""Steps that are counted or scaled in float64 at once."""


def read_sounds(field: Audio, table: Table, column: str) -> Array | RaggedArray:
    """The sounds that the cells of a column name, as float32 steps `[N, T, F]`, or rows of different lengths.

    Args:
        field: What is wanted; its sample rate is known.
        table: The rows.
        column: The column of names.

    Raises:
        DataError: A cell is empty, or a file is missing, broken or shorter than a step; the rows are named.
    """
    names = names_of(table, column)
    rate = field.sample_rate or common_rate(table, column)
    transform = field.features.build(rate)
    read = partial(_samples, _store(table), rate=rate, most=field.samples(rate), least=field.features.least(rate))
    found: list[Array] = []
    faults: dict[int, str] = {}
    with _one_thread(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, samples in enumerate(pool.map(read, names)):
            if isinstance(samples, str):
                faults[row] = samples
            elif not faults:
                found.append(transform(torch.from_numpy(samples)).float().numpy())
    if faults:
        raise _unreadable(table, faults)
    if field.length is not None:
        return np.stack(found)
    lengths = np.array([len(steps) for steps in found], dtype=np.int64)
    return RaggedArray(np.concatenate(found), lengths)


def common_rate(table: Table, column: str) -> int:
    """The sample rate of all files that the cells of a column name. Raises `DataError` where there are several."""
    names = names_of(table, column)
    rates: dict[int, str] = {}
    faults: dict[int, str] = {}
    for row, name in enumerate(names):
        found = _opened(_store(table), name, lambda file: int(file.samplerate))
        if isinstance(found, str):
            faults[row] = found
        else:
            rates.setdefault(found, name)
    if faults:
        raise _unreadable(table, faults)
    if len(rates) > 1:
        shown = ", ".join(f"{rate:,} Hz ({name})" for rate, name in list(rates.items())[:MAX_EXAMPLES])
        raise DataError(
            f"{table.name}: the sounds of {column} have {len(rates)} sample rates: {shown}",
            f"fix:  data.fields.{column}: {{type: audio, sample_rate: {min(rates)}}}, and all are resampled to it",
        )
    return next(iter(rates))


def names_of(table: Table, column: str) -> list[str]:
    """The files that the cells of a column name, `[N]`. Raises `DataError` where one is empty."""
    names = table.texts(column)
    if names.null_count():
        lost: list[int] = names.is_null().arg_true().to_list()
        raise DataError(f"{table.name}: {column} names no file in {table.places(lost)}", "remove these rows, or name a file")
    return names.to_list()


def fit_sounds(values: Array | RaggedArray, normalize: str) -> State:
    """Offset and scale of each feature over all steps, float64 tensors `[F]`; a feature that never changes keeps scale 1."""
    steps = values.values if isinstance(values, RaggedArray) else values.reshape(-1, values.shape[-1])
    offset, scale = np.zeros(steps.shape[1]), np.ones(steps.shape[1])
    if normalize == "standard":
        offset = sum(part.sum(axis=0, dtype=np.float64) for part in _chunks(steps)) / len(steps)
        spread = sum(((part - offset) ** 2).sum(axis=0) for part in _chunks(steps)) / len(steps)
        scale = np.where(spread > 0, np.sqrt(spread), 1.0)
    return {
        "steps": None if isinstance(values, RaggedArray) else values.shape[1],
        "offset": torch.from_numpy(np.array(offset)),
        "scale": torch.from_numpy(np.array(scale)),
    }


def scaled(values: Array, state: State) -> Array:
    """Steps `[…, F]` with mean 0 and standard deviation 1, as training had them; float32."""
    offset, scale = state["offset"].numpy(), state["scale"].numpy()
    found = np.empty(values.shape, dtype=np.float32)
    for part, into in zip(_chunks(values.reshape(-1, values.shape[-1])), _chunks(found.reshape(-1, values.shape[-1])), strict=True):
        into[:] = (part - offset) / scale
    return found


def _chunks(steps: Array) -> list[Array]:
    return [steps[start : start + CHUNK] for start in range(0, len(steps), CHUNK)]


def _samples(store: FileStore, name: str, *, rate: int, most: int | None, least: int) -> Array | str:
    """The samples of a file at a rate, float64 `[N]`, or what is wrong with it; cut or filled up to `most` where that is set."""

    def read(file: Any) -> Array | str:
        if file.frames * file.channels > MOST_SAMPLES:
            return f"{name}: has {file.frames:,} samples, more than a row may have"
        wanted = -1 if most is None else -(-most * file.samplerate // rate) + file.samplerate // 10  # what resampling looks at behind
        samples = cast("Array", file.read(wanted, dtype="float64", always_2d=True)).mean(axis=1)
        if not len(samples):
            return f"{name}: has no samples"
        if not bool(np.isfinite(samples).all()):
            return f"{name}: has samples that are no numbers"
        try:
            return resample(torch.from_numpy(samples), file.samplerate, rate).numpy()
        except DataError as error:
            return f"{name}: {error.message}"

    samples = _opened(store, name, read)
    if isinstance(samples, str):
        return samples
    if most is not None:
        return np.pad(samples[:most], (0, max(0, most - len(samples))))
    if len(samples) < least:
        return f"{name}: lasts {1000 * len(samples) / rate:.3g} ms, and a step takes {1000 * least / rate:.3g} ms"
    return samples


def _opened(store: FileStore, name: str, read: Callable[[Any], Any]) -> Any:
    """What `read` finds in a file, or what is wrong with it, in words. Raises `DataError` where no library reads sounds."""
    soundfile = library()
    try:
        with soundfile.SoundFile(BytesIO(store.read(name))) as file:
            return read(file)
    except DataError as error:
        return error.message
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError):
        return f"{name}: no sound, or damaged"


@contextmanager
def _one_thread() -> Generator[None]:
    """Compute with one thread: a sound is too short to be shared, and threads that wait for each other cost many times as much."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def library() -> Any:
    """The module that reads sound files. Raises `DataError` where it is not installed."""
    try:
        import soundfile
    except (ImportError, OSError):  # the wheel has the library libsndfile; without a wheel it may be missing
        raise DataError("audio fields need the extra audio", "pip install 'nntrain[audio]'") from None
    return soundfile


def _unreadable(table: Table, faults: dict[int, str]) -> DataError:
    shown = [f"{table.place(row)}: {fault}" for row, fault in list(faults.items())[:MAX_EXAMPLES]]
    more = f"\n   and {len(faults) - MAX_EXAMPLES:,} more" if len(faults) > MAX_EXAMPLES else ""
    told = "\n   ".join(shown)
    return DataError(f"{table.name}: {len(faults):,} of {table.rows:,} sounds cannot be read:\n   {told}{more}", "repair or remove them")


def _store(table: Table) -> FileStore:
    return FileStore(Path()) if table.store is None else table.store  # rows of a program name files from where it stands
