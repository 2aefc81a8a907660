"""A config that needs a package of an extra, where that is not installed: told by a plain check, with the line that installs it."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import pytest

from nntrain.cli import main

TEXTS = "words,label\n" + "".join(f"some {row} words,{'ab'[row % 2]}\n" for row in range(20))


def write_sounds(folder: Path) -> None:
    for row in range(6):
        path = folder / "ab"[row % 2] / f"{row}.wav"
        path.parent.mkdir(exist_ok=True, parents=True)
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * 4000))


@pytest.mark.parametrize(
    ("data", "package", "extra"),
    [
        ("{source: {type: audio_folder, path: sounds}}", "soundfile", "audio"),
        ("{source: t.csv, fields: {words: {type: text, tokenizer: {type: bpe, size: 300}}, label: {role: target}}}", "tokenizers", "text"),
    ],
)
def test_a_plain_check_tells_the_package(
    data: str, package: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_sounds(tmp_path / "sounds")
    (tmp_path / "t.csv").write_text(TEXTS)
    (tmp_path / "a.yaml").write_text(f"data: {data}\narchitecture: {{type: gru, hidden_size: 4}}\n")
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["check", "a.yaml"]) == 2
    told = capsys.readouterr().err
    assert f"needs the package {package}, which is not installed: pip install 'nntrain[{extra}]'" in told
