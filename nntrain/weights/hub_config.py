"""Values of the JSON files that strangers write: each is of the kind that it should be, or is told by name. Torch-free."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from nntrain.errors import CheckpointError
from nntrain.weights.stored import shown

LARGEST_FILE: Final = 200_000_000
"""Bytes of a JSON file that is read: the largest tokenizers have 40 million."""
LARGEST: Final = 2**31 - 1
"""Of a size."""
SHOWN: Final = 60
"""Letters of a foreign value that a message shows."""


def read_json(path: Path) -> Mapping[str, Any]:
    """A JSON object. Raises `CheckpointError` for anything else."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise CheckpointError(f"{path.as_posix()} has {path.stat().st_size:,} bytes, and {LARGEST_FILE:,} at most are read")
        found: object = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.as_posix()} can't be read ({shown(str(error)[:200])})", "get the file again") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path.as_posix()} holds no JSON object", "get the file again")
    return cast("Mapping[str, Any]", found)


def quoted(value: object) -> str:
    """A foreign value for a message: short, and without what moves a cursor."""
    text = "null" if value is None else f"{value:.3g}" if isinstance(value, float) else repr(value)
    return shown(text if len(text) <= SHOWN else f"{text[:SHOWN]}…")


@dataclass(frozen=True, slots=True)
class HubFacts:
    """What a JSON file says; each question raises `CheckpointError` for a value of another kind."""

    path: Path
    values: Mapping[str, Any]

    def wrong(self, name: str, needed: str) -> CheckpointError:
        """The error of a value that is not what it should be."""
        return CheckpointError(f"{self.path.as_posix()}: {name} is {quoted(self.values.get(name))}, and {needed} is needed")

    def whole(self, name: str, default: int | None = None, least: int = 1, most: int = LARGEST) -> int:
        """A size."""
        value = self.values.get(name, default)
        if type(value) is not int or not least <= value <= most:
            raise self.wrong(name, f"a whole number from {least} to {most:,}")
        return value

    def wholes(self, name: str, most: int = LARGEST) -> tuple[int, ...]:
        """Several sizes."""
        value = self.values.get(name)
        found = cast("list[object]", value) if isinstance(value, list) else []
        if not 1 <= len(found) <= 64 or not all(type(size) is int and 1 <= size <= most for size in found):
            raise self.wrong(name, f"a list of whole numbers up to {most:,}")
        return tuple(cast("list[int]", found))

    def positive(self, name: str, default: float) -> float:
        """A number above 0."""
        value = self.values.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
            raise self.wrong(name, "a number above 0")
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...]:
        """Several numbers, none of them NaN or infinite."""
        value = self.values.get(name)
        found = cast("list[object]", value) if isinstance(value, list) else []
        if not 1 <= len(found) <= 64 or not all(type(each) in {int, float} and abs(cast("float", each)) < 1e6 for each in found):
            raise self.wrong(name, "a list of numbers")
        return tuple(float(cast("float", each)) for each in found)

    def text(self, name: str, default: str) -> str:
        """A word."""
        value = self.values.get(name, default)
        if not isinstance(value, str):
            raise self.wrong(name, "a text")
        return value

    def must(self, wanted: Mapping[str, object]) -> None:
        """Refuse settings that change what a network computes."""
        for name, value in wanted.items():
            if self.values.get(name, value) != value:
                raise CheckpointError(
                    f"{self.path.as_posix()} has {name} {quoted(self.values[name])}, and networks with {value!r} are read"
                )

    def part(self, name: str) -> HubFacts:
        """An object in it; empty where there is none."""
        value = self.values.get(name)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(name, "an object")
        return HubFacts(self.path, cast("Mapping[str, Any]", value or {}))
