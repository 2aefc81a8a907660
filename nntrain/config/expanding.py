"""Blocks, repeats, variables and arithmetic are written out: the tree that is validated has only layers and numbers.

Every layer keeps the place where it is written, and a note that says which use or round has put it there. What holds `in` or `out`
stays as it is: those sizes are known only where a layer stands in a network (`nntrain.layers.sizing`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nntrain.arithmetic import is_expression
from nntrain.config import macros, nodes, structure
from nntrain.config.composing import MAX_DEPTH
from nntrain.config.document import Document
from nntrain.config.experiment import Experiment
from nntrain.config.formulas import Faults, Scope, WrongError, names_in, substituted
from nntrain.config.macros import Block, Repeat
from nntrain.config.nodes import Node
from nntrain.config.rendering import LocatedProblem
from nntrain.config.structure import Kind
from nntrain.layers.settings import MAX_LAYERS, AnyLayer
from nntrain.schema import Slot, load_class

MAX_NODES: Final = 500_000
_MAX_USES: Final = 20
"""Blocks in one another."""
_LAYER: Final = structure.kinds_of(AnyLayer)
_STAND_IN: Final = "relu"
"""Stands for a layer that can't be written out, so that the others are checked all the same."""


class _TooMuchError(Exception):
    """The budget is spent."""


def expand(document: Document) -> tuple[Document, list[LocatedProblem]]:
    """Write out the architecture of a config, and put variables in everywhere.

    Returns:
        The document without `variables` and `blocks`, and what is wrong with them. Where something is wrong, what depends on it
        is left out.
    """
    if not isinstance(document.tree, dict):
        return document, []
    root = nodes.of(document)
    assert root.mapping is not None
    for path, node in root.walk():
        node.origin = node.origin or path
    faults = Faults()
    variables = macros.variables(root.mapping.pop("variables", None), root, faults)
    scope = Scope(variables)
    for section, node in root.mapping.items():
        if section != "architecture":
            root.mapping[section] = _with_variables(node, scope, faults)
    if "architecture" in root.mapping:
        made = _architecture(root.mapping["architecture"], scope, faults)
        if made is None:
            del root.mapping["architecture"]
        else:
            root.mapping["architecture"] = made
    for path, node in root.walk():
        node.origin = None if node.origin == path else node.origin
    return nodes.document(root, document), faults.findings


def _with_variables(node: Node, scope: Scope, faults: Faults) -> Node:
    """A section other than the architecture: texts of arithmetic over variables, and no others, are computed."""
    if node.mapping is not None:
        return Node({key: _with_variables(item, scope, faults) for key, item in node.mapping.items()}, node.place, origin=node.origin)
    if node.items is not None:
        return Node([_with_variables(item, scope, faults) for item in node.items], node.place, origin=node.origin)
    names = names_in(node) if is_expression(node.content) and node.written is None else set[str]()
    if not names or not names <= scope.values.keys():
        return node
    try:
        return substituted(node, scope)
    except WrongError as wrong:
        faults.note(wrong)
        return node


def _architecture(node: Node, scope: Scope, faults: Faults) -> Node | None:
    """The architecture written out; `None` where that can't be done."""
    kinds = structure.field_kinds(Experiment.model_fields["architecture"])
    slot = next(kind.slot for kind in kinds if kind.slot is not None)
    tag = nodes.tag_of(slot, node)
    has_own = tag is not None and "blocks" in structure.fields_of(load_class(slot.table[tag])) and tag not in {"layers", "nodes"}
    blocks: dict[str, Block] = {}
    if node.mapping is not None and not has_own:
        blocks = macros.blocks(node.mapping.pop("blocks", None), _layer_slot(), faults)
    expander = _Expander(blocks, scope, faults)
    try:
        made = expander.walk(node, kinds, scope)
    except WrongError as wrong:
        faults.note(wrong)
        return None
    except _TooMuchError:
        return None
    expander.note_unused()
    return made


def _layer_slot() -> Slot:
    return next(kind.slot for kind in _LAYER if kind.slot is not None)


@dataclass(slots=True)
class _Expander:
    """Walks along the schema, so that lists of layers are told from other lists."""

    blocks: Mapping[str, Block]
    variables: Scope
    faults: Faults
    depth: int = 0
    num_layers: int = 0
    num_nodes: int = 0

    def walk(self, node: Node, kinds: Sequence[Kind], scope: Scope) -> Node:
        """A copy of what stands at a place, written out."""
        self.depth += 1
        self.num_nodes += 1
        if self.num_nodes > MAX_NODES or self.depth > MAX_DEPTH - 10:
            limit = f"{MAX_NODES:,} values" if self.num_nodes > MAX_NODES else f"{MAX_DEPTH - 10} levels of nesting"
            self._too_much(node, scope, f"more than {limit}, with blocks and repeats written out")
        try:
            return self._walk(node, kinds, scope)
        finally:
            self.depth -= 1

    def _walk(self, node: Node, kinds: Sequence[Kind], scope: Scope) -> Node:
        if node.items is not None:
            return self._list(node, node.items, kinds, scope)
        slot = next((kind.slot for kind in kinds if kind.slot is not None), None)
        if slot is not None and slot.kind == "layer" and self._macro(node) is not None:
            return self._as_one(node, self._layers_of(node, scope), scope)
        if node.mapping is None:
            return substituted(node, scope)
        if slot is not None:
            return self._component(node, node.mapping, slot, scope)
        model = next((kind.model for kind in kinds if kind.model is not None), None)
        if model is not None:
            return self._section(node, node.mapping, model, scope)
        return _copy(node, {key: self.walk(item, _inner(kinds, key), scope) for key, item in node.mapping.items()}, scope)

    def _list(self, node: Node, items: list[Node], kinds: Sequence[Kind], scope: Scope) -> Node:
        if _is_of_layers(kinds):
            return _copy(node, [layer for item in items for layer in self._guarded(item, scope)], scope)
        return _copy(node, [self.walk(item, _inner(kinds, index), scope) for index, item in enumerate(items)], scope)

    def _component(self, node: Node, mapping: Mapping[str, Node], slot: Slot, scope: Scope) -> Node:
        """A component in any of its forms; what is none is left to validation."""
        plain = node.plain()
        chosen = structure.split(slot, plain)
        fields = {} if chosen is None else structure.fields_of(load_class(slot.table[chosen[0]]))
        kinds = {key: structure.field_kinds(field) for key, field in fields.items()}
        short = structure.short_tag(slot, plain)
        made: dict[str, Node] = {}
        for key, item in mapping.items():
            if key != short:
                made[key] = self.walk(item, kinds.get(key, ()), scope)
            elif item.mapping is not None:
                options = {option: self.walk(value, kinds.get(option, ()), scope) for option, value in item.mapping.items()}
                made[key] = _copy(item, options, scope)
            else:
                made[key] = self.walk(item, kinds.get(load_class(slot.table[key]).main or "", ()), scope)
        return _copy(node, made, scope)

    def _section(self, node: Node, mapping: Mapping[str, Node], model: structure.Model, scope: Scope) -> Node:
        """A section; keys that are none of its own are a layer (`{from: photo, conv: 64}`)."""
        kinds = {key: structure.field_kinds(field) for key, field in structure.fields_of(model).items()}
        rest = getattr(model, "rest", None)
        own = {key: item for key, item in mapping.items() if rest is None or key in kinds}
        others = {key: item for key, item in mapping.items() if key not in own}
        made = {key: self.walk(item, kinds.get(key, ()), scope) for key, item in own.items()}
        if others and rest is not None:
            layer = self.walk(Node(others, node.place, origin=node.origin), kinds[rest], scope)
            made |= layer.mapping or {}
        return _copy(node, made, scope)

    def _guarded(self, item: Node, scope: Scope) -> list[Node]:
        """The layers that an item of a list stands for; a fault costs this item only."""
        try:
            return self._layers_of(item, scope)
        except WrongError as wrong:
            self.faults.note(wrong)
            return [Node(_STAND_IN, item.place, origin=item.origin)]

    def _layers_of(self, item: Node, scope: Scope) -> list[Node]:
        if item.items is not None:
            self._count(item, scope)
            return [layer for inner in item.items for layer in self._guarded(inner, scope)]
        if is_expression(item.content):
            value = substituted(item, scope)
            if is_expression(value.content) or isinstance(value.content, int | float):
                raise WrongError(item, f"{item.content} is {value.content}, where a layer stands", scope=scope)
            return self._layers_of(value, Scope(self.variables.values, scope.note, scope.uses))
        macro = self._macro(item)
        if macro is None:
            self._count(item, scope)
            return [self.walk(item, _LAYER, scope)]
        given = macros.split_item(item, macro, self.blocks.get(macro), scope)
        layers = self._repeated(item, given.options, scope) if macro == "repeat" else self._used(item, macro, given.options, scope)
        if not given.beside:
            return layers
        beside = {key: self.walk(value, (), scope) for key, value in given.beside.items()}
        return [_sequential(item, layers, beside, scope)]

    def _as_one(self, node: Node, layers: list[Node], scope: Scope) -> Node:
        """Where one layer stands, several are a `sequential`."""
        is_one = len(layers) == 1 and layers[0].mapping is not None
        return layers[0] if is_one else _sequential(node, layers, {}, scope)

    def _repeated(self, item: Node, options: Node | None, scope: Scope) -> list[Node]:
        repeat: Repeat = macros.repeat(item, options, scope, lambda node: self.walk(node, (), scope))
        if not repeat.rounds:
            self._mark_used(repeat.layers)
        layers: list[Node] = []
        for number, values in enumerate(repeat.rounds, 1):
            self._count(item, scope)
            note = f"round {number} of the repeat in line {item.place.value.line}"
            inner = scope.within({**values, "i": Node(number, item.place, origin=item.origin)}, note)
            layers += [layer for each in repeat.layers for layer in self._guarded(each, inner)]
        return layers

    def _used(self, item: Node, name: str, options: Node | None, scope: Scope) -> list[Node]:
        block = self.blocks[name]
        block.is_used = True
        if block.is_broken:
            return [Node(_STAND_IN, item.place, origin=item.origin)]
        if name in scope.uses:
            circle = " <- ".join([*scope.uses[scope.uses.index(name) :], name])
            raise WrongError(item, f"the block {name} uses itself: {circle}", "a block may use other blocks, never itself", scope)
        if len(scope.uses) >= _MAX_USES:
            raise WrongError(item, f"more than {_MAX_USES} blocks in one another", scope=scope)
        self._count(item, scope)
        given = macros.given(item, block, options, scope, lambda node: self.walk(node, (), scope))
        note = f"{name} of line {item.place.value.line}" + (f", {scope.note}" if scope.note else "")
        inner = Scope({**self.variables.values, **given}, note, (*scope.uses, name))
        for option, default in block.options.items():
            if option not in given:
                inner = Scope({**inner.values, option: self.walk(default, (), inner)}, note, inner.uses)
        return [layer for each in block.layers for layer in self._guarded(each, inner)]

    def _macro(self, item: Node) -> str | None:
        """`repeat` or the name of a block, where an item is one."""
        if isinstance(item.content, str):
            return item.content if item.content in self.blocks or item.content == "repeat" else None
        if item.mapping is None:
            return None
        named = item.mapping.get("type")
        keys: list[object] = [named.content] if named is not None else list(item.mapping)
        return next((key for key in keys if isinstance(key, str) and (key == "repeat" or key in self.blocks)), None)

    def _mark_used(self, layers: Sequence[Node]) -> None:
        """Blocks in a repeat of no rounds are used all the same."""
        for layer in layers:
            for _, node in layer.walk():
                for word in node.mapping or [node.content]:
                    if isinstance(word, str) and (block := self.blocks.get(word)) is not None and not block.is_used:
                        block.is_used = True
                        self._mark_used(block.layers)

    def note_unused(self) -> None:
        """A block that nothing uses is a setting without effect."""
        for name, block in self.blocks.items():
            if not block.is_used and not self.faults.findings:
                message = f"the block {name} is used by nothing"
                self.faults.note(WrongError(block.node, message, f"use it like a layer (- {name}), or remove it", on_key=True))

    def _count(self, node: Node, scope: Scope) -> None:
        self.num_layers += 1
        if self.num_layers > MAX_LAYERS:
            self._too_much(node, scope, f"more than {MAX_LAYERS:,} layers and rounds, with blocks and repeats written out")

    def _too_much(self, node: Node, scope: Scope, message: str) -> None:
        self.faults.note(WrongError(node, message, "fewer rounds, or smaller blocks", scope))
        raise _TooMuchError


def _copy(node: Node, content: object, scope: Scope) -> Node:
    return Node(content, node.place, node.written, node.origin, scope.note)


def _sequential(node: Node, layers: list[Node], beside: Mapping[str, Node], scope: Scope) -> Node:
    inner = Node(layers, node.place, origin=node.origin, note=scope.note)
    return Node({"sequential": inner, **beside}, node.place, origin=node.origin, note=scope.note)


def _inner(kinds: Sequence[Kind], part: str | int) -> tuple[Kind, ...]:
    """What may stand at an entry of a list or mapping."""
    found = (kind.item(part) for kind in kinds)
    annotation = next((each for each in found if each is not None), None)
    return () if annotation is None else structure.kinds_of(annotation)


def _is_of_layers(kinds: Sequence[Kind]) -> bool:
    """Whether a list is one of layers, in which lists are spliced; the lists of `branches` are lists of their own."""
    inner = _inner(kinds, 0)
    is_layer = any(kind.slot is not None and kind.slot.kind == "layer" for kind in inner)
    return is_layer and not any(_is_of_layers((kind,)) for kind in inner)
