"""Rows that a program gives: `nntrain.fit(config, data=frame)`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from pydantic import PrivateAttr

from nntrain.data.header import Header
from nntrain.data.sources.source import Part, Source
from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.table import Table

NAME: Final = "rows"
"""What such rows are called in messages, where a file has its name."""


class Rows(Source):
    """Rows that a program gives: `nntrain.fit(config, data=frame)`; None, NaN and empty text are missing values.

    A run keeps their fingerprint and not the rows: they are given again to resume it, `nntrain.fit(resume=run, data=frame)`, and to
    measure it on some, `nntrain.evaluate(run, data=frame)`.
    """

    type: Literal["rows"] = "rows"

    _table: Table | None = PrivateAttr(default=None)

    def holding(self, table: Table) -> Rows:
        """The source with its rows."""
        made = self.model_copy()
        made._table = table
        return made

    def written_paths(self) -> Mapping[Part, str]:
        """A name that is no file's."""
        return {"train": NAME}

    def files(self, folder: Path) -> dict[Part, Path]:
        """The folder that file names in cells count from."""
        return {"train": folder / NAME}

    def peek(self, path: Path, name: str) -> Header:
        """Names, types and facts of all columns. Raises `DataError` where the rows are not there."""
        from dataclasses import replace

        import numpy as np

        from nntrain.data.facts import facts_of_series
        from nntrain.data.reading import header_of

        table = self.read(path, name)
        header = header_of(table)
        every = np.arange(table.rows)
        columns = [
            column if column.shape else replace(column, counts=facts_of_series(table.texts(column.name), every, table.numerals))
            for column in header.columns
        ]
        return replace(header, columns=tuple(columns))

    def read(self, path: Path, name: str) -> Table:
        """The rows. Raises `DataError` where they are not there."""
        if self._table is None:
            raise DataError(
                "data.source: type rows: the rows came from a program, and only their fingerprint is kept",
                "give them again: nntrain.fit(config, data=rows), nntrain.fit(resume=run, data=rows), nntrain.evaluate(run, data=rows); "
                "or a file: nntrain eval RUN --data FILE",
            )
        return self._table

    def fingerprint(self, path: Path) -> str:
        """Names and cells of all columns, hashed. Raises `DataError` where the rows are not there."""
        from nntrain.data.fingerprint import fingerprint_table

        return fingerprint_table(self.read(path, NAME))
