"""Sound files as the steps that a network reads."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch

from nntrain.data.audio.resampling import resample
from nntrain.data.audio.telling import Sound, Telling, in_seconds
from nntrain.data.audio.wave_header import share_there
from nntrain.data.fields.field import RaggedArray, State
from nntrain.data.file_store import FileStore
from nntrain.data.table import MAX_EXAMPLES, Table
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.audio.features import Transform
    from nntrain.data.fields.audio import Audio
    from nntrain.data.fields.field import Array

MOST_SAMPLES: Final = 2**28
"""Samples of a file, of all channels, above which it is not read: a small file of silence may claim any number."""
SLACK: Final = 0.1
"""Seconds by which a file may be shorter than its head says before that is told."""
CHUNK: Final = 2**16
"""Steps that are counted or scaled in float64 at once."""


def read_sounds(field: Audio, table: Table, column: str) -> Array | RaggedArray:
    """The sounds that the cells of a column name, as float32 steps `[N, T, F]`, or rows of different lengths.

    An array has the samples themselves, `[N, S]` or `[N, S, C]` at the rate of the field, whole numbers of 16 bits or floats within 1.

    Where a field keeps samples, these: float32 `[sum of lengths]`, cut where the place of the cut is always the same.

    Args:
        field: What is wanted; without a sample rate, at that of all files.
        table: The rows.
        column: The column of names.

    Raises:
        DataError: A cell is empty, or a file is missing, broken or shorter than a step; the rows are named.
    """
    cells = table.column(column)
    if isinstance(cells, np.ndarray) and cells.ndim > 1:
        names, given, read = [column] * table.rows, cells, partial(_of_samples, field=field)
    else:
        names = given = names_of(table, column)
        field = field.settled(table, (column,))
        read = partial(_sound, _store(table), field=field)
    transform = None if field.keeps_samples else field.features.build(field.rate)
    found: list[Array] = []
    faults: dict[int, str] = {}
    telling = Telling(field, table, column)
    with _one_thread(), ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for row, sound in enumerate(pool.map(read, given)):
            if isinstance(sound, str):
                faults[row] = sound
            elif not faults:
                telling.count(row, names[row], sound)
                found.append(sound.samples if transform is None else _steps(field, transform, sound.samples))
    if faults:
        raise _unreadable(table, faults)
    table.findings.extend(telling.lines())
    if field.length is not None and transform is not None:
        return np.stack(found)
    return _one_after_another(found)


def row_sounds(field: Audio, table: Table, column: str, rows: Sequence[int]) -> Iterator[Array]:
    """The samples of some rows as they are heard, float32 `[N]` at the rate of the field. Raises `DataError`."""
    cells = table.column(column)
    has_samples = isinstance(cells, np.ndarray) and cells.ndim > 1
    for row in rows:
        sound = _of_samples(cast("Array", cells[row]), field=field) if has_samples else _sound(_store(table), str(cells[row]), field=field)
        if isinstance(sound, str):
            raise DataError(f"{table.place(row)}: {sound}")
        yield sound.samples


def features_of(field: Audio, samples: RaggedArray) -> Array | RaggedArray:
    """What `read_sounds` gives of sounds whose samples a field keeps: each as it is measured, not changed at random."""
    transform = field.features.build(field.rate)
    ends = samples.lengths.cumsum()
    with _one_thread():
        parts = zip(ends - samples.lengths, ends, strict=True)
        found = [_steps(field, transform, samples.values[start:end]) for start, end in parts]
    return np.stack(found) if field.length is not None else _one_after_another(found)


def _steps(field: Audio, transform: Transform, samples: Array) -> Array:
    """Float32 steps `[T, F]` of the float32 samples `[N]` of a file: of the part that is heard, with silence where that is longer."""
    size = field.samples(field.rate)
    if size is not None:
        spare = len(samples) - size
        start = 0 if field.crop == "start" else max(0, spare) // 2
        before = 0 if field.pad == "end" else max(0, -spare) // 2
        samples = np.pad(samples[start : start + size], (before, max(0, -spare) - before))
    return transform(torch.from_numpy(samples).double()).float().numpy()


def _one_after_another(rows: list[Array]) -> RaggedArray:
    return RaggedArray(np.concatenate(rows), np.array([len(row) for row in rows], dtype=np.int64))


def common_rate(table: Table, column: str) -> int:
    """The sample rate of all files that the cells of a column name. Raises `DataError` where there are several."""
    names = names_of(table, column)
    rates: dict[int, str] = {}
    faults: dict[int, str] = {}
    for row, name in enumerate(names):
        found = _opened(_store(table), name, lambda file, _: int(file.samplerate))
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


def _sound(store: FileStore, name: str, *, field: Audio) -> Sound | str:
    """A file at the rate of a field, or what is wrong with it; no more of it than can be heard."""
    rate, size = field.rate, field.samples(field.rate)

    def read(file: Any, there: float) -> Sound | str:
        wanted = int(file.frames)
        if size is not None and field.crop == "start":
            wanted = min(wanted, -(-size * file.samplerate // rate) + file.samplerate // 10)  # what resampling looks at behind
        if wanted * file.channels > MOST_SAMPLES:
            return f"{name}: lasts {in_seconds(file.frames / file.samplerate)}, more than a row may have; cut it, or set length"
        channels = cast("Array", file.read(wanted, dtype="float64", always_2d=True))
        if not len(channels):
            return f"{name}: has no samples"
        try:
            samples = resample(torch.from_numpy(channels.mean(axis=1)), file.samplerate, rate).float().numpy()
        except DataError as error:
            return f"{name}: {error.message}"
        promised = file.frames / there / file.samplerate
        is_short = there < 1 or wanted - len(channels) > SLACK * file.samplerate  # the length of an MP3 may be an estimate
        ends = (file.frames if there < 1 else len(channels)) / file.samplerate if is_short else None
        return Sound(samples, file.samplerate, promised, ends)

    sound = _opened(store, name, read)
    return sound if isinstance(sound, str) else _heard(field, name, sound)


def _of_samples(samples: Array, *, field: Audio) -> Sound | str:
    """A sound of samples `[S]` or `[S, C]` at the rate of a field, or what is wrong with it."""
    values = samples.astype(np.float64) / (2.0**15 if samples.dtype.kind in "iu" else 1.0)
    values = (values if values.ndim == 1 else values.mean(axis=1)).astype(np.float32)
    return _heard(field, "samples", Sound(values, field.rate, len(values) / field.rate, None))


def _heard(field: Audio, name: str, sound: Sound) -> Sound | str:
    """The part of a sound that is heard, where that is always the same; or what is wrong with it."""
    rate, size = field.rate, field.samples(field.rate)
    samples, least = sound.samples, field.features.least(rate)
    if not bool(np.isfinite(samples).all()):
        return f"{name}: has samples that are no numbers"
    if size is None and len(samples) < least:
        return f"{name}: lasts {1000 * len(samples) / rate:.3g} ms, and a step takes {1000 * least / rate:.3g} ms"
    if size is None or field.crop == "random":
        return sound
    start = 0 if field.crop == "start" else max(0, len(samples) - size) // 2
    return replace(sound, samples=samples[start : start + size])


def _opened(store: FileStore, name: str, read: Callable[[Any, float], Any]) -> Any:
    """What `read` finds in a file of which so much is there, or what is wrong with it, in words.

    Raises:
        DataError: No library reads sounds.
    """
    soundfile = library()
    try:
        content = store.read(name)
        if not content:
            return f"{name}: is empty"
        with soundfile.SoundFile(BytesIO(content)) as file:
            return read(file, share_there(content))
    except DataError as error:
        return error.message
    except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
        why = str(getattr(error, "error_string", "")).rstrip(".")
        return f"{name}: no sound, or damaged{f' ({why})' if why else ''}"


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
