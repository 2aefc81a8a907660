"""Images that are decoded when their batch comes; all are looked at once before, without being kept."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import torch
from torch import Tensor

from nntrain.data.file_store import FileStore
from nntrain.data.images import at_line, broken_images, check_sizes, decode, names_of
from nntrain.data.moving import sent
from nntrain.data.table import Table
from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.batches import TensorData
    from nntrain.data.fields.image import Image

    Array = np.ndarray[Any, Any]

LOOKED_AT: Final = 1024
"""Images whose figures are waited for together."""
LEVELS: Final = 256


@dataclass(slots=True)
class _Seen:
    """What a look at all images of a column has shown."""

    shape: tuple[int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class ImageFiles:
    """Rows of a column of file names: what an image field has in place of the pixels. A row takes the memory of its name."""

    settings: Image
    table: Table
    column: str
    names: pl.Series
    """Of all rows of the table."""
    rows: Array
    """Numbers of the rows that are meant, int64 `[M]`."""
    _seen: _Seen = field(default_factory=_Seen)

    @classmethod
    def of(cls, settings: Image, table: Table, column: str) -> ImageFiles:
        """All rows of a table. Raises `DataError` where a cell is empty."""
        return cls(settings, table, column, names_of(table, column), np.arange(table.rows))

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: Array) -> ImageFiles:
        return ImageFiles(self.settings, self.table, self.column, self.names, self.rows[index], self._seen)

    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of all images of the column. Raises `DataError` as `look`."""
        if self._seen.shape is None:
            self._look(None)
        assert self._seen.shape is not None
        return self._seen.shape

    def levels(self) -> Array:
        """How often each of the 256 values occurs in each channel of these rows, int64 `[C, 256]`. Raises `DataError` as `look`."""
        return self._look(self.rows)

    def _look(self, counted: Array | None) -> Array:
        """Decode every image of the column once: `levels` of some rows.

        Raises:
            DataError: A file is missing or broken, or the images have different sizes and the field names none; the files are named.
        """
        is_counted = np.zeros(len(self.names), dtype=bool)
        if counted is not None:
            is_counted[counted] = True
        assert self.table.store is not None
        look = partial(_look_at, self.table.store, self.settings)
        broken: list[str] = []
        sizes: dict[tuple[int, ...], str] = {}
        levels = {1: np.zeros((1, LEVELS), dtype=np.int64), 3: np.zeros((3, LEVELS), dtype=np.int64)}
        channels = 1
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for start in range(0, len(self.names), LOOKED_AT):
                names: list[str] = self.names[start : start + LOOKED_AT].to_list()
                looked = pool.map(look, names, is_counted[start : start + LOOKED_AT].tolist())
                for row, (name, found) in enumerate(zip(names, looked, strict=True), start):
                    if isinstance(found, str):
                        broken.append(at_line(self.table, row, found))
                        continue
                    shape, counts = found
                    sizes.setdefault(shape[1:], name)
                    channels = max(channels, shape[0])
                    if counts is not None:
                        levels[shape[0]] += counts
        if broken:
            raise broken_images(broken, len(self.names))
        check_sizes(self.column, sizes)
        channels = self.settings.num_channels or channels
        height, width = next(iter(sizes))
        self._seen.shape = (channels, height, width)
        return levels[1] if channels == 1 else levels[3] + levels[1]


def _look_at(store: FileStore, settings: Image, name: str, is_counted: bool) -> Any:
    """Shape and levels of an image, or what is wrong with it."""
    image = decode(store, name, settings)
    if isinstance(image, str):
        return image
    counts = np.stack([np.bincount(channel.reshape(-1), minlength=LEVELS) for channel in image]) if is_counted else None
    return image.shape, counts


@dataclass(frozen=True, slots=True)
class ImageStore:
    """The image fields of a table, read together."""

    files: Mapping[str, ImageFiles]
    """By field, of all rows."""
    shapes: Mapping[str, tuple[int, int, int]]
    """Channels, height and width that the network reads, by field."""

    @property
    def names(self) -> tuple[str, ...]:
        """The fields."""
        return tuple(self.files)

    @property
    def values_per_row(self) -> int:
        """Pixels times channels."""
        return sum(math.prod(shape) for shape in self.shapes.values())

    @property
    def bytes_per_row(self) -> int:
        """One byte a value."""
        return self.values_per_row

    @property
    def lost(self) -> None:
        """Nothing is kept."""

    @property
    def in_blocks(self) -> bool:
        """Files can be read in any order."""
        return False

    def filled(self, data: TensorData, found: Mapping[str, Tensor]) -> TensorData:
        """Some rows with their images."""
        read = {name: sent(values, data.rows.device) for name, values in found.items()}
        return replace(data, inputs={**data.inputs, **read}, streamed=None)

    def request(self, places: Tensor) -> ImageRequest:
        """Some rows by their number in the table, int64 `[B]`."""
        rows = cast("list[int]", places.tolist())
        return ImageRequest(
            tuple(
                _Wanted(
                    name,
                    _root(files.table),
                    files.table.name,
                    files.settings,
                    self.shapes[name],
                    files.names.gather(rows).to_list(),
                )
                for name, files in self.files.items()
            )
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The images of a batch of one field."""

    field: str
    root: Path
    table: str
    settings: Image
    shape: tuple[int, int, int]
    names: Sequence[str]

    def read(self) -> Tensor:
        """Uint8 `[B, C, H, W]`. Raises `DataError`."""
        images = torch.empty((len(self.names), *self.shape), dtype=torch.uint8)
        store = _store(self.root, os.getpid())
        for place, name in enumerate(self.names):
            image = decode(store, name, self.settings)
            if isinstance(image, str):
                raise self._changed(image)
            if image.shape[1:] != self.shape[1:] or image.shape[0] not in (1, self.shape[0]):
                found, expected = (f"{shape[0]} x {shape[1]} x {shape[2]}" for shape in (image.shape, self.shape))
                raise self._changed(f"{name}: {found} (channels x height x width) in place of {expected}")
            images[place] = torch.from_numpy(np.array(image))
        return images

    def _changed(self, what: str) -> DataError:
        return DataError(
            f"{self.table}: an image has changed since it was looked at:\n   {what}",
            "put it back as it was, then go on from the last checkpoint: nntrain fit --resume RUN",
        )


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """The images of a batch, by name."""

    wanted: tuple[_Wanted, ...]

    def read(self) -> dict[str, Tensor]:
        """Uint8 `[B, C, H, W]` by field. Raises `DataError` that names the file."""
        return {wanted.field: wanted.read() for wanted in self.wanted}


@lru_cache(maxsize=8)
def _store(root: Path, _process: int) -> FileStore:
    """The files below a folder or in a .zip file, opened once in each process: forked ones would share the place in the file."""
    return FileStore(root)


def _root(table: Table) -> Path:
    assert table.store is not None
    return table.store.root
