"""Problems of a config as the screen and `--json` show them: where, what, the line with the fault underlined, and the fix."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from nntrain.config.document import Document, Mark
from nntrain.errors import ConfigError, Problem, render_path

TITLE_WIDTH: Final = 69
WIDEST_COLUMN: Final = 44
"""Locations and paths are padded to the longest of them; one that is longer than this stands out instead."""
MOST_SHOWN: Final = 50
"""Problems on a screen; `--json` has all."""
LINE_WIDTH: Final = 110
"""Longer lines of a config are shown in part, around the fault."""


@dataclass(frozen=True, slots=True)
class LocatedProblem:
    """A problem at its place."""

    mark: Mark
    path: str
    """As people write it; empty where the text as a whole is meant."""
    message: str
    hint: str | None = None

    @property
    def order(self) -> tuple[int, str, int, int, str]:
        """Files in the order in which they build on one another, then by line; overrides last."""
        return (self.mark.source.layer, self.mark.file, self.mark.line, self.mark.column, self.message)


class LocatedError(ConfigError):
    """A config error whose problems know their places; its text is the screen."""

    def __init__(self, findings: Sequence[LocatedProblem], name: str, problems: Sequence[Problem] = ()) -> None:
        self.findings = tuple(sorted(findings, key=lambda finding: finding.order))
        problems = problems or [Problem((), finding.message, finding.hint) for finding in self.findings]
        super().__init__(problems, _screen(name, self.findings))

    def as_json(self) -> list[dict[str, Any]]:
        """One object a problem: file, line, column, path, message, hint."""
        return [_json(finding) for finding in self.findings]


def error(problems: Sequence[Problem], document: Document) -> LocatedError:
    """Problems found in a document as one error."""
    return LocatedError(_findings(problems, document), document.name, problems)


def error_as_json(found: ConfigError) -> list[dict[str, Any]]:
    """Any config error for `check --json`; without a place where it has none."""
    if isinstance(found, LocatedError):
        return found.as_json()
    nowhere: dict[str, Any] = {"file": None, "line": None, "column": None}
    return [{**nowhere, "path": render_path(each.path), "message": each.message, "hint": each.hint} for each in found.problems]


def _findings(problems: Sequence[Problem], document: Document) -> list[LocatedProblem]:
    """Each problem at its place; what a line is told for every use of its block, and every round of its repeat, is told once."""
    same: dict[tuple[Mark, str, str | None], list[Problem]] = {}
    for problem in problems:
        mark = document.locate(problem.path, on_key=problem.on_key)
        once = problem.message if document.note(problem.path) else f"{problem.message}\n{render_path(problem.path)}"
        same.setdefault((mark, once, problem.hint), []).append(problem)
    return [_finding(found, mark, document) for (mark, _, _), found in same.items()]


def _finding(same: Sequence[Problem], mark: Mark, document: Document) -> LocatedProblem:
    first = same[0]
    note = document.note(first.path)
    more = f"; and {len(same) - 1} more" if len(same) > 1 else ""
    message = first.message if note is None else f"{first.message} ({note}{more})"
    return LocatedProblem(mark, render_path(document.shown(first.path)), message, first.hint)


def _json(finding: LocatedProblem) -> dict[str, Any]:
    mark = finding.mark
    return {
        "file": mark.file,
        "line": mark.line,
        "column": mark.column,
        "path": finding.path,
        "message": finding.message,
        "hint": finding.hint,
    }


def _screen(name: str, findings: Sequence[LocatedProblem]) -> str:
    count = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
    title = f"{name} has {count}"
    widths = _width([str(finding.mark) for finding in findings]) + 3, _width([finding.path for finding in findings]) + 4
    blocks = [_block(finding, widths) for finding in findings[:MOST_SHOWN]]
    rest = [f"… and {len(findings) - MOST_SHOWN:,} more"] if len(findings) > MOST_SHOWN else []
    return "\n\n".join([f"{title:<{TITLE_WIDTH}}(exit 2)", *blocks, *rest])


def _width(texts: Sequence[str]) -> int:
    return max((len(text) for text in texts if len(text) <= WIDEST_COLUMN), default=0)


def _block(finding: LocatedProblem, widths: tuple[int, int]) -> str:
    where, path = str(finding.mark), finding.path
    head = where.ljust(max(widths[0], len(where) + 3))
    if path:
        head += path.ljust(max(widths[1], len(path) + 4))
    lines = [head + finding.message]
    if finding.mark.length and finding.mark.source.is_file and finding.mark.source.is_quoted:
        lines += _excerpt(finding.mark)
    if finding.hint:
        lines += [f"   {line}" for line in finding.hint.splitlines()]
    return "\n".join(lines)


def _excerpt(mark: Mark) -> list[str]:
    text = mark.source.line(mark.line).replace("\t", " ")
    start, end = mark.column - 1, mark.column - 1 + mark.length
    first = 0 if len(text) <= LINE_WIDTH or start < LINE_WIDTH // 2 else start - LINE_WIDTH // 4
    last = min(len(text), first + LINE_WIDTH)
    before, shown = ("…" if first else ""), text[first:last]
    carets = "^" * max(1, _columns(text[start : min(end, last)]))
    pad = " " * (len(before) + _columns(text[first:start]))
    return [f"{mark.line:>5} | {before}{shown}{'…' if last < len(text) else ''}", f"      | {pad}{carets}"]


def _columns(text: str) -> int:
    """Columns of a terminal that a text takes: two for each wide character, none for a combining one."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
