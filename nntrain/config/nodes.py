"""A document as a tree whose nodes carry their own places: what merging, overrides and normalising work on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from nntrain.config.document import Document, Mark, Place
from nntrain.config.structure import short_tag, split
from nntrain.errors import YamlPath
from nntrain.schema import Slot, load_class


@dataclass(slots=True)
class Node:
    """A value and its place."""

    content: Any
    """`dict[str, Node]`, `list[Node]` or a plain scalar."""
    place: Place
    written: str | None = None
    """How a value from the environment was written."""
    origin: YamlPath | None = None
    """Where a setting stands in the file that is elsewhere in the tree: moved to its home, or put in by a block or a repeat."""
    note: str | None = None
    """Which use of a block or round of a repeat has put this in, for messages."""

    @property
    def mapping(self) -> dict[str, Node] | None:
        """The entries, if this is a mapping."""
        return cast("dict[str, Node]", self.content) if isinstance(self.content, dict) else None

    @property
    def items(self) -> list[Node] | None:
        """The items, if this is a list."""
        return cast("list[Node]", self.content) if isinstance(self.content, list) else None

    def plain(self) -> Any:
        """The tree without places."""
        if self.mapping is not None:
            return {key: node.plain() for key, node in self.mapping.items()}
        return [node.plain() for node in self.items] if self.items is not None else self.content

    def walk(self, path: YamlPath = ()) -> Iterator[tuple[YamlPath, Node]]:
        """Every node with its path, this one first."""
        yield path, self
        for key, node in (self.mapping or dict(enumerate(self.items or []))).items():
            yield from node.walk((*path, key))


def of(document: Document) -> Node:
    """The nodes of a document."""
    return _of(document.tree, (), document)


def _of(value: Any, path: YamlPath, document: Document) -> Node:
    if isinstance(value, dict):
        content: Any = {key: _of(item, (*path, key), document) for key, item in cast("dict[str, Any]", value).items()}
    elif isinstance(value, list):
        content = [_of(item, (*path, index), document) for index, item in enumerate(cast("list[Any]", value))]
    else:
        content = value
    return Node(content, document.marks[path], document.unexpanded.get(path), document.moved.get(path), document.notes.get(path))


def at(value: Any, mark: Mark) -> Node:
    """Nodes for a plain value that stands as a whole at one place."""
    if isinstance(value, dict):
        content: Any = {key: at(item, mark) for key, item in cast("dict[str, Any]", value).items()}
    elif isinstance(value, list):
        content = [at(item, mark) for item in cast("list[Any]", value)]
    else:
        content = value
    return Node(content, Place(mark, mark))


def document(root: Node, like: Document) -> Document:
    """The document that nodes stand for, with the name and text of another."""
    found = list(root.walk())
    return replace(
        like,
        tree=root.plain(),
        marks={path: node.place for path, node in found},
        unexpanded={path: node.written for path, node in found if node.written is not None},
        moved={path: node.origin for path, node in found if node.origin is not None},
        notes={path: node.note for path, node in found if node.note is not None},
    )


def tag_of(slot: Slot, node: Node) -> str | None:
    """The component that a node names; `None` where it only gives options, or is no component."""
    value = node.plain()
    chosen = split(slot, value)
    if chosen is None or not isinstance(value, dict):
        return chosen[0] if chosen else None
    keys = cast("Mapping[str, Any]", value)
    is_named = "type" in keys or any(key in slot.table for key in keys) or (slot.infer is not None and slot.infer(keys) is not None)
    return chosen[0] if is_named else None


def in_type_form(slot: Slot, node: Node) -> Node:
    """A component with its options side by side: `{linear: 64}` becomes `{type: linear, out_features: 64}`.

    What is in that form already, or no component, is returned as it is.
    """
    chosen = split(slot, node.plain())
    if chosen is None:
        return node
    tag, found = chosen
    if node.mapping is None:
        given = {key: Node(value, node.place, node.written) for key, value in found.items()}
        return Node({"type": Node(tag, node.place), **given}, node.place)
    if short_tag(slot, node.plain()) is None:
        return node
    inner = node.mapping[tag]
    named = Node(tag, Place(inner.place.key, inner.place.key or inner.place.value))
    beside = {key: other for key, other in node.mapping.items() if key != tag}
    if inner.mapping is not None:
        options = inner.mapping
    else:
        main = load_class(slot.table[tag]).main
        options = {main: inner} if main is not None and inner.content is not None else {}
    return Node({"type": named, **options, **beside}, node.place)
