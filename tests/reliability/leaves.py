"""The values of a saved state one by one, and what else each could be."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, Final, cast

import torch
from torch import Tensor

Path = tuple[str | int, ...]
"""Keys and places from the root of a tree to a value."""

MISSING: Final = object()


def leaves(tree: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value of a tree with its place; an empty list is a value too."""
    if isinstance(tree, dict):
        for key, value in cast("dict[str | int, Any]", tree).items():
            yield from leaves(value, (*path, key))
    elif isinstance(tree, list | tuple) and tree:
        for place, value in enumerate(cast("list[Any]", tree)):
            yield from leaves(value, (*path, place))
    else:
        yield path, tree


def kind(path: Path) -> str:
    """What a value is, whichever parameter or place in a list it belongs to: `optimizer/*/exp_avg`, `weights/*.bias`."""
    words = ["#" if isinstance(key, int) else key for key in path]
    if words[0] == "optimizer":
        words[1:2] = ["*"]
    elif "weights" in words[:2]:
        words[-1] = f"*.{words[-1].rsplit('.', 1)[-1]}"
    return "/".join(words)


def value_at(tree: Any, path: Path) -> Any:
    """The value at a place, or `MISSING`."""
    for key in path:
        try:
            tree = tree[key]
        except (LookupError, TypeError):
            return MISSING
    return tree


def changed(tree: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A tree with another value at a place; `MISSING` takes it out."""
    copied = copy.deepcopy(tree)
    inner: Any = copied
    for key in path[:-1]:
        inner = inner[key]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return copied


def others(value: Any, fresh: Any) -> list[Any]:
    """What a value could be instead: that of new objects first, then others of its type, then none at all."""
    found = [fresh] if fresh is not MISSING and not equal(value, fresh) else []
    if isinstance(value, Tensor):
        found += [value.roll(1) if value.numel() > 1 else value + 1, value + 1 if value.is_floating_point() else value // 2]
    elif isinstance(value, bool):
        found.append(not value)
    elif isinstance(value, int):
        found += [value + 1, value + 1999]
    elif isinstance(value, float):
        found += [value + 1, value + 1e12]
    elif isinstance(value, str):
        found.append(f"{value}x")
    else:
        found += [1.0, "x"]
    return [*found, MISSING]


def equal(one: Any, other: Any) -> bool:
    """Whether two values are the same, to the bit."""
    if isinstance(one, Tensor) and isinstance(other, Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and one == other
