"""A look at the first sound that a column of a table names: its sample rate tells how many steps a sound of some seconds has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePosixPath

from nntrain.data.audio.wave_header import HEADER_BYTES, SOUND_SUFFIXES, SoundHead, wave_head
from nntrain.data.file_store import FileStore
from nntrain.data.header import Header, HeaderColumn
from nntrain.errors import DataError


def with_sounds(header: Header, folder: Path) -> Header:
    """A header with a look at the sounds that its columns name; `folder` is that of the file."""
    if not any(map(_names, header.columns)):
        return header
    return replace(header, columns=tuple(_looked_at(column, folder) for column in header.columns))


def _looked_at(column: HeaderColumn, folder: Path) -> HeaderColumn:
    names = _names(column)
    if not names:
        return column
    try:
        return replace(column, sound=wave_head(names[0], FileStore(folder).read(names[0], HEADER_BYTES)))
    except DataError as error:
        return replace(column, sound=SoundHead(names[0], fault=error.message))


def _names(column: HeaderColumn) -> tuple[str, ...]:
    """The first different cells, where all of them are names of sounds."""
    names = () if column.kind != "text" or column.facts is None or column.facts.numbers else column.facts.others
    return names if all(PurePosixPath(name).suffix.lower() in SOUND_SUFFIXES for name in names) else ()
