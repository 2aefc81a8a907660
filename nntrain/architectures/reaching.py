"""Which input fields reach a layer of a config, told before its network is compiled. Torch-free."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from nntrain.architectures.architecture import Architecture
from nntrain.architectures.layer_list import LayerList
from nntrain.architectures.node import declared, means, reads
from nntrain.architectures.node_graph import NodeGraph
from nntrain.errors import YamlPath

EVERY: Final = frozenset({"inputs"})
"""All input fields."""


def fields_before(architecture: Architecture, place: YamlPath) -> tuple[frozenset[str], frozenset[str]]:
    """What a layer reads itself, and what other layers read for it: names of fields, types of fields (`image`), `inputs` for all.

    Args:
        architecture: As the config has it; what it names need not be there.
        place: Of the layer, counted from the architecture.
    """
    if not isinstance(architecture, NodeGraph):
        is_later = isinstance(architecture, LayerList) and place[:1] == ("layers",) and place[1:2] != (0,)
        return (frozenset(), EVERY) if is_later else (EVERY, frozenset())
    where, name, *below = place
    if where != "nodes":  # in a head
        heads = (architecture.heads or {}).get(str(name), ())
        listed = heads if isinstance(heads, tuple) else (heads,)
        return frozenset(), _behind(architecture, [head if isinstance(head, str) else head.from_ for head in listed])
    users = [node for node in architecture.nodes if _owner(architecture, node) == name]
    if below[:1] != ["layer"] and below[:2] != ["layers", 0]:
        return frozenset(), _behind(architecture, users)
    words = {word for user in users for word in architecture.nodes[user].sources}
    first = frozenset(word for word in words if not _nodes_of(architecture, word))
    return first, _behind(architecture, users) - first


def _owner(graph: NodeGraph, name: str) -> str:
    """The node whose layers a node has; of a circle any of it, which is told where the network is compiled."""
    seen = set[str]()
    while name not in seen and (other := graph.nodes[name].same_as) is not None and other in graph.nodes:
        seen.add(name)
        name = other
    return name


def _nodes_of(graph: NodeGraph, word: str) -> list[str]:
    return [name for name, node in graph.nodes.items() if means(word, {name, *declared(node)})]


def _behind(graph: NodeGraph, words: Iterable[str]) -> frozenset[str]:
    """The fields that some points come from."""
    waiting, nodes, fields = list(words), set[str](), set[str]()
    while waiting:
        word = waiting.pop()
        found = _nodes_of(graph, word)
        fields |= set() if found else {word}
        for name in found:
            if name not in nodes:
                nodes.add(name)
                waiting += reads(graph.nodes[name])
    return frozenset(fields)
