"""Made-up tables as files: text, JSON lines, Parquet, workbooks, arrays."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nntrain.errors import DataError

if TYPE_CHECKING:
    from nntrain.data.fake.columns import Values
    from nntrain.data.sources.csv import Csv
    from nntrain.data.sources.excel import Excel


def write_text(path: Path, source: Csv, columns: Mapping[str, Values]) -> None:
    """A text table in the dialect of the settings, packed where the path says so."""
    delimiter = source.delimiter or (";" if source.decimal == "," else ",")
    decimal = source.numerals.decimal

    def cell(value: Any) -> str:
        text = str(value).replace(".", decimal) if isinstance(value, float) else str(value)
        return f'"{text}"' if delimiter in text else text

    lines = [delimiter.join(map(cell, row)) for row in zip(*columns.values(), strict=True)]
    if source.header is not False:
        above = ["a title"] * (int(source.header) - 1)
        units = [delimiter.join(["unit"] * len(columns))] * (source.skip_after_header or 0)
        lines = [*above, delimiter.join(map(cell, columns)), *units, *lines]
    lines += ["a note"] * (source.skip_footer or 0)
    content = ("\n".join(lines) + "\n").encode(source.encoding or "utf-8")
    _write_packed(path, content, "table.csv")


def write_lines(path: Path, columns: Mapping[str, Values]) -> None:
    """Records as JSON, one a line, packed where the path says so."""
    plain = {name: values.tolist() if isinstance(values, np.ndarray) else values for name, values in columns.items()}
    records = (json.dumps(dict(zip(plain, row, strict=True)), ensure_ascii=False) for row in zip(*plain.values(), strict=True))
    _write_packed(path, ("\n".join(records) + "\n").encode(), "table.jsonl")


def write_parquet(path: Path, columns: Mapping[str, Values]) -> None:
    """A Parquet file."""
    import polars as pl

    series = [pl.Series(name, values.tolist() if isinstance(values, np.ndarray) else values) for name, values in columns.items()]
    pl.DataFrame(series).write_parquet(path)


def write_workbook(path: Path, source: Excel, columns: Mapping[str, Values]) -> None:
    """A workbook. Raises `DataError` where the package that writes such is not installed."""
    try:
        from openpyxl import Workbook
    except ImportError:
        raise DataError("workbooks need the extra excel", "pip install 'nntrain[excel]'") from None
    book = Workbook()
    book.remove(book.worksheets[0])
    names = [source.sheet] if isinstance(source.sheet, str) else [f"sheet {number + 1}" for number in range(source.sheet)]
    sheet: Any = [book.create_sheet(name) for name in names][-1]
    if source.header is not False:
        for row in [*[["a title"]] * (int(source.header) - 1), list(columns), *[["unit"] * len(columns)] * (source.skip_after_header or 0)]:
            sheet.append(row)
    for row in zip(*columns.values(), strict=True):
        sheet.append(list(row))
    for _ in range(source.skip_footer or 0):
        sheet.append(["a note"])
    book.save(path)


def write_arrays(path: Path, columns: Mapping[str, Values]) -> None:
    """A `.npz` file."""
    np.savez(path, allow_pickle=False, **{name: np.asarray(values) for name, values in columns.items()})


def _write_packed(path: Path, content: bytes, inner: str) -> None:
    """Content as it is, or in a `.gz` or `.zip` file."""
    if path.suffix.lower() == ".gz":
        content = gzip.compress(content, mtime=0)
    elif path.suffix.lower() == ".zip":
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(inner, content)
        content = packed.getvalue()
    path.write_bytes(content)
