"""What is taken for no row of new data is told, and a config that cannot be written leaves nothing behind."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from nntrain.cli import main


def test_a_total_that_is_not_predicted_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    rows = "".join(f"{['Shell', 'BP', 'Total'][row % 3]},{row * 3 % 17},{row * 1.5}\n" for row in range(60))
    Path("stations.csv").write_text(f"brand,x,y\n{rows}", encoding="utf-8")
    Path("stations.yaml").write_text("data: {source: stations.csv, target: y}\ntraining: {max_epochs: 1}\n", encoding="utf-8")
    Path("new.csv").write_text("brand,x\nShell,3\nBP,4\nTotal,5\n", encoding="utf-8")
    assert main(["fit"]) == 0
    capsys.readouterr()
    assert main(["predict", "new.csv"]) == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 3
    assert "no rows  line 4 ('Total'): not predicted" in said.err


def test_a_config_for_which_there_is_no_room_is_not_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{row * 7 % 31},{row * 0.5}\n" for row in range(40)), encoding="utf-8")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert main(["init", "t.csv", "--target", "y"]) == 7
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv"}
