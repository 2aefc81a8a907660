"""Data that changed between fit and eval, predict or resume: harmless where the meaning is the same, told where it is not."""

from __future__ import annotations

import csv
import io
import math
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from nntrain.cli import main
from nntrain.runs import Run

Screens = pytest.CaptureFixture[str]
Rows = list[list[str]]
"""A table: the header, then the rows."""

CONFIG = """
name: flats
data: {source: flats.csv, target: price}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


def table() -> Rows:
    drawn = random.Random(0)
    rows: Rows = [["area", "town", "rooms", "built", "price"]]
    for row in range(90):
        area = 20 + 80 * drawn.random()
        built = f"{1950 + row % 50}-0{1 + row % 9}-15"
        price = "low" if area < 45 else "mid" if area < 75 else "high"
        rows.append([f"{area:.2f}", ("Köln", "Bonn", "Ulm")[row % 3], str(1 + row % 5), built, price])
    return rows


def text_of(rows: Rows, delimiter: str = ",") -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue()


def without(column: str) -> Callable[[Rows], bytes]:
    def change(rows: Rows) -> bytes:
        place = rows[0].index(column)
        return text_of([[*row[:place], *row[place + 1 :]] for row in rows]).encode()

    return change


def renamed(column: str, name: str) -> Callable[[Rows], bytes]:
    return lambda rows: text_of([[name if cell == column else cell for cell in rows[0]], *rows[1:]]).encode()


def cell(row: int, column: str, value: str) -> Callable[[Rows], bytes]:
    """Another value in a line of the file."""

    def change(rows: Rows) -> bytes:
        changed = [list(each) for each in rows]
        changed[row - 1][rows[0].index(column)] = value
        return text_of(changed).encode()

    return change


def every(column: str, value: Callable[[str], str]) -> Callable[[Rows], bytes]:
    def change(rows: Rows) -> bytes:
        place = rows[0].index(column)
        return text_of([rows[0], *([*row[:place], value(row[place]), *row[place + 1 :]] for row in rows[1:])]).encode()

    return change


SAME: Final = "the same as before"
CHANGED: Final = "data: source has changed"


@dataclass(frozen=True)
class Case:
    """What was changed, and of each command the exit code with what is told: `SAME` for the very result of the unchanged file."""

    what: str
    change: Callable[[Rows], bytes]
    evaluate: tuple[int, str]
    predict: tuple[int, str]
    resume: tuple[int, str] = (4, CHANGED)


NO_AREA: Final = "no column 'area' in"
UNUSED_LABEL: Final = "price: 1 row with a value that training never showed, left out (line 7)"

CASES: Final = (
    Case("nothing", lambda rows: text_of(rows).encode(), (0, SAME), (0, SAME), (0, "is finished")),
    Case("a column is missing", without("area"), (3, NO_AREA), (3, NO_AREA), (2, NO_AREA)),
    Case("the target is missing", without("price"), (3, "no column 'price'"), (0, SAME), (2, "no column 'price'")),
    Case("a column has another name", renamed("area", "area_m2"), (3, "nearest: area_m2"), (3, "nearest: area_m2"), (2, NO_AREA)),
    Case("columns in another order", lambda rows: text_of([row[::-1] for row in rows]).encode(), (0, SAME), (0, SAME)),
    Case("one more column", lambda rows: text_of([[*row, "x"] for row in rows]).encode(), (0, SAME), (0, SAME)),
    Case("a number became a word", cell(7, "area", "large"), (3, "line 7 'large'"), (3, "area should be a number; 1 of 90 values is not")),
    Case("numbers with a unit", every("area", lambda area: f"{area} m²"), (3, "90 of 90 values are not: line 2"), (3, "m²'")),
    Case("a number is missing", cell(7, "area", ""), (0, "missing area 1 % (training 0 %)"), (0, "missing area 1 % (training 0 %)")),
    Case("whole numbers with a point", every("rooms", lambda rooms: f"{rooms}.0"), (0, SAME), (0, SAME)),
    Case("an infinite number", cell(7, "area", "inf"), (3, "line 7 'inf'"), (3, "line 7 'inf'")),
    Case(
        "an unseen category", cell(7, "town", "Trier"), (0, "new categories town 1 % ('Trier')"), (0, "new categories town 1 % ('Trier')")
    ),
    Case("an unseen label", cell(7, "price", "priceless"), (0, UNUSED_LABEL), (0, SAME)),
    Case(
        "dates in another format", every("built", lambda day: ".".join(day.split("-")[::-1])), (3, "built should be a date"), (3, "line 2")
    ),
    Case("fewer rows", lambda rows: text_of(rows[:50]).encode(), (0, "out of range area 2 %"), (0, "")),
    Case("other values", every("area", lambda area: f"{float(area) * 1000:.0f}"), (0, "out of range area 100 %"), (0, "area 100 %")),
    Case("UTF-8 with a byte order mark", lambda rows: text_of(rows).encode("utf-8-sig"), (0, SAME), (0, SAME)),
    Case("UTF-16", lambda rows: text_of(rows).encode("utf-16"), (0, SAME), (0, SAME)),
    Case("Latin-1", lambda rows: text_of(rows).encode("latin-1"), (3, "line 2 is not utf-8: byte 0xf6"), (3, "line 2"), (3, "line 2")),
    Case("semicolons between columns", lambda rows: text_of(rows, ";").encode(), (0, SAME), (0, SAME)),
    Case("line ends of Windows", lambda rows: text_of(rows).replace("\n", "\r\n").encode(), (0, SAME), (0, SAME)),
    Case("no rows", lambda rows: text_of(rows[:1]).encode(), (3, "no rows below its header"), (3, "no rows"), (3, "no rows")),
    Case("an empty file", lambda rows: b"", (3, "is empty"), (3, "is empty"), (3, "is empty")),
    Case(
        "a ragged row",
        lambda rows: text_of([*rows[:6], rows[6][:3], *rows[7:]]).encode(),
        (3, "line 7 has 3 cells, line 1 has 5"),
        (3, "line 7 has 3 cells"),
        (3, "line 7 has 3 cells"),
    ),
)


LONGER: Final = {
    "the target is missing",
    "one more column",
    "numbers with a unit",
    "whole numbers with a point",
    "an infinite number",
    "dates in another format",
    "fewer rows",
    "UTF-16",
    "line ends of Windows",
    "no rows",
    "an empty file",
    "a ragged row",
}
"""Cases of the full bar alone."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run."""
    made = tmp_path_factory.mktemp("changed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made)
        (made / "flats.csv").write_text(text_of(table()), encoding="utf-8")
        (made / "flats.yaml").write_text(CONFIG, encoding="utf-8")
        assert main(["fit", "flats.yaml"]) == 0
    return made


def command(screens: Screens, *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    out, error = screens.readouterr()
    assert "Traceback" not in error
    return code, out, " ".join(error.split())


def predictions(text: str) -> list[list[str]]:
    """What was predicted for each row, without the columns of the file."""
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    rows = list(csv.DictReader(io.StringIO(text), delimiter=delimiter))
    names = [name for name in rows[0] if name.startswith(("prediction", "probability"))]
    found = [[row[name] for name in names] for row in rows]
    assert all(math.isfinite(float(value)) for row in found for value in row[1:])
    return found


def check(outcome: tuple[int, str], code: int, told: str, *, is_same: bool) -> None:
    wanted, text = outcome
    assert code == wanted, told
    if text == SAME:
        assert is_same
    else:
        assert text in told


@pytest.mark.bar("D1")
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[pytest.mark.slow] if case.what in LONGER else [], id=case.what.replace(" ", "-")) for case in CASES],
)
def test_changed_data_are_harmless_or_told(
    folder: Path, case: Case, monkeypatch: pytest.MonkeyPatch, capsys: Screens, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.chdir(folder)
    unchanged, changed = text_of(table()).encode(), case.change(table())
    (folder / "old.csv").write_bytes(unchanged)
    (folder / "new.csv").write_bytes(changed)
    code, out, told = command(capsys, "eval", "runs/flats", "--data", "new.csv", "--json")
    before = command(capsys, "eval", "runs/flats", "--data", "old.csv", "--json")[1].replace("old.csv", "new.csv")
    check(case.evaluate, code, told, is_same=out == before)
    code, out, told = command(capsys, "predict", "runs/flats", "new.csv")
    before = command(capsys, "predict", "runs/flats", "old.csv")[1]
    check(case.predict, code, told, is_same=code == 0 and predictions(out) == predictions(before))
    run = Run(folder / "runs/flats/0001")
    kept = {name: (run.path / name).read_bytes() for name in ("history.jsonl", "summary.json", "checkpoints/last")}
    (folder / "flats.csv").write_bytes(changed)
    try:
        code, _, told = command(capsys, "fit", "--resume", "runs/flats")
        check(case.resume, code, told, is_same=False)
        if changed != unchanged:  # its own splits would be others
            assert command(capsys, "eval", "runs/flats", "--split", "validation")[0] in (2, 3)
    finally:
        (folder / "flats.csv").write_bytes(unchanged)
    assert code == 0 or kept == {name: (run.path / name).read_bytes() for name in kept}
    assert (folder / "new.csv").read_bytes() == changed
    record_property("figure", f"{case.what}: eval {case.evaluate[0]}, predict {case.predict[0]}, resume {case.resume[0]}")


@pytest.mark.bar("D1")
def test_resume_anyway_goes_on_and_says_what_has_changed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Screens
) -> None:
    own = tmp_path / "own"  # the run is trained on, and others read the one that all share
    shutil.copytree(folder, own)
    monkeypatch.chdir(own)
    (own / "flats.csv").write_text(text_of(table()[:80]), encoding="utf-8")
    changes = [f"data.source.path={own / 'flats.csv'}", "training.max_epochs=9"]
    code, _, told = command(capsys, "fit", "--resume", "runs/flats", "--resume-anyway", *changes)
    assert code == 0, told
    assert f"changed although it has a meaning: {CHANGED}" in told
    assert "inexact since step" in told
