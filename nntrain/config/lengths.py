"""How long the lists of a config may be: looked at in each file, before anything is made of it."""

from __future__ import annotations

from typing import cast

from nntrain.config import rendering
from nntrain.config.document import Document
from nntrain.config.structure import has
from nntrain.errors import Problem, YamlPath


def check_lengths(document: Document) -> None:
    """Refuse lists in an architecture that no network has, before anything is made of them.

    Raises:
        LocatedError: With one of them.
    """
    from nntrain.layers.settings import MAX_LAYERS  # what only looks at runs needs no layers

    waiting: list[tuple[YamlPath, object]] = (
        [(("architecture",), document.value(("architecture",)))] if has(document.tree, "architecture") else []
    )
    while waiting:
        path, value = waiting.pop()
        if not isinstance(value, list | dict):
            continue
        entries = cast("list[object] | dict[str, object]", value)
        length = len(entries) if isinstance(entries, dict) else sum(map(_length, entries))
        if length > MAX_LAYERS:
            told = f"has {length:,} entries, and a config may have {MAX_LAYERS:,} layers"
            raise rendering.error([Problem(path, told, "fewer layers", on_key=True)], document)
        waiting += [((*path, key), each) for key, each in (entries.items() if isinstance(entries, dict) else enumerate(entries))]


def _length(entry: object) -> int:
    """Entries that one of a list is: a list in a list of layers is spliced."""
    return len(cast("list[object]", entry)) if isinstance(entry, list) else 1
