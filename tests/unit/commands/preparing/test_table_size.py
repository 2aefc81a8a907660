"""What is said of tables that will not fit into memory, before they are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.commands.preparing import memory
from nntrain.commands.preparing.table_size import tell_size
from nntrain.data.settings import DataSettings


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "t.csv").write_text("x,y\n" + "".join(f"{row},{row % 2}\n" for row in range(40)))
    return tmp_path / "t.csv"


def told(path: Path, capsys: pytest.CaptureFixture[str], **data: Any) -> str:
    tell_size(DataSettings.parse({"source": path.name, "target": "y", **data}), path.parent)
    return capsys.readouterr().err


def free(monkeypatch: pytest.MonkeyPatch, size: int | None) -> None:
    def found(_: object) -> int | None:
        return size

    monkeypatch.setattr(memory, "free_bytes", found)


def test_a_table_that_is_too_large(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(path, capsys) == "", "a small one"
    free(monkeypatch, 3 * path.stat().st_size)
    found = told(path, capsys)
    assert found.startswith("warning: ")
    assert found.count("\n") == 1
    assert "are free: data.streaming: true reads a block of rows at a time" in found
    assert "and windows go over rows" in told(path, capsys, window={"past": 3}, fields={"y": "number"})
    assert told(path, capsys, streaming=True) == ""
    free(monkeypatch, 5 * path.stat().st_size)
    assert told(path, capsys) == ""
    free(monkeypatch, None)
    assert told(path, capsys) == ""


def test_it_is_a_warning(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    free(monkeypatch, 10)
    text = "name: t\ndata: {source: t.csv, target: y}\narchitecture: {type: mlp, hidden: [2]}\ntraining: {max_epochs: 1}\n"
    path.with_name("t.yaml").write_text(text)
    assert main(["fit", str(path.with_name("t.yaml")), "--runs", str(path.parent / "runs")]) == 0
    assert capsys.readouterr().err.count("data.streaming: true") == 1
