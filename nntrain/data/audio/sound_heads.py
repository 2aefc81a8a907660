"""A look at the first sound that a column of a table names: its sample rate tells how many steps a sound of some seconds has."""

from __future__ import annotations

from dataclasses import replace

from nntrain.data.audio.wave_header import HEADER_BYTES, SoundHead, wave_head
from nntrain.data.file_store import FileStore
from nntrain.data.header import Header, HeaderColumn
from nntrain.errors import DataError


def with_sounds(header: Header, store: FileStore) -> Header:
    """A header with a look at the sounds that its columns name; the store is the folder of the file."""
    return replace(header, columns=tuple(looked_at(column, store) for column in header.columns))


def looked_at(column: HeaderColumn, store: FileStore) -> HeaderColumn:
    """A column with a look at the first sound that it names, where it names sounds."""
    names = column.first_sounds
    if not names:
        return column
    try:
        return replace(column, sound=wave_head(names[0], store.read(names[0], HEADER_BYTES)))
    except DataError as error:
        return replace(column, sound=SoundHead(names[0], fault=error.message))
