"""Folds that a column gives: each is tested once, under its number, and no speaker is on both sides."""

from __future__ import annotations

import csv
import json
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nntrain.cli import main
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

RATE = 4000
SPEAKERS = ("ann", "bo", "cy", "di", "ed", "flo")


def sounds(folder: Path, folds: str = "312312") -> list[dict[str, str]]:
    """A high and a low tone a speaker and take, named by a table; both speakers of a fold have the number that stands for them."""
    rows: list[dict[str, str]] = []
    for number in range(48):
        speaker, label = SPEAKERS[number % 6], ("high", "low")[number // 6 % 2]
        tone = 0.4 * np.sin(2 * np.pi * (1200 if label == "high" else 300 + number) * np.arange(400) / RATE)
        with wave.open(str(folder / f"{number}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes((tone * 32767).astype("<i2").tobytes())
        rows.append({"file": f"{number}.wav", "label": label, "speaker": speaker, "part": folds[number % 6]})
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return rows


def settings(fields: dict[str, Any], **split: Any) -> DataSettings:
    audio = {"type": "audio", "length": 0.1}
    return DataSettings.parse(
        {"source": "t.csv", "target": "label", "fields": {"file": audio, "speaker": {"role": "ignore"}, **fields}, "split": split}
    )


def of(rows: list[dict[str, str]], prepared: Prepared, part: str, column: str) -> set[str]:
    return {rows[int(row)][column] for row in prepared.splits[part].rows}  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("speaker", ["ignore", "group"])
@pytest.mark.extra("audio")
def test_each_given_fold_is_tested_and_no_speaker_is_on_both_sides(speaker: str, tmp_path: Path) -> None:
    rows = sounds(tmp_path)
    for fold in (1, 2, 3):
        fields = {"part": {"role": "fold"}, "speaker": {"role": speaker}}
        found = prepare(settings(fields, folds=3, fold=fold, validation=0.3), tmp_path, seed=fold)
        assert of(rows, found, "test", "part") == {str(fold)}
        assert len(found.splits["test"].rows) == 16
        sides = [of(rows, found, part, "speaker") for part in ("train", "validation", "test")]
        assert sum(map(len, sides)) == len(sides[0] | sides[1] | sides[2]) == 6
        by = "speaker (6 groups)" if speaker == "group" else "part (3 groups)"
        assert any(f"fold {fold} of 3 is tested (part {fold}); by group {by}" in note for note in found.notes)


@pytest.mark.extra("audio")
def test_without_folds_whole_folds_validate_and_test(tmp_path: Path) -> None:
    rows = sounds(tmp_path)
    found = prepare(settings({"part": {"role": "fold"}}), tmp_path, seed=0)
    parts = [of(rows, found, part, "part") for part in ("train", "validation", "test")]
    assert [len(each) for each in parts] == [1, 1, 1]
    assert set().union(*parts) == {"1", "2", "3"}


@pytest.mark.extra("audio")
def test_another_number_of_folds_and_rows_without_one(tmp_path: Path) -> None:
    sounds(tmp_path)
    with pytest.raises(DataError, match=r"part says which of 3 folds a row is in \('1', '2', '3'\), not of 5") as told:
        prepare(settings({"part": {"role": "fold"}}, folds=5, fold=1), tmp_path, seed=0)
    assert told.value.hint == "--folds 3"
    (tmp_path / "t.csv").write_text((tmp_path / "t.csv").read_text().replace("ann,3", "ann,"))
    with pytest.raises(DataError, match="part says no fold in lines 2, 8, 14 and 5 more") as told:
        prepare(settings({"part": {"role": "fold"}}, folds=3, fold=1), tmp_path, seed=0)
    assert "fields: {part: {role: ignore}}" in (told.value.hint or "")


def test_folds_beside_times_and_windows(tmp_path: Path) -> None:
    lines = [f"{row},{row % 7},{row % 3}" for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["day,y,part", *lines]))
    fields = {"day": {"type": "number", "role": "time"}, "part": {"role": "fold"}, "y": {"type": "number"}}
    data = {"source": "t.csv", "target": "y", "fields": fields}
    found = {
        problem.message
        for more in ({}, {"window": {"past": 4}})
        for problem in plan_layout(DataSettings.parse({**data, **more}), tmp_path, look=True)[1]
    }
    assert "a column is fold and another time: which one splits?" in found
    assert "windows are split by time, and not by folds" in found


@pytest.mark.parametrize(
    ("split", "told"),
    [
        ({"by": "random"}, "random does not read the column part, whose role is fold"),
        ({"by": "stratified"}, "stratified does not read the column part"),
        ({"by": "time"}, "time does not read the column part"),
        ({"by": "time", "folds": 2, "fold": 1}, "time would test the latest rows, and the column part"),
        ({"by": "group"}, None),
        ({"by": "random", "folds": 2, "fold": 1}, None),
        ({"by": "stratified", "folds": 2, "fold": 1}, None),
    ],
)
def test_a_rule_that_does_not_read_the_folds_is_refused(split: dict[str, Any], told: str | None, tmp_path: Path) -> None:
    """Where a fold is tested the rule is that of the validation rows alone, which are of the other folds, here of one."""
    rows = [{"x": str(row), "y": "ab"[row % 3 == 0], "part": str(row % 2)} for row in range(60)]
    (tmp_path / "t.csv").write_text("\n".join(["x,y,part", *(",".join(row.values()) for row in rows)]))
    data = {"source": "t.csv", "target": "y", "fields": {"part": {"role": "fold"}, "y": {"type": "category"}}, "split": split}
    parsed = DataSettings.parse(data)
    problems = plan_layout(parsed, tmp_path, look=True)[1]
    assert [(problem.path, str(told) in problem.message) for problem in problems] == (
        [] if told is None else [(("data", "split", "by"), True)]
    )
    if "folds" in split and told is None:
        found = prepare(parsed, tmp_path, seed=0)
        assert [of(rows, found, part, "part") for part in ("train", "validation", "test")] == [{"1"}, {"1"}, {"0"}]


@pytest.mark.slow
@pytest.mark.extra("audio")
def test_fit_folds_trains_on_the_given_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = sounds(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("esc.yaml").write_text(
        "data:\n  source: t.csv\n  target: label\n"
        "  fields: {file: {type: audio, length: 0.1}, part: {role: fold}, speaker: {role: ignore}}\n"
        "  split: {validation: null}\narchitecture: {layers: [pool: mean]}\ntraining: {max_epochs: 3}\noptimizer: {type: adamw, lr: 0.1}\n"
    )
    assert main(["fit", "esc.yaml", "--folds", "3"]) == 0, capsys.readouterr().err
    for member in (1, 2, 3):
        resolved = Path(f"runs/esc/0001/members/{member:02d}/resolved.yaml").read_text()
        assert "role: fold" in resolved
    with next(Path("runs/esc/0001").glob("*.csv")).open(newline="") as file:
        held = list(csv.DictReader(file))
    assert len(held) == len(rows)
    assert all(rows[int(row["row"]) - 1]["part"] == row["fold"] for row in held)
    assert json.loads(Path("runs/esc/0001/summary.json").read_text())["test"]["accuracy"] > 0.9
