"""Patterns of parameter names: one meaning for `freeze`, `tie`, initializers and the groups of an optimizer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from nntrain.nearest import nearest


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern names a parameter, or a part of the network that it is in: `head`, `head.*` and `*.weight` match `head.weight`."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def near_names(pattern: str, names: Iterable[str]) -> list[str]:
    """Parameter names, and names of parts, that resemble a pattern; else some of the parts."""
    parts = {part: None for name in names for part in parts_of(name)}
    return nearest(pattern, parts, cutoff=0.5, within=1) or [part for part in parts if "." not in part][:5]


def parts_of(name: str) -> Sequence[str]:
    """A dotted name and everything that it is in: `deep`, `deep.linear_1`, `deep.linear_1.weight`."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
