"""Tables of every type of column, read in memory and a block at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nntrain.data.blockwise import preparing, store
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings

ROWS = 400


def frame(rows: int = ROWS) -> pl.DataFrame:
    """Numbers, words, dates, labels and texts, some of them missing, and two targets."""
    draws = np.random.default_rng(0)
    small = draws.normal(5, 2, rows)
    days = [
        f"{year}-{month:02}-{day:02}"
        for year, month, day in zip(*draws.integers([[2020], [1], [1]], [[2024], [13], [29]], (3, rows)), strict=True)
    ]
    words = np.array(["red", "green", "blue", "rare one"])[draws.choice(4, rows, p=[0.4, 0.4, 0.19, 0.01])]
    told = [" ".join(draws.choice(["one", "two", "three", "four", "five", "six"], 6)) for _ in range(rows)]
    return pl.DataFrame(
        {
            "small": [None if row % 17 == 3 else round(float(value), 6) for row, value in enumerate(small)],
            "wide": np.exp(draws.normal(0, 2, rows)).round(6),
            "count": draws.integers(0, 1000, rows),
            "constant": np.full(rows, 0.1),
            "still": np.full(rows, 7.0),
            "first": draws.normal(0, 1, rows).round(6),
            "second": draws.normal(9, 3, rows).round(6),
            "color": [None if row % 31 == 5 else str(word) for row, word in enumerate(words)],
            "grade": draws.integers(1, 5, rows),
            "day": days,
            "answer": np.array(["yes", "no"])[draws.integers(0, 2, rows)],
            "labels": ["|".join(sorted(set(draws.choice(["a", "b", "c"], 2)))) for _ in range(rows)],
            "told": told,
            "part": np.array(["train", "validation", "test"])[draws.choice(3, rows, p=[0.6, 0.2, 0.2])],
            "house": draws.integers(0, 40, rows),
            "kind": np.array(["x", "y", "z"])[(small > 5).astype(int) + (small > 7)],
            "size": (small * 3 + 1).round(5),
        }
    )


FIELDS: Mapping[str, Any] = {
    "small": "number",
    "wide": {"type": "number", "normalize": "log"},
    "count": {"type": "number", "normalize": "robust", "missing": "median"},
    "constant": "number",
    "still": {"type": "number", "normalize": "robust"},
    "pair": {"type": "vector", "columns": ["first", "second"], "normalize": "minmax"},
    "color": {"type": "category", "min_count": 3},
    "grade": "ordinal",
    "day": "date",
    "answer": "boolean",
    "labels": "multi_label",
    "part": {"role": "ignore"},
    "house": {"role": "ignore"},
    "told": {"role": "ignore"},
}


def write(folder: Path, kind: str, table: pl.DataFrame | None = None) -> Path:
    """A file of a kind; `table.csv`, `table.parquet` or `table.jsonl`."""
    path = folder / f"table.{kind}"
    table = frame() if table is None else table
    match kind:
        case "csv":
            table.write_csv(path)
        case "parquet":
            table.write_parquet(path, row_group_size=90)
        case _:
            table.write_ndjson(path)
    return path


def prepared(path: Path, **data: Any) -> Prepared:
    """The rows of a file; fields as `FIELDS` has them where nothing else is said."""
    data = {"target": "kind", "fields": {**FIELDS, "size": {"role": "ignore"}}, **data}
    return prepare(DataSettings.parse({"source": path.name, **data}), path.parent, seed=3)


def both(path: Path, **data: Any) -> tuple[Prepared, Prepared]:
    """In memory, and a block at a time."""
    return prepared(path, **data), prepared(path, streaming=True, **data)


def small_blocks(monkeypatch: pytest.MonkeyPatch, size: int = 6_000, stretch: int = 8_000) -> None:
    """Blocks of some dozen rows, of which some are shuffled together."""
    monkeypatch.setattr(preparing, "BLOCK_BYTES", size)
    monkeypatch.setattr(store, "STRETCH_BYTES", stretch)
