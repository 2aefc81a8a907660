"""Tables as people have them, from the file to predictions."""

from __future__ import annotations

import csv
import io
import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import nntrain
from nntrain.cli import main
from nntrain.config.writing import scalar

GERMAN = "Umsätze;;;;;;\nDatum;PLZ;Stufe;Fläche;Themen;Aktiv;Preis\n;;;m²;;;€\n"


def german_rows(rows: int) -> str:
    """Sorted by `Aktiv`; numbers as 1.234,50; postal codes with a leading zero."""
    lines: list[str] = []
    for row in range(rows):
        day = date(2024, 1, 1) + timedelta(days=row)
        area = f"{20 + row / 8:.2f}".replace(".", ",")
        topics = ("a|b", "b", "c")[row % 3]
        active = "ja" if row < rows // 2 else "nein"
        lines.append(f"{day:%d.%m.%Y};0{1000 + row % 5};{('low', 'mid', 'high')[row % 3]};{area};{topics};{active};1.{100 + row},50\n")
    return GERMAN + "".join(lines) + "Summe;;;;;;99.999,00\n"


CONFIG: dict[str, Any] = {
    "data": {
        "source": "train.csv",
        "fields": {"Stufe": {"order": ["low", "mid", "high"]}, "Themen": {"type": "multi_label"}},
    },
    "architecture": {"type": "mlp", "hidden": [16]},
    "training": {"max_epochs": 6},
    "optimizer": {"type": "adamw", "lr": 0.03},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train.csv").write_text(german_rows(200), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_config(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**CONFIG, "data": {**CONFIG["data"], **changes}}), encoding="utf-8")  # JSON is YAML


def test_a_german_table_to_predictions_in_an_english_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_config(folder / "c.yaml", target="Preis")
    assert main(["fit", "c.yaml"]) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert "';' between columns, '1.234,56' as numbers, UTF-8, header in line 2, units below it ('m²'), set aside: line 204" in told
    new = "Themen,Aktiv,Fläche,PLZ,Datum,Stufe\nb,ja,25.5,01001,02.01.2025,low\na|b,nein,30,01003,03.01.2025,high\n"
    (folder / "new.csv").write_text(new, encoding="utf-8")
    assert main(["predict", "new.csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["PLZ"] for row in rows] == ["01001", "01003"]
    assert all(1000 < float(row["prediction"]) < 1500 for row in rows)
    model = nntrain.load()
    frame = pl.read_csv(io.StringIO(new), schema_overrides={"PLZ": pl.String})
    wanted = [float(row["prediction"]) for row in rows]
    for given in (frame, frame.to_dicts(), frame.to_dict(as_series=False), frame.with_columns(pl.col("Datum").str.to_date("%d.%m.%Y"))):
        assert model.predict(given)["Preis"].values == pytest.approx(wanted, rel=1e-5)


def test_rows_sorted_by_class_and_words_for_yes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_config(folder / "c.yaml", target="Aktiv")
    result = nntrain.fit("c.yaml", quiet=True)
    assert result.summary["best"]["validation.accuracy"] > 0.8, "a split in the order of the file would have one class in each part"
    assert main(["predict", "train.csv"]) == 0
    text = capsys.readouterr().out
    predictions = [row["prediction"] for row in csv.DictReader(io.StringIO(text), delimiter=";")]
    assert {"ja", "nein"} == set(predictions)
    assert predictions[:5] == ["ja"] * 5
    assert predictions[-5:] == ["nein"] * 5


def test_a_resolved_config_reads_the_table_alike(folder: Path) -> None:
    write_config(folder / "c.yaml", target="Preis")
    first = nntrain.fit("c.yaml", quiet=True)
    resolved = first.run.path / "resolved.yaml"
    (folder / "again.yaml").write_text(resolved.read_text(encoding="utf-8"), encoding="utf-8")
    text = resolved.read_text(encoding="utf-8")
    assert f"decimal: {scalar(',')}" in text
    assert "format: '%d.%m.%Y'" in text
    second = nntrain.fit("again.yaml", quiet=True)
    assert second.summary["best"] == first.summary["best"]


def test_a_doubt_stops_check_with_the_lines_to_write(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"0{row % 9 + 1}/0{row % 7 + 1}/2024,{row % 5},{row * 1.5}\n" for row in range(60))
    (folder / "train.csv").write_text("day,a,y\n" + rows, encoding="utf-8")
    (folder / "c.yaml").write_text("data: {source: train.csv, target: y}\n", encoding="utf-8")
    assert main(["check", "c.yaml"]) == 3
    told = capsys.readouterr().err
    assert "day: dates can be read in two ways: is '01/01/2024' day 1 of month 1, or the other way round?" in told
    assert "data.fields.day: {type: date, format: '%d/%m/%Y'}   reads the day first" in told
    (folder / "c.yaml").write_text("data: {source: {path: train.csv, date_format: '%d/%m/%Y'}, target: y}\n", encoding="utf-8")
    assert main(["check", "c.yaml"]) == 0
