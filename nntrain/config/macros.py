"""What `variables`, `blocks`, `repeat` and the use of a block say, read and checked. Writing them out is `expanding`'s."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from nntrain.arithmetic import SIZES, is_expression
from nntrain.config import structure
from nntrain.config.documentation.wording import value_in_words
from nntrain.config.formulas import NAME, Faults, Scope, WrongError, names_in, substituted
from nntrain.config.nodes import Node
from nntrain.layers.settings import MAX_LAYERS, AnyLayer
from nntrain.nearest import nearest
from nntrain.schema import Slot

_RESERVED: Final = (*SIZES, "i")
_BESIDE: Final[tuple[str, ...]] = tuple(sorted(structure.kinds_of(AnyLayer)[0].annotation.shared))
_EXAMPLE: Final = "repeat: {times: 4, layers: […]}  or  repeat: {for: {c: [64, 128]}, layers: […]}"

Walk = Callable[[Node], Node]
"""Writes out a value where it is given."""


@dataclass(slots=True)
class Block:
    """A named list of layers with options."""

    name: str
    node: Node
    options: Mapping[str, Node]
    """Defaults by name; `null` for an option that must be given."""
    layers: list[Node]
    is_used: bool = False
    is_broken: bool = False
    """Whether something is wrong with it, so that its uses are left out."""

    def described(self) -> str:
        """Its options, for messages: `c (required), k = 3`."""
        defaults = {key: node.plain() for key, node in self.options.items()}
        words = [f"{key} (required)" if value is None else f"{key} = {value_in_words(value)}" for key, value in defaults.items()]
        return f"options of {self.name}: {', '.join(words)}" if words else f"{self.name} has no options"


@dataclass(frozen=True, slots=True)
class Repeat:
    """Rounds of some layers."""

    rounds: list[dict[str, Node]]
    """What the names of `for` stand for in each round."""
    layers: list[Node]


@dataclass(frozen=True, slots=True)
class Given:
    """The use of a block or a repeat, taken apart."""

    options: Node | None
    beside: Mapping[str, Node]
    """What may stand beside a layer: `name`, `initializer`, …"""


def variables(node: Node | None, root: Node, faults: Faults) -> dict[str, Node]:
    """The variables of a config, each of which may compute with those before it."""
    if node is None or node.content is None:
        return {}
    if node.mapping is None:
        faults.note(WrongError(node, "needs names with values", "variables: {dim: 256}"))
        return {}
    used = names_in(root)
    found: dict[str, Node] = {}
    wrong_ones: set[str] = set()
    for name, value in node.mapping.items():
        try:
            _check_name(value, name, "a variable")
            if isinstance(value.content, dict) or value.content is None:
                raise WrongError(value, f"needs a number, a text or a list, got {value_in_words(value.plain())}", f"{name}: 64")
            found[name] = substituted(value, Scope(found)) if value.items is None else value
        except WrongError as wrong:
            faults.note(wrong)
            found[name] = Node(1, value.place, origin=value.origin)
            wrong_ones.add(name)
    for name, value in node.mapping.items():
        later = {other for other in node.mapping if other != name and name in names_in(node.mapping[other])}
        if name not in used and not later and name not in wrong_ones:
            fix = f"write ={name} where it is meant, or remove it"
            faults.note(WrongError(value, f"the variable {name} is used by nothing", fix, on_key=True))
    return found


def blocks(node: Node | None, slot: Slot, faults: Faults) -> dict[str, Block]:
    """The blocks of an architecture."""
    if node is None or node.content is None:
        return {}
    if node.mapping is None:
        faults.note(WrongError(node, "needs names with layers", "blocks: {conv: {with: {c: null}, layers: […]}}"))
        return {}
    found: dict[str, Block] = {}
    for name, inner in node.mapping.items():
        try:
            found[name] = _block(name, inner, slot, faults)
        except WrongError as wrong:
            faults.note(wrong)
            if name not in slot.table:
                found[name] = Block(name, inner, {}, [], is_broken=True)
    return found


def _block(name: str, node: Node, slot: Slot, faults: Faults) -> Block:
    _check_name(node, name, "a block")
    if name in slot.table or name in {"repeat", "type"}:
        kind = "the name of a layer" if name in slot.table else "a word of the language"
        raise WrongError(node, f"{name!r} can't name a block: it is {kind}", "call it otherwise", on_key=True)
    if node.items is not None:
        return Block(name, node, {}, node.items)
    mapping = node.mapping
    layers = None if mapping is None else mapping.get("layers")
    if mapping is None or layers is None or layers.items is None:
        raise WrongError(node, "needs a list of layers", f"{name}: {{with: {{c: null}}, layers: […]}}", on_key=True)
    for key, item in mapping.items():
        if key not in {"with", "layers"}:
            raise WrongError(item, f"a block has `with` and `layers`, and no {key}", "options stand in with: {c: null, k: 3}", on_key=True)
    options = mapping.get("with", Node({}, node.place)).mapping
    if options is None:
        raise WrongError(mapping["with"], "needs options with their defaults", "with: {c: null, k: 3}, where null must be given")
    used = names_in(layers)
    for option, default in options.items():
        _check_name(default, option, "an option")
        if option in _BESIDE or option == "type":
            raise WrongError(default, f"{option!r} can't name an option: it may stand beside every layer", "call it otherwise", on_key=True)
        if option not in used and not any(option in names_in(other) for key, other in options.items() if key != option):
            fix = f"write ={option} where it is meant, or remove it"
            faults.note(WrongError(default, f"the option {option} of {name} is used by nothing", fix, on_key=True))
    return Block(name, node, options, layers.items)


def _check_name(node: Node, name: str, what: str) -> None:
    if not NAME.fullmatch(name):
        raise WrongError(node, f"{name!r} can't name {what}", "letters, digits and _, no digit first", on_key=True)
    if name in _RESERVED:
        meaning = {"in": "the size that comes in", "out": "the size that the task needs", "i": "the round of a repeat"}[name]
        raise WrongError(node, f"{name!r} can't name {what}: it is {meaning}", "call it otherwise", on_key=True)


def split_item(item: Node, name: str, block: Block | None, scope: Scope) -> Given:
    """Options of a use in any of its forms: `se`, `conv: 64`, `{conv: 64, name: code}`, `{type: conv, c: 64}`."""
    mapping = item.mapping
    if mapping is None:
        return Given(None, {})
    if "type" in mapping:
        beside = {key: node for key, node in mapping.items() if key in _BESIDE}
        options = {key: node for key, node in mapping.items() if key != "type" and key not in beside}
        return Given(Node(options, item.place, origin=item.origin), beside)
    options, beside = mapping[name], {key: node for key, node in mapping.items() if key != name}
    for key, node in beside.items():
        if key not in _BESIDE or block is None:
            is_option = block is not None and key in block.options
            told = f"{key} is an option of {name}" if is_option else f"{key} can't stand beside {name}"
            fix = f"- {name}: {{…, {key}: …}}" if is_option else "an item of a list is one layer, block or repeat"
            raise WrongError(node, told, fix, scope, on_key=True)
    if options.mapping is not None:
        inner = {key: node for key, node in options.mapping.items() if key in _BESIDE and block is not None}
        rest = {key: node for key, node in options.mapping.items() if key not in inner}
        return Given(Node(rest, options.place, origin=options.origin), {**inner, **beside})
    return Given(options, beside)


def given(item: Node, block: Block, options: Node | None, scope: Scope, walk: Walk) -> dict[str, Node]:
    """The options that a use of a block gives, by name."""
    names = list(block.options)
    written: dict[str, Node]
    if options is None or options.content is None:
        written = {}
    elif options.mapping is not None:
        written = options.mapping
    else:
        values = options.items if options.items is not None else [options]
        if len(values) > len(names):
            takes = f"takes {len(names)} option{'' if len(names) == 1 else 's'}" if names else "takes no options"
            raise WrongError(options, f"{block.name} {takes} and gets {len(values)}", block.described(), scope)
        written = dict(zip(names, values, strict=False))
    for key, node in written.items():
        if key not in block.options:
            near = nearest(key, names)
            told = f"nearest: {near[0]}   {block.described()}" if near else block.described()
            raise WrongError(node, f"{block.name} has no option {key!r}", told, scope, on_key=True)
    missing = [name for name, default in block.options.items() if default.content is None and name not in written]
    if missing:
        is_one = len(missing) == 1
        told = f"{block.name} needs {' and '.join(missing)}, which {'is' if is_one else 'are'} not given"
        raise WrongError(item, told, block.described(), scope, on_key=True)
    return {key: walk(node) for key, node in written.items()}


def repeat(item: Node, options: Node | None, scope: Scope, walk: Walk) -> Repeat:
    """The rounds of a repeat."""
    mapping = None if options is None else options.mapping
    if mapping is None:
        raise WrongError(options or item, "repeat needs layers, and times or for", _EXAMPLE, scope)
    for key, node in mapping.items():
        if key not in {"times", "for", "layers"}:
            raise WrongError(node, f"repeat has times, for and layers, and no {key}", _EXAMPLE, scope, on_key=True)
    layers = mapping.get("layers")
    if layers is None or layers.items is None:
        raise WrongError(layers or item, "repeat needs a list of layers", _EXAMPLE, scope)
    if ("times" in mapping) == ("for" in mapping):
        raise WrongError(item, "repeat needs times or for, one of the two", _EXAMPLE, scope)
    if "times" in mapping:
        return Repeat([{} for _ in range(_times(mapping["times"], scope))], layers.items)
    return Repeat(_rounds(mapping["for"], layers, scope, walk), layers.items)


def _times(node: Node, scope: Scope) -> int:
    """Rounds; none only where that was computed."""
    value = substituted(node, scope)
    count, is_computed = value.content, is_expression(node.content)
    if is_expression(count):
        told = f"times is {count}, and in and out are known only once the layers are written out"
        raise WrongError(node, told, "a number, an option or a variable", scope)
    if not isinstance(count, int) or isinstance(count, bool):
        raise WrongError(node, f"times needs a whole number, got {value_in_words(value.plain())}", None, Scope({}, value.note))
    if count < 0 or (count == 0 and not is_computed):
        needed = "times needs a whole number from 0 on" if is_computed else "times needs a whole number above 0"
        raise WrongError(node, f"{needed}, got {count}", None, Scope({}, value.note))
    if count > MAX_LAYERS:
        raise WrongError(node, f"times is {count:,}, and a config may have {MAX_LAYERS:,} layers", "fewer rounds", Scope({}, value.note))
    return count


def _rounds(node: Node, layers: Node, scope: Scope, walk: Walk) -> list[dict[str, Node]]:
    if node.mapping is None or not node.mapping:
        raise WrongError(node, "for needs names with lists", "for: {c: [64, 128], s: [1, 2]}", scope)
    used = names_in(layers)
    lists: dict[str, list[Node]] = {}
    for name, written in node.mapping.items():
        _check_name(written, name, "what a repeat counts")
        values = walk(written)
        if values.items is None or not (values.items or is_expression(written.content)):
            told = f"needs a list, a value for each round, got {value_in_words(values.plain())}"
            raise WrongError(written, told, f"{name}: [64, 128]", scope)
        if name not in used:
            fix = f"write ={name} in its layers, or  repeat: {{times: {len(values.items)}, layers: […]}}"
            raise WrongError(written, f"{name} is used by nothing in this repeat", fix, scope, on_key=True)
        lists[name] = values.items
    lengths = {name: len(items) for name, items in lists.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
        raise WrongError(node, f"the lists of for are of one length, and {told}", "one value for each round", scope)
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]
