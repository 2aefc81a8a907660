"""An architecture of named nodes, for several inputs and outputs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal, cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.architectures.architecture import Architecture, Ending, written_below
from nntrain.errors import SpecError, YamlPath
from nntrain.layers.encoding import AnyEncoding, Encoding
from nntrain.layers.inputs import check_encodings, encode
from nntrain.layers.layer import Layer
from nntrain.layers.merging import Concat, Merge
from nntrain.layers.regularizing import regularize
from nntrain.layers.scope import RESERVED, UnplacedError, near_names
from nntrain.layers.settings import AnyLayer
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, Spec

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

NODE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_KEYS: Final = ("from", "layers", "layer", "encode")


class Node(StrictModel):
    """One named part: `{from: photo, layers: […]}`, or with a single layer, block or family: `{from: photo, linear: 64}`."""

    rest: ClassVar[str | None] = "layer"

    from_: str | tuple[str, ...] | None = Field(default=None, alias="from")
    """What it reads: nodes, named points, input fields, field types, or `inputs` for all fields. A merge names them itself."""
    layers: tuple[AnyLayer, ...] | None = None
    """Its layers."""
    layer: AnyLayer | None = None
    """Its only layer, usually written by its name: `linear: 64`."""
    encode: AnyEncoding | dict[str, AnyEncoding] | None = None
    """How fields reach it: one way for all its categories, or by field. Default: as `architecture.inputs` says."""

    @model_validator(mode="before")
    @classmethod
    def _single_layer(cls, value: object) -> object:
        """Read `{from: a, linear: 64}` as `{from: a, layer: {linear: 64}}`."""
        if not isinstance(value, dict):
            return value
        # What a validator returns is read with Python's rules, by which a list is no tuple.
        items = cast("dict[str, Any]", value).items()
        written: dict[str, Any] = {key: tuple(cast("list[Any]", option)) if isinstance(option, list) else option for key, option in items}
        rest = {key: option for key, option in written.items() if key not in OWN_KEYS}
        if not rest:
            return written
        if "layers" in written or "layer" in written:
            raise PydanticCustomError(
                "node_of_two_forms", "a node has either layers or one layer, and this one has {keys} too", {"keys": ", ".join(rest)}
            )
        return {**{key: option for key, option in written.items() if key in OWN_KEYS}, "layer": rest}

    @model_validator(mode="after")
    def _has_content(self) -> Node:
        if self.from_ is None and not isinstance(self.layer, Merge):
            raise PydanticCustomError("node_without_source", "needs to say what it reads: {from: NAME, …}")
        if self.from_ is not None and isinstance(self.layer, Merge) and isinstance(self.from_, tuple):
            raise PydanticCustomError(
                "merge_with_from", "a merge of nodes names them itself: {{type}: [{names}]}", _merge_context(self.layer.type, self.from_)
            )
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """What `from` says."""
        if self.from_ is None:
            return ()
        return (self.from_,) if isinstance(self.from_, str) else self.from_

    @property
    def content(self) -> tuple[Layer, ...]:
        """Its layers, however they are written."""
        return (self.layer,) if self.layer is not None else self.layers or ()

    def is_output(self) -> bool:
        """Whether it ends in a layer that is its own output."""
        return bool(self.content) and self.content[-1].is_output()


class HeadSettings(StrictModel):
    """Where a target hangs, and what stands between."""

    from_: str = Field(alias="from")
    """Node or named point."""
    layers: tuple[AnyLayer, ...] | None = None
    """Layers in place of the task's output layer; `[]` adds nothing."""


class NodeGraph(Architecture):
    """Named nodes, written in any order, each reading input fields or other nodes; targets hang on nodes."""

    main: ClassVar[str | None] = "nodes"

    type: Literal["nodes"] = "nodes"
    nodes: Annotated[dict[str, Node], Field(min_length=1)]
    """The nodes by name."""
    heads: dict[str, str | HeadSettings] | None = None
    """Node that each target hangs on; may be left out where one target and one node that no other reads are left."""

    def written(self, path: YamlPath) -> Iterator[tuple[YamlPath, Layer]]:
        for name, node in self.nodes.items():
            for place, layer in _places(node, (*path, "nodes", name)):
                yield place, layer
                yield from written_below(layer, place)
        for target, head in (self.heads or {}).items():
            for index, layer in enumerate(head.layers or () if isinstance(head, HeadSettings) else ()):
                yield (place := (*path, "heads", target, "layers", index)), layer
                yield from written_below(layer, place)

    def endings(self, scope: Scope, targets: Collection[str]) -> Mapping[str, Ending]:
        waiting = dict.fromkeys(self.nodes, True)
        for name in self._misnamed(scope, targets) | self._astray(scope, targets):
            del waiting[name]
        needed, placed = self._needed(), set[str]()
        while name := next((name for name in waiting if needed[name] <= placed), None):
            del waiting[name]
            place = scope.at("nodes", name)
            try:
                place.name_point(name, _place(place, name, self.nodes[name], self.inputs or {}))
            except UnplacedError:
                continue  # its problem is noted; what reads it stays unplaced without a word of its own
            placed.add(name)
        if self._note_cycle(scope, {name: needed[name] & waiting.keys() for name in waiting}):
            return {}
        heads = self._heads(scope, targets)
        return {target: ending for target, head in heads.items() if (ending := self._ending(scope, target, head)) is not None}

    def _misnamed(self, scope: Scope, targets: Collection[str]) -> set[str]:
        """Nodes whose name can't stay; noted."""
        found = len(scope.draft.problems)
        misnamed = set[str]()
        for name in self.nodes:
            place = scope.at("nodes", name)
            if not NODE_NAME.fullmatch(name):
                place.fail(f"{name!r} can't be the name of a node", "letters, digits and _, no digit first")
            elif name in RESERVED:
                place.fail(f"the name {name!r} is reserved", "call the node otherwise")
            elif name in scope.draft.fields or name in targets:
                place.fail(f"the name {name!r} is taken by a field", "nodes and fields share one namespace; call the node otherwise")
            if len(scope.draft.problems) > found:
                found = len(scope.draft.problems)
                misnamed.add(name)
        for target in self.heads or {}:
            if target not in targets:
                scope.at("heads", target).fail(f"no target {target!r}", f"targets: {', '.join(targets)}")
        return misnamed

    def _astray(self, scope: Scope, targets: Collection[str]) -> set[str]:
        """Nodes that read something unknown; noted."""
        known = {*self.nodes, *(name for node in self.nodes.values() for name in _declared(node))}
        return {name for name, node in self.nodes.items() if self._note_unknown(scope, name, _reads(node), known, targets)}

    def _needed(self) -> dict[str, set[str]]:
        """For each node those that must be placed before it."""
        reads = {name: _reads(node) for name, node in self.nodes.items()}
        names = {name: {name, *_declared(node)} for name, node in self.nodes.items()}
        return {
            name: {other for other in self.nodes if any(want == other or (name != other and _means(want, names[other])) for want in wanted)}
            for name, wanted in reads.items()
        }

    def _note_unknown(self, scope: Scope, name: str, wanted: Collection[str], known: set[str], targets: Collection[str]) -> bool:
        fields = scope.draft.fields
        place = scope.at("nodes", name, "from") if self.nodes[name].sources else scope.at("nodes", name)
        found = False
        for want in wanted:
            if want == "inputs" or want in fields or _of_type(want, fields) or _means(want, known):
                continue
            found = True
            if want in targets:
                place.fail(f"{want} is a target, which the network must not see", f"input fields: {near_names(want, fields)}")
            else:
                place.fail(f"no node, named point or input field {want!r}", f"nearest: {near_names(want, [*sorted(known), *fields])}")
        return found

    def _note_cycle(self, scope: Scope, stuck: Mapping[str, set[str]]) -> bool:
        """Note one cycle, if there is any among the nodes that were never ready."""
        for start in stuck:
            trail = [start]
            while (following := next((name for name in self.nodes if name in stuck[trail[-1]]), None)) is not None:
                if following in trail:
                    cycle = [*trail[trail.index(following) :], following]
                    place = scope.at("nodes", following)
                    place.fail(f"reads itself: {' <- '.join(cycle)}", "nodes go from inputs to targets, never in a circle")
                    return True
                trail.append(following)
        return False

    def _heads(self, scope: Scope, targets: Collection[str]) -> dict[str, HeadSettings]:
        """Node of each target: as written, else the only node that no other reads."""
        heads = {
            target: head if isinstance(head, HeadSettings) else HeadSettings.parse({"from": head})
            for target, head in (self.heads or {}).items()
            if target in targets
        }
        read = [want for node in self.nodes.values() for want in _reads(node)] + [head.from_ for head in heads.values()]
        ends = [name for name, node in self.nodes.items() if not any(_means(want, {name, *_declared(node)}) for want in read)]
        missing = [target for target in targets if target not in heads]
        if missing and len(targets) == 1 and len(ends) == 1:
            return {missing[0]: HeadSettings.parse({"from": ends[0]})}
        example = "{" + ", ".join(f"{target}: NODE" for target in targets) + "}"
        if missing:
            where = scope if self.heads is None else scope.at("heads")
            where.fail(
                f"does not say which node {' and '.join(missing)} hangs on (ends: {', '.join(ends) or 'none'})", f"fix:  heads: {example}"
            )
        else:
            for name in ends:
                scope.at("nodes", name).fail(f"the node {name!r} is read by nothing", "remove it, or let a node or a head read it")
        return heads

    def _ending(self, scope: Scope, target: str, head: HeadSettings) -> Ending | None:
        """Where a target hangs; `None` where that node has a problem."""
        place = scope.at("heads", target) if self.heads is not None else scope
        point = head.from_
        known = {*self.nodes, *(name for node in self.nodes.values() for name in _declared(node))}
        if not _means(point, known):
            place.fail(f"no node or named point {point!r}", f"nearest: {near_names(point, sorted(known))}")
            return None
        if point.partition(".")[0] not in scope.draft.points:
            return None  # the node's own problem is noted
        try:
            value = place.read([point])[0]
            if head.layers is not None:
                value = replace(place, prefix="head." if self.heads is None or len(self.heads) == 1 else f"head.{target}.").sequence(
                    regularize(head.layers, scope.context), value, key="layers"
                )
                return Ending(value, is_output=True, path=place.path)
        except UnplacedError:
            return None
        node = self.nodes.get(point)
        if node is None:
            return Ending(value, is_output=False, path=place.path)
        last = [path for path, _ in _places(node, scope.at("nodes", point).path)]
        return Ending(value, node.is_output(), last[-1] if last else scope.at("nodes", point).path)


def _place(scope: Scope, name: str, node: Node, encodings: Mapping[str, Encoding]) -> Value:
    """Add a node's steps."""
    scope = replace(scope, prefix=f"{name}.")
    content = regularize(node.content, scope.context)
    if node.from_ is None:
        merge = content[0]
        assert isinstance(merge, Merge)
        inner = scope.at("layer").under(merge)
        try:
            return merge.join(inner, inner.read(merge.reads()))
        except SpecError as error:
            raise inner.fail(f"{merge.type} {error.message}", error.hint) from None
    value = _source(scope, node, encodings)
    return scope.at("layer").place(content[0], value) if node.layer is not None else scope.sequence(content, value, key="layers")


def _source(scope: Scope, node: Node, encodings: Mapping[str, Encoding]) -> Value:
    """What a node reads as one value: fields encoded together, then joined with other nodes."""
    fields = scope.draft.fields
    named = [field for source in node.sources for field in _fields_of(source, fields)]
    points = [source for source in node.sources if not _fields_of(source, fields)]
    if isinstance(node.encode, Encoding):
        encodings = dict.fromkeys((name for name in named if fields[name].kind == "index" and fields[name].rank == 0), node.encode)
    elif node.encode is not None:
        check_encodings(scope.at("encode"), node.encode)
        encodings = node.encode
    values = [encode(scope.at("from"), [name for name in fields if name in named], encodings)] if named else []
    values += scope.at("from").read(points)
    return values[0] if len(values) == 1 else scope.at("from").add(Concat(), *values)


def _fields_of(source: str, fields: Mapping[str, Spec]) -> list[str]:
    if source in fields:
        return [source]
    return list(fields) if source == "inputs" else _of_type(source, fields)


def _of_type(word: str, fields: Mapping[str, Spec]) -> list[str]:
    """Input fields of a type, as their tensors tell it."""
    axes = {"number": (), "category": (), "vector": VECTOR, "image": IMAGE, "series": SEQUENCE}.get(word)
    is_index = word == "category"
    return [name for name, spec in fields.items() if spec.axes == axes and (spec.kind == "index") == is_index]


def _reads(node: Node) -> list[str]:
    """Everything that a node reads by name."""
    found = list(node.sources)
    for layer in node.content:
        found += [*layer.reads(), *(name for _, inner in written_below(layer, ()) for name in inner.reads())]
    own = set(_declared(node))
    return [name for name in found if name not in own]


def _declared(node: Node) -> list[str]:
    """Points that a node's layers name."""
    layers = [inner for layer in node.content for inner in (layer, *(below for _, below in written_below(layer, ())))]
    return [layer.name for layer in layers if layer.name is not None]


def _means(want: str, names: Collection[str]) -> bool:
    """Whether a name, a pattern, or `node.output` means one of some points."""
    return want in names or want.rpartition(".")[0] in names or any(fnmatchcase(name, want) for name in names)


def _places(node: Node, path: YamlPath) -> list[tuple[YamlPath, Layer]]:
    """A node's layers with their places."""
    if node.layer is not None:
        return [((*path, "layer"), node.layer)]
    return [((*path, "layers", index), layer) for index, layer in enumerate(node.layers or ())]


def _merge_context(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": kind, "names": ", ".join(names)}
