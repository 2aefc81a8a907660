"""Sounds as users keep them: in every format, in folders of classes, by patterns and in tables; features against scipy's."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from nntrain.cli import main
from nntrain.data.audio.features import MFCC, LogMel
from nntrain.data.batches import TensorData
from nntrain.data.layout import plan_layout
from nntrain.data.preparing import prepare
from nntrain.data.reading import read_file
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

RATE = 8000


def tone(hertz: float, seconds: float = 0.1) -> np.ndarray:
    return 0.4 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((samples * 32767).astype("<i2").tobytes())


def folder(root: Path, splits: tuple[str, ...] = ("",), count: int = 10) -> Path:
    for split in splits:
        for place, label in enumerate(("high", "low")):
            for number in range(count):
                write(root / split / label / f"{number}.wav", tone(1500 - 1000 * place + 10 * number))
    return root


def settings(path: str, **data: Any) -> DataSettings:
    return DataSettings.parse({"source": {"type": "audio_folder", "path": path}, **data})


def hand_made_mel(bins: int, points: int, f_min: float, f_max: float) -> np.ndarray:
    """HTK's bands (Young et al., The HTK Book, 5.4): triangles of height 1 between points that are equally far on the mel scale."""
    mel = cast("Any", np.linspace(2595 * np.log10(1 + f_min / 700), 2595 * np.log10(1 + f_max / 700), bins + 2))
    hertz = 700 * (10 ** (mel / 2595) - 1)
    frequencies = np.linspace(0, RATE / 2, points // 2 + 1)
    return np.stack([np.interp(frequencies, hertz[band : band + 3], [0, 1, 0], left=0, right=0) for band in range(bins)], axis=1)


def test_features_are_those_of_scipy() -> None:
    signal = pytest.importorskip("scipy.signal")
    fft = pytest.importorskip("scipy.fft")
    samples = torch.randn(3, 3000, dtype=torch.float64) * 0.1
    window = signal.windows.hann(200, sym=False)
    _, _, found = signal.spectrogram(
        samples.numpy(), RATE, window=window, noverlap=120, nfft=256, detrend=False, scaling="spectrum", mode="psd"
    )
    power = found.transpose(0, 2, 1) * window.sum() ** 2  # scipy divides by it, and counts both sides of the spectrum in one
    power[:, :, 1:-1] /= 2
    wanted = np.log((power @ hand_made_mel(30, 256, 20, 4000)).clip(1e-10))
    features = LogMel(bins=30).build(RATE)(samples)
    np.testing.assert_allclose(features.numpy(), wanted, rtol=1e-9, atol=1e-9)
    cepstra = fft.dct(wanted, type=2, norm="ortho", axis=2)[:, :, :13]
    np.testing.assert_allclose(MFCC(bins=30).build(RATE)(samples).numpy(), cepstra, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3", "aiff"])
@pytest.mark.extra("audio")
def test_every_format_is_read(suffix: str, tmp_path: Path) -> None:
    import soundfile

    for row in range(4):
        soundfile.write(tmp_path / f"{row}.{suffix}", np.stack([tone(300 + 300 * row, 0.5)] * 2, axis=1), RATE)
    (tmp_path / "t.csv").write_text("sound,y\n" + "".join(f"{row}.{suffix},{row % 2}\n" for row in range(4)))
    data = {"source": "t.csv", "target": "y", "fields": {"sound": {"type": "audio", "features": "raw", "length": 0.5}}}
    parsed = DataSettings.parse(data)
    field = parsed.fields["sound"]
    table = read_file(parsed, tmp_path / "t.csv")
    found = field.read(table, ("sound",))
    assert isinstance(found, np.ndarray)
    assert found.shape == (4, 4000, 1)
    for row in range(4):
        spectrum = np.abs(np.fft.rfft(found[row, :, 0]))
        assert abs(int(spectrum.argmax()) - 0.5 * (300 + 300 * row)) <= 1
        exact = suffix in ("wav", "flac", "aiff")
        assert float(np.abs(found[row, 500:3500, 0] - tone(300 + 300 * row, 0.5)[500:3500]).max()) < 1e-4 or not exact


@pytest.mark.extra("audio")
def test_folders_of_classes_and_of_splits(tmp_path: Path) -> None:
    folder(tmp_path / "sounds", ("train", "test"))
    (tmp_path / "sounds" / "readme.txt").write_text("none")
    found = prepare(settings("sounds", split={"validation": 0.2}), tmp_path, seed=0)
    assert found.fields.targets["label"].classes == ("high", "low")
    assert {part: len(data) for part, data in found.splits.items()} == {"train": 16, "validation": 4, "test": 20}
    assert any("left out 1 other file (1 .txt)" in note for note in found.notes)
    assert found.layout.inputs["audio"].sizes[1] == 40
    given = {"type": "audio_folder", "path": "sounds/train", "test": "sounds/test"}
    assert len(prepare(DataSettings.parse({"source": given}), tmp_path, seed=0).train) == 18


def test_the_head_of_the_first_sound_tells_the_steps(tmp_path: Path) -> None:
    folder(tmp_path / "sounds", count=1)
    for source in ({"type": "audio_folder", "path": "sounds"}, {"type": "files", "path": "sounds/{label}/*.wav"}):
        layout, problems = plan_layout(
            DataSettings.parse({"source": source, "fields": {"audio": {"type": "audio", "length": 0.05}}}), tmp_path, look=True
        )
        assert not problems
        assert layout.inputs["audio"].sizes == (3, 40)
        assert layout.targets[0].name == "label"


def test_what_is_no_folder_of_sounds(tmp_path: Path) -> None:
    texts = tmp_path / "texts" / "a"
    texts.mkdir(parents=True)
    (texts / "a.txt").write_text("x")
    with pytest.raises(DataError, match="has no sounds"):
        plan_layout(settings("texts"), tmp_path, look=True)
    write(tmp_path / "flat" / "a.wav", tone(300))
    write(tmp_path / "flat" / "b.wav", tone(300))
    with pytest.raises(DataError, match="its sounds are not in folders of classes") as told:
        plan_layout(settings("flat"), tmp_path, look=True)
    assert told.value.hint is not None
    assert "flat/CLASS/*.wav" in told.value.hint


@pytest.mark.extra("audio")
def test_init_drafts_a_config_that_trains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    folder(tmp_path / "sounds", count=6)
    assert main(["init", "sounds"]) == 0, capsys.readouterr().err
    assert "source: {type: audio_folder, path: sounds}" in (tmp_path / "sounds.yaml").read_text()
    assert main(["fit", "sounds.yaml", "training.max_epochs=1", "data.split={validation: 0.2, test: 0.2}"]) == 0, capsys.readouterr().err
    rows = [f"sounds/{label}/{number}.wav,{label}" for label in ("high", "low") for number in range(6)]
    (tmp_path / "table.csv").write_text("\n".join(["file,label", *rows]))
    assert main(["init", "table.csv", "--target", "label"]) == 0, capsys.readouterr().err
    assert "audio     file" in capsys.readouterr().out
    assert "file: {type: audio, sample_rate: 8000}" in (tmp_path / "table.yaml").read_text()
    assert main(["check", "table.yaml"]) == 0, capsys.readouterr().err


def speakers_of(rows: list[str], data: TensorData) -> set[str]:
    return {rows[int(row)].split(",")[2] for row in data.rows}


@pytest.mark.extra("audio")
def test_with_a_fold_for_each_speaker_each_is_left_out_once(tmp_path: Path) -> None:
    rows: list[str] = []
    for number in range(24):
        write(tmp_path / f"{number}.wav", tone(300 + 50 * number))
        rows.append(f"{number}.wav,{'ab'[number % 2]},{['kim', 'lee', 'max', 'noa'][number // 2 % 4]}")
    (tmp_path / "t.csv").write_text("\n".join(["wav,word,speaker", *rows]))
    left_out: list[str] = []
    for fold in range(4):
        data = {
            "source": "t.csv",
            "target": "word",
            "fields": {"wav": {"type": "audio", "length": 0.1}, "speaker": {"role": "group"}},
            "split": {"validation": None, "folds": 4, "fold": fold + 1},
        }
        found = prepare(DataSettings.parse(data), tmp_path, seed=0)
        tested, trained = (speakers_of(rows, data) for data in (found.splits["test"], found.train))
        assert len(tested) == 1
        assert not trained & tested
        left_out += tested
    assert sorted(left_out) == ["kim", "lee", "max", "noa"]


@pytest.mark.parametrize(
    ("fields", "split", "warns"),
    [
        ({}, {}, True),
        ({"speaker": {"role": "group"}}, {}, False),
        ({"speaker": {"role": "ignore"}}, {}, False),
        ({}, {"by": "time"}, False),
    ],
)
def test_speakers_on_both_sides_of_a_split_are_told(fields: dict[str, Any], split: dict[str, Any], warns: bool, tmp_path: Path) -> None:
    write(tmp_path / "a.wav", tone(300))
    rows = "".join(f"a.wav,{number % 2},{'kim' if number % 3 else 'lee'}\n" for number in range(12))
    (tmp_path / "t.csv").write_text(f"wav,word,speaker\n{rows}")
    data = {"source": "t.csv", "target": "word", "fields": {"wav": "audio", **fields}, "split": split}
    layout, problems = plan_layout(DataSettings.parse(data), tmp_path, look=True)
    assert not problems
    assert any("rows of one speaker are trained on and measured" in doubt for doubt in layout.doubts) == warns
