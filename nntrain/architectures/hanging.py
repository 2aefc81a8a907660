"""Nodes that a task asks for by name: they are its outputs as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from nntrain.architectures.architecture import Architecture
from nntrain.layers.scope import Scope, near_names


def hang(architecture: Architecture, nodes: Mapping[str, str], scope: Scope) -> Architecture | None:
    """The architecture with outputs at the nodes that tasks ask for; `None` where it can't have them, which is noted.

    Args:
        architecture: What the config says.
        nodes: Name of the node for each output.
        scope: That of the architecture.
    """
    from nntrain.architectures.node_graph import NodeGraph

    asked = " and ".join(dict.fromkeys(nodes.values()))
    if not isinstance(architecture, NodeGraph):
        example = ", ".join(f"{node}: {{from: …, layers: […]}}" for node in nodes.values())
        scope.fail(f"has no nodes, and the task reads {asked}", f"fix:  nodes: {{{example}}}")
        return None
    if architecture.heads is not None:
        scope.at("heads").fail(f"has no effect: the task reads the nodes {asked}", "remove it")
        return None
    missing = [node for node in nodes.values() if node not in architecture.nodes]
    for node in missing:
        near = near_names(node, architecture.nodes)
        scope.at("nodes").fail(f"has no node {node!r}, and the task reads {asked}", f"nodes: {near}")
    return None if missing else architecture.model_copy(update={"heads": cast("dict[str, object]", dict(nodes))})
