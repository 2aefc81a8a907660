"""Sounds that are read a block of rows at a time: the values of those in memory, runs that go on exactly, files that may not change."""

from __future__ import annotations

import json
import os
import subprocess
import wave
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain.cli import main
from nntrain.data import blocks, new_rows
from nntrain.data.batches import plain_batches
from nntrain.data.blocks import Whole
from nntrain.data.fields.audio import Audio
from nntrain.data.fitted import FittedFields
from nntrain.data.preparing import Prepared, prepare
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError

pytest.importorskip("soundfile")
RATE = 8000
ROWS = 60


def write(path: Path, hertz: float, seconds: float, rate: int = RATE) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes((tone * 32767).astype("<i2").tobytes())


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nntrain.data.blockwise.preparing.NAMED_BYTES", 150)
    monkeypatch.setattr(blocks, "FILE_ROWS", 7)
    monkeypatch.setattr("nntrain.data.blockwise.store.STRETCH_BYTES", 60_000)


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """A folder of classes, and a table that names the same files."""
    lines = ["file,age,label"]
    for row in range(ROWS):
        label = ("high", "low")[row % 2]
        name = f"sounds/{label}/{row:02}.wav"
        write(tmp_path / name, 1500 - 1000 * (row % 2) + 10 * row, 0.08 + 0.002 * (row % 9))
        lines.append(f"{name},{row % 11},{label}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def prepared(folder: Path, source: Any, audio: dict[str, Any], **data: Any) -> Prepared:
    name = "file" if isinstance(source, str) else "audio"
    fields = {name: {"type": "audio", **audio}, **({"age": "number", "label": "category"} if isinstance(source, str) else {})}
    return prepare(DataSettings.parse({"source": source, "target": "label", "fields": fields, **data}), folder, seed=3)


FOLDER = {"type": "audio_folder", "path": "sounds"}
PATTERN = {"type": "files", "path": "sounds/{label}/*.wav"}
CUT = {"crop": "random", "length": 0.06}
WAYS: dict[str, dict[str, Any]] = {
    "as long as they are": {},
    "of one length": {"length": 0.08, "features": "mfcc"},
    "changed": {"length": 0.08, "augment": [{"shift": 10}, "spec_augment"], "sample_rate": RATE},
    "cut at random": CUT,
    "not scaled": {"normalize": "none"},
}


@pytest.mark.parametrize("source", ["table.csv", FOLDER, PATTERN], ids=["table", "folder", "pattern"])
@pytest.mark.parametrize("way", WAYS)
def test_values_are_those_of_sounds_in_memory(sounds: Path, source: Any, way: str) -> None:
    assert_alike(*(prepared(sounds, source, WAYS[way], streaming=streaming) for streaming in (False, True)))


@pytest.mark.parametrize(
    "source", [{**FOLDER, "path": "all.zip"}, {**PATTERN, "path": "all.zip/sounds/{label}/*.wav"}], ids=["folder", "pattern"]
)
def test_sounds_in_a_zip_file_are_read_one_by_one(sounds: Path, source: Any) -> None:
    with zipfile.ZipFile(sounds / "all.zip", "w") as archive:
        for path in sorted(sounds.rglob("*.wav")):
            archive.write(path, path.relative_to(sounds))
    assert_alike(*(prepared(sounds, source, {"length": 0.08}, streaming=streaming) for streaming in (False, True)))


def test_pictures_beside_sounds_are_read_with_them(sounds: Path) -> None:
    """In blocks, as sounds are: neither is in memory."""
    lines = (sounds / "table.csv").read_text().splitlines()
    for row in range(ROWS):
        Image.fromarray(np.full((4, 4), row, dtype=np.uint8)).save(sounds / f"{row}.png")
    (sounds / "both.csv").write_text("\n".join([f"photo,{lines[0]}", *(f"{row}.png,{line}" for row, line in enumerate(lines[1:]))]))
    fields = {"file": "audio", "photo": {"type": "image", "normalize": "standard"}, "age": "number", "label": "category"}
    tree = {"source": "both.csv", "target": "label", "fields": fields}
    memory, streamed = (prepare(DataSettings.parse({**tree, "streaming": streams}), sounds, seed=3) for streams in (False, True))
    assert_alike(memory, streamed)
    assert {"file", "photo"} <= set(streamed.train.streamed.store.names if streamed.train.streamed is not None else ())


def test_a_changed_picture_that_a_streamed_table_has_as_target_is_told(sounds: Path) -> None:
    lines = (sounds / "table.csv").read_text().splitlines()
    for row in range(ROWS):
        Image.fromarray(np.full((4, 4), row, dtype=np.uint8)).save(sounds / f"{row}.png")
    (sounds / "both.csv").write_text("\n".join(["photo,age", *(f"{row}.png,{row % 7}" for row in range(len(lines) - 1))]))
    tree = {"source": "both.csv", "target": "photo", "fields": {"photo": "image", "age": "number"}}
    memory, streamed = (prepare(DataSettings.parse({**tree, "streaming": streams}), sounds, seed=3) for streams in (False, True))
    assert streamed.train.in_blocks
    assert memory.fingerprints == streamed.fingerprints
    assert "source.files" in streamed.fingerprints


def assert_alike(memory: Prepared, streamed: Prepared) -> None:
    """The same splits, values up to rounding, targets and fingerprints."""
    assert not memory.train.in_blocks
    assert streamed.train.in_blocks
    assert memory.splits.keys() == streamed.splits.keys()
    assert memory.fingerprints == streamed.fingerprints
    for part, data in memory.splits.items():
        own = streamed.splits[part]
        assert own.rows.tolist() == data.rows.tolist()
        for one, other in zip(plain_batches(own, 9), plain_batches(data, 9), strict=True):
            assert one.inputs.keys() == other.inputs.keys()
            for name, values in other.inputs.items():
                torch.testing.assert_close(one.inputs[name], values, rtol=1e-5, atol=1e-5)
            assert all(torch.equal(one.targets[name], values) for name, values in other.targets.items())


def test_all_rows_of_one_block_are_trained_on_as_in_memory(
    sounds: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the same order, which full batches have, the losses are those of sounds in memory."""
    monkeypatch.chdir(sounds)
    monkeypatch.setattr("nntrain.data.blockwise.store.STRETCH_BYTES", 10**9)
    losses: list[dict[str, Any]] = []
    for streaming in ("true", "false"):
        write_config(sounds, streaming, batch_size=48)
        losses.append(fitted(capsys, "s.yaml", "--run-id", f"run-{streaming}"))
    assert losses[0]["test"] == pytest.approx(losses[1]["test"], rel=1e-3)


def write_config(folder: Path, streaming: str = "true", batch_size: int = 8, epochs: int = 3, source: dict[str, Any] = FOLDER) -> None:
    (folder / "s.yaml").write_text(
        f"""
name: s
data:
  source: {json.dumps(source)}
  fields: {{audio: {{type: audio, length: 0.08, augment: [{{shift: 10}}], sample_rate: {RATE}}}}}
  batch_size: {batch_size}
  streaming: {streaming}
architecture: {{type: gru, hidden_size: 4}}
training: {{max_epochs: {epochs}}}
"""
    )


def fitted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main(["fit", *arguments, "--json"]) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


def history(folder: Path, run: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / "runs" / "s" / run / "history.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if "second" not in name} for line in lines]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_run_on_files_by_a_pattern_that_is_killed_ends_with_the_same_bytes(
    sounds: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    for row in range(100, 360):  # more than one block
        write(sounds / "sounds" / ("high", "low")[row % 2] / f"{row}.wav", 1500 - 1000 * (row % 2) + row, 0.08)
    write_config(sounds, batch_size=32, source=PATTERN)
    config = sounds / "s.yaml"
    config.write_text(config.read_text().replace("max_epochs: 3", "max_epochs: 3, checkpoint: {every_steps: 4}"))
    done = run_script(Path(__file__).with_name("kill_driver.py"), config, sounds / "runs", 6, 15, timeout_s=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"whole", "6", "15"}
    assert found["6"] == found["15"] == found["whole"]


@pytest.mark.parametrize("given", ["sounds", "all.zip", "table.csv"])
def test_rows_of_a_later_day_are_read_a_few_at_a_time_with_the_answers_of_all_at_once(
    sounds: Path, given: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(sounds)
    monkeypatch.setattr("nntrain.data.new_rows.NAMED_BYTES", 150)
    write_config(sounds)
    if given == "table.csv":
        config = (
            (sounds / "s.yaml").read_text().replace("{audio: {", "{age: {role: ignore}, file: {").replace(json.dumps(FOLDER), "table.csv")
        )
        (sounds / "s.yaml").write_text(config.replace("  batch_size", "  target: label\n  batch_size"))
    with zipfile.ZipFile(sounds / "all.zip", "w") as archive:
        for path in sorted((sounds / "sounds").rglob("*.wav")):
            archive.write(path, path.relative_to(sounds / "sounds"))
    fitted(capsys, "s.yaml", "--run-id", "run")
    most: list[int] = []
    read = Audio.read

    def counting(field: Audio, table: Table, columns: tuple[str, ...]) -> Any:
        most.append(table.rows)
        return read(field, table, columns)

    def at_once(settings: DataSettings, path: Path, fields: FittedFields) -> Whole:
        return Whole.of(new_rows.read_new(settings, path, fields))

    found: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(Audio, "read", counting)
        for whole in (False, True):
            if whole:
                patch.setattr(new_rows, "new_blocks", at_once)
            most.clear()
            assert main(["predict", "runs/s/run", given]) == 0
            answers = [line.split(",") for line in capsys.readouterr().out.splitlines()]
            assert main(["eval", "runs/s/run", "--data", given, "--json"]) == 0
            figures = json.loads(capsys.readouterr().out)
            assert max(most) == ROWS if whole else max(most) < 20
            found.append((answers, figures))
    cut, other = found
    assert len(cut[0]) == len(other[0]) == ROWS + 1
    for row, same in zip(cut[0], other[0], strict=True):
        assert [_rounded(cell) for cell in row] == [_rounded(cell) for cell in same]
    assert cut[1]["rows"] == other[1]["rows"] == ROWS
    assert cut[1]["metrics"] == pytest.approx(other[1]["metrics"], rel=1e-5)


@pytest.mark.parametrize("source", [FOLDER, PATTERN], ids=["folder", "pattern"])
def test_a_run_goes_on_exactly(sounds: Path, source: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(sounds)
    write_config(sounds, source=source)
    fitted(capsys, "s.yaml", "--run-id", "whole")
    fitted(capsys, "s.yaml", "training.max_steps=8", "--run-id", "cut")
    fitted(capsys, "--resume", "runs/s/cut", "training.max_steps=null")
    assert history(sounds, "whole")[-1] == history(sounds, "cut")[-1]
    assert main(["fit", "--resume", "runs/s/cut", "data.streaming=false", "training.max_epochs=4"]) != 0
    assert "data.streaming" in capsys.readouterr().err  # rows have another order in memory


def test_encoded_blocks_are_of_the_sounds_that_are_there(sounds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NNTRAIN_CACHE", str(sounds / "kept"))
    first = prepared(sounds, "table.csv", {"length": 0.08}, streaming=True)
    list(plain_batches(first.train, 9))
    write(sounds / "sounds/high/00.wav", 300, 0.09)
    again = prepared(sounds, "table.csv", {"length": 0.08}, streaming=True)
    memory = prepared(sounds, "table.csv", {"length": 0.08})
    assert first.fingerprints["source.files"] != again.fingerprints["source.files"]
    for one, other in zip(plain_batches(again.train, 9), plain_batches(memory.train, 9), strict=True):
        torch.testing.assert_close(one.inputs["file"], other.inputs["file"], rtol=1e-4, atol=1e-4)


def test_what_is_found_in_sounds_is_told(sounds: Path) -> None:
    write(sounds / "sounds/high/00.wav", 0, 0.09)
    notes = "\n".join(prepared(sounds, "table.csv", {}, streaming=True).notes)
    assert "sounds are silence (line 2)" in notes


def test_sounds_of_two_rates_are_refused(sounds: Path) -> None:
    write(sounds / "sounds/low/59.wav", 500, 0.09, rate=16000)
    with pytest.raises(DataError, match="2 sample rates"):
        prepared(sounds, "table.csv", {}, streaming=True)
    assert len(prepared(sounds, "table.csv", {"sample_rate": RATE}, streaming=True).train) > 40


def test_samples_that_are_kept_have_the_rate_of_the_files(sounds: Path) -> None:
    found, told = (prepared(sounds, "table.csv", {**CUT, **rate}, streaming=True) for rate in ({}, {"sample_rate": RATE}))
    for one, other in zip(plain_batches(found.train, 9), plain_batches(told.train, 9), strict=True):
        assert torch.equal(one.inputs["file"], other.inputs["file"])
    write(sounds / "sounds/low/59.wav", 500, 0.09, rate=16000)
    with pytest.raises(DataError, match="2 sample rates"):
        prepared(sounds, "table.csv", CUT, streaming=True)


@pytest.mark.slow
def test_workers_read_the_same(sounds: Path) -> None:
    alone, others = (prepared(sounds, FOLDER, {}, streaming=True, workers=workers) for workers in (0, 2))
    for one, other in zip(plain_batches(others.train, 9), plain_batches(alone.train, 9), strict=True):
        assert torch.equal(one.inputs["audio"], other.inputs["audio"])


def _rounded(cell: str) -> Any:
    """A probability up to rounding, which hangs on what else is in a batch."""
    return pytest.approx(float(cell), abs=1e-5) if cell.startswith("0.") else cell
