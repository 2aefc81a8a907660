"""A network for sounds that a table names answers for a folder of sounds, a single one, and samples that a program has."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nntrain
from nntrain.commands.predicting.predict import run as predict
from nntrain.errors import DataError

RATE = 4000


def tone(label: str, number: int = 0) -> np.ndarray:
    return (13000 * np.sin(2 * np.pi * (1200 if label == "high" else 300 + 5 * number) * np.arange(400) / RATE)).astype("<i2")


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(samples.tobytes())


@pytest.mark.extra("audio")
def test_folders_files_and_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [(f"wavs/{label}{number}.wav", label, number) for number in range(12) for label in ("high", "low")]
    for name, label, number in rows:
        write(Path(name), tone(label, number))
    Path("t.csv").write_text("\n".join(["file,label", *(f"{name},{label}" for name, label, _ in rows)]))
    config: dict[str, Any] = {
        "name": "tones",
        "data": {"source": "t.csv", "target": "label", "fields": {"file": {"type": "audio", "length": 0.1}}, "split": {"validation": None}},
        "architecture": {"layers": [{"pool": "mean"}]},
        "optimizer": {"type": "adamw", "lr": 0.1},
        "training": {"max_epochs": 5},
    }
    run = nntrain.fit(config).run.path
    write(Path("new/deep/low.wav"), tone("low"))
    write(Path("new/high.wav"), tone("high"))
    Path("new/cut.wav").write_bytes(Path("new/high.wav").read_bytes()[: 44 + 600])
    capsys.readouterr()
    assert predict([str(run), "new"], None, runs=None) == 0
    told = capsys.readouterr()
    lines = [line.split(",")[:2] for line in told.out.splitlines()]
    assert lines == [["file", "prediction"], ["cut.wav", "high"], ["deep/low.wav", "low"], ["high.wav", "high"]]
    assert "1 of 3 sounds ends before the head of the file says: row 0 cut.wav (0.075 of 0.1 s)" in " ".join(told.err.split())
    model = nntrain.load(run)
    assert list(model.predict("new/deep/low.wav")["label"].values) == ["low"]
    assert list(model.predict([{"file": "new/high.wav"}, {"file": "new/deep/low.wav"}])["label"].values) == ["high", "low"]
    samples = np.stack([tone("high"), tone("low")])
    of_files = model.predict([{"file": "new/high.wav"}, {"file": "new/deep/low.wav"}])["label"].probabilities
    for given in (samples, samples / 32768, np.stack([samples] * 2, axis=2)):
        found = model.predict({"file": list(given)})["label"]
        assert list(found.values) == ["high", "low"]
        np.testing.assert_allclose(found.probabilities["high"], of_files["high"], atol=1e-6)
    with pytest.raises(DataError, match="row 1: samples: has samples that are no numbers"):
        model.predict({"file": [tone("high") / 1.0, np.full(400, np.nan)]})
    with pytest.raises(DataError, match=r"^no file \S*lost\.wav"):
        model.predict("lost.wav")
