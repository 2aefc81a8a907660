"""What rows hold, as people look at it: words, a picture, a sound. What makes them loads its libraries itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Final, cast

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.table import Table

MOST_NUMBERS: Final = 6
"""Numbers of a longer row that are shown."""
MOST_SIGNS: Final = 400
"""Letters of a text that are shown."""
MOST_PIXELS: Final = 192
"""Longest side of a picture; a larger one is made smaller."""
_PIXELATED: Final = 64
"""Longest side up to which each pixel counts, so that the picture is kept exactly, and shown enlarged."""
MOST_SAMPLES: Final = 48_000
"""Samples of a sound that are kept: 3 seconds at 16 kHz."""


@dataclass(frozen=True, slots=True)
class Words:
    """A value as it is written."""

    kind: ClassVar[str] = "words"
    text: str
    is_long: bool = False
    """Whether it is a text, which takes the room of several columns."""


@dataclass(frozen=True, slots=True)
class Picture:
    """An image."""

    kind: ClassVar[str] = "picture"
    content: bytes
    """A file."""
    media: str
    """Which: `image/png`."""
    width: int
    height: int
    alt: str
    """What is to be seen, for who does not see it."""

    @property
    def is_pixelated(self) -> bool:
        """Whether it is shown enlarged, pixel by pixel."""
        return max(self.width, self.height) <= _PIXELATED


@dataclass(frozen=True, slots=True)
class Sound:
    """A sound that can be played."""

    kind: ClassVar[str] = "sound"
    content: bytes
    """A WAV file of 16 bits."""
    told: str
    """How long it is, and how much of it this is: `0.4 s`."""
    spectrum: Picture | None = None
    """What the network reads of it, where that is one."""


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text whose words speak for something or against it."""

    kind: ClassVar[str] = "marked"
    words: tuple[str, ...]
    levels: tuple[float, ...]
    """How strongly each is marked, from -1 to 1."""
    shares: tuple[float, ...]
    is_long: bool = True

    @property
    def parts(self) -> tuple[tuple[str, int, str], ...]:
        """Each word, how strongly it is marked in percent, with a sign, and what it contributes."""
        return tuple(
            (word, round(100 * level), f"{share:+.3g}") for word, level, share in zip(self.words, self.levels, self.shares, strict=True)
        )


Exhibit = Words | Picture | Sound | MarkedText


def cells_of(table: Table, columns: Sequence[str], rows: Sequence[int]) -> list[Words]:
    """The cells of some rows as they stand in the table; of several columns with their names."""
    found = [[cell_text(table.columns[name], row) for name in columns if name in table.columns] for row in rows]
    if len(columns) == 1:
        return [Words(cells[0] if cells else "") for cells in found]
    named = [name for name in columns if name in table.columns]
    return [Words(", ".join(f"{name} {cell}" for name, cell in list(zip(named, cells, strict=True))[:MOST_NUMBERS])) for cells in found]


def text_of(text: str) -> Words:
    """A text, cut where it is longer than is read."""
    return Words(text if len(text) <= MOST_SIGNS else f"{text[:MOST_SIGNS].rstrip()} …", is_long=True)


def cell_text(column: Any, row: int) -> str:
    """A cell of a column of text, or of an array, of which a row may be several numbers."""
    value: Any = column[row]
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    if getattr(value, "ndim", 0):
        numbers = cast("list[Any]", value.reshape(-1)[:MOST_NUMBERS].tolist())
        more = " …" if value.size > MOST_NUMBERS else ""
        return " ".join(f"{number:.4g}" if isinstance(number, float) else str(number) for number in numbers) + more
    return f"{value:.6g}" if isinstance(value, float) or getattr(getattr(value, "dtype", None), "kind", "") == "f" else str(value)


def picture_of(pixels: Array, alt: str) -> Picture:
    """Pixels uint8 `[H, W, 3]` as a picture, no larger than is looked at."""
    from PIL import Image as Files

    image: Any = Files.fromarray(pixels)
    if max(image.size) > MOST_PIXELS:
        image.thumbnail((MOST_PIXELS, MOST_PIXELS))
    is_small = max(image.size) <= _PIXELATED
    content = BytesIO()
    image.save(content, "PNG") if is_small else image.save(content, "JPEG", quality=88)
    return Picture(content.getvalue(), "image/png" if is_small else "image/jpeg", image.width, image.height, alt)


def spectrum_of(steps: Array) -> Picture:
    """Steps of features `[T, F]` as a picture: time to the right, features from below, light where they are large."""
    import numpy as np

    low, high = np.nanmin(steps), np.nanmax(steps)
    light = np.nan_to_num((steps - low) / (high - low if high > low else 1.0))
    pixels = cast("Array", np.round(255 * np.flip(light.T, axis=0)).astype(np.uint8)[:, :, None].repeat(3, axis=2))
    return picture_of(np.ascontiguousarray(pixels), "spectrum, time to the right, low features below")


def sound_of(samples: Array, rate: int, spectrum: Picture | None = None) -> Sound:
    """Samples within 1, float32 `[N]`, as a sound, cut to its first seconds where it is long."""
    import wave

    import numpy as np

    kept = samples[:MOST_SAMPLES]
    content = BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((np.clip(np.nan_to_num(kept), -1, 1) * 32767).astype("<i2").tobytes())
    seconds, heard = len(samples) / rate, len(kept) / rate
    return Sound(
        content.getvalue(), f"{seconds:.2g} s" if len(kept) == len(samples) else f"the first {heard:.2g} of {seconds:.3g} s", spectrum
    )
