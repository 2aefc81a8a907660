"""YAML 1.2 scalars (core schema), stricter in one place: a number with leading zeros is text (a postal code, an id)."""

from __future__ import annotations

import re
from typing import Final

Scalar = str | int | float | bool | None

MAX_DIGITS: Final = 20
"""Longest whole number that is read; no setting needs more, and conversion of a million digits takes seconds."""

_NULL: Final = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|(0|[1-9][0-9]*)(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_SPECIAL: Final = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


class TooLongError(ValueError):
    """A number of more digits than any setting needs."""


def resolve(text: str) -> Scalar:
    """Read an unquoted scalar: `1e-3` is a number, `no`, `on`, `012` and `1:30` are text.

    Raises:
        TooLongError: The text is a whole number of more than `MAX_DIGITS` digits.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    return _number(text) if text[0] in "+-.0123456789" else text


def _number(text: str) -> Scalar:
    if _INTEGER.fullmatch(text) or _BASED.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise TooLongError(f"a whole number of {len(text)} digits")
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    special = _SPECIAL.fullmatch(text)
    if special is not None:
        return float(special[1] + special[2].lower()) if special[2] else float("nan")
    return text
