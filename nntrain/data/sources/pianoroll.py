"""Pieces of music as the notes that sound at each step."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from nntrain.data.facts import facts_of_cells, quoted
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.sources.source import PART_OF_WORD, GivenFiles
from nntrain.data.text_file import opened_text
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table

NOTES: Final = "notes"
SPLIT: Final = "split"

_SHAPE: Final = 'it holds [piece, …], or {"train": [piece, …], "test": […]}; a piece is [[60, 64, 67], [], [62]]: notes by step'


class PianoRoll(GivenFiles):
    """Pieces of music as JSON, by split: `{"train": [piece, …], "valid": […], "test": […]}`, or one list of pieces.

    A piece is a list of steps, a step a list of the MIDI notes that sound: `[[60, 64, 67], [], [62]]`. A row is a piece: the column
    `notes` has its steps with `;` between them, `60 64 67; ; 62`, and `split` its split, where the file has any.
    """

    type: Literal["pianoroll"] = "pianoroll"

    @property
    def split_column(self) -> str:
        """`split`, where the file has any."""
        return SPLIT

    def reads(self, path: Path) -> bool:
        """A JSON file: no other source reads one."""
        return path.suffix.lower() == ".json"

    def peek(self, path: Path, name: str) -> Header:
        """The columns of the whole file, which is one object. Raises `DataError`."""
        columns = _columns(path, name)
        found = tuple(HeaderColumn(column, (), "text", facts_of_cells(cells)) for column, cells in columns.items())
        return Header(name, found, len(columns[NOTES]))

    def read(self, path: Path, name: str) -> Table:
        """All pieces. Raises `DataError`."""
        import polars as pl

        from nntrain.data.table import Table

        columns = _columns(path, name)
        return Table(
            name,
            {column: pl.Series(column, cells, dtype=pl.String) for column, cells in columns.items()},
            len(columns[NOTES]),
            missing=self.missing_words,
        )


def _columns(path: Path, name: str) -> dict[str, list[str]]:
    """Cells by column. Raises `DataError`."""
    with opened_text(path, "utf-8-sig", name, is_fixed=True) as file:
        text = file.read()
    try:
        tree: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{name} is no JSON: {error}", _SHAPE) from None
    if isinstance(tree, list):
        return {NOTES: _cells(cast("list[object]", tree), name, "the list")}
    if not isinstance(tree, dict):
        raise DataError(f"{name} holds neither pieces nor splits of them", _SHAPE)
    found: dict[str, list[str]] = {NOTES: [], SPLIT: []}
    for split, pieces in cast("dict[str, object]", tree).items():
        if split not in PART_OF_WORD or not isinstance(pieces, list):
            known = ", ".join(PART_OF_WORD)
            raise DataError(f"{name}: {quoted(split)} is no split with a list of pieces; splits are {known}", _SHAPE)
        found[NOTES] += (cells := _cells(cast("list[object]", pieces), name, split))
        found[SPLIT] += [split] * len(cells)
    if not found[NOTES]:
        raise DataError(f"{name} has no piece", _SHAPE)
    return found


def _cells(pieces: list[object], name: str, place: str) -> list[str]:
    """A cell for each piece. Raises `DataError` that names the piece and the step."""
    return [piece_cell(piece, f"{name}: {place}[{number}]") for number, piece in enumerate(pieces)]


def piece_cell(piece: object, place: str) -> str:
    """Steps of notes, `[[60, 64], [], [62]]`, as a cell: `60 64; ; 62`. Raises `DataError`."""
    if not isinstance(piece, list):
        raise DataError(f"{place} is no list of steps", _SHAPE)
    steps: list[str] = []
    for number, step in enumerate(cast("list[object]", piece)):
        notes = cast("list[object]", step) if isinstance(step, list) else None
        if notes is None or any(not isinstance(note, int) or isinstance(note, bool) for note in notes):
            raise DataError(f"{place}, step {number} is no list of MIDI notes: {quoted(json.dumps(step))}", _SHAPE)
        steps.append(" ".join(map(str, notes)))
    return "; ".join(steps)
