"""Overrides of the command line: `optimizer.lr=3e-4` sets, `metrics+=f1` appends. They are told of like lines of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from nntrain.config import environment, loading, nodes, scalars
from nntrain.config.document import Document, Mark, Source
from nntrain.config.experiment import Experiment
from nntrain.config.nodes import Node
from nntrain.config.rendering import LocatedError, LocatedProblem
from nntrain.config.structure import Model, Spot, root_spot, short_tag, step
from nntrain.config.writing import scalar
from nntrain.errors import ConfigError, UsageError, YamlPath, render_path
from nntrain.schema import Slot, load_class

_PART: Final = re.compile(r"""(?:"([^"]*)"|'([^']*)'|\[(\d+)\]|([^."'\[\]]+))(?=$|[.\[])""")
_OPERATOR: Final = re.compile(r"""^((?:[^"'=]|"[^"]*"|'[^']*')*?)(\+?=)(.*)$""", re.DOTALL)
_MAX_PARTS: Final = 50


class _WrongError(Exception):
    """What is wrong with an override."""

    def __init__(self, path: YamlPath, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Change:
    """An override, taken apart."""

    path: tuple[str, ...]
    appends: bool
    value: Node
    mark: Mark


_MAX_ENTRIES: Final = 10_000
LONGEST: Final = 200
"""Letters of an override that messages show."""


def apply(document: Document, changes: Sequence[str], root: Model = Experiment) -> Document:
    """Lay overrides over a document, one after the other.

    Raises:
        UsageError: One of them is no text.
        ConfigError: With all overrides that can't be read or placed.
    """
    if not changes:
        return document
    for change in changes:
        check_text(change, "override")
    tree = nodes.of(document)
    findings: list[LocatedProblem] = []
    for number, change in enumerate(changes, 1):
        source = Source(f'override "{shortened(change)}"', "", layer=number, is_file=False)
        mark = Mark(source, 1, 1, 0)
        try:
            tree = _put(tree, _read(change, mark), root)
        except _WrongError as wrong:
            findings.append(LocatedProblem(mark, render_path(wrong.path), wrong.message, wrong.hint))
        except ConfigError as error:
            message = error.findings[0].message if isinstance(error, LocatedError) else error.message
            findings.append(LocatedProblem(mark, "", f"the value is no YAML: {message}", "a text with brackets or ': ' needs quotes"))
    if findings:
        raise LocatedError(findings, document.name)
    return nodes.document(tree, document)


def check_text(argument: str, what: str) -> None:
    """Refuse a word of the command line that is no text: bytes that are no UTF-8 reach Python as lone surrogates.

    Raises:
        UsageError: It is none.
    """
    if any("\ud800" <= char <= "\udfff" for char in argument):
        shown = argument.encode("utf-8", "backslashreplace").decode("utf-8")
        raise UsageError(f"the {what} {shown} is not UTF-8", "write it in UTF-8, in a terminal that is set to UTF-8")


def split_path(text: str) -> tuple[str, ...]:
    """Take a path apart: `data.fields."max. wv (m/s)".normalize`, `architecture.layers[3]`.

    Raises:
        ValueError: It is no path.
    """
    parts: list[str] = []
    position = 0
    while match := _PART.match(text, position):
        parts.append(next(group for group in match.groups() if group is not None).strip())
        position = match.end()
        if position == len(text) and all(parts):
            return tuple(parts)
        position += text[position : position + 1] == "."
    raise ValueError(text)


def shortened(change: str) -> str:
    """An override as messages name it."""
    return change if len(change) <= LONGEST else f"{change[: LONGEST - 1]}…"


def _read(change: str, mark: Mark) -> Change:
    match = _OPERATOR.match(change)
    if match is None:
        raise _WrongError((), "has no value", f"an override sets one:  {shortened(change)}=VALUE")
    written, operator, value = match.groups()
    try:
        path = split_path(written)
    except ValueError:
        raise _WrongError(
            (), f"{written!r} is no path", 'keys with dots between them, names with blanks or dots in quotes:  a."b c".d=1'
        ) from None
    if len(path) > _MAX_PARTS:
        raise _WrongError((), f"more than {_MAX_PARTS} keys")
    return Change(path, operator == "+=", _value(value, mark, path), mark)


def _value(text: str, mark: Mark, path: YamlPath) -> Node:
    text = text.strip()
    try:
        after_comma = text[text.find(",") :] if "," in text else ""
        if re.match(r"""[\[{"']""", text) or re.search(r":(\s|$)", text) or re.search(r"""[\[{"']""", after_comma):
            return _as_yaml(text, mark)
        if "," in text and text != ",":
            parts = text.removesuffix(",").split(",")
            if len(parts) > _MAX_ENTRIES:
                raise _WrongError(path, f"has {len(parts):,} entries, and an override may have {_MAX_ENTRIES:,}", "write them in the file")
            return Node([_scalar(part.strip(), mark) for part in parts], nodes.at(None, mark).place)
        return _scalar(text, mark)
    except environment.UnsetError as error:
        raise _WrongError(path, str(error), f"set it, or write the value here: export {error.name}=…") from None
    except scalars.TooLongError as error:
        raise _WrongError(path, f"{error}, which no setting can hold", "a text of digits needs quotes") from None


def _scalar(text: str, mark: Mark) -> Node:
    if environment.REFERENCE.search(text) is None:
        return nodes.at(scalars.resolve(text), mark)
    node = nodes.at(environment.value(text), mark)
    node.written = text
    return node


def _as_yaml(text: str, mark: Mark) -> Node:
    """A value with brackets or quotes; several of them with commas between are a list."""
    is_list = re.search(r""",""", text) is not None and not re.match(r"""[\[{]|"[^"]*"$|'[^']*'$""", text)
    source = Source(mark.file, f"[{text}]" if is_list else text, is_file=False)
    tree, _, unexpanded = loading.read(source)
    node = nodes.at(tree, mark)
    for path, found in node.walk():
        found.written = unexpanded.get(path)
    return node


def _put(tree: Node, change: Change, root: Model) -> Node:
    return _put_below(tree, change, 0, root_spot(root, tree.plain()))


def _put_below(node: Node | None, change: Change, depth: int, spot: Spot) -> Node:
    """The node with the change made `depth` keys down its path."""
    if depth == len(change.path):
        return _replacement(node, change, spot)
    here: YamlPath = change.path[:depth]
    part = change.path[depth]
    if node is not None and node.items is not None:
        return _put_in_list(node, change, depth, spot)
    slot = spot.slot
    if slot is not None and node is not None and _is_tag(slot, node, part):
        return _put_below_tag(node, slot, change, depth, spot)
    if node is not None and node.content is not None and node.mapping is None and slot is None:
        raise _WrongError(here, f"is {scalar(node.content)}, which has no settings of its own", f"{render_path(here)}=VALUE sets it")
    node = _opened(node, part, change, spot)
    assert node.mapping is not None
    below = Spot(spot.path, spot.kinds, spot.owner, spot.field, node.plain())
    inner = _put_below(node.mapping.get(part), change, depth + 1, step(below, part))
    return Node({**node.mapping, part: inner}, node.place)


def _opened(node: Node | None, part: str, change: Change, spot: Spot) -> Node:
    """The node as a mapping that a key may be set in: a component in its `type:` form."""
    if node is None or node.content is None:
        return nodes.at({}, change.mark)
    slot = spot.slot
    if slot is None or (node.mapping is not None and part in node.mapping):
        return node
    opened = nodes.in_type_form(slot, node)
    if opened.mapping is None:
        raise _WrongError(spot.path, f"is {scalar(node.content)}, which is no {slot.kind}")
    return opened


def _is_tag(slot: Slot, node: Node, part: str) -> bool:
    """Whether a key of a path is the tag of the component that stands there, and not an option of the same name."""
    is_option = node.mapping is not None and part in node.mapping and short_tag(slot, node.plain()) != part
    return not is_option and part in slot.table and nodes.tag_of(slot, node) == part


def _put_below_tag(node: Node, slot: Slot, change: Change, depth: int, spot: Spot) -> Node:
    """A path may name the tag of a component, as its short form does: `layers.3.linear=64`, `layers.3.linear.bias=false`."""
    opened = nodes.in_type_form(slot, node)
    if depth + 1 < len(change.path):
        return _put_below(opened, change, depth + 1, spot)
    beside = {key: item for key, item in (opened.mapping or {}).items() if key in load_class(slot.table[change.path[depth]]).shared}
    return Node({change.path[depth]: change.value, **beside}, node.place)


def _put_in_list(node: Node, change: Change, depth: int, spot: Spot) -> Node:
    items = cast("list[Node]", node.items)
    return _put_at(node, _index(items, change.path[depth], change.path[:depth]), change, depth, spot)


def _put_at(node: Node, indices: tuple[int, ...], change: Change, depth: int, spot: Spot) -> Node:
    """The change made at an item, which may be one of a list inside the list."""
    items, index = cast("list[Node]", node.items), indices[0]
    below = step(spot, index)
    if len(indices) == 1:
        inner = _put_below(items[index], change, depth + 1, below)
    else:
        inner = _put_at(items[index], indices[1:], change, depth, Spot(below.path, spot.kinds, below.owner, below.field, below.value))
    return Node([*items[:index], inner, *items[index + 1 :]], node.place)


def _index(items: list[Node], part: str, path: YamlPath) -> tuple[int, ...]:
    """The item that a number or a name means; names are looked for in lists inside the list too."""
    names = dict(_names(items))
    if part in names:
        return names[part]
    if part.isdigit() and int(part) < len(items):
        return (int(part),)
    if part.isdigit():
        count = "1 item" if len(items) == 1 else f"{len(items)} items"
        message = f"has {count}, counted from 0; there is no {part}"
        raise _WrongError(path, message, f"to append one:  {render_path(path)}+=VALUE")
    known = f"named are: {', '.join(names)}" if names else "name it in the file, or give its number"
    raise _WrongError(path, f"has no item named {part!r}", known)


def _names(items: list[Node]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names of items, the first of a name last, and the indices that lead to each."""
    for index, item in reversed([*enumerate(items)]):
        name = _name(item)
        if name is not None:
            yield name, (index,)
        for inner, below in _names(item.items or []):
            yield inner, (index, *below)


def _name(item: Node) -> str | None:
    name = item.mapping.get("name") if item.mapping is not None else None
    return name.content if name is not None and isinstance(name.content, str) else None


def _replacement(node: Node | None, change: Change, spot: Spot) -> Node:
    if not change.appends:
        return change.value
    if node is None:
        default: Any = spot.field.default if spot.field is not None else None
        if not isinstance(default, tuple | list):
            word = render_path(change.path)
            raise _WrongError(
                change.path, "is not in the config, so nothing can be appended to it", f"fix:  {word}=A,B sets the whole list"
            )
        node = nodes.at(list(cast("Sequence[Any]", default)), change.mark)
    if node.items is None:
        raise _WrongError(change.path, "is no list, so nothing can be appended to it", f"fix:  {render_path(change.path)}=VALUE")
    added = change.value.items if change.value.items is not None else [change.value]
    return Node([*node.items, *added], node.place)
