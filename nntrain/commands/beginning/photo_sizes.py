"""Images of several sizes: the one size that `nntrain init` writes for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from statistics import median
from typing import Any, Final

from nntrain.data.file_store import FileStore
from nntrain.data.image_header import HEADER_BYTES, IMAGE_SUFFIXES, image_size
from nntrain.errors import DataError

SIDES: Final = (224, 192, 160, 128, 96, 64, 48, 32, 28)
"""Sizes that networks are made for, and that halve several times."""


@dataclass(frozen=True, slots=True)
class PhotoSizes:
    """Heights and widths of images, of which there are several."""

    sizes: tuple[tuple[int, int], ...]
    """Of each image whose head tells it (PNG and JPEG)."""

    @property
    def side(self) -> int:
        """Height and width to which they are cut and resized: the largest usual one within the shorter side of half of them."""
        shorter = median(min(size) for size in self.sizes)
        return next((side for side in SIDES if side <= shorter), SIDES[-1])

    @property
    def field(self) -> dict[str, Any]:
        """Settings of the field."""
        return {"type": "image", "size": self.side, "crop_to_aspect_ratio": True}

    def told(self) -> list[tuple[str, str]]:
        """What was found."""
        small, large = (ends(self.sizes, key=lambda size: size[0] * size[1]) for ends in (min, max))
        found = f"{len(set(self.sizes)):,} sizes of images, {small[0]} x {small[1]} to {large[0]} x {large[1]} (height x width)"
        return [("  size", f"{found}: cut to squares and resized to {self.side} x {self.side}   whole: crop_to_aspect_ratio: false")]


def find_sizes(data: Path) -> PhotoSizes | None:
    """The sizes of the images of a folder or .zip file; `None` where all are alike, or none tells it."""
    store = FileStore(data)
    try:
        names = [name for name in store.names()[0] if PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES]
        sizes = tuple(sizes_of(store, names))
    except DataError:
        return None  # told where they are read
    return PhotoSizes(sizes) if len(set(sizes)) > 1 else None


def sizes_of(store: FileStore, names: Iterable[str]) -> Iterator[tuple[int, int]]:
    """Height and width of each image whose head tells it (PNG and JPEG). Raises `DataError`."""
    for name in names:
        head = image_size(store.read(name, HEADER_BYTES))
        if head is not None:
            yield head.height, head.width
