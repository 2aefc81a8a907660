"""Tables that are sorted by what is to be predicted: the first rows, which are all that a check reads, show few of its values."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main

ROWS = 1_500


def _target(name: str, row: int) -> str:
    third = row // (ROWS // 3)
    late = row > 1_100
    return {"classes": "abc"[third], "two": "ab"[late], "counts": str(row // 60), "amounts": f"{row * 0.7 if late else 0}"}[name]


@pytest.mark.parametrize("name", ["classes", "two", "counts", "amounts"])
def test_a_config_that_init_wrote_passes_its_check(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{row * 37 % 101},{_target(name, row)}\n" for row in range(ROWS)), encoding="utf-8")
    assert main(["init", "t.csv", "--target", "y"]) == 0
    assert main(["check"]) == 0, capsys.readouterr().err
    fit = ["fit", "training.max_epochs=1", "architecture.hidden=4,4"]
    assert main(fit) == 0, capsys.readouterr().err
    if name == "classes":
        assert main([*fit, "training.bag=null", "--seeds", "2"]) == 0, capsys.readouterr().err


def test_few_rows_of_a_wide_table_are_not_taken_for_all_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    wide = ["0.123"] * 6_000  # two lines are more than the 64 kB that a check reads
    lines = [",".join([*(f"c{column}" for column in range(6_000)), "y"]), *(",".join([*wide, f"{row + 0.5}"]) for row in range(4))]
    Path("t.csv").write_text("\n".join(lines), encoding="utf-8")
    Path("t.yaml").write_text(
        'data: {source: t.csv, target: y, fields: {all: {type: vector, columns: "c*"}}}\nloss: mse\nmetrics: [rmse]\n', encoding="utf-8"
    )
    assert main(["check"]) == 0, capsys.readouterr().err


def test_a_loss_that_fits_no_reading_is_still_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("t.csv").write_text("a,y\n" + "".join(f"{row % 101},{'abc'[row // 500]}\n" for row in range(ROWS)), encoding="utf-8")
    Path("t.yaml").write_text("data: {source: t.csv, target: y}\nloss: mse\n", encoding="utf-8")
    assert main(["check"]) == 2
    assert "mse does not fit the target y" in capsys.readouterr().err
