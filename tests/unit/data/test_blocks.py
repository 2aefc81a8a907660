"""A file that is read block by block is the file: rows, types, lines, marks, and every fault that is told."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import random
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from test_awkward_tables import BAD, GOOD, Bad, Good

from nntrain.data import csv_pieces
from nntrain.data.blocks import Blocks
from nntrain.data.csv_reading import text_blocks
from nntrain.data.json_reading import json_blocks
from nntrain.data.parquet_reading import parquet_blocks
from nntrain.data.reading import read_blocks
from nntrain.data.scaling import read_matrix
from nntrain.data.settings import DataSettings
from nntrain.data.sources.csv import Csv
from nntrain.data.sources.jsonl import JsonLines
from nntrain.data.sources.parquet import Parquet
from nntrain.data.table import Table
from nntrain.errors import DataError

SIZES = (1, 17, 10_000)


def joined(blocks: Blocks) -> tuple[dict[str, Any], Any, list[Table]]:
    """The columns and lines of all blocks, one after another."""
    parts = [blocks.read(block) for block in reversed(range(len(blocks)))][::-1]  # each by itself, in any order
    columns = {name: _concatenated([part.columns[name] for part in parts]) for name in parts[0].columns}
    lines = None if parts[0].lines is None else _concatenated([part.lines for part in parts])
    return columns, lines, parts


def _concatenated(parts: list[Any]) -> Any:
    return pl.concat(parts) if isinstance(parts[0], pl.Series) else np.concatenate(parts)


def assert_same(blocks: Blocks, whole: Table) -> None:
    columns, lines, parts = joined(blocks)
    assert blocks.rows == whole.rows == sum(part.rows for part in parts)
    assert list(columns) == list(whole.columns) == list(blocks.frame.columns)
    for name, column in whole.columns.items():
        assert type(columns[name]) is type(column)
        assert blocks.frame.columns[name].dtype == column.dtype == columns[name].dtype
        assert columns[name].shape == column.shape
        np.testing.assert_array_equal(np.asarray(columns[name]), np.asarray(column))
    if whole.lines is not None:
        np.testing.assert_array_equal(lines, whole.lines)
    for part, first in zip(parts, blocks.starts, strict=False):
        assert part.place(0) == whole.place(first)
        facts = ("name", "missing", "numerals", "delimiter", "dialect", "date_format", "notes")
        assert [getattr(part, fact) for fact in facts] == [getattr(whole, fact) for fact in facts]
    one = next(iter(whole.columns))
    assert list(blocks.read(len(blocks) - 1, [one]).columns) == [one]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("table", GOOD, ids=lambda table: table.what)
def test_blocks_of_awkward_tables_are_the_table(tmp_path: Path, table: Good, size: int) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(table.text.encode(table.encoding))
    source = Csv.parse({"type": "csv", "path": "t.csv", **table.options})
    size = max(size, len(table.text) // 50)
    assert_same(text_blocks(path, source, "t.csv", size), source.read(path, "t.csv"))


@pytest.mark.parametrize("table", BAD, ids=lambda table: table.what)
def test_faults_are_told_as_of_the_whole_file(tmp_path: Path, table: Bad) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(table.text.encode(table.encoding))
    source = Csv.parse({"type": "csv", "path": "t.csv", **table.options})
    for size in SIZES:
        with pytest.raises(DataError) as caught:
            text_blocks(path, source, "t.csv", size)
        assert table.message in caught.value.message
        assert table.hint in (caught.value.hint or "")


def test_packed_files_are_cut_as_well(tmp_path: Path) -> None:
    text = "a;b\n" + "".join(f"{row},5;x{row}\n" for row in range(500))
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("t.csv", text)
    for name, content in (("t.csv.gz", gzip.compress(text.encode())), ("t.zip", zipped.getvalue())):
        (tmp_path / name).write_bytes(content)
        source = Csv(path=name)
        blocks = text_blocks(tmp_path / name, source, name, 700)
        assert len(blocks) > 5
        assert_same(blocks, source.read(tmp_path / name, name))


LINES = [
    "1;x;2,5",
    '2;"a;b";3',
    '3;"two\nlines";4',
    "",
    "# note",
    "  ",
    '4;"say ""so""";1.234,5',
    "5;é\u2028;-",
    ";;",
    "6;k.A.;7,25",
    "\ufeff7;y;8",
]


def _never(*piece: Any) -> None:
    """No piece is plain."""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "latin-1"])
def test_any_mixture_of_lines_is_cut_alike(tmp_path: Path, encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain stretches, which are cut by polars, between quotes, comments and blank lines, which are not."""
    draw = random.Random(encoding)
    monkeypatch.setattr(csv_pieces, "MIN_PLAIN", 1)
    path = tmp_path / "t.csv"
    careful = csv_pieces.plain_cells
    for trial in range(3):
        end = draw.choice(["\n", "\r\n", "\r"])
        plain = [f"{row};w{row};{row % 7},5" for row in range(60)]
        odd = [line for line in LINES if encoding != "latin-1" or line.isascii()]
        rows = [
            *plain[:40],
            *draw.choices(odd, k=25),
            *plain[40:],
            *draw.choices([*odd, *plain], k=60),
            *draw.choices(["Summe;1;2", ""], k=trial % 2),
        ]
        path.write_bytes((end.join(["# made by x", "n;word;v", *rows]) + draw.choice(["", end])).encode(encoding))
        source = Csv.parse({"type": "csv", "path": "t.csv", **({"encoding": "latin-1"} if encoding == "latin-1" else {})})
        monkeypatch.setattr(csv_pieces, "plain_cells", _never)
        whole = source.read(path, "t.csv")
        monkeypatch.setattr(csv_pieces, "plain_cells", careful)
        assert_same(text_blocks(path, source, "t.csv", draw.randint(1, 400)), whole)


def test_what_only_all_cells_show_is_found_whatever_the_blocks(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    texts = {
        "point": "a;b\n" + "1.234;x\n" * 3000 + "2,5;y\n",
        "comma": 'a,b\n"1,234",x\n' + '"2,345",y\n' * 2000 + '"1,234,567",z\n',
        "words": "a;b\n" + "x y;1\n" * 900 + "3.5 m;2\n" * 10,
        "plain": "a;b\n" + "1.25;1e-5\n" * 1500 + "x;y\n",
    }
    for text in texts.values():
        path.write_text(text, encoding="utf-8")
        source = Csv(path="t.csv")
        whole = source.read(path, "t.csv")
        for size in (1_500, 7_000):
            assert text_blocks(path, source, "t.csv", size).frame.numerals == whole.numerals


def _in_blocks(path: Path, name: str) -> Table:
    return text_blocks(path, Csv(path="t.csv"), name, 20_000).frame


def test_zero_bytes_and_damage_far_from_the_head_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    head = b"a,b\n" + b"1,xyz\n" * 12_000
    for fault, message in (
        (b"1,\0\n", "line 12002: b holds a zero byte"),
        (b"1,\xe4\n", "line 12002 is not utf-8"),
        (b"1\n", "line 12002 has 1 cell"),
    ):
        path.write_bytes(head + fault + b"2,x\n" * 30)
        for reading in (Csv(path="t.csv").read, _in_blocks):
            with pytest.raises(DataError, match=message):
                reading(path, "t.csv")


RECORDS: list[list[dict[str, Any]]] = [
    [{"a": 1, "v": [1, 2]}, {"a": "x", "v": [1.5, 2]}, {"b": True, "v": [3, 4], "a": None}],
    [{"w": ["x", "y"]}, {"w": []}, {"a": 2.0}, {"w": ["z"]}],
    [{"m": [[1, 2], [3, 4]], "n": 1}, {"m": [[5, 6], [7, 8]]}],
    [{"e": []}, {"e": []}],
]


@pytest.mark.parametrize("records", RECORDS)
def test_blocks_of_json_lines_are_the_file(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("\n\n".join(json.dumps(record) for record in records) + "\n", encoding="utf-8")
    source = JsonLines(path="t.jsonl")
    for size in (1, 30, 1000):
        assert_same(json_blocks(path, source, "t.jsonl", size), source.read(path, "t.jsonl"))


@pytest.mark.parametrize(
    "records",
    [
        [{"w": ["x"]}, {"w": ["a b"]}],
        [{"v": [1, 2]}, {"v": [1]}],
        [{"v": [1, 2]}, {"v": None}],
        [{"v": [1, 2]}, {"a": 1}, {"v": 3}],
        [{"v": [[1], [2, 3]]}],
        [{"w": ["x"]}, {"w": 1}],
    ],
)
def test_json_lines_that_do_not_go_together_are_told_alike(tmp_path: Path, records: list[dict[str, Any]]) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    source = JsonLines(path="t.jsonl")
    with pytest.raises(DataError) as whole:
        source.read(path, "t.jsonl")
    with pytest.raises(DataError) as blocks:
        json_blocks(path, source, "t.jsonl", 1)
    assert str(blocks.value) == str(whole.value)


def test_blocks_of_parquet_are_the_file_whatever_its_row_groups(tmp_path: Path) -> None:
    rows = 1000
    frame = pl.DataFrame(
        {
            "whole": pl.Series(range(rows), dtype=pl.Int32),
            "gaps": pl.Series([None if row == 990 else row for row in range(rows)], dtype=pl.Int64),
            "float": pl.Series([row / 3 for row in range(rows)], dtype=pl.Float32),
            "float_gaps": pl.Series([None if row == 5 else row / 3 for row in range(rows)], dtype=pl.Float32),
            "word": pl.Series([f"w{row % 5}" for row in range(rows)]),
            "ok": pl.Series([None if row == 700 else row % 2 == 0 for row in range(rows)]),
            "v": pl.Series([[row, row + 1] for row in range(rows)]),
            "price": pl.Series([f"{row}.25" for row in range(rows)]).cast(pl.Decimal(10, 2)),
            "raw": pl.Series([b"x"] * rows),
        }
    )
    source = Parquet(path="t.parquet")
    for group in (64, 333, rows):
        frame.write_parquet(tmp_path / "t.parquet", row_group_size=group)
        blocks = parquet_blocks(tmp_path / "t.parquet", source, "t.parquet", 9_000)
        assert len(blocks) > 5
        assert_same(blocks, source.read(tmp_path / "t.parquet", "t.parquet"))
    assert blocks.read(3).place(2) == f"row {blocks.starts[3] + 2}"


def test_lists_of_another_length_far_from_the_head_are_named(tmp_path: Path) -> None:
    pl.DataFrame({"v": [[1, 2]] * 3000 + [[1, 2, 3]] * 3000}).write_parquet(tmp_path / "t.parquet")
    blocks = parquet_blocks(tmp_path / "t.parquet", Parquet(path="t.parquet"), "t.parquet", 24_000)
    with pytest.raises(DataError, match="v holds lists of different lengths"):
        list(blocks)


def test_blocks_travel_to_other_processes_and_notice_changed_files(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    path.write_bytes(gzip.compress(("a,b\n" + "1,x\n" * 4000).encode()))
    blocks = read_blocks(DataSettings.parse({"source": {"type": "csv", "path": "t.csv"}}), path, 1000)
    blocks.read(5)
    again = pickle.loads(pickle.dumps(blocks))
    assert again.read(3).texts("b").to_list() == blocks.read(3).texts("b").to_list()
    path.write_bytes(gzip.compress(b"a,b\n1,x\n"))
    with pytest.raises(DataError, match=r"t\.csv\.gz was changed while it was read"):
        pickle.loads(pickle.dumps(blocks)).read(7)


def test_spans_of_time_in_parquet_are_left_out_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    spans = pl.Series("span", [1, 2] * 50, dtype=pl.Duration("us"))
    pl.DataFrame([pl.Series("a", range(100)), spans]).write_parquet(path)
    source = Parquet(path="t.parquet")
    assert [column.name for column in source.peek(path, "t.parquet").columns] == ["a"]
    for table in (source.read(path, "t.parquet"), parquet_blocks(path, source, "t.parquet", 100).read(0)):
        assert list(table.columns) == ["a"]
        assert "left out: span (Duration" in table.notes[0]


def test_faults_in_a_block_are_placed_in_the_file(tmp_path: Path) -> None:
    values = [1.0] * 300
    values[250] = float("inf")
    pl.DataFrame({"a": values, "v": [[value, 1.0] for value in values], "t": ["x"] * 300}).write_parquet(tmp_path / "t.parquet")
    blocks = parquet_blocks(tmp_path / "t.parquet", Parquet(path="t.parquet"), "t.parquet", 2000)
    block = next(number for number, start in enumerate(blocks.starts) if start > 250) - 1
    assert block
    table = blocks.read(block)
    for read in (lambda: table.numbers("a"), lambda: read_matrix(table, ("v",))):
        with pytest.raises(DataError, match="infinity, first in row 250"):
            read()
    first, end = blocks.starts[block : block + 2]
    with pytest.raises(DataError, match=f"{end - first} of {end - first} values in rows {first} to {end - 1} are not: row {first} 'x'"):
        table.numbers("t")
