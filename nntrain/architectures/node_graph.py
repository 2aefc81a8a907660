"""An architecture of named nodes, for several inputs and outputs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from nntrain.architectures.architecture import Architecture, Ending, written_below
from nntrain.architectures.block import Block
from nntrain.architectures.node import NODE_NAME, HeadSettings, Node, declared, means, places, reads
from nntrain.errors import SpecError, YamlPath
from nntrain.layers.encoding import Encoding
from nntrain.layers.inputs import check_encodings, encode
from nntrain.layers.layer import Layer
from nntrain.layers.merging import Concat, Merge
from nntrain.layers.regularizing import regularize
from nntrain.layers.scope import RESERVED, UnplacedError, near_names
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, Spec

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class NodeGraph(Architecture):
    """Named nodes, written in any order, each reading input fields or other nodes; targets hang on nodes."""

    main: ClassVar[str | None] = "nodes"

    type: Literal["nodes"] = "nodes"
    nodes: Annotated[dict[str, Node], Field(min_length=1)]
    """The nodes by name."""
    heads: dict[str, str | HeadSettings | tuple[str | HeadSettings, ...]] | None = None
    """Node that each target hangs on; may be left out where one target and one node that no other reads are left.
    A list gives a target auxiliary heads too: `{label: [{from: end}, {from: middle, weight: 0.3}]}`."""
    blocks: dict[str, Block] | None = None
    """Layers by a name that is used like that of a layer: `{conv: {with: {c: null}, layers: […]}}`, then `- conv: 64`. A saved config
    has them written out."""

    def written(self, path: YamlPath) -> Iterator[tuple[YamlPath, Layer]]:
        for name, node in self.nodes.items():
            for place, layer in places(node, (*path, "nodes", name)):
                yield place, layer
                yield from written_below(layer, place)
        for target, heads in (self.heads or {}).items():
            for below, head in _listed_heads(heads):
                for index, layer in enumerate(head.layers or ()):
                    yield (place := (*path, "heads", target, *below, "layers", index)), layer
                    yield from written_below(layer, place)

    def frozen_places(self, path: YamlPath) -> list[YamlPath]:
        return [*super().frozen_places(path), *((*path, "nodes", name) for name, node in self.nodes.items() if node.freeze)]

    def endings(self, scope: Scope, targets: Collection[str]) -> Mapping[str, Sequence[Ending]]:
        waiting = dict.fromkeys(self.nodes, True)
        for name in self._misnamed(scope, targets) | self._astray(scope, targets):
            del waiting[name]
        needed, placed = self._needed(), set[str]()
        while name := next((name for name in waiting if needed[name] <= placed), None):
            del waiting[name]
            place = replace(scope.at("nodes", name), needs=self._needs_at(name, scope.needs))
            try:
                value = self._place(place, name)
                place.name_point(name, value)
                place.name_point(self.nodes[name].name, value)
            except UnplacedError:
                continue  # its problem is noted; what reads it stays unplaced without a word of its own
            placed.add(name)
        if self._note_cycle(scope, {name: needed[name] & waiting.keys() for name in waiting}):
            return {}
        found = {
            target: [self._ending(scope, target, place, head) for place, head in heads]
            for target, heads in self._heads(scope, targets).items()
        }
        return {target: [ending for ending in endings if ending is not None] for target, endings in found.items() if None not in endings}

    def _needs_at(self, name: str, needs: Mapping[str, Spec]) -> Mapping[str, Spec]:
        """What `out` may mean in a node: what the targets need that hang on it, or on a point in it; any target where none does."""
        points = {name, *declared(self.nodes[name])}
        hanging = {
            target for target, heads in (self.heads or {}).items() if any(means(head.from_, points) for _, head in _listed_heads(heads))
        }
        return {target: need for target, need in needs.items() if target in hanging} or needs

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
        known = {*self.nodes, *(name for node in self.nodes.values() for name in declared(node))}
        strangers = {name for name, node in self.nodes.items() if node.same_as is not None and node.same_as not in self.nodes}
        for name in strangers:
            wanted = self.nodes[name].same_as or ""
            scope.at("nodes", name, "same_as").fail(f"no node {wanted!r}", f"nearest: {near_names(wanted, self.nodes)}")
        return strangers | {name for name, node in self.nodes.items() if self._note_unknown(scope, name, reads(node), known, targets)}

    def _needed(self) -> dict[str, set[str]]:
        """For each node those that must be placed before it."""
        wants = {name: [*reads(node), *([node.same_as] if node.same_as is not None else [])] for name, node in self.nodes.items()}
        names = {name: {name, *declared(node)} for name, node in self.nodes.items()}
        return {
            name: {other for other in self.nodes if any(want == other or (name != other and means(want, names[other])) for want in wanted)}
            for name, wanted in wants.items()
        }

    def _note_unknown(self, scope: Scope, name: str, wanted: Collection[str], known: set[str], targets: Collection[str]) -> bool:
        fields = scope.draft.fields
        place = scope.at("nodes", name, "from") if self.nodes[name].sources else scope.at("nodes", name)
        found = False
        for want in wanted:
            if want == "inputs" or want in fields or want in scope.draft.ports or _of_type(want, fields) or means(want, known):
                continue
            found = True
            if want in targets:
                place.fail(f"{want} is a target, which the network must not see", f"input fields: {near_names(want, fields)}")
            elif want in scope.draft.unused:
                told, hint = scope.draft.unused[want]
                place.fail(f"the column {want!r} {told}", hint)
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

    def _heads(self, scope: Scope, targets: Collection[str]) -> dict[str, list[tuple[YamlPath, HeadSettings]]]:
        """Heads of each target with their places below it: as written, else the only node that no other reads."""
        heads = {target: _listed_heads(head) for target, head in (self.heads or {}).items() if target in targets}
        read = [want for node in self.nodes.values() for want in reads(node)]
        read += [head.from_ for listed in heads.values() for _, head in listed]
        ends = [name for name, node in self.nodes.items() if not any(means(want, {name, *declared(node)}) for want in read)]
        missing = [target for target in targets if not heads.get(target)]
        if missing and len(targets) == 1 and len(ends) == 1:
            return {missing[0]: [((), HeadSettings.parse({"from": ends[0]}))]}
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

    def _ending(self, scope: Scope, target: str, below: YamlPath, head: HeadSettings) -> Ending | None:
        """Where a head of a target hangs; `None` where that node has a problem."""
        place = scope.at("heads", target, *below) if self.heads is not None else scope
        if head.weight is not None and below in {(), (0,)}:
            place.at("weight").fail(
                "has no effect: predictions come from the first head, which counts once", "give the weight to a later one"
            )
        point = head.from_
        known = {*self.nodes, *(name for node in self.nodes.values() for name in declared(node))}
        if not means(point, known):
            place.fail(f"no node or named point {point!r}", f"nearest: {near_names(point, sorted(known))}")
            return None
        if point.partition(".")[0] not in scope.draft.points:
            return None  # the node's own problem is noted
        weight = 1.0 if head.weight is None else head.weight
        try:
            value = place.read([point])[0]
            if head.layers is not None:
                prefix = "head." if self.heads is None or len(self.heads) == 1 else f"head.{target}."
                prefix = prefix if below in {(), (0,)} else f"{prefix[:-1]}_aux_{below[0]}."
                place = replace(place, prefix=prefix, needs={target: scope.needs[target]} if target in scope.needs else {})
                value = place.sequence(regularize(head.layers, scope.context), value, key="layers")
                return Ending(value, is_output=True, path=place.path, weight=weight)
        except UnplacedError:
            return None
        node = self.nodes.get(point)
        if node is None:
            return Ending(value, is_output=False, path=place.path, weight=weight)
        owner = self._owner(point)
        last = [path for path, _ in places(self.nodes[owner], scope.at("nodes", owner).path)]
        return Ending(value, self.nodes[owner].is_output(), last[-1] if last else scope.at("nodes", point).path, weight)

    def _owner(self, name: str) -> str:
        """The node whose layers a node has: its own, or those of the one it is the same as."""
        while (other := self.nodes[name].same_as) is not None:
            name = other
        return name

    def _place(self, scope: Scope, name: str) -> Value:
        """Add a node's steps."""
        node, encodings = self.nodes[name], self.inputs or {}
        scope = replace(scope, prefix=f"{name}.")
        if node.same_as is not None:
            return self._place_again(scope, name, _source(scope, node, encodings))
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

    def _place_again(self, scope: Scope, name: str, value: Value) -> Value:
        """Apply the layers of another node again, with their weights."""
        scope, owner, steps = scope.at("same_as"), self._owner(name), scope.draft.steps.values()
        encoded = [step for step in steps if step.name.startswith(f"{name}.inputs.") and step.parameter_shapes]
        if encoded:
            raise scope.fail(
                f"shares the layers of {owner}, and {encoded[0].layer.describe()} would be its own",
                f"let {owner} begin with the embedding, and both nodes say  encode: none",
            )
        begin = (*scope.draft.root, "nodes", owner)
        lent = [step for step in steps if step.path[: len(begin)] == begin and step.path[len(begin)] in {"layer", "layers"}]
        if not any(step.parameter_shapes for step in lent):
            raise scope.fail(f"{owner} has no weights to share", "write its layers here too")
        again = replace(scope, lent=iter(lent), own_points={})
        return again.sequence(regularize(self.nodes[owner].content, scope.context), value)


def _listed_heads(heads: str | HeadSettings | tuple[str | HeadSettings, ...]) -> list[tuple[YamlPath, HeadSettings]]:
    """The heads of a target, each with its place below the target."""
    listed = heads if isinstance(heads, tuple) else (heads,)
    settings = [HeadSettings.parse({"from": head}) if isinstance(head, str) else head for head in listed]
    return [((index,) if isinstance(heads, tuple) else (), head) for index, head in enumerate(settings)]


def _source(scope: Scope, node: Node, encodings: Mapping[str, Encoding]) -> Value:
    """What a node reads as one value: fields encoded together, then joined with other nodes."""
    fields = scope.draft.fields
    named = [field for source in node.sources for field in _fields_of(source, fields)]
    points = [source for source in node.sources if not _fields_of(source, fields)]
    if isinstance(node.encode, Encoding):
        own = node.encode
        encodings = dict.fromkeys((name for name in named if own.fits(fields[name]) and fields[name].rank == 0), own)
    elif node.encode is not None:
        check_encodings(scope.at("encode"), node.encode)
        encodings = node.encode
    values = [encode(scope.at("from"), [name for name in fields if name in named], encodings)] if named else []
    values += scope.at("from").read(points)
    place = scope.at("from")
    try:
        return values[0] if len(values) == 1 else Concat().join(place, values)
    except SpecError as error:
        raise place.fail(f"reads {len(values)} inputs, and concat {error.message}", error.hint) from None


def _fields_of(source: str, fields: Mapping[str, Spec]) -> list[str]:
    if source in fields:
        return [source]
    return list(fields) if source == "inputs" else _of_type(source, fields)


def _of_type(word: str, fields: Mapping[str, Spec]) -> list[str]:
    """Input fields of a type, as their tensors tell it."""
    axes = {"number": (), "category": (), "vector": VECTOR, "image": IMAGE, "series": SEQUENCE}.get(word)
    is_index = word == "category"
    return [name for name, spec in fields.items() if spec.axes == axes and (spec.kind == "index") == is_index]
