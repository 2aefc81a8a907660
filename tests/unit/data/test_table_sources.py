"""Parquet, JSON lines and Excel: the same rows, whatever the file."""

from __future__ import annotations

import gzip
import json

import numpy as np
import polars as pl
import pytest

from nntrain.data import facts
from nntrain.data.reading import read_file
from nntrain.data.settings import DataSettings
from nntrain.data.sources.csv import Csv
from nntrain.data.sources.excel import Excel
from nntrain.data.sources.jsonl import JsonLines
from nntrain.data.sources.parquet import Parquet
from nntrain.errors import DataError

ROWS = [
    {"id": "007", "age": 41, "size": 1.5, "ok": True, "day": "2024-01-31", "v": [1.0, 2.0]},
    {"id": "010", "age": None, "size": 2.0, "ok": False, "day": None, "v": [3.0, 4.0]},
    {"id": "011", "age": 7, "size": None, "ok": None, "day": "2024-02-01", "v": [5.0, 6.0]},
]


def parquet(folder):
    pl.DataFrame(ROWS).with_columns(pl.col("day").str.to_date()).write_parquet(folder / "t.parquet")
    return Parquet(path="t.parquet"), folder / "t.parquet"


def json_lines(folder):
    text = "\n".join(json.dumps({key: value for key, value in row.items() if value is not None}) for row in ROWS) + "\n"
    (folder / "t.jsonl").write_text(text, encoding="utf-8")
    return JsonLines(path="t.jsonl"), folder / "t.jsonl"


def packed_json_lines(folder):
    _, path = json_lines(folder)
    (folder / "t.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    return JsonLines(path="t.jsonl.gz"), folder / "t.jsonl.gz"


@pytest.mark.parametrize("make", [parquet, json_lines, packed_json_lines])
def test_the_same_rows(tmp_path, make):
    source, path = make(tmp_path)
    table, head = source.read(path, path.name), source.peek(path, path.name)
    assert head.names == tuple(table.columns) == tuple(ROWS[0])
    assert head.rows == table.rows == 3
    assert table.texts("id").to_list() == ["007", "010", "011"]
    assert table.texts("ok").to_list() == ["true", "false", None]
    assert table.texts("day").to_list() == ["2024-01-31", None, "2024-02-01"]
    np.testing.assert_array_equal(table.numbers("age"), [41, np.nan, 7])
    np.testing.assert_array_equal(table.numbers("size"), [1.5, 2.0, np.nan])
    assert table.texts("age").to_list() == ["41", None, "7"]
    assert table.column("v").tolist() == [[1, 2], [3, 4], [5, 6]]
    assert head.column("v").shape == (2,)
    assert head.column("id").facts.has_leading_zeros
    assert head.column("day").facts.date_format == "%Y-%m-%d"
    assert (head.column("age").facts.missing, head.column("age").facts.numbers) == (1, 2)


def test_numbers_and_words_of_a_parquet_file_keep_their_kinds(tmp_path):
    frame = pl.DataFrame(
        {
            "small": pl.Series([1, 2, 3], dtype=pl.UInt8),
            "word": pl.Series(["a", "b", "a"], dtype=pl.Categorical),
            "price": pl.Series(["1.50", "2.25", None]).cast(pl.Decimal(10, 2)),
            "time": pl.Series(["2024-01-01 10:30:00", "2024-01-02 00:00:00", None]).str.to_datetime(),
            "nan": [1.0, float("nan"), None],
        }
    )
    frame.write_parquet(tmp_path / "t.parquet")
    table = Parquet(path="t.parquet").read(tmp_path / "t.parquet", "t.parquet")
    assert table.numbers("small").tolist() == [1, 2, 3]
    assert table.texts("word").to_list() == ["a", "b", "a"]
    np.testing.assert_array_equal(table.numbers("price"), [1.5, 2.25, np.nan])
    np.testing.assert_array_equal(table.numbers("nan"), [1, np.nan, np.nan])
    head = Parquet(path="t.parquet").peek(tmp_path / "t.parquet", "t.parquet")
    assert head.column("time").facts.date_format is not None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1}\n{"a": 2\n', r"t\.jsonl: line 2 is no JSON"),
        ('[{"a": 1}]\n', r"t\.jsonl: line 1 is no JSON object"),
        ('{"a": {"b": 1}}\n', r"t\.jsonl: line 1: a is an object"),
        ("\n", r"t\.jsonl is empty"),
        ('\n{"a": 1}\n\n"x"\n', r"t\.jsonl: line 4 is no JSON object"),
    ],
)
def test_faults_of_json_lines_name_the_line(tmp_path, text, message):
    path = tmp_path / "t.jsonl"
    path.write_text(text, encoding="utf-8")
    for reading in (JsonLines(path="t.jsonl").peek, JsonLines(path="t.jsonl").read):
        with pytest.raises(DataError, match=message):
            reading(path, "t.jsonl")


def test_a_line_of_json_ends_with_a_line_feed_alone(tmp_path):
    words = ["a\u2028b", "c\x85d", "e\u2029f", "g"]
    path = tmp_path / "t.jsonl"
    lines = [*(json.dumps({"w": word}, ensure_ascii=False) for word in words), '{"w":\r"h"}']
    source = JsonLines(path="t.jsonl")
    for end in ("\n", "\r\n"):
        path.write_text(end.join(lines) + end, encoding="utf-8", newline="")
        table, head = source.read(path, "t.jsonl"), source.peek(path, "t.jsonl")
        assert table.texts("w").to_list() == [*words, "h"]
        assert (head.rows, head.column("w").facts.distinct) == (5, 5)
        assert table.places([4]) == "line 5"
    path.write_text("\n".join([*lines, "{"]), encoding="utf-8", newline="")
    for reading in (source.peek, source.read):
        with pytest.raises(DataError, match=r"t\.jsonl: line 6 is no JSON"):
            reading(path, "t.jsonl")


def test_the_head_of_long_json_lines_is_whole_records(tmp_path):
    path = tmp_path / "t.jsonl"
    record = json.dumps({"w": "x\u2028" * 30}, ensure_ascii=False) + "\n"
    path.write_text(record * 1200, encoding="utf-8", newline="")
    assert JsonLines(path="t.jsonl").peek(path, "t.jsonl").names == ("w",)


def test_a_cell_is_named_by_the_line_of_its_file(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text('{"a": 1}\n\n{"a": "x"}\n{"a": 3}\n', encoding="utf-8")
    with pytest.raises(DataError, match="line 3 'x'"):
        JsonLines(path="t.jsonl").read(path, "t.jsonl").numbers("a")


def test_columns_that_no_field_reads_are_left_out_by_name(tmp_path):
    pl.DataFrame({"a": [1, 2], "raw": [b"x", b"y"], "s": [{"u": 1}, {"u": 2}]}).write_parquet(tmp_path / "t.parquet")
    source = Parquet(path="t.parquet")
    table = source.read(tmp_path / "t.parquet", "t.parquet")
    assert list(table.columns) == ["a"] == list(source.peek(tmp_path / "t.parquet", "t.parquet").names)
    assert [note.split(" (")[0] for note in table.notes] == ["left out: raw", "left out: s"]


@pytest.mark.parametrize("content", [b"", b"PAR1 and no more", b"a,b\n1,2\n"])
def test_a_damaged_parquet_file_is_named(tmp_path, content):
    path = tmp_path / "t.parquet"
    path.write_bytes(content)
    for reading in (Parquet(path="t.parquet").peek, Parquet(path="t.parquet").read):
        with pytest.raises(DataError, match=r"t\.parquet is no Parquet file, or is damaged"):
            reading(path, "t.parquet")


def test_lists_of_different_lengths_are_refused(tmp_path):
    pl.DataFrame({"v": [[1.0], [1.0, 2.0]]}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match="v holds lists of different lengths"):
        Parquet(path="t.parquet").read(tmp_path / "t.parquet", "t.parquet")


def workbook(path, **sheets):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_a_sheet_is_read_like_a_text_table(tmp_path):
    from datetime import datetime

    rows = [
        ["Report of 2024"],
        [],
        [None, "name", "size", "plz", "day", "n"],
        [None, None, "cm", None, None, "kg"],
        [None, "a", 1.5, "01067", datetime(2024, 1, 31), 3],
        [None, "b", None, "10115", datetime(2024, 2, 1), 4.0],
        [None, "c", 2, "80331", None, True],
        [None, "Total", 3.5, None, None, 7],
    ]
    path = workbook(tmp_path / "t.xlsx", other=[["x"], [1]], data=rows)
    source = Excel(path="t.xlsx", sheet="data", header=3, skip_after_header=1)
    table = source.read(path, "t.xlsx")
    assert list(table.columns) == ["unnamed_1", "name", "size", "plz", "day", "n"] == list(source.peek(path, "t.xlsx").names)
    assert table.texts("name").to_list() == ["a", "b", "c"]
    np.testing.assert_array_equal(table.numbers("size"), [1.5, np.nan, 2])
    assert table.texts("plz").to_list() == ["01067", "10115", "80331"]
    assert table.texts("day").to_list() == ["2024-01-31", "2024-02-01", None]
    assert table.texts("n").to_list() == ["3", "4", "true"]
    assert [table.place(row) for row in range(3)] == ["line 5", "line 6", "line 7"]
    assert "set aside: line 8 ('Total')" in table.dialect
    assert list(Excel(path="t.xlsx").read(path, "t.xlsx").columns) == ["x"]


def test_titles_and_units_of_a_sheet_are_found(tmp_path):
    rows = [["Report"], [], ["name", "size"], [None, "cm"], ["a", 1], ["b", 2], ["c", 3], ["d", 4]]
    path = workbook(tmp_path / "t.xlsx", data=rows)
    table = Excel(path="t.xlsx").read(path, "t.xlsx")
    assert table.dialect == "sheet 'data', header in line 3, units below it ('cm')"
    assert table.numbers("size").tolist() == [1, 2, 3, 4]


def test_faults_of_workbooks(tmp_path):
    path = workbook(tmp_path / "t.xlsx", data=[["a"], [1]], empty=[])
    with pytest.raises(DataError, match=r"no sheet 'dat'"):
        Excel(path="t.xlsx", sheet="dat").peek(path, "t.xlsx")
    with pytest.raises(DataError, match=r"no sheet 3"):
        Excel(path="t.xlsx", sheet=3).peek(path, "t.xlsx")
    with pytest.raises(DataError, match=r"the sheet 'empty' is empty"):
        Excel(path="t.xlsx", sheet="empty").read(path, "t.xlsx")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=r"t\.xlsx is no \.xlsx file, or is damaged"):
        Excel(path="t.xlsx").peek(path, "t.xlsx")


def test_new_rows_may_come_in_another_kind_of_file_and_dialect(tmp_path):
    settings = DataSettings.parse({"source": {"type": "csv", "path": "t.csv", "decimal": ",", "delimiter": ";", "encoding": "latin-1"}})
    for name, content in {
        "a.csv": "ä;b\n1,5;x\n".encode("latin-1"),
        "b.csv": "ä,b\n1.5,x\n".encode(),
        "c.csv": 'ä,b\n"1,5",x\n'.encode("utf-8-sig"),
        "d.csv": "ä\tb\n1.5\tx\n".encode("utf-16"),
        "e.csv.gz": gzip.compress("ä;b\n1,5;x\n".encode()),
        "f.jsonl": '{"ä": 1.5, "b": "x"}\n'.encode(),
    }.items():
        (tmp_path / name).write_bytes(content)
        table = read_file(settings, tmp_path / name)
        assert table.numbers("ä").tolist() == [1.5], name
    (tmp_path / "g.csv").write_bytes("ä;b\n1,234;x\n".encode("latin-1"))
    assert read_file(settings, tmp_path / "g.csv").numbers("ä").tolist() == [1.234], "the marks of the run settle a doubt"


def test_the_training_file_settles_the_marks_of_the_others(tmp_path):
    from nntrain.data.layout import peek
    from nntrain.data.reading import read_tables

    (tmp_path / "train.csv").write_text("a;b\n1,5;x\n2,5;y\n", encoding="utf-8")
    (tmp_path / "test.csv").write_text("a;b\n1,234;x\n2;y\n", encoding="utf-8")
    (tmp_path / "own.csv").write_text("a,b\n1.25,x\n2,y\n", encoding="utf-8")
    settings = DataSettings.parse({"source": {"path": "train.csv", "test": "test.csv", "validation": "own.csv"}})
    tables = read_tables(settings, tmp_path)
    assert tables["test"].numbers("a").tolist() == [1.234, 2]
    assert tables["validation"].numbers("a").tolist() == [1.25, 2]
    assert set(peek(settings, tmp_path)) == {"train", "validation", "test"}
    with pytest.raises(DataError, match="two ways"):
        Csv(path="test.csv").read(tmp_path / "test.csv", "test.csv")


def test_columns_of_a_parquet_file_are_counted_when_they_are_asked_for(tmp_path, monkeypatch):
    pl.DataFrame({f"f{place}": [place, 1, 2] for place in range(30)} | {"label": ["a", "b", None]}).write_parquet(tmp_path / "t.parquet")
    counted = []
    real = facts.facts_of_series

    def counting(cells, *rest, **options):
        counted.append(cells.name)
        return real(cells, *rest, **options)

    monkeypatch.setattr(facts, "facts_of_series", counting)
    header = Parquet(path="t.parquet").peek(tmp_path / "t.parquet", "t.parquet")
    assert counted == []
    assert [header.column("label").facts.missing, header.column("label").facts.distinct] == [1, 2]
    assert counted == ["label"]


def test_a_star_in_the_path_of_a_table_leads_to_what_joins_its_parts(tmp_path):
    for part in range(3):
        pl.DataFrame({"x": [part], "y": [part]}).write_parquet(tmp_path / f"p{part}.parquet")
    with pytest.raises(DataError, match=r"no file .*\*\.parquet") as told:
        Parquet(path="*.parquet").files(tmp_path)
    assert told.value.hint is not None
    assert "a table is one file" in told.value.hint
    assert "scan_parquet('parts/*.parquet').sink_parquet('all.parquet')" in told.value.hint
    pl.scan_parquet(tmp_path / "*.parquet").sink_parquet(tmp_path / "all.parquet")
    assert Parquet(path="all.parquet").read(tmp_path / "all.parquet", "all").columns["x"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="no file or folder") as told:
        DataSettings.parse({"source": {"type": "image_folder", "path": "photos/*"}}).source.files(tmp_path)
    assert told.value.hint is not None
    assert "type: files" in told.value.hint
