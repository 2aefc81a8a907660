"""Laying one document over another: `extends: base.yaml`.

Mappings merge, lists and scalars replace. Another component replaces the one below with all its options; the same one, or
options without a name, change single options of it.
"""

from __future__ import annotations

from nntrain.config import nodes
from nntrain.config.document import Document
from nntrain.config.experiment import Experiment
from nntrain.config.nodes import Node
from nntrain.config.structure import Model, Spot, root_spot, step


def lay_over(base: Document, top: Document, root: Model = Experiment) -> Document:
    """Both documents as one, with every place kept; name and text are those of `top`."""
    return nodes.document(merged(nodes.of(base), nodes.of(top), root_spot(root, base.tree)), top)


def without(document: Document, keys: tuple[str, ...]) -> Document:
    """The document without some of its sections."""
    root = nodes.of(document)
    assert root.mapping is not None
    kept = {key: node for key, node in root.mapping.items() if key not in keys}
    return nodes.document(Node(kept, root.place), document)


def merged(base: Node, top: Node, spot: Spot) -> Node:
    """Lay a node over another; `spot` is their place in the schema, with the value of `base`."""
    if base.mapping is None and (spot.slot is None or not isinstance(base.content, str)):
        return top
    if top.mapping is None:
        return top
    slot = spot.slot
    if slot is not None:
        tag = nodes.tag_of(slot, top)
        below = nodes.tag_of(slot, base)
        if tag is not None and tag != below:
            return top
        base, top = nodes.in_type_form(slot, base), nodes.in_type_form(slot, top)
        spot = Spot(spot.path, spot.kinds, spot.owner, spot.field, base.plain())
    assert base.mapping is not None
    assert top.mapping is not None
    content = dict(base.mapping)
    for key, node in top.mapping.items():
        content[key] = merged(content[key], node, step(spot, key)) if key in content else node
    return Node(content, top.place)
