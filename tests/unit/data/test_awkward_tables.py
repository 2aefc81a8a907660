"""Tables as people have them. Each is read right, or refused with words that say what to write; never misread."""

from __future__ import annotations

import gzip
import io
import zipfile
from dataclasses import dataclass, field
from typing import Any

import pytest

from nntrain.data.sources.csv import Csv
from nntrain.errors import DataError

NAN = float("nan")


@dataclass(frozen=True)
class Good:
    """A table, what its columns hold, and what is said of it."""

    what: str
    text: str
    columns: dict[str, list[Any]]
    """Numbers, or text, or None where missing."""
    said: str = ""
    encoding: str = "utf-8"
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: list[int] | None = None


@dataclass(frozen=True)
class Bad:
    """A table that is refused, the essential part of the message, and of the lines that it says to write."""

    what: str
    text: str
    message: str
    hint: str = ""
    encoding: str = "utf-8"
    options: dict[str, Any] = field(default_factory=dict[str, Any])


GOOD = [
    Good("semicolons and decimal commas", "a;b\n1,5;x\n2,25;y\n", {"a": [1.5, 2.25], "b": ["x", "y"]}, "';' between columns, '1234,56'"),
    Good("semicolons, commas in text", 'a;b\n1;"x, y"\n2;z, w\n3;u, v\n', {"a": [1, 2, 3], "b": ["x, y", "z, w", "u, v"]}),
    Good("tabs", "a\tb\n1\tx y\n2\tz, w\n", {"a": [1, 2], "b": ["x y", "z, w"]}, "tab between columns"),
    Good("tabs and a decimal comma", "a\tb\n1,5\t2\n2,75\t3\n", {"a": [1.5, 2.75], "b": [2, 3]}, "'1234,56' as numbers"),
    Good("bars", "a|b\n1|x,y\n2|z\n", {"a": [1, 2], "b": ["x,y", "z"]}, "'|' between columns"),
    Good("bars, semicolons in text", "a|b\n1|x;y\n2|z;w\n", {"a": [1, 2], "b": ["x;y", "z;w"]}),
    Good("point and comma", "a;b\n1.234,5;2\n12.345.678,25;3\n", {"a": [1234.5, 12345678.25]}, "'1.234,56' as numbers"),
    Good("comma and point", 'a,b\n"1,234.5",2\n"2,000",3\n', {"a": [1234.5, 2000]}, "'1,234.56' as numbers"),
    Good("thousands without decimals", 'a,b\n"1,234,567",2\n"2,000",3\n', {"a": [1234567, 2000]}, "'1,234.56' as numbers"),
    Good("blanks between thousands", "a;b\n1 234,5;2\n12\u00a0345;3\n", {"a": [1234.5, 12345]}, "'1 234,56' as numbers"),
    Good("apostrophes between thousands", "a;b\n1'234.5;2\n12’345;3\n", {"a": [1234.5, 12345]}, "'1'234.56' as numbers"),
    Good("a comma with three digits settled by another column", "a;b\n1,234;0,5\n2,345;0,25\n", {"a": [1.234, 2.345], "b": [0.5, 0.25]}),
    Good("a point with three digits settled by another column", "a;b\n1.234;0,5\n2.345;0,25\n", {"a": [1234, 2345], "b": [0.5, 0.25]}),
    Good("points with three digits where commas part columns", "a,b\n1.234,x\n2.345,y\n", {"a": [1.234, 2.345]}),
    Good(
        "a decimal comma beyond the first 1,000 rows",
        "a;b\n" + "1;x\n" * 2_000 + "2,5;x\n",
        {"a": [1.0] * 2_000 + [2.5]},
    ),
    Good("a byte order mark", "Fläche,b\n1,2\n", {"Fläche": [1]}, "UTF-8", "utf-8-sig"),
    Good("UTF-16 with a byte order mark", "Fläche,b\n1,2\n", {"Fläche": [1]}, "UTF-16", "utf-16"),
    Good("UTF-16 without one", "Flaeche\tb\n1\t2\n", {"Flaeche": [1]}, "UTF-16-LE", "utf-16-le"),
    Good("Latin-1 that is said", "Fläche,b\n1,é\n", {"Fläche": [1], "b": ["é"]}, "LATIN-1", "latin-1", {"encoding": "latin-1"}),
    Good("cp1252 that is said", "a,b\n1,5 €\n", {"b": ["5 €"]}, "CP1252", "cp1252", {"encoding": "cp1252"}),
    Good("a title", "Sales of 2024\na,b\n1,x\n2,y\n", {"a": [1, 2], "b": ["x", "y"]}, "header in line 2", lines=[3, 4]),
    Good(
        "titles, a blank line, cells that are filled up",
        "Report;;;\nFrom;2024;;\n\na;b;c;d\n1;2;3;x\n2;3;4;y\n3;4;5;z\n",
        {"a": [1, 2, 3], "d": ["x", "y", "z"]},
        "header in line 4",
    ),
    Good(
        "comments above the header",
        "# station 7, 2024\n# made by x\nt,v\n1,2\n# a gap\n2,3\n",
        {"t": [1, 2], "v": [2, 3]},
        "header in line 3",
        lines=[4, 6],
    ),
    Good("comments that are said", "a,b\n1,2\n% gap\n2,3\n", {"a": [1, 2]}, options={"comment": "%"}),
    Good("the line of the header that is said", "x,y\na,b\n1,2\n", {"a": [1], "b": [2]}, options={"header": 2}),
    Good("no header, said", "1.5,x\n2.5,y\n", {"column_1": [1.5, 2.5]}, "no header", options={"header": False}),
    Good("no header, names said", "1.5,x\n2.5,y\n", {"u": [1.5, 2.5], "v": ["x", "y"]}, options={"header": False, "columns": ["u", "v"]}),
    Good(
        "a line of units",
        "name,weight,size\n,kg,cm\na,70,180\nb,80,175\nc,65,170\n",
        {"name": ["a", "b", "c"], "weight": [70, 80, 65]},
        "units below it ('kg')",
        lines=[3, 4, 5],
    ),
    Good(
        "short names of files are no units",
        "file;v\na/0.b;low\na/1.b;mid\na/2.b;high\na/27.b;high\n",
        {"file": ["a/0.b", "a/1.b", "a/2.b", "a/27.b"]},
    ),
    Good("units in brackets", "t;v\n[s];[m/s]\n1;2,5\n2;3,5\n3;4,5\n", {"t": [1, 2, 3], "v": [2.5, 3.5, 4.5]}, "units below it"),
    Good("lines below the header, said", "a,b\nx1,x2\n1,2\n", {"a": [1]}, "line below it skipped", options={"skip_after_header": 1}),
    Good("a word for no value is no unit", "a,b\nx,NA\ny,2\nz,3\nw,4\n", {"b": [None, 2, 3, 4]}),
    Good(
        "a total row",
        "name,n\na,1\nb,2\nTotal,3\n",
        {"name": ["a", "b"], "n": [1, 2]},
        "set aside: line 4 ('Total')",
    ),
    Good(
        "a sum and its source", "Land;n\na;1\nb;2\nSumme;3\nQuelle: Amt für Statistik\n", {"n": [1, 2]}, "line 4 ('Summe'), line 5 ('Quelle"
    ),
    Good("notes below the table", "a,b\n1,2\n3,4\n\n(2 rows affected)\n", {"a": [1, 3]}, "set aside: line 5"),
    Good("a total that is kept", "name,n\na,1\nb,2\nTotal,3\n", {"n": [1, 2, 3]}, options={"skip_footer": 0}),
    Good("lines below the table, said", "name,n\na,1\nb,2\nx,3\n", {"n": [1, 2]}, "line 4 ('x')", options={"skip_footer": 1}),
    Good(
        "words for no value",
        "a,b\n1,k.A.\nn/a,2\n?,-\n3,#NV\n",
        {"a": [1, None, None, 3], "b": [None, 2, None, None]},
    ),
    Good("other words for no value", "a,b\n-999,2\n3,x\n", {"a": [None, 3], "b": [2, None]}, options={"missing": ["-999", "x"]}),
    Good("NA is a land, said", "l,n\nDE,1\nNA,2\nFR,3\nUS,4\n", {"l": ["DE", "NA", "FR", "US"]}, options={"missing": [""]}),
    Good("leading zeros", "plz,n\n01067,1\n10115,2\n", {"plz": ["01067", "10115"]}),
    Good("quotes, line ends in cells, blank lines", 'a,b\n1,"x ""y"",\nz"\n\n2,w\n', {"b": ['x "y",\nz', "w"]}, lines=[2, 5]),
    Good("line ends of Windows", "a,b\r\n1,x\r\n2,y\r\n", {"a": [1, 2], "b": ["x", "y"]}),
    Good("a delimiter at the end of each line", "a;b;\n1;x;\n2;y;\n", {"a": [1, 2], "unnamed_3": [None, None]}),
    Good("an unnamed column of row numbers", ",a\n0,5\n1,7\n2,6\n", {"unnamed_1": [0, 1, 2], "a": [5, 7, 6]}),
]


BAD = [
    Bad("commas", 'a,b\n"2,052",1\n"1,908",2\n', "is '2,052' 2052 or 2.052?", "data.source.thousands: ','   reads 2052"),
    Bad("points", "a;b\n1.234;x\n2.345;y\n", "points in numbers can be read in two ways: '1.234', '2.345'", "decimal: '.'   reads 1.234"),
    Bad("points between tabs", "a\tb\n1.234\tx\n", "is '1.234' 1234 or 1.234?", "data.source.thousands: '.'   reads 1234"),
    Bad("no UTF-8", "a,b\n1,Fläche\n", "line 2 is not utf-8: byte 0xe4", "latin-1 reads '1,Fläche'", "latin-1"),
    Bad("no UTF-8, cp1252", "a,b\n1,2\n1,5 €\n", "line 3 is not utf-8: byte 0x80", "cp1252", "cp1252"),
    Bad("no header", "5.1,3.5,x\n4.9,3.0,x\n4.7,3.2,y\n", "line 1 reads as a row, not as names of columns: '5.1', '3.5'", "header: false"),
    Bad("no header, whole numbers", "1,7\n0,3\n1,4\n", "line 1 reads as a row", "names? data.source.header: 1"),
    Bad("no header, a number twice", "x,0,0\ny,1,2\n", "line 1 names the columns 2 and 3 '0'", "data.source.header: false"),
    Bad("a name twice", "a,b,a\n1,2,3\n", "line 1 names the columns 1 and 3 'a'", "each column its own name"),
    Bad("a row too long", "a,b\n1,2\n3,4,5\n6,7\n", "line 3 has 3 cells, line 1 has 2", "double quotes"),
    Bad("a row too short", "a,b\n1,2\n3\n4,5\n6,7\n", "line 3 has 1 cell, line 1 has 2", "data.source.delimiter"),
    Bad("a file cut off", "a,b\n1,2\n3\n", "line 3 has 1 cell, line 1 has 2", "skip_footer"),
    Bad("a header too short", "a,b\n1,x,y\n2,z,w\n3,u,v\n", "line 2 has 3 cells, line 1 has 2", "data.source.header: LINE"),
    Bad("a quote that is not closed", 'a,b\n1,"x\n2,y\n', "line 2: a quote is never closed"),
    Bad(
        "NA among codes of lands", "l,n\nDE,1\nNA,2\nFR,3\nUS,4\n", "l: 'NA' stands among codes of two letters", "data.source.missing: ['']"
    ),
    Bad("NA among states", "s,n\nTX,1\nNY,2\nCA,3\nNA,\n", "is it one of them, or no value?", "data.source.missing: ['', 'NA']"),
    Bad("no such line of a header", "a,b\n1,2\n", "data.source.header is 7", options={"header": 7}),
    Bad("nothing", "", "t.csv is empty"),
    Bad("only a header", "a,b\n", "t.csv has no rows below its header"),
]


@pytest.mark.parametrize("table", GOOD, ids=lambda table: table.what)
def test_read_right(tmp_path, table):
    path = tmp_path / "t.csv"
    path.write_bytes(table.text.encode(table.encoding))
    source = Csv.parse({"type": "csv", "path": "t.csv", **table.options})
    found = source.read(path, "t.csv")
    head = source.peek(path, "t.csv")
    assert head.names == tuple(found.columns)
    assert table.said in (found.dialect or "")
    if head.rows is not None:
        assert head.dialect == found.dialect
    for name, wanted in table.columns.items():
        if any(isinstance(value, str) for value in wanted):
            assert found.texts(name).to_list() == wanted
        else:
            assert found.numbers(name).tolist() == pytest.approx([NAN if value is None else value for value in wanted], nan_ok=True)
    if table.lines is not None:
        assert [found.place(row) for row in range(found.rows)] == [f"line {line}" for line in table.lines]


@pytest.mark.parametrize("table", BAD, ids=lambda table: table.what)
def test_refused_with_the_line_to_write(tmp_path, table):
    path = tmp_path / "t.csv"
    path.write_bytes(table.text.encode(table.encoding))
    source = Csv.parse({"type": "csv", "path": "t.csv", **table.options})
    for reading in (source.peek, source.read):
        with pytest.raises(DataError) as caught:
            reading(path, "t.csv")
        assert table.message in caught.value.message
        assert table.hint in (caught.value.hint or "")


TEXT = "a;b\n1,5;x\n2,5;y\n"


def zipped(**members):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return content.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv.gz", gzip.compress(TEXT.encode())),
        ("t.zip", zipped(**{"t.csv": TEXT})),
        ("t.zip", zipped(**{"folder/t.txt": TEXT, "__MACOSX/._t.txt": "x", "README.pdf": "x"})),
    ],
    ids=["gz", "zip", "zip with other files"],  # the bytes hold the time of day
)
def test_packed_tables(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    source = Csv(path=name)
    assert source.peek(path, name).names == ("a", "b")
    assert source.read(path, name).numbers("a").tolist() == [1.5, 2.5]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv.gz", gzip.compress(TEXT.encode())[:-9], r"t\.csv\.gz is no gz file, or is damaged"),
        ("t.csv.gz", TEXT.encode(), r"t\.csv\.gz is no gz file, or is damaged"),
        ("t.zip", zipped(**{"t.csv": TEXT})[:40], r"t\.zip is no zip file, or is damaged"),
        ("t.zip", zipped(**{"a.csv": TEXT, "b.csv": TEXT}), r"t\.zip holds 2 files: a\.csv, b\.csv"),
        ("t.zip", zipped(), r"t\.zip holds no file"),
        ("t.csv", gzip.compress(TEXT.encode()), r"t\.csv is (packed with gzip|no text)"),
        ("t.csv", zipped(**{"xl/workbook.xml": "x"}), r"t\.csv is an Excel file"),
        ("t.csv", b"PAR1" + bytes(20), r"t\.csv is a Parquet file"),
    ],
    ids=["gz cut off", "text as gz", "zip cut off", "two tables", "nothing", "gz as text", "Excel as text", "Parquet as text"],
)
def test_damaged_and_foreign_files_are_named(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    for reading in (Csv(path=name).peek, Csv(path=name).read):
        with pytest.raises(DataError, match=message):
            reading(path, name)
