import csv
from io import StringIO

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nntrain.data.csv_reading import read_table
from nntrain.data.dialect import look
from nntrain.data.numerals import POINT, Numerals
from nntrain.data.settings import DataSettings
from nntrain.data.sources.csv import Csv
from nntrain.data.table import Table
from nntrain.errors import DataError


def read(tmp_path, text, *, encoding="utf-8", **options):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode(encoding))
    source = Csv.parse({"type": "csv", "path": "t.csv", **options})
    source.peek(path, "t.csv")
    return source.read(path, "t.csv")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\x00\r", exclude_categories=("Cs",)), max_size=6)


@given(rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8))
def test_cells_come_back_as_they_were_written(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("cells") / "t.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerows([["a", "b", "c"], *rows])
    table = Csv(path="t.csv", delimiter=",").read(path, "t.csv")
    assert [list(row) for row in zip(*(table.columns[name].to_list() for name in "abc"), strict=True)] == rows


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("a,b\n1,2\n", ","),
        ("a;b\n1,5;2,5\n", ";"),
        ("a\tb\n1\t2\n", "\t"),
        ("a|b\n1|2\n", "|"),
        ("a b\n1\n", ","),
        ('a;b\n"x, y, z";1\n', ";"),
    ],
)
def test_the_delimiter_is_found(tmp_path, text, delimiter):
    assert read(tmp_path, text).delimiter == delimiter


def test_decimal_commas_are_found(tmp_path):
    table = read(tmp_path, "a;b\n1,5;2\n-2,25;3\n")
    assert table.numbers("a").tolist() == [1.5, -2.25]
    assert read(tmp_path, "a;b\n1,5;2.5\n").numerals.decimal == "."
    assert read(tmp_path, "a;b\n1.234,5;2\n", thousands=".").numbers("a").tolist() == [1234.5]


@pytest.mark.parametrize("text", ['a,b\n960,1\n"2,052",2\n"1,908",3\n', "a;b\n960;1\n2,052;2\n1,908;3\n"])
def test_commas_with_three_digits_after_them_are_a_doubt_and_no_guess(tmp_path, text):
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert caught.value.message == "t.csv: commas in numbers can be read in two ways: '2,052', '1,908'; is '2,052' 2052 or 2.052?"
    assert "data.source.thousands: ','   reads 2052" in caught.value.hint
    assert "data.source.decimal: ','   reads 2.052" in caught.value.hint
    assert read(tmp_path, text, thousands=",").numbers("a").tolist() == [960, 2052, 1908]
    assert read(tmp_path, text, decimal=",").numbers("a").tolist() == [960, 2.052, 1.908]
    assert read(tmp_path, text, decimal=".").texts("a").to_list() == ["960", "2,052", "1,908"]


def test_other_cells_settle_what_a_comma_is(tmp_path):
    assert read(tmp_path, "a;b\n1,234;2,5\n").numbers("a").tolist() == [1.234]
    assert read(tmp_path, "a;b\n1,234;0,512\n").numbers("a").tolist() == [1.234]
    assert read(tmp_path, 'a,b\n"1,234",2.5\n').numbers("a").tolist() == [1234]


def test_byte_order_marks_and_encodings(tmp_path):
    assert list(read(tmp_path, "Fläche,b\n1,2\n", encoding="utf-8-sig").columns) == ["Fläche", "b"]
    assert list(read(tmp_path, "Fläche,b\n1,2\n", encoding="utf-16").columns) == ["Fläche", "b"]
    path = tmp_path / "latin.csv"
    path.write_bytes("Fläche,b\n1,2\n".encode("latin-1"))
    assert list(Csv(path="latin.csv", encoding="latin-1").read(path, "latin.csv").columns) == ["Fläche", "b"]


def test_files_without_header(tmp_path):
    assert list(read(tmp_path, "1,2\n3,4\n", header=False).columns) == ["column_1", "column_2"]
    table = read(tmp_path, "1,2\n3,4\n", header=False, columns=["a", "b"])
    assert table.numbers("b").tolist() == [2, 4]
    assert table.place(1) == "line 2"


def test_missing_cells_and_blanks(tmp_path):
    table = read(tmp_path, "a,b\n 1 ,x\n NA,\n3, y \n")
    assert table.texts("b").to_list() == ["x", None, "y"]
    assert np.isnan(table.numbers("a")).tolist() == [False, True, False]
    assert table.columns["b"].to_list() == ["x", "", " y "]


def test_lines_are_counted_through_quotes_and_blank_lines(tmp_path):
    table = read(tmp_path, 'a,b\n1,"x\ny"\n\n2,z\n3,w\n')
    assert [table.place(row) for row in range(3)] == ["line 2", "line 5", "line 6"]
    assert table.places([0, 1]) == "lines 2, 5"


def test_unreadable_numbers_are_told_with_lines_and_what_they_may_be(tmp_path):
    rows = [f"{index},b" for index in range(100)]
    rows[75], rows[90], rows[95] = "unbek.,b", "?!,b", "41.5 m²,b"
    table = read(tmp_path, "Fläche,x\n" + "\n".join(rows) + "\n")
    with pytest.raises(DataError) as caught:
        table.numbers("Fläche")
    assert (
        caught.value.message
        == "t.csv: Fläche should be a number; 3 of 100 values are not: line 77 'unbek.', line 92 '?!', line 97 '41.5 m²'"
    )
    assert caught.value.hint == (
        "missing? data.source.missing: ['unbek.', '?!']   unit? data.fields.Fläche: {type: number, strip: ' m²'}   text? type: category"
    )
    rows[75] = rows[90] = "?,b"
    table = read(tmp_path, "Fläche,x\n" + "\n".join(rows) + "\n")
    assert table.numbers("Fläche", strip=" m²")[95] == 41.5


def test_other_marks_are_an_error_and_no_guess(tmp_path):
    table = read(tmp_path, "a;b\n1.234,5;2\n3,5;2\n", decimal=",")
    with pytest.raises(DataError, match=r"a should be a number; 1 of 2 values is not: line 2 '1\.234,5'") as caught:
        table.numbers("a")
    assert "data.source.thousands" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty"),
        ("\n\n", "t.csv is empty"),
        ("a,b\n", "t.csv has no rows below its header"),
        ("a,b\n1,2\n3,4,5\n", "t.csv: line 3 has 3 cells, line 1 has 2"),
        ("a,b\n1,2\n\n3\n", "t.csv: line 4 has 1 cell, line 1 has 2"),
        ('a,b\n1,2\n3,"x\n', "t.csv: line 3: a quote is never closed"),
        ("a,b,a\n1,2,3\n", "t.csv: line 1 names the columns 1 and 3 'a'"),
        ("a,b\0\n1,2\n", "t.csv is no text: it holds zero bytes"),
    ],
)
def test_broken_tables_name_the_line_at_the_first_look(tmp_path, text, message):
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        Csv(path="t.csv").peek(tmp_path / "t.csv", "t.csv")
    assert caught.value.message == message


def test_faults_beyond_the_first_look_name_the_line(tmp_path):
    head = "a,b\n" + "1,2\n" * 20_000
    long = "x" * 140_000
    for tail, message in [
        ("3\n", "line 20002 has 1 cell, line 1 has 2"),
        ('3,"x\n', "line 20002: a quote is never closed"),
        (f"3,{long}\n", "line 20002: a cell has more than 131,072 characters"),
        ("3,x\0y\n", "line 20002: b holds a zero byte"),
    ]:
        with pytest.raises(DataError) as caught:
            read(tmp_path, head + tail)
        assert caught.value.message == f"t.csv: {message}"
    for text in (f"a,b\n1,{long}\n", f"a,{long}\n1,2\n"):
        with pytest.raises(DataError, match=r"line [12]: a cell has more than 131,072 characters"):
            read(tmp_path, text)


def test_a_file_that_the_system_does_not_give_is_told(tmp_path, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OSError(5, "Input/output error")

    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    monkeypatch.setattr(type(path), "open", fail)
    for reading in (lambda: look(path, Csv(path="t.csv"), "t.csv"), lambda: read_table(path, Csv(path="t.csv"), "t.csv")):
        with pytest.raises(DataError) as caught:
            reading()
        assert caught.value.message == "t.csv cannot be read: Input/output error"


def test_a_byte_that_is_no_utf8_is_told_with_its_line(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b"a,b\n1,2\n" * 20_000 + "ä,2\n".encode("latin-1"))
    source = Csv(path="t.csv")
    source.peek(path, "t.csv")
    with pytest.raises(DataError, match=r"t\.csv: line 40001 is not utf-8: byte 0xe4"):
        source.read(path, "t.csv")


def test_options_that_contradict_one_another():
    for options in ({"columns": ["a"]}, {"decimal": ",", "thousands": ","}):
        with pytest.raises(ValueError, match=r"header: false|decimal and thousands"):
            Csv.parse({"type": "csv", "path": "t.csv", **options})


def test_predictions_are_written_beside_the_columns_as_they_were(tmp_path):
    table = read(tmp_path, 'a;b\n1,50;"x;y"\n NA;z\n')
    written = StringIO()
    table.write(written, {"prediction": ["p", "q"], "probability": [0.5, 0.25]})
    assert written.getvalue() == 'a;b;prediction;probability\n1,50;"x;y";p;0,5\n NA;z;q;0,25\n'
    assert table.numerals.decimal == ","


def test_a_path_alone_is_its_source():
    parsed = [DataSettings.parse({"source": source}).source for source in ("a.CSV", {"path": "a.tsv"}, {"csv": "a.dat"}, "x/y.npz")]
    assert [source.type for source in parsed] == ["csv", "csv", "csv", "arrays"]
    packed = [DataSettings.parse({"source": source}).source.type for source in ("a.csv.gz", "a.zip", "a.jsonl.gz", "a.pq", "a.xlsx")]
    assert packed == ["csv", "csv", "jsonl", "parquet", "excel"]
    with pytest.raises(ValueError, match=r"no source reads \.feather files"):
        DataSettings.parse({"source": "a.feather"})


def test_polars_types_nothing_by_itself(tmp_path):
    table = read(tmp_path, "a\n1\n2\n")
    assert table.columns["a"].dtype == pl.String


def test_a_header_longer_than_the_head_is_read_whole(tmp_path):
    names = [f"a_rather_long_name_of_column_{index}" for index in range(5_000)]
    table = read(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * 5_000) + "\n")
    assert list(table.columns) == names


class NAType:
    """Stands in for pandas' missing value: it compares to itself, and is neither true nor false."""

    __hash__ = object.__hash__

    def __ne__(self, other):
        return self

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")


def rows_of(missing=("", "NA"), numerals=POINT, **columns):
    return Table.of_cells(columns, frozenset(missing), numerals)


def test_cells_of_a_program_are_read_as_those_of_a_file():
    cells = [
        1,
        1.0,
        np.int64(1),
        np.float32(1),
        "1",
        " 1 ",
        None,
        float("nan"),
        np.float64("nan"),
        NAType(),
        np.datetime64("NaT"),
        "NA",
        "",
    ]
    found = rows_of(a=cells)
    assert found.texts("a").to_list() == ["1"] * 6 + [None] * 7
    assert found.place(2) == "row 2"
    np.testing.assert_array_equal(found.numbers("a"), [1.0] * 6 + [np.nan] * 7)
    assert rows_of(a=[True, np.False_, "yes"]).texts("a").to_list() == ["true", "false", "yes"]
    assert rows_of(missing=["-"], a=["-", "NA"]).texts("a").to_list() == [None, "NA"]


@pytest.mark.parametrize("numerals", [POINT, Numerals(","), Numerals(",", "."), Numerals(".", ",")])
def test_numbers_of_a_program_are_numbers_whatever_the_marks_of_the_file(numerals):
    values = [1.5, -0.0, 1e-7, 1e300, 123456.75, np.float64(0.1), 2**60]
    np.testing.assert_array_equal(rows_of(numerals=numerals, a=values).numbers("a"), np.array(values, dtype=np.float64))


def test_lists_and_arrays_in_cells_are_one_array():
    assert rows_of(a=[[1, 2], (3, 4)], b=["x", "y"]).column("a").tolist() == [[1, 2], [3, 4]]
    assert rows_of(a=[np.zeros((2, 3), np.uint8)] * 4).column("a").shape == (4, 2, 3)
    with pytest.raises(DataError, match="rows: a should have an array of one shape in each row"):
        rows_of(a=[[1, 2], [3]])
    with pytest.raises(DataError, match="there are no rows"):
        rows_of(a=[])
