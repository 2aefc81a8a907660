"""What the network reads of a row with the shares of its parts laid over it: a picture, marked words, the course of a column."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, ClassVar, Final

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

LEAST_PIXELS: Final = 256
"""Longest side of a picture, at least: small ones are enlarged, pixel by pixel."""
FOR: Final = (214, 39, 40)
AGAINST: Final = (31, 119, 180)
"""Colours of shares above and below 0."""
SATURATED: Final = 0.99
"""Share of the parts whose colour is not the full one."""
MOST_OPAQUE: Final = 0.85
GAP: Final = 4


@dataclass(frozen=True, slots=True)
class Heat:
    """A picture, and the same with what speaks for the answer in red and what speaks against it in blue."""

    kind: ClassVar[str] = "heat"
    content: bytes
    """A PNG: both side by side, or one above the other."""
    by_step: tuple[float, ...] = ()
    """Of a sequence, the shares of its steps."""


@dataclass(frozen=True, slots=True)
class MarkedWords:
    """The tokens of a text."""

    kind: ClassVar[str] = "words"
    words: tuple[str, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """A column of a window, row by row."""

    kind: ClassVar[str] = "course"
    rows: tuple[int, ...]
    """Counted from the last one of the past, which is 0."""
    values: tuple[float, ...]
    """In its own unit; empty for what is no number."""
    shares: tuple[float, ...]


Highlight = Heat | MarkedWords | Course


def strengths(shares: Array) -> Array:
    """How strongly parts are coloured, from -1 to 1: a few very large shares leave the others to be seen."""
    import numpy as np

    largest = float(np.quantile(np.abs(shares), SATURATED)) or float(np.abs(shares).max())
    return np.clip(shares / largest, -1.0, 1.0) if largest > 0 else np.zeros_like(shares)


def heat_over_image(pixels: Array, shares: Array) -> Heat:
    """A heat map over an image in [0, 1], `[C, H, W]`, of shares `[H, W]`: beside the image itself."""
    import numpy as np

    plain = _as_levels(pixels)
    mixed = _coloured(plain.mean(axis=2, keepdims=True).repeat(3, axis=2), shares)
    between = np.full((plain.shape[0], max(1, GAP * plain.shape[1] // LEAST_PIXELS), 3), np.nan)
    return Heat(_png(np.concatenate([plain, between, mixed], axis=1)))


def heat_over_steps(values: Array, shares: Array) -> Heat:
    """The same of a sequence `[T, F]`: from left to right its steps, from below its features; light where they are large."""
    import numpy as np

    low, high = values.min(axis=0, keepdims=True), values.max(axis=0, keepdims=True)
    light = (values - low) / np.where(high > low, high - low, 1.0)
    plain = np.flip(light.T, axis=0)[:, :, None].repeat(3, axis=2) * 255
    mixed = _coloured(plain, np.flip(shares.T, axis=0))
    thick = max(1, -(-len(values) // (8 * values.shape[1])))
    both = [part.repeat(thick, axis=0) for part in (plain, mixed)]
    between = np.full((max(1, len(values) // 64), len(values), 3), np.nan)
    return Heat(_png(np.concatenate([both[0], between, both[1]], axis=0)), tuple(float(share) for share in shares.sum(axis=1)))


def _as_levels(pixels: Array) -> Array:
    """Pixels `[H, W, 3]` from 0 to 255; of other channels than 1 or 3 their mean."""
    import numpy as np

    found = np.clip(np.nan_to_num(pixels), 0, 1).transpose(1, 2, 0) * 255
    return found if found.shape[2] == 3 else found.mean(axis=2, keepdims=True).repeat(3, axis=2)


def _coloured(gray: Array, shares: Array) -> Array:
    import numpy as np

    strength = strengths(shares)[:, :, None]
    colour = np.where(strength >= 0, np.array(FOR, dtype=float), np.array(AGAINST, dtype=float))
    opaque = MOST_OPAQUE * np.abs(strength)
    return gray * (1 - opaque) + colour * opaque


def _png(levels: Array) -> bytes:
    """Levels `[H, W, 3]` as a file; what is NaN shows what the picture lies on, by day and by night."""
    import numpy as np
    from PIL import Image as Files

    times = max(1, -(-LEAST_PIXELS // max(levels.shape[:2])))
    opaque = np.where(np.isnan(levels).any(axis=2, keepdims=True), 0.0, 255.0)
    pixels = np.round(np.concatenate([np.nan_to_num(levels), opaque], axis=2)).astype(np.uint8).repeat(times, axis=0).repeat(times, axis=1)
    content: Any = BytesIO()
    Files.fromarray(pixels).save(content, "PNG")
    return content.getvalue()
