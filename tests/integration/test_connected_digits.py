"""The script that joins spoken digits to rows, on takes that are made up, and the example that learns them."""

from __future__ import annotations

import csv
import importlib.util
import math
import struct
import wave
from pathlib import Path
from types import ModuleType

import pytest

import nntrain

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("connected_digits", ROOT / "tests" / "data_scripts" / "connected_digits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_takes(folder: Path) -> None:
    """Two speakers who whistle each digit at a height of its own, eight times; the first five takes last longer."""
    folder.mkdir()
    for speaker, factor in (("ann", 1.0), ("bob", 1.1)):
        for digit in range(10):
            for take in range(8):
                hertz = factor * (200 + 300 * digit)
                samples = [round(9000 * math.sin(2 * math.pi * hertz * place / 8000)) for place in range(1300 if take < 5 else 1000)]
                with wave.open(str(folder / f"{digit}_{speaker}_{take}.wav"), "wb") as file:
                    file.setparams((1, 2, 8000, 0, "NONE", ""))
                    file.writeframes(struct.pack(f"<{len(samples)}h", *samples))


def samples_of(path: Path) -> int:
    with wave.open(str(path), "rb") as file:
        return file.getnframes()


def test_rows_are_joined_of_the_takes_of_their_part(script: ModuleType, tmp_path: Path) -> None:
    write_takes(tmp_path / "recordings")
    for name in ("one", "two"):
        script.write(tmp_path, tmp_path / name, train=12, test=6)
    for part, rows, take in (("train", 12, 1000), ("test", 6, 1300)):
        table = (tmp_path / "one" / f"{part}.csv").read_text(encoding="utf-8")
        assert (tmp_path / "two" / f"{part}.csv").read_text(encoding="utf-8") == table
        found = list(csv.DictReader(table.splitlines()))
        assert len(found) == rows
        for row in found:
            words = row["text"].split()
            assert 2 <= len(words) <= 5
            pauses = samples_of(tmp_path / "one" / row["wav"]) - take * len(words)
            assert 0 <= pauses <= (len(words) - 1) * script.LONGEST_PAUSE
            assert (tmp_path / "one" / row["wav"]).read_bytes() == (tmp_path / "two" / row["wav"]).read_bytes()


@pytest.mark.slow
@pytest.mark.extra("audio")
def test_the_example_learns_eight_rows_by_heart(script: ModuleType, tmp_path: Path) -> None:
    write_takes(tmp_path / "recordings")
    script.write(tmp_path, tmp_path / "connected_digits", train=8, test=2)
    text = (ROOT / "configs" / "connected_digits_ctc.yaml").read_text(encoding="utf-8")
    (tmp_path / "digits.yaml").write_text(text, encoding="utf-8")
    changes = ["data.split.validation=null", "regularization.dropout=null", "training.max_steps=80", "training.evaluate_every.steps=20"]
    result = nntrain.fit(tmp_path / "digits.yaml", *changes)
    assert result.summary["best"]["train.wer"] == 0
