"""What is to be told of the sounds of a table: those that end early, are silence, are resampled, or are not heard whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nntrain.data.table import MAX_EXAMPLES, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nntrain.data.fields.audio import Audio
    from nntrain.data.fields.field import Array


@dataclass(frozen=True, slots=True)
class Sound:
    """A file as a field reads it."""

    samples: Array
    """Those that can be heard, at the rate of the field, float32 `[N]`."""
    rate: int
    """Of the file."""
    seconds: float
    """How long its head says that it is."""
    ends: float | None
    """Second at which it ends before that; `None` for a whole one."""


@dataclass(slots=True)
class Telling:
    """Counts sounds, one after another."""

    audio: Audio
    """How they are read; its sample rate is known."""
    table: Table
    column: str
    ending: list[str] = field(default_factory=list[str])
    """Where those are that end early, and when."""
    silent: list[int] = field(default_factory=list[int])
    """Rows of silence."""
    rates: Counter[int] = field(default_factory=Counter[int])
    """Sounds by sample rate."""
    longer: list[float] = field(default_factory=list[float])
    """Seconds of those that `length` hears a part of."""
    shorter: int = 0
    """Sounds that silence fills up."""

    def count(self, row: int, name: str, sound: Sound) -> None:
        """Count one sound."""
        if sound.ends is not None:
            self.ending.append(f"{self.table.place(row)} {name} ({sound.ends:.3g} of {in_seconds(sound.seconds)})")
        if not sound.samples.any():
            self.silent.append(row)
        self.rates[sound.rate] += 1
        heard, length = sound.seconds if sound.ends is None else sound.ends, self.audio.length
        if length is not None and round(heard * self.audio.rate) > round(length * self.audio.rate):
            self.longer.append(heard)
        elif length is not None and round(heard * self.audio.rate) < round(length * self.audio.rate):
            self.shorter += 1

    def lines(self) -> Iterator[str]:
        """A line for each kind of them that there is."""
        named = f"{self.table.name}: {self.column}: "
        if self.ending:
            more = f", and {len(self.ending) - MAX_EXAMPLES:,} more" if len(self.ending) > MAX_EXAMPLES else ""
            yield f"{named}{self._of_all(len(self.ending))} before the head of the file says: {', '.join(self.ending[:MAX_EXAMPLES])}{more}"
        if self.silent:
            yield f"{named}{len(self.silent):,} of {self.table.rows:,} sounds are silence ({self.table.places(self.silent)})"
        others = {rate: count for rate, count in self.rates.most_common() if rate != self.audio.rate}
        if others:
            counts = ", ".join(f"{count:,} of {rate:,} Hz" for rate, count in list(others.items())[:MAX_EXAMPLES])
            yield f"{named}{sum(others.values()):,} of {self.table.rows:,} sounds resampled to {self.audio.rate:,} Hz: {counts}"
        if self.longer:
            filled = f", and {self.shorter:,} are filled up with silence" if self.shorter else ""
            part = f"{len(self.longer):,} of {self.table.rows:,} sounds, the longest of {in_seconds(max(self.longer))}"
            yield f"{named}length {self.audio.length:g} hears a part of {part}{filled}"

    def _of_all(self, count: int) -> str:
        return f"{count:,} of {self.table.rows:,} sounds end" if count != 1 else f"1 of {self.table.rows:,} sounds ends"


def in_seconds(seconds: float) -> str:
    """A time in words: `0.5 s`, `36,000 s`."""
    return f"{seconds:,.0f} s" if seconds >= 1000 else f"{seconds:.3g} s"
