"""Images, texts, sounds and numbers of one row, each in a node of its own, two of a kind with shared weights."""

from __future__ import annotations

import csv
import importlib.util
import json
import random
import struct
import wave
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from nntrain.cli import main

ROOT = Path(__file__).parents[2]
CONFIG = """
name: senses
data:
  source: rows.csv
  fields:
    left: {type: image, size: 8, augment: [{shift: 0.1}]}
    right: {type: image, size: 8, augment: [flip]}
    first: text
    second: {type: text, like: first}
    call: {type: audio, features: {log_mel: 8}, augment: [{shift: 20}]}
    answer: {type: audio, features: {log_mel: 8}, augment: [{spec_augment: {band_width: 3}}]}
    label: {type: category, role: target}
    sure: {type: boolean, role: target}
  split: {test: 0.25}
  batch_size: 8
architecture:
  nodes:
    seen: {from: left, cnn: {channels: [4], reduce: mean}}
    seen_too: {from: right, same_as: seen}
    read: {from: first, layers: [{embedding: 6}, {gru: 5}, {pool: last}]}
    read_too: {from: second, same_as: read}
    heard: {from: call, layers: [{gru: 7}, {pool: mean}]}
    heard_too: {from: answer, same_as: heard}
    counted: {from: [weight, place], layers: [{linear: 3}, relu]}
    all: {concat: [seen, seen_too, read, read_too, heard, heard_too, counted]}
  heads: {label: all, sure: all}
training: {max_epochs: 2}
"""


def write(folder: Path, rows: int) -> None:
    draw = random.Random(0)
    lines: list[list[Any]] = []
    for row in range(rows):
        kind = row % 2
        for name in ("left", "right"):
            Image.new("RGB", (8, 8), (60 + 120 * kind, draw.randint(0, 255), 80)).save(folder / f"{name}{row}.png")
        for name in ("call", "answer"):
            samples = [draw.randint(-900, 900) for _ in range(draw.randint(600, 1200))]
            with wave.open(str(folder / f"{name}{row}.wav"), "wb") as file:
                file.setparams((1, 2, 8000, 0, "NONE", ""))
                file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
        texts = [" ".join(draw.choice(("one", "two", "three", "four")) for _ in range(draw.randint(1, 6))) for _ in range(2)]
        files = [f"left{row}.png", f"right{row}.png", *texts, f"call{row}.wav", f"answer{row}.wav"]
        lines.append([*files, draw.random(), draw.choice(("north", "south")), "ab"[kind], ["no", "yes"][row % 3 == 0]])
    with (folder / "rows.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["left", "right", "first", "second", "call", "answer", "weight", "place", "label", "sure"], *lines])


@pytest.mark.extra("audio")
def test_one_network_reads_all_and_shares_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, 32)
    (tmp_path / "a.yaml").write_text(CONFIG)
    assert main(["check", "a.yaml", "--data", "--json"]) == 0
    cnn, head = (3 * 4 * 9 + 4), 2 * (4 + 5 + 7) + 3
    read = (4 + 2) * 6 + 3 * 5 * (6 + 5 + 2)
    heard, counted = 3 * 7 * (8 + 7 + 2), (1 + 2) * 3 + 3
    assert json.loads(capsys.readouterr().out)["parameters"] == cnn + read + heard + counted + (head + 1) * (2 + 1)
    assert main(["fit", "a.yaml"]) == 0
    assert main(["predict", "runs/senses/0001", "rows.csv", "-o", "all.csv"]) == 0
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    with (tmp_path / "few.csv").open("w", newline="") as file:  # the shortest texts and sounds, without those that they were padded to
        csv.writer(file).writerows([lines[0], lines[5]])
    assert main(["predict", "runs/senses/0001", "few.csv", "-o", "few_out.csv"]) == 0
    with (tmp_path / "all.csv").open(newline="") as whole, (tmp_path / "few_out.csv").open(newline="") as alone:
        among, single = list(csv.DictReader(whole))[4], next(csv.DictReader(alone))
    for column in ("label_probability_a", "sure_probability_true"):
        assert float(single[column]) == pytest.approx(float(among[column]), abs=1e-5)


def test_rows_are_put_together_of_three_sets(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("three_senses", ROOT / "tests" / "data_scripts" / "three_senses.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for part, kind, place in ((part, kind, place) for part in ("train", "test") for kind in ("cat", "ship") for place in range(3)):
            file = BytesIO()
            Image.new("RGB", (4, 4), (place, 0, 0)).save(file, "PNG")
            archive.writestr(f"{part}/{kind}/{place}.png", file.getvalue())
    for part in ("train", "test"):
        (tmp_path / f"{part}.tsv").write_text(f'sentence\tlabel\n{part} good "\t1\n{part} bad\t0\n')
    birds = [f"{kind},{place}.5,1,2,{'' if place == 3 else 3}" for place, kind in enumerate(["Adelie", "Gentoo"] * 4)]
    (tmp_path / "birds.csv").write_text("\n".join(["species," + ",".join(script.MEASUREMENTS), *birds]))
    for name in ("one", "two"):
        script.write(tmp_path / "photos.zip", tmp_path, tmp_path / "birds.csv", tmp_path / name, train=10, test=5)
    tables = {part: (tmp_path / "one" / f"{part}.csv").read_text(encoding="utf-8") for part in ("train", "test")}
    assert tables["train"] == (tmp_path / "two" / "train.csv").read_text(encoding="utf-8")
    rows = {part: list(csv.DictReader(table.splitlines())) for part, table in tables.items()}
    assert (len(rows["train"]), len(rows["test"])) == (10, 5)
    assert not {row["bill_length_mm"] for row in rows["train"]} & {row["bill_length_mm"] for row in rows["test"]}
    for part, row in ((part, row) for part, found in rows.items() for row in found):
        seen, praised, bird = row["label"].split()
        assert row["sentence"].split()[:2] == [part, "good" if praised == "praise" else "bad"]
        assert (bird == "adelie") == (int(float(row["bill_length_mm"])) % 2 == 0)
        assert seen in ("animal", "vehicle")
        with Image.open(tmp_path / "one" / row["photo"]) as photo:
            assert photo.size == (4, 4)
