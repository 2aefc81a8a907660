"""What stands for something else in a text of a config: `=c//2`, and `{c}` in other texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from nntrain import arithmetic
from nntrain.arithmetic import SIZES, ArithmeticFaultError, Term, is_expression
from nntrain.config.documentation.wording import value_in_words
from nntrain.config.nodes import Node
from nntrain.config.rendering import LocatedProblem
from nntrain.errors import render_path
from nntrain.nearest import nearest

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MAX_TEXT: Final = 10_000
"""Characters of a text with what its names stand for: texts that double one another would fill the memory."""
_BRACED: Final = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Scope:
    """What names stand for at a place."""

    values: Mapping[str, Node]
    """Options, variables and the round, by name."""
    note: str | None = None
    """Which use and round this is, the innermost first."""
    uses: tuple[str, ...] = ()
    """The blocks that this is inside of, the outermost first."""

    def within(self, values: Mapping[str, Node], note: str) -> Scope:
        """The scope inside a repeat."""
        return Scope({**self.values, **values}, f"{note}, {self.note}" if self.note else note, self.uses)


class WrongError(Exception):
    """One fault of a block, a repeat, a variable or an expression."""

    def __init__(self, node: Node, message: str, hint: str | None = None, scope: Scope | None = None, *, on_key: bool = False) -> None:
        super().__init__(message)
        self.node = node
        self.message = message
        self.hint = hint
        self.note = None if scope is None else scope.note
        self.on_key = on_key


@dataclass(slots=True)
class Faults:
    """Everything that is wrong; what is wrong in every round is told once."""

    findings: list[LocatedProblem] = field(default_factory=list[LocatedProblem])
    told: set[tuple[object, ...]] = field(default_factory=set[tuple[object, ...]])

    def note(self, wrong: WrongError) -> None:
        """Keep a fault."""
        mark = wrong.node.place.mark(on_key=wrong.on_key)
        if (mark, wrong.message) in self.told:
            return
        self.told.add((mark, wrong.message))
        message = wrong.message if wrong.note is None else f"{wrong.message} ({wrong.note})"
        self.findings.append(LocatedProblem(mark, render_path(wrong.node.origin or ()), message, wrong.hint))


def substituted(node: Node, scope: Scope) -> Node:
    """A value that is no list and no mapping, with names replaced by what they stand for.

    Raises:
        WrongError: A name stands for nothing, or what it stands for can't be put there.
    """
    text = node.content
    if not isinstance(text, str) or node.written is not None:
        return Node(text, node.place, node.written, node.origin, scope.note)
    if is_expression(text):
        return _computed(node, text, scope)
    made = _BRACED.sub(lambda match: _as_text(node, match[1], scope), text)
    if len(made) > MAX_TEXT:
        raise WrongError(node, f"becomes longer than {MAX_TEXT:,} characters, with what its names stand for", None, scope)
    return Node(made, node.place, None, node.origin, scope.note)


def names_in(node: Node) -> set[str]:
    """Names that the texts at and below a node use."""
    found: set[str] = set()
    for _, inner in node.walk():
        text = inner.content
        if isinstance(text, str) and inner.written is None:
            found |= set(NAME.findall(text)) if is_expression(text) else set(_BRACED.findall(text))
    return found


def _computed(node: Node, text: str, scope: Scope) -> Node:
    try:
        term = arithmetic.parse(text)
    except ArithmeticFaultError as fault:
        message = fault.message if fault.message.startswith(text) else f"{text} {fault.message}"
        raise WrongError(node, message, fault.hint, scope) from None
    names = arithmetic.names(term)
    for name in names:
        if name not in scope.values and name not in SIZES:
            raise WrongError(node, f"{text} has the name {name}, which stands for nothing here", _known(name, scope), scope)
    if isinstance(term, arithmetic.Name) and term.name in scope.values:
        return _whole(node, text, scope.values[term.name], scope)
    values = {name: _as_term(node, text, name, scope) for name in names if name in scope.values}
    note = _told(text, {name: scope.values[name] for name in values}, scope)
    try:
        made = arithmetic.evaluate(term, values)
    except ArithmeticFaultError as fault:
        with_values = f" with {_listed({name: scope.values[name] for name in values})}" if values else ""
        raise WrongError(node, f"{text} {fault.message.removeprefix(text).strip()}{with_values}", fault.hint, scope) from None
    return Node(made if isinstance(made, int) else arithmetic.written(made), node.place, None, node.origin, note)


def _whole(node: Node, text: str, value: Node, scope: Scope) -> Node:
    """An expression that is a name alone stands for whatever the name does, texts and lists included."""
    if isinstance(value.content, dict | list):
        return Node(value.content, value.place, value.written, value.origin, value.note)
    return Node(value.content, node.place, value.written, node.origin, _told(text, {text[1:].strip(): value}, scope))


def _as_term(node: Node, text: str, name: str, scope: Scope) -> Term:
    value = scope.values[name].content
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if is_expression(value):
        return arithmetic.parse(str(value))
    shown = value_in_words(scope.values[name].plain())
    raise WrongError(node, f"{text} computes with {name}, which is {shown}", "arithmetic is for whole numbers", scope)


def _as_text(node: Node, name: str, scope: Scope) -> str:
    if name not in scope.values:
        raise WrongError(node, f"{{{name}}} stands for nothing here", _known(name, scope), scope)
    value = scope.values[name].content
    if isinstance(value, bool) or not isinstance(value, int | float | str) or is_expression(value):
        shown = value_in_words(scope.values[name].plain())
        raise WrongError(node, f"{{{name}}} is {shown}, which can't be a part of a text", None, scope)
    return str(value)


def _known(name: str, scope: Scope) -> str:
    if name == "i":
        way = " around it in the same block; into a block it goes as an option" if scope.uses else ""
        return f"i is the round of a repeat{way}; names here: {', '.join([*scope.values, *SIZES])}"
    near = nearest(name, list(scope.values))
    listed = f"names here: {', '.join([*scope.values, *SIZES])}"
    return f"nearest: {near[0]}   {listed}" if near else listed


def _told(text: str, values: Mapping[str, Node], scope: Scope) -> str | None:
    if not values:
        return scope.note
    own = f"{text} with {_listed(values)}"
    return f"{own}; {scope.note}" if scope.note else own


def _listed(values: Mapping[str, Node]) -> str:
    return ", ".join(f"{name} = {value_in_words(value.plain())}" for name, value in values.items())
