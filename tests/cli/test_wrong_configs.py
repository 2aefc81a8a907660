"""Wrong configs and exactly what is said of each: place, path, what is wrong, and the fix."""

import re
from pathlib import Path

import pytest
from wrong_fits import FITS, TABLE
from wrong_names import NAMES, Row
from wrong_values import VALUES

from nntrain import cli

Screens = pytest.CaptureFixture[str]

ROWS = [*NAMES, *VALUES]


def screen_of(path: Path, changes: tuple[str, ...], capsys: Screens, *, look: bool = False) -> str:
    """What `nntrain check` says of a config."""
    assert cli.main(["check", *([] if look else ["--no-data"]), str(path), *changes]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err.rstrip("\n")


def blocks(screen: str) -> tuple[str, ...]:
    """The blocks of a screen on one line each: without the title, the lines of the config, and runs of blanks."""
    found = []
    for block in screen.split("\n\n")[1:]:
        lines = [line for line in block.splitlines() if not re.match(r" +\d* \|", line)]
        found.append(" / ".join(re.sub(r"\s{2,}", "  ", line.strip()) for line in lines))
    return tuple(found)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_wrong_config_is_told_exactly(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Screens) -> None:
    monkeypatch.chdir(tmp_path)
    path = Path("a.yaml")
    path.write_text(row.text, encoding="utf-8")
    screen = screen_of(path, row.changes, capsys)
    assert blocks(screen) == row.told
    count = "1 problem" if len(row.told) == 1 else f"{len(row.told)} problems"
    assert screen.startswith(f"a.yaml has {count} ")


@pytest.mark.parametrize("row", FITS, ids=lambda row: row.name)
def test_what_does_not_fit_together_is_told_exactly(row: Row, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Screens) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text(TABLE, encoding="utf-8")
    path = Path("a.yaml")
    path.write_text(row.text, encoding="utf-8")
    assert blocks(screen_of(path, row.changes, capsys, look=True)) == row.told


def test_the_screen_is_laid_out_like_this(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Screens) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rents.yaml").write_text("data: {source: a.csv, target: y, batch_size: 0}\ntraining:\n  epochs: 50\n", encoding="utf-8")
    assert screen_of(Path("rents.yaml"), (), capsys) == (
        "rents.yaml has 2 problems                                            (exit 2)\n"
        "\n"
        "rents.yaml:1:46   data.batch_size    needs a whole number above 0, or full, got 0\n"
        "    1 | data: {source: a.csv, target: y, batch_size: 0}\n"
        "      |                                              ^\n"
        "\n"
        "rents.yaml:3:3    training.epochs    not a setting\n"
        "    3 |   epochs: 50\n"
        "      |   ^^^^^^\n"
        "   nntrain calls it max_epochs          fix:  max_epochs: 50"
    )


def test_names_are_not_given_twice() -> None:
    rows = [*ROWS, *FITS]
    assert len({row.name for row in rows}) == len(rows) >= 40
