"""Size and channels of an image file from its first bytes, with the standard library alone.

PNG (ISO/IEC 15948, chunk IHDR), JPEG (ITU-T T.81, frame header), and the orientation in a JPEG's EXIF data.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

HEADER_BYTES: Final = 256 * 1024
"""Most bytes that are read of a file: a JPEG may have a preview picture before its frame header."""

IMAGE_SUFFIXES: Final = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".webp"})
"""Files that count as images, as torchvision's ImageFolder has them; a GIF may be a film and does not."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_ORIENTATION: Final = 0x0112
_SIDEWAYS: Final = frozenset({5, 6, 7, 8})
"""EXIF orientations that exchange height and width."""


@dataclass(frozen=True, slots=True)
class ImageSize:
    """What the head of an image file says, as the image is shown: EXIF orientation applied."""

    channels: int
    """1 or 3; transparency is no channel."""
    height: int
    width: int


def image_size(head: bytes) -> ImageSize | None:
    """Size and channels of an image from its first bytes; `None` for other formats, and for what is cut off or damaged."""
    try:
        if head.startswith(_PNG):
            width, height, _, color = struct.unpack(">IIBB", head[16:26])
            return ImageSize(1 if color in (0, 4) else 3, height, width)
        return _jpeg_size(head) if head.startswith(b"\xff\xd8") else None
    except (struct.error, IndexError):
        return None


def _jpeg_size(head: bytes) -> ImageSize | None:
    place, is_sideways = 2, False
    while place + 4 <= len(head):
        marker, length = head[place + 1], struct.unpack(">H", head[place + 2 : place + 4])[0]
        if head[place] != 0xFF:
            return None
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == 0xE1 and head[place + 4 : place + 10] == b"Exif\0\0":
            is_sideways = _orientation(head[place + 10 : place + 2 + length]) in _SIDEWAYS
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width, components = struct.unpack(">HHB", head[place + 5 : place + 10])
            height, width = (width, height) if is_sideways else (height, width)
            return ImageSize(1 if components == 1 else 3, height, width)
        place += 2 + length
    return None


def _orientation(tiff: bytes) -> int:
    """The orientation in EXIF data; 1, as it lies, where there is none."""
    order = "<" if tiff[:2] == b"II" else ">"
    start = struct.unpack(f"{order}I", tiff[4:8])[0]
    count = struct.unpack(f"{order}H", tiff[start : start + 2])[0]
    for entry in range(count):
        at = start + 2 + 12 * entry
        tag = struct.unpack(f"{order}H", tiff[at : at + 2])[0]
        if tag == _ORIENTATION:
            return int(struct.unpack(f"{order}H", tiff[at + 8 : at + 10])[0])
    return 1
