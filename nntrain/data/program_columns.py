"""Values that a program has, as columns of a table: text as a file would have it, or arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from nntrain.data.facts import quoted
from nntrain.data.numerals import Numerals
from nntrain.errors import DataError

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.table import Column


def column_of(file: str, name: str, cells: Sequence[object], numerals: Numerals) -> Column:
    """Values of a program as a column of text, lists of numbers as an array."""
    import numpy as np
    import polars as pl

    joined = joined_tokens(file, name, cells)
    if joined is not None:
        return pl.Series(name, joined, dtype=pl.String)
    if not any(isinstance(cell, (list, tuple, np.ndarray)) for cell in cells):
        return text_column(name, cells, numerals)
    try:
        return np.stack([np.asarray(cell) for cell in cells])
    except ValueError:
        raise one_shape(file, name) from None


def text_column(name: str, cells: Sequence[object], numerals: Numerals) -> pl.Series:
    """Single values of a program as a column of text."""
    import polars as pl

    return pl.Series(name, [_text_of(cell, numerals) for cell in cells], dtype=pl.String)


def one_shape(file: str, name: str) -> DataError:
    """What to say of a column whose rows have arrays of different shapes."""
    return DataError(f"{file}: {name} should have an array of one shape in each row")


def bad_token(file: str, name: str, row: int, token: str) -> DataError:
    """What to say of a list of texts of which one is no token."""
    message = f"{file}: row {row}: {name}: {quoted(token)} is no token: it is empty or has a blank inside"
    return DataError(message, "join its parts: New_York")


def joined_tokens(file: str, name: str, cells: Sequence[object]) -> list[str | None] | None:
    """Lists of texts, such as the tokens of a sentence, as texts with blanks between them, which the tokenizer `space` cuts again.

    Returns:
        A text for each cell, `None` for a missing one; `None` where the cells are no lists of texts.

    Raises:
        DataError: A text of a list has a blank inside.
    """
    lists = [cast("list[object]", cell) for cell in cells if cell is not None and isinstance(cell, list)]
    if not any(lists) or not all(isinstance(cell, list) or cell is None for cell in cells):
        return None
    if not all(isinstance(token, str) for tokens in lists for token in tokens):
        return None
    for row, tokens in enumerate(cells):
        bad = next((token for token in cast("list[str]", tokens or []) if token.split() != [token]), None)
        if bad is not None:
            raise bad_token(file, name, row, bad)
    return [None if tokens is None else " ".join(cast("list[str]", tokens)) for tokens in cells]


def _text_of(cell: object, numerals: Numerals) -> str | None:
    """A value as a file would have it: `1` for 1.0, as whole numbers have no point; `None` for a missing one."""
    import numpy as np

    value = cast("object", cell.item()) if isinstance(cell, np.generic) else cell
    if value is None or type(value).__name__ == "NAType" or value != value:  # NaN and NaT differ from themselves
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value).replace(".", numerals.decimal)
    return str(value)
