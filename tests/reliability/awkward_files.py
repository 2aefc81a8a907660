"""Awkward data for whole runs: the file, what the config says, the exit code, and what must be told. How tables are read is elsewhere."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

ROWS: Final = 60
HEAD: Final = "a,b,town,y"


@dataclass(frozen=True)
class Awkward:
    """A table and its documented outcome."""

    what: str
    content: bytes
    code: int
    """0: trained, and used; 2 and 3: refused."""
    told: str
    """Part of what is said, blanks as one."""
    data: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Beside source and target."""
    layers: tuple[Any, ...] = ({"linear": 4}, "relu")
    file: str = "t.csv"
    is_slow: bool = False
    """One more of its kind, for the full bar."""


def lines(rows: int = ROWS) -> list[str]:
    """A plain table: two numbers, a word, and a target of two values."""
    drawn = random.Random(1)
    found = [HEAD]
    for row in range(rows):
        a = drawn.random()
        found.append(f"{a:.3f},{drawn.random():.3f},{'xyz'[row % 3]},{'hi' if a > 0.5 else 'lo'}")
    return found


def text(rows: list[str]) -> bytes:
    return ("\n".join(rows) + "\n").encode()


def column(name: str, cell: Callable[[int, str], str]) -> list[str]:
    """The plain table with a column changed; rows count from 0."""
    head, *rows = lines()
    place = head.split(",").index(name)
    cells = [row.split(",") for row in rows]
    return [head, *(",".join([*row[:place], cell(number, row[place]), *row[place + 1 :]]) for number, row in enumerate(cells))]


def more(name: str, cell: Callable[[int], str]) -> list[str]:
    """The plain table with one more column."""
    head, *rows = lines()
    return [f"{head},{name}", *(f"{row},{cell(number)}" for number, row in enumerate(rows))]


def line(number: int, row: str) -> list[str]:
    """The plain table with another line; the header is line 1."""
    found = lines()
    found[number - 1] = row
    return found


def numbers(cell: Callable[[int], object]) -> list[str]:
    return ["a,b,y", *(f"{row / 10},{(row * 7) % 5},{cell(row)}" for row in range(ROWS))]


def split_with(word: str, label: str) -> list[str]:
    """The rows of a split with another label."""
    rows = more("split", lambda row: ("validation", "test", "train", "train", "train")[row % 5])
    return [row.replace(f"hi,{word}", f"{label},{word}").replace(f"lo,{word}", f"{label},{word}") for row in rows]


def jsonl(cell: Callable[[int], object]) -> bytes:
    return "\n".join(json.dumps({"a": row / ROWS, "b": cell(row), "y": "hi" if row % 2 else "lo"}) for row in range(ROWS)).encode()


SPLIT: Final = {"fields": {"split": {"role": "split"}}}
WEIGHT: Final = {"fields": {"w": {"role": "weight"}}}
GROUP: Final = {"fields": {"g": {"role": "group"}}}
TIME: Final = {"fields": {"t": {"role": "time", "type": "date"}}}
NUMBER: Final = {"fields": {"y": "number"}}
NO_SPLIT: Final = {"split": {"validation": None, "test": None}}
NORM: Final = ({"linear": 4}, "batch_norm", "relu")

AWKWARD: Final = (
    # labels
    Awkward(
        "unseen label in some validation rows",
        text([row.replace("hi,validation", "mid,validation") for row in split_with("-", "")]),
        0,
        "validation: y: 5 rows with a value that training never showed, left out (lines 7, 22, 42 and 2 more)",
        SPLIT,
    ),
    Awkward(
        "unseen label in all validation rows",
        text(split_with("validation", "mid")),
        3,
        "no validation row can be used y: 12 rows with a value that training never showed",
        SPLIT,
    ),
    Awkward("unseen label in all test rows", text(split_with("test", "mid")), 3, "no test row can be used", SPLIT, is_slow=True),
    Awkward(
        "validation rows without a target",
        text(split_with("validation", "")),
        0,
        "12 rows dropped without y (lines 2, 7, 12 and 9 more)",
        SPLIT,
        is_slow=True,
    ),
    Awkward(
        "split words that are none",
        text([row.replace("train", "holdout") for row in split_with("-", "")]),
        3,
        "split should be train, validation or test; 36 of 60 values are not: line 4 'holdout'",
        SPLIT,
    ),
    Awkward(
        "one class only", text(column("y", lambda _, cell: "hi")), 3, "y is always 'hi' in the 48 training rows: there is nothing to learn"
    ),
    Awkward("a class of one row", text(line(4, "0.1,0.2,x,mid")), 0, "y: category (3 values)", is_slow=True),
    Awkward(
        "as many classes as rows",
        text(["a,y", *(f"{row},c{row}" for row in range(ROWS))]),
        3,
        "60 of them with one row",
        {"fields": {"y": "category"}},
    ),
    Awkward(
        "target missing in some rows",
        text(column("y", lambda row, cell: "" if row % 4 == 0 else cell)),
        0,
        "15 rows dropped without y (lines 2, 6, 10 and 12 more)",
    ),
    Awkward("target missing in all rows", text(column("y", lambda _, cell: "")), 3, "0 of 60 rows can be used"),
    Awkward("number target that is constant", text(numbers(lambda _: 3.5)), 3, "y is always '3.5'", NUMBER),
    Awkward("number target with infinity", text(numbers(lambda row: "inf" if row == 4 else row)), 3, "line 6 'inf'", NUMBER, is_slow=True),
    Awkward(
        "number target beyond float64's squares",
        text(numbers(lambda row: row * 1e200)),
        3,
        "have no mean and spread in float64",
        NUMBER,
        is_slow=True,
    ),
    Awkward(
        "number target with one wild value",
        text(numbers(lambda row: 1e25 if row == 4 else row)),
        0,
        "validation.loss is not finite after step 1, though the network's outputs are",
        NUMBER,
    ),
    # columns
    Awkward("constant column", text(column("b", lambda _, cell: "1")), 0, "left out: b (always '1')"),
    Awkward("constant word", text(column("town", lambda _, cell: "x")), 0, "left out: town (always 'x')", is_slow=True),
    Awkward("column without a value", text(column("b", lambda _, cell: "")), 0, "left out: b (no values)"),
    Awkward(
        "mixed types",
        text(column("b", lambda row, cell: cell if row % 2 else "word")),
        0,
        "b: left out by the first rows, category by all training rows",
    ),
    Awkward("infinite cell", text(line(6, "inf,0.2,x,hi")), 3, "a should be a number; 1 of 60 values is not: line 6 'inf'"),
    Awkward("number beyond float64", text(line(6, "1e400,0.2,x,hi")), 3, "line 6 '1e400' numbers end at 1.8e308"),
    Awkward("number of 400 digits", text(line(6, f"0.1,{'9' * 400},x,hi")), 3, "9999999…' numbers end at 1.8e308", is_slow=True),
    Awkward("cells that say nan", text(column("a", lambda row, cell: "nan" if row % 5 == 0 else cell)), 0, "missing values filled in: a"),
    Awkward("row numbers from 10^18", text(column("b", lambda row, cell: str(10**18 + row))), 0, "left out: b (row numbers)", is_slow=True),
    Awkward("whole numbers of 19 digits", text(column("b", lambda row, cell: str(10**18 + row * row))), 0, "train 48", is_slow=True),
    Awkward("numbers around 1e30", text(column("b", lambda row, cell: str((row - 30) * 1e30))), 0, "train 48", is_slow=True),
    Awkward("numbers around 1e300", text(column("b", lambda row, cell: str((row - 30) * 1e300))), 3, "limit them: clip: [LOW, HIGH]"),
    Awkward(
        "numbers around 1e-320",
        text(column("b", lambda row, cell: str((row - 30) * 1e-320))),
        3,
        "have no mean and spread in float64",
        is_slow=True,
    ),
    Awkward(
        "date that is none",
        text(more("day", lambda row: "2024-13-45" if row == 4 else f"2024-01-{1 + row % 28:02d}")),
        3,
        "day should be a date like '%Y-%m-%d'; 1 of 60 values is not: line 6 '2024-13-45'",
    ),
    Awkward(
        "years 1 and 9999",
        text(more("day", lambda row: ("9999-12-31", "0001-01-01")[row] if row < 2 else f"2024-01-{1 + row % 28:02d}")),
        3,
        "day: no one format reads all its dates: '9999-12-31', '2024-01-03' (line 4)",
        {"fields": {"day": "date"}},
    ),
    Awkward("no input", text(["y", *("hi" if row % 2 else "lo" for row in range(40))]), 2, "has no input field"),
    # weights, groups, times
    Awkward("negative weight", text(more("w", lambda row: "-1" if row == 3 else "1")), 3, "weight w is negative in line 5", WEIGHT),
    Awkward("all weights zero", text(more("w", lambda _: "0")), 3, "all 48 training rows have the weight 0: none of them counts", WEIGHT),
    Awkward("every second weight zero", text(more("w", lambda row: str(row % 2))), 0, "train 48", WEIGHT, is_slow=True),
    Awkward(
        "weight that is not a number",
        text(more("w", lambda row: "nan" if row == 3 else "1")),
        0,
        "1 row dropped without w (line 5)",
        WEIGHT,
        is_slow=True,
    ),
    Awkward("infinite weight", text(more("w", lambda row: "inf" if row == 3 else "1")), 3, "line 5 'inf'", WEIGHT, is_slow=True),
    Awkward("constant group", text(more("g", lambda _: "one")), 3, "1 group cannot give 3 splits", GROUP),
    Awkward(
        "groups missing", text(more("g", lambda row: "" if row % 2 else str(row % 7))), 0, "by group g (8 groups)", GROUP, is_slow=True
    ),
    Awkward(
        "times missing", text(more("t", lambda row: "" if row % 2 else "2024-01-01")), 3, "t has no time in lines 3, 5, 7 and 27 more", TIME
    ),
    # rows and files
    Awkward("batch norm and a last batch of one row", text(lines(41)), 0, "train 41", {**NO_SPLIT, "batch_size": 8}, NORM),
    Awkward(
        "batch norm and batches of one row",
        text(lines()),
        2,
        "is 1, and batch_norm_1 needs at least 2 rows to normalise over",
        {"batch_size": 1},
        NORM,
    ),
    Awkward("empty file", b"", 3, "t.csv is empty"),
    Awkward("header only", text(lines(0)), 3, "t.csv has no rows below its header"),
    Awkward("one row", text(lines(1)), 2, "every column is a target, ignored, or left out"),
    Awkward("two rows", text(lines(2)), 3, "2 rows cannot give 1 for validation and 1 for test"),
    Awkward("two rows without a split", text([HEAD, "0.1,0.2,x,hi", "0.9,0.1,y,lo"]), 0, "train 2", NO_SPLIT, is_slow=True),
    Awkward(
        "empty validation file",
        text(lines()),
        3,
        "v.csv has no rows below its header",
        {"source": {"type": "csv", "path": "t.csv", "validation": "v.csv"}},
    ),
    Awkward("cell of 1 MB", text(line(4, f"0.1,0.2,{'q' * 10**6},hi")), 3, "line 4: a cell has more than 131,072 characters"),
    Awkward(
        "value of 1 MB",
        jsonl(lambda row: "q" * 10**6 if row == 3 else "qqq"[: 1 + row % 3]),
        0,
        "b: 1 row with a value that training never showed (line 4)",
        {"fields": {"b": "category"}},
        file="t.jsonl",
    ),
    Awkward("row that is not UTF-8", text(lines()) + b"0.1,0.2,K\xf6ln,hi\n", 3, "line 62 is not utf-8: byte 0xf6"),
    Awkward("short row", text(line(6, "0.1,0.2")), 3, "line 6 has 2 cells, line 1 has 4"),
    Awkward("long row", text(line(6, "0.1,0.2,x,hi,9,9")), 3, "line 6 has 6 cells, line 1 has 4", is_slow=True),
    Awkward("duplicate header", text(["a,a,town,y", *lines()[1:]]), 3, "line 1 names the columns 1 and 2 'a'"),
    Awkward("zero bytes", text(line(6, "0.1,0.2,x\0y,hi")), 3, "is no text: it holds zero bytes"),
    Awkward("quote that is never closed", text(line(6, '0.1,0.2,"x,hi')), 3, "line 6: a quote is never closed"),
)
