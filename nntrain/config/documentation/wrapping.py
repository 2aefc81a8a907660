"""Lines of a screen at most 80 columns wide, each going on below where its text begins; commands stay whole, to be copied."""

from __future__ import annotations

import re
import textwrap
from typing import Final

WIDTH: Final = 80
_LABEL: Final = re.compile(r" *\S+(?: \S+){0,2} {2,}(?=\S)")
"""A label with its text behind it, in columns; without one, a line goes on below its first letter."""
_COMMAND: Final = re.compile(r" *nntrain ")
_WIDEST_LABEL: Final = 30


def wrapped(text: str, hang: int | None = None) -> str:
    """Break long lines at blanks.

    Args:
        text: The lines.
        hang: Column in which a line goes on; found from each line if it is not given.
    """
    return "\n".join(_wrapped(line, hang) for line in text.splitlines())


def paragraphs(text: str, indent: str) -> list[str]:
    """A docstring without the breaks of its lines in the source: one line a paragraph, indented."""
    joined = (" ".join(block.split()) for block in re.split(r"\n\s*\n", text.strip()))
    return [f"{indent}{block}" for block in joined if block]


def _wrapped(line: str, hang: int | None) -> str:
    if len(line) <= WIDTH or _COMMAND.match(line):
        return line
    indent = " " * (_hang(line) if hang is None else hang)
    # Only from the hang on: the columns before it keep their blanks.
    head, rest = line[: len(indent)], line[len(indent) :]
    if len(head.rstrip()) == len(indent):  # a label that is wider than its column
        head, rest = "", line
    lines = textwrap.wrap(
        rest, WIDTH, initial_indent=head, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
    )
    return "\n".join(lines)


def _hang(line: str) -> int:
    label = _LABEL.match(line)
    if label is not None and label.end() <= _WIDEST_LABEL:
        return label.end()
    return len(line) - len(line.lstrip())
