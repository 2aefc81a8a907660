"""Tables as text: comma-separated and the like."""

from __future__ import annotations

from typing import ClassVar, Literal

from nntrain.data.sources.source import Source


class Csv(Source):
    """A table as text. What is left out of the dialect is found from the file, and printed."""

    main: ClassVar[str | None] = "path"

    type: Literal["csv"] = "csv"
    path: str
    """The file, counted from the config's folder. Its rows are the training rows, and what is split off them."""
    validation: str | None = None
    """File with the validation rows, where they are given."""
    test: str | None = None
    """File with the test rows, where they are given."""
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    """What separates columns. Default: found from the first lines."""
    decimal: Literal[".", ","] | None = None
    """Decimal mark of numbers. Default: a point, or a comma where the numbers of the file show it."""
    encoding: Literal["utf-8", "utf-16", "latin-1", "cp1252"] | None = None
    """How the text is encoded. Default: utf-8, with or without a byte order mark."""
    header: bool = True
    """Whether the first line holds the names of the columns."""
    columns: tuple[str, ...] | None = None
    """Names of the columns of a file without header. Default: column_1, column_2, …"""
    missing: tuple[str, ...] = ("", "NA", "N/A", "NaN", "nan", "null", "?")
    """Cells that hold no value."""
