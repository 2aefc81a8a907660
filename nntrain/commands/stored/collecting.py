"""When Python looks for objects that nothing reaches any more: not while a command loads torch."""

from __future__ import annotations

import gc
from typing import Final

STARTING: Final = 1_000_000
"""Objects that come before it looks while a command starts. Torch alone makes several 100,000 that all stay, and Python would walk
through them again and again: a tenth of the time to the first step."""

_before: list[tuple[int, int, int]] = []


def hold_back() -> None:
    """Look seldom from here on. For a process of our own: a program that calls us decides that for itself."""
    _before.append(gc.get_threshold())
    gc.set_threshold(STARTING, *_before[0][1:])


def go_on() -> None:
    """Look as often as before `hold_back`, where that was called, and never again at what is there now: it stays to the end."""
    if _before:
        gc.freeze()
        gc.set_threshold(*_before.pop())
