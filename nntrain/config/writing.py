"""Writes plain trees as YAML that our own loader reads back unchanged."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from nntrain.config import scalars
from nntrain.errors import ConfigError, Problem, YamlPath

_PLAIN: Final = re.compile(r"[A-Za-z0-9_./~+][A-Za-z0-9_./~+*()@%-]*( [A-Za-z0-9_./~+*()@%-]+)*")
_NEEDS_ESCAPES: Final = re.compile("[\x00-\x1f\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]")
_WIDTH: Final = 100


def dump(tree: Mapping[str, Any]) -> str:
    """Write a tree of mappings, lists and scalars; tuples are written as lists.

    Raises:
        ConfigError: It holds something else, which no config can hold.
    """
    return "\n".join(_mapping(tree, (), 0)) + "\n" if tree else "{}\n"


def scalar(value: object) -> str:
    """One scalar, with quotes where it would be read as something else without."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value) if math.isfinite(value) else ".nan" if math.isnan(value) else ".inf" if value > 0 else "-.inf"
    if isinstance(value, int):
        return str(value)
    assert isinstance(value, str)
    return value if _PLAIN.fullmatch(value) and scalars.resolve(value) == value else quoted(value)


def quoted(text: str) -> str:
    """A text in quotes: single ones, or double ones where it holds control characters or line breaks."""
    if _NEEDS_ESCAPES.search(text) is None:
        return "'" + text.replace("'", "''") + "'"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _NEEDS_ESCAPES.sub(lambda match: f"\\u{ord(match[0]):04x}", escaped) + '"'


def _mapping(tree: Mapping[str, Any], path: YamlPath, indent: int) -> list[str]:
    lines: list[str] = []
    for key, value in tree.items():
        if not isinstance(key, str):
            raise ConfigError([Problem(path, f"has the key {key!r}; keys are text")])
        name = key if _PLAIN.fullmatch(key) and len(key) < _WIDTH else quoted(key)
        lines += _entry(f"{' ' * indent}{name}:", value, (*path, key), indent + 2)
    return lines


def _sequence(items: Sequence[Any], path: YamlPath, indent: int) -> list[str]:
    lines: list[str] = []
    for index, item in enumerate(items):
        here = (*path, index)
        if isinstance(item, Mapping) and item:
            inner = _mapping(cast("Mapping[str, Any]", item), here, indent + 2)
            lines += [f"{' ' * indent}- {inner[0].lstrip()}", *inner[1:]]
        else:
            lines += _entry(f"{' ' * indent}-", cast("object", item), here, indent + 2)
    return lines


def _entry(head: str, value: object, path: YamlPath, indent: int) -> list[str]:
    """A key or a dash with its value, on the same line if it fits."""
    if isinstance(value, Mapping):
        tree = cast("Mapping[str, Any]", value)
        return [head, *_mapping(tree, path, indent)] if tree else [f"{head} {{}}"]
    if isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        if all(_is_flat(item) for item in items):
            line = f"{head} {_flow(items, path)}"
            if len(line) <= _WIDTH or not items:
                return [line]
        return [head, *_sequence(items, path, indent)]
    return [f"{head} {_checked(value, path)}"]


def _is_flat(item: object) -> bool:
    if isinstance(item, list | tuple):
        return all(not isinstance(part, Mapping | list | tuple) for part in cast("Sequence[Any]", item))
    return not isinstance(item, Mapping)


def _flow(items: Sequence[Any], path: YamlPath) -> str:
    texts = [
        _flow(cast("Sequence[Any]", item), (*path, index)) if isinstance(item, list | tuple) else _checked(item, (*path, index))
        for index, item in enumerate(items)
    ]
    return f"[{', '.join(texts)}]"


def _checked(value: object, path: YamlPath) -> str:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise ConfigError(
            [
                Problem(
                    path, f"holds a value of type {type(value).__name__}, which no config can hold", "a number, a text, a list or a mapping"
                )
            ]
        )
    return scalar(value)
