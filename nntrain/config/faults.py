"""What is wrong with a text that is no YAML, in words that say how to mend it."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import yaml

from nntrain.config.document import Mark, Source
from nntrain.config.rendering import LocatedError, LocatedProblem

BACKSLASH_HINT: Final = "in double quotes \\ starts an escape; use single quotes or /"


def fault(mark: Mark, message: str, hint: str | None = None) -> LocatedError:
    """One fault of a text as an error."""
    return LocatedError([LocatedProblem(mark, "", message, hint)], mark.file)


def escaped_path(mark: Mark, written: str) -> LocatedError:
    """A path of Windows in double quotes, where YAML reads a backslash and a letter as a control character."""
    escape = re.search(r"\\.", written)
    assert escape is not None
    if not mark.source.is_quoted:
        return fault(mark, "a control character in double quotes, where a path was meant", BACKSLASH_HINT)
    return fault(mark, f"{escape[0]} in double quotes is a control character, not part of a path", _quote_path(written))


def _quote_path(written: str) -> str:
    plain = written.replace("\\\\", "\\")
    return f"fix:  '{plain}'  or  {plain.replace(chr(92), '/')}"


class _Words(NamedTuple):
    message: str
    hint: str | None = None
    at_context: bool = False
    """Whether the fault is best shown where the construct begins, not where the parser gave up."""


_INDENTATION: Final = "lines of one section start in the same column; indent with blanks"
_OPEN_BRACKET: Final = "a text with [ ] { } or , inside of brackets needs quotes"

# Searched in the parser's own words, first match first; libyaml and PyYAML word them differently.
_SYNTAX: Final[tuple[tuple[str, _Words], ...]] = (
    (r"scanning an alias", _Words("YAML reads * as an alias", 'a key or a text that starts with * needs quotes: "*"', at_context=True)),
    (r"scanning an anchor", _Words("YAML reads & as an anchor", "a text that starts with & needs quotes", at_context=True)),
    (r"\btab\b|'\\t'", _Words("a tab", "indent with blanks; YAML does not allow tabs there")),
    (
        r"mapping values are not allowed",
        _Words("a ':' that YAML can't place", "one `key: value` a line, indented like its neighbours; a text with ': ' needs quotes"),
    ),
    (r"sequence entries are not allowed", _Words("a '-' that YAML can't place", "a list starts on the line below its key: - item")),
    (r"unknown escape|hexa?decimal num", _Words("a \\ in double quotes that is no escape", BACKSLASH_HINT, at_context=True)),
    (r"quoted scalar.*end of stream", _Words("the quote that opens here is never closed", at_context=True)),
    (r"parsing a flow (sequence|mapping)", _Words("the bracket that opens here is not closed, or a comma is missing", at_context=True)),
    (r"parsing a flow node|node content", _Words("a value is missing here", _OPEN_BRACKET)),
    (r"parsing a block collection", _Words("a list goes on here without its '-'", _INDENTATION)),
    (r"parsing a block mapping", _Words("YAML can't place this line", f"{_INDENTATION}; a text with quotes inside needs quotes around it")),
    (r"could not find expected ':'|simple key", _Words("a key without its ':'", "key: value, with a blank after the colon")),
    (r"maximum depth", _Words("more than 100 levels of nesting")),
    (r"document start", _Words("a % line that a config does not need", "remove it")),
)


def syntax_error(error: yaml.MarkedYAMLError, source: Source) -> LocatedError:
    """Word an error of the YAML parser."""
    told = f"{error.context or ''}: {error.problem or ''}".lower()
    words = next((words for pattern, words in _SYNTAX if re.search(pattern, told)), None)
    at: Any = error.context_mark if words and words.at_context and error.context_mark else error.problem_mark or error.context_mark
    mark = _mark(source, at)
    if words is None or "cannot start any token" in told:
        words = _bad_start(source, mark) or _Words(f"is no YAML: {error.problem}")
    return fault(mark, words.message, _special_hint(source, mark, words) or words.hint)


def _bad_start(source: Source, mark: Mark) -> _Words | None:
    char = source.line(mark.line)[mark.column - 1 : mark.column]
    if char == "\t":
        return _Words("a tab", "indent with blanks; YAML does not allow tabs there")
    return _Words(f"a text can't start with {char} without quotes", f'fix:  quote it: "{char}…"') if char else None


def _special_hint(source: Source, mark: Mark, words: _Words) -> str | None:
    line = source.line(mark.line) if source.is_quoted else ""
    if "${" in line and "bracket" in words.message:
        return 'inside of brackets ${…} needs quotes: "${env:NAME}"'
    quoted = re.search(r'"([^"]*\\[^"]*)"', line[mark.column - 1 :])
    return _quote_path(quoted[1]) if quoted and words.hint == BACKSLASH_HINT else None


def _mark(source: Source, at: Any) -> Mark:
    if at is None:
        return Mark(source, 1, 1, 0)
    line, column = at.line + 1, at.column + 1
    last = max(len(source.lines), 1)
    if line > last:  # the parser gave up at the end of the text
        line, column = last, len(source.line(last)) + 1
    return Mark(source, line, column, 1)
