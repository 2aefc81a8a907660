"""Whole-number arithmetic of configs: what stands behind the `=` in `linear: =in//16`.

Numbers, names and `+ - * // ( )`, and nothing else: no code is run. Names are options, variables and rounds, which are put in
when a config is expanded, and `in` and `out`, sizes that are known only where a layer stands.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Value = int | float | bool | str | tuple[int | float | bool | str, ...]
"""What a variable or an option of a block may stand for."""

SIGN: Final = "="
SIZES: Final = ("in", "out")
"""Names that stand for sizes: of the incoming channel or feature axis, and of what the task needs."""

MAX_TERMS: Final = 100
"""Names and numbers that an expression may have, what its names stand for included."""
_MAX_LENGTH: Final = 4_000
_MAX_DEPTH: Final = 100
_MAX_NUMBER: Final = 2**53
_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]*"
_TOKEN: Final = re.compile(rf"\s*(?:({_NAME})|([0-9]+)|(//|[-+*()])|(.))")
_RANK: Final = {"+": 1, "-": 1, "*": 2, "//": 2}


class ArithmeticFaultError(ValueError):
    """What is wrong with an expression, and how to mend it."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Name:
    """A name."""

    name: str


@dataclass(frozen=True, slots=True)
class Operation:
    """Two terms and a sign between them."""

    sign: str
    left: Term
    right: Term
    size: int
    """Names and numbers in it."""


Term = int | Name | Operation


def is_expression(value: object) -> bool:
    """Whether a value of a config is a text that starts with `=`."""
    return isinstance(value, str) and value.startswith(SIGN)


def parse(text: str) -> Term:
    """Read an expression, with its `=`.

    Raises:
        ArithmeticFaultError: It is none.
    """
    if len(text) > _MAX_LENGTH:
        raise ArithmeticFaultError(f"is longer than {_MAX_LENGTH:,} characters")
    reader = _Reader(text, _tokens(text))
    if not reader.tokens:
        raise ArithmeticFaultError("has nothing behind its =", "a number, a name, or arithmetic:  =in//2")
    term, rest = reader.sum(0), reader.tokens[reader.position :]
    if rest[:1] == [")"]:
        raise ArithmeticFaultError(f"{text} has a ) without its (")
    if rest:
        raise ArithmeticFaultError(f"{text} has no sign before {rest[0]}", "signs are + - * //")
    return term


def names(term: Term) -> list[str]:
    """The names in a term, in their order."""
    if isinstance(term, Name):
        return [term.name]
    return [] if isinstance(term, int) else list(dict.fromkeys([*names(term.left), *names(term.right)]))


def evaluate(term: Term, values: Mapping[str, Term]) -> Term:
    """Put in what names stand for and compute what can be computed; names without a value stay.

    Raises:
        ArithmeticFaultError: It divides by zero, or grows too large.
    """
    if isinstance(term, int):
        return term
    if isinstance(term, Name):
        return values.get(term.name, term)
    return operation(term.sign, evaluate(term.left, values), evaluate(term.right, values))


def operation(sign: str, left: Term, right: Term) -> Term:
    """Two terms joined by a sign, computed where both are numbers.

    Raises:
        ArithmeticFaultError: It divides by zero, or grows too large.
    """
    if sign == "//" and right == 0:
        raise ArithmeticFaultError("divides by zero")
    if isinstance(left, int) and isinstance(right, int):
        number = {"+": left + right, "-": left - right, "*": left * right}[sign] if sign != "//" else left // right
        if abs(number) > _MAX_NUMBER:
            raise ArithmeticFaultError(f"becomes larger than {_MAX_NUMBER:,}")
        return number
    size = _size(left) + _size(right)
    if size > MAX_TERMS:
        raise ArithmeticFaultError(f"has more than {MAX_TERMS} names and numbers, with what its names stand for")
    return Operation(sign, left, right, size)


def written(term: Term) -> str:
    """A term as a config has it: `=(in+1)//2`."""
    return SIGN + _written(term)


def _written(term: Term, rank: int = 0, *, is_right: bool = False) -> str:
    if isinstance(term, int):
        return f"({term})" if term < 0 and (rank or is_right) else str(term)
    if isinstance(term, Name):
        return term.name
    own = _RANK[term.sign]
    text = f"{_written(term.left, own)}{term.sign}{_written(term.right, own, is_right=True)}"
    return f"({text})" if own < rank or (is_right and own == rank) else text


def _size(term: Term) -> int:
    return term.size if isinstance(term, Operation) else 1


def _tokens(text: str) -> list[str]:
    found: list[str] = []
    for name, number, sign, other in _TOKEN.findall(text[1:].rstrip()):
        if other:
            raise _foreign(text, other)
        if sign == "*" and found[-1:] == ["*"]:
            raise ArithmeticFaultError(f"{text} has a power, which is no whole-number arithmetic here", "write the product:  =c*c")
        found.append(name or number or sign)
    return found


def _foreign(text: str, sign: str) -> ArithmeticFaultError:
    if sign == "/":
        return ArithmeticFaultError(
            f"{text} divides by /", f"whole numbers are divided by //:  {text.replace('//', '/').replace('/', '//')}"
        )
    if sign in "[]{}":
        return ArithmeticFaultError(f"{text} has a {sign}", "brackets of arithmetic are ( and )")
    if sign == ".":
        return ArithmeticFaultError(f"{text} has a {sign}: arithmetic is for whole numbers", "half of it is  //2")
    return ArithmeticFaultError(f"{text} has a {sign}, which is no sign of arithmetic", "signs are + - * // ( )")


class _Reader:
    """Reads tokens from left to right: sums of products of numbers, names and brackets."""

    def __init__(self, text: str, tokens: list[str]) -> None:
        self.text = text
        self.tokens = tokens
        self.position = 0

    @property
    def next(self) -> str | None:
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self) -> str:
        token = self.next
        if token is None:
            raise ArithmeticFaultError(f"{self.text} ends too early", "a number or a name is missing at its end")
        self.position += 1
        return token

    def sum(self, depth: int) -> Term:
        term = self.product(depth)
        while self.next in {"+", "-"}:
            term = operation(self.take(), term, self.product(depth))
        return term

    def product(self, depth: int) -> Term:
        term = self.factor(depth)
        while self.next in {"*", "//"}:
            term = operation(self.take(), term, self.factor(depth))
        return term

    def factor(self, depth: int) -> Term:
        if depth > _MAX_DEPTH:
            raise ArithmeticFaultError(f"has more than {_MAX_DEPTH} brackets in one another")
        word = self.take()
        if word == "(":
            term = self.sum(depth + 1)
            if self.next != ")":
                raise ArithmeticFaultError(f"{self.text} has a ( without its )")
            self.take()
            return term
        if word == "-":
            return operation("-", 0, self.factor(depth + 1))
        if re.fullmatch(_NAME, word):
            return Name(word)
        if word.isdigit():
            return int(word) if len(word) <= len(str(_MAX_NUMBER)) else _too_large(word)
        raise ArithmeticFaultError(f"{self.text} has a {word} where a number or a name must stand")


def _too_large(token: str) -> int:
    raise ArithmeticFaultError(f"has the number {token[:20]}…, which no size can be")
