"""Nodes and points that a task asks for by name: they are its outputs as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from nntrain.architectures.architecture import Architecture, Ending
from nntrain.errors import SpecError, YamlPath
from nntrain.layers.program import Value
from nntrain.layers.requirements import one_row_hint
from nntrain.layers.scope import Scope, near_names
from nntrain.specs import VECTOR


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


def join(
    architecture: Architecture,
    joined: Mapping[str, Sequence[str]],
    targets: Collection[str],
    scope: Scope,
    tasks: Mapping[str, YamlPath],
) -> Mapping[str, Sequence[Ending]]:
    """Where each target hangs, of which some have several nodes side by side; a target that is missing has a problem that was noted.

    Args:
        architecture: What the config says.
        joined: The nodes by target, each of which gives a row of numbers.
        targets: All targets.
        scope: That of the architecture.
        tasks: Where the task of each target stands.

    Raises:
        UnplacedError: Something does not fit; the problem is noted.
    """
    from nntrain.architectures.node_graph import NodeGraph

    asked = " and ".join(dict.fromkeys(node for nodes in joined.values() for node in nodes))
    places = {target: replace(scope, path=(*tasks[target], "pairs"), stage="head", note="added for the task") for target in joined}
    if not isinstance(architecture, NodeGraph):
        example = ", ".join(f"{node}: {{from: …, layers: […]}}" for nodes in joined.values() for node in nodes)
        raise next(iter(places.values())).fail(
            f"reads the nodes {asked}, and the architecture has none", f"fix:  architecture: {{nodes: {{{example}}}}}"
        )
    parts = {target: {f"{target}.{node}": node for node in nodes} for target, nodes in joined.items()}
    for target in joined:
        if target in (architecture.heads or {}):
            raise scope.at("heads", target).fail(f"has no effect: the task reads the nodes {asked}", "remove it")
    missing = [(target, node) for target, nodes in joined.items() for node in nodes if node not in architecture.nodes]
    for target, node in missing[:1]:
        near = near_names(node, architecture.nodes)
        raise places[target].fail(f"there is no node {node!r} in architecture.nodes", f"nodes: {near}")
    heads = {**(architecture.heads or {}), **{name: node for named in parts.values() for name, node in named.items()}}
    asking = [*(target for target in targets if target not in joined), *(name for named in parts.values() for name in named)]
    found = dict(architecture.model_copy(update={"heads": heads}).endings(scope, asking))
    for target, named in parts.items():
        endings = [found.pop(name)[0] for name in named if name in found]
        if len(endings) == len(named):
            place = places[target]
            found[target] = [Ending(_side_by_side(place, scope, named, endings), is_output=True, path=place.path)]
    return found


def _side_by_side(place: Scope, scope: Scope, named: Mapping[str, str], endings: Sequence[Ending]) -> Value:
    """What some nodes give, `[B, F]` each, as `[B, n, F]`. Raises `UnplacedError`."""
    from nntrain.layers.elementwise import Stack

    asking = ".".join(map(str, place.path))
    for node, ending in zip(named.values(), endings, strict=True):
        spec = ending.value.spec
        if spec.axes != VECTOR:
            raise scope.at("nodes", node).fail(f"gives {spec.describe()}, and {asking} compares rows of numbers", one_row_hint(spec))
    try:
        return Stack().join(place, [ending.value for ending in endings])
    except SpecError as error:
        raise place.fail(error.message, error.hint) from None


def read_points(points: Mapping[str, str], scope: Scope, tasks: Mapping[str, YamlPath]) -> Iterator[tuple[str, Value]]:
    """Named points that predictions are read from, each a row of numbers, by output; what does not fit is noted and left out.

    Args:
        points: Name of the point for each output.
        scope: That of the architecture.
        tasks: Where the task stands that asks for each output.
    """
    for output, point in points.items():
        place = replace(scope, path=(*tasks[output], "embedding"))
        value = scope.draft.points.get(point)
        if value is None:
            near = near_names(point, scope.draft.points)
            place.fail(f"there is no node or layer with the name {point!r}", f"named: {near}" if near else "name one: name: code")
        elif value.spec.axes != VECTOR:
            place.fail(f"{point} gives {value.spec.describe()}, and an embedding is a row of numbers", one_row_hint(value.spec))
        else:
            yield output, value
