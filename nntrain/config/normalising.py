"""Knobs that are known under two names are moved to their home: `optimizer.weight_decay` is `regularization.weight_decay`."""

from __future__ import annotations

from typing import Final

from nntrain.config import nodes
from nntrain.config.document import Document
from nntrain.config.nodes import Node
from nntrain.config.rendering import LocatedError, LocatedProblem
from nntrain.errors import render_path

HOME: Final = "regularization"
SECOND_NAMES: Final = (("optimizer", "weight_decay"), ("loss", "label_smoothing"))
"""Section and key of settings that may be written outside of their home."""


def normalise(document: Document) -> Document:
    """Move settings to their home; the document remembers where they stand.

    Where both names are given, the one of the later source counts: an override before the file, a file before its base.

    Raises:
        ConfigError: One file gives a knob under both names.
    """
    document, findings = with_homes(document)
    if findings:
        raise LocatedError(findings, document.name)
    return document


def with_homes(document: Document) -> tuple[Document, list[LocatedProblem]]:
    """The same, with what is wrong as a list, so that it can be told together with other faults."""
    if not isinstance(document.tree, dict):
        return document, []
    root = nodes.of(document)
    findings = [finding for section, key in SECOND_NAMES if (finding := _move(root, section, key)) is not None]
    return nodes.document(root, document), findings


def _move(root: Node, section: str, key: str) -> LocatedProblem | None:
    """Move one setting; what is wrong with it, if it is given twice."""
    assert root.mapping is not None
    options, origin = _options(root.mapping.get(section), section, key)
    if options is None:
        return None
    node = options[key]
    home = root.mapping.get(HOME, Node({}, node.place))
    if home.mapping is None:  # something else is wrong there, which validation tells
        return None
    other = home.mapping.get(key)
    if other is not None:
        here, there = node.place.value.source, other.place.value.source
        del options[key]
        if here is there:
            message = f"is the same knob as {HOME}.{key} in line {other.place.value.line}"
            return LocatedProblem(node.place.mark(on_key=True), render_path(origin), message, "keep one of the two")
        if here.layer < there.layer:
            return None
    options.pop(key, None)
    node.origin = origin
    home.mapping[key] = node
    root.mapping[HOME] = home
    return None


def _options(node: Node | None, section: str, key: str) -> tuple[dict[str, Node] | None, tuple[str, ...]]:
    """The mapping that holds the setting, beside `type` or below the tag of the short form, and the setting's path."""
    if node is None or node.mapping is None:
        return None, ()
    if key in node.mapping:
        return node.mapping, (section, key)
    if "type" not in node.mapping and len(node.mapping) == 1:
        tag, inner = next(iter(node.mapping.items()))
        if inner.mapping is not None and key in inner.mapping:
            return inner.mapping, (section, tag, key)
    return None, ()
