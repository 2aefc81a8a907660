"""Sentences in columns: a token a line, an empty line behind each sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, model_validator
from pydantic import Field as Option

from nntrain.data.dialect import PEEK_ROWS
from nntrain.data.facts import facts_of_cells, quoted
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.sources.source import GivenFiles
from nntrain.data.text_file import cut_lines, decode, head_of, known_encoding, opened_text
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fields.field import Field
    from nntrain.data.table import Table


class Conll(GivenFiles):
    """Sentences whose tokens stand one a line, with a tag behind each; an empty line ends a sentence. Also packed, `.conll.gz`.

    A row is a sentence: a column has its tokens with a blank between them, and one has its tags, so that the tokenizer `space` finds
    them again. The parts of a line are separated by tabs, in a line without any by blanks. Blanks inside a token become `_`, and are
    counted.
    """

    type: Literal["conll"] = "conll"
    columns: Annotated[tuple[str | None, ...], Option(min_length=1)] = ("tokens", "tags")
    """Names of the parts of a line in their order; null leaves one out: `[tokens, null, null, tags]`."""
    encoding: Annotated[str, AfterValidator(known_encoding)] = "utf-8"
    """How the file is written, as Python names it; those of CoNLL-2002 are `latin-1`."""
    comment: Annotated[str, Option(min_length=1)] | None = None
    """Lines that begin with this are left out: `#`, or `-DOCSTART-`."""

    @model_validator(mode="after")
    def _names_differ(self) -> Conll:
        names = [name for name in self.columns if name is not None]
        if len(set(names)) < len(names) or not names:
            raise ValueError("columns names each part of a line once, and at least one")
        return self

    @property
    def fields(self) -> Mapping[str, Field]:
        """Tokens between blanks, and their tags, where the parts of a line have these names."""
        from nntrain.data.fields.tags import Tags
        from nntrain.data.fields.text import Text
        from nntrain.data.tokenizing.splitting import Space

        if not {"tokens", "tags"} <= {*self.columns}:
            return {}
        return {"tokens": Text(tokenizer=Space(), role="input"), "tags": Tags(of="tokens", role="target")}

    @property
    def _encoding(self) -> str:
        """The encoding; a byte order mark is no part of the text."""
        return "utf-8-sig" if self.encoding.lower() in {"utf-8", "utf8"} else self.encoding

    def peek(self, path: Path, name: str) -> Header:
        """Names and first sentences. Raises `DataError` that names the line of a fault."""
        content, is_cut = head_of(path, name)
        lines = cut_lines(decode(content, self._encoding, name, is_cut=is_cut))
        found = self._sentences(lines[:-1] if is_cut else lines, name, most=PEEK_ROWS + 1)
        is_whole = not is_cut and len(found.lines) <= PEEK_ROWS
        if "tags" in self.columns and "tags" not in found.columns:
            names = ", ".join(column or "null" for column in self.columns)
            hint = "a token a line, a blank or a tab, and its tag; tokens alone? data.source: {type: conll, columns: [tokens], …}"
            raise DataError(f"{name}: line {found.lines[0]} has a token alone, and data.source.columns names {names}", hint)
        columns = tuple(
            HeaderColumn(column, (), "text", facts_of_cells(cells[:PEEK_ROWS], is_complete=is_whole))
            for column, cells in found.columns.items()
        )
        return Header(name, columns, len(found.lines) if is_whole else None)

    def read(self, path: Path, name: str) -> Table:
        """All sentences. Raises `DataError` that names the line of a fault."""
        import numpy as np
        import polars as pl

        from nntrain.data.table import Table

        with opened_text(path, self._encoding, name, ends="\n") as file:
            found = self._sentences(file, name)
        columns = {column: pl.Series(column, cells, dtype=pl.String) for column, cells in found.columns.items()}
        notes = (f"{name}: blanks inside {found.joined:,} tokens became _",) if found.joined else ()
        return Table(name, columns, len(found.lines), np.array(found.lines, dtype=np.int64), self.missing_words, notes=notes)

    def _sentences(self, lines: Iterable[str], name: str, most: int | None = None) -> _Sentences:
        """The sentences of a file, `most` at most. Raises `DataError`."""
        found = _Sentences()
        rows: list[list[str]] = []
        width = 0
        for number, parts in self._parts(lines, name):
            if parts:
                if not width:
                    width = self._width(parts, number, name)
                if len(parts) != width:
                    raise DataError(
                        f"{name}: line {number} has {_told(len(parts))}, and the first has {width}", "a token a line, and its tag"
                    )
                if not rows:
                    found.lines.append(number)
                rows.append([found.without_blanks(part) for part in parts])
            elif rows:
                found.add(rows, self.columns)
                rows = []
                if len(found.lines) == most:
                    return found
        if rows:
            found.add(rows, self.columns)
        if not found.lines:
            raise DataError(f"{name} is empty")
        return found

    def _width(self, parts: list[str], number: int, name: str) -> int:
        """Parts of each line: as many as there are names, or the token alone. Raises `DataError`."""
        if len(parts) not in (1, len(self.columns)):
            names = ", ".join(column or "null" for column in self.columns)
            hint = "fix:  data.source.columns: [tokens, null, tags], with a name or null for each part"
            raise DataError(f"{name}: line {number} has {_told(len(parts))}, and data.source.columns names {names}", hint)
        return len(parts)

    def _parts(self, lines: Iterable[str], name: str) -> Iterator[tuple[int, list[str]]]:
        """The parts of each line that is no comment, none of one that is empty. Raises `DataError` for a line without a token."""
        for number, line in enumerate(lines, 1):
            if self.comment is not None and line.startswith(self.comment):
                continue
            if not line.strip():
                yield number, []
                continue
            parts = [part.strip() for part in (line.split("\t") if "\t" in line else line.split())]
            if not all(parts):
                cut = quoted(line.strip("\r\n"))
                raise DataError(f"{name}: line {number} lacks a part: {cut}", "each line has a token and its tag, with a tab between")
            yield number, parts


@dataclass(slots=True)
class _Sentences:
    """What was read."""

    columns: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """By name, a cell for each sentence."""
    lines: list[int] = field(default_factory=list[int])
    """Where each sentence begins."""
    joined: int = 0
    """Parts with a blank inside."""

    def without_blanks(self, part: str) -> str:
        words = part.split()
        self.joined += len(words) > 1
        return part if len(words) == 1 else "_".join(words)

    def add(self, rows: list[list[str]], names: tuple[str | None, ...]) -> None:
        for name, cells in zip(names, zip(*rows, strict=True), strict=False):
            if name is not None:
                self.columns.setdefault(name, []).append(" ".join(cells))


def _told(parts: int) -> str:
    return "one part" if parts == 1 else f"{parts} parts"
