"""Made-up sentences with a tag for each token, and pieces of music."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.fields.notes import STEP_MARK, Notes

if TYPE_CHECKING:
    from nntrain.data.fake.values import Rows
    from nntrain.data.fields.field import Field
    from nntrain.data.sources.conll import Conll

TAGS: Final = ("O", "B-name", "I-name")
"""Tags where the config names none."""
_STEPS: Final = 12
"""Steps of a piece at most."""


def tags_of(field: Field, texts: Sequence[Any]) -> list[str]:
    """A tag for each word of some texts: that which the word always has."""
    names = field.class_names or TAGS
    return [" ".join(names[sum(word.encode()) % len(names)] for word in str(text).split()) for text in texts]


def pieces(field: Notes, rows: Rows) -> list[str]:
    """Cells of notes: chords that go up by as many notes as the hidden number says, from the lowest on."""
    count = field.high - field.low + 1
    strides = 1 + (3 * rows.hidden).astype(int)
    lengths = rows.random.integers(4, _STEPS + 1, len(rows))
    return [
        f"{STEP_MARK} ".join(" ".join(str(field.low + (stride * step + above) % count) for above in (0, 2)) for step in range(length))
        for stride, length in zip(strides.tolist(), lengths.tolist(), strict=True)
    ]


def write_sentences(path: Path, source: Conll, columns: Mapping[str, Sequence[Any]]) -> None:
    """A token a line, as the source names the parts of a line; what has no name is `_`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    named = [columns.get(name or "") for name in source.columns]
    rows = len(next(iter(columns.values())))
    lines: list[str] = []
    for row in range(rows):
        parts = [None if cells is None else str(cells[row]).split() for cells in named]
        count = max(len(part) for part in parts if part is not None)
        lines += ["\t".join("_" if part is None else part[place] for part in parts) for place in range(count)]
        lines.append("")
    path.write_text("\n".join(lines), encoding="utf-8")


def write_pieces(path: Path, cells: Sequence[str]) -> None:
    """A file of pieces by split: eight of ten train."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = [[[int(note) for note in step.split()] for step in cell.split(STEP_MARK)] for cell in cells]
    first, second = int(0.8 * len(found)), int(0.9 * len(found))
    path.write_text(json.dumps({"train": found[:first], "valid": found[first:second], "test": found[second:]}), encoding="utf-8")
