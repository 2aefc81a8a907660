"""Networks of sequences and graphs that can't work: `check` says so at the line, before more of the data is read than its head."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest

from nntrain.cli import main

IMAGE = "data: {source: {type: builtin, name: digits}}\n"
TABLE = "data: {source: rows.csv, target: y}\n"
SERIES = "data: {source: rows.csv, target: y, fields: {s: {type: series, columns: 'x*'}}}\n"
WINDOWS = (
    "data: {source: rows.csv, fields: {'x*': {type: number, role: [input, target]}, y: {role: ignore}}, window: {past: 30, horizon: 2}}\n"
)
TEXT = "data: {source: {type: text, path: text.txt}, window: 16}\n"
BACK = "back: {type: text, like: text, role: target}"
WRITTEN = "data: {source: said.csv, fields: {text: {type: text, tokenizer: char}, " + BACK + ", wav: {role: ignore}}}\n"
SPEECH = (
    "data: {source: said.csv, fields: {wav: audio, text: {type: text, tokenizer: char, role: target}, back: {role: ignore}}}\ntask: ctc\n"
)


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    columns = [f"x{index}" for index in range(12)]
    rows = [",".join([*(str(row * place % 7 / 7) for place in range(12)), "ab"[row % 2]]) for row in range(200)]
    (tmp_path / "rows.csv").write_text("\n".join([",".join([*columns, "y"]), *rows]) + "\n")
    (tmp_path / "text.txt").write_text("to be or not to be\n" * 50)
    with wave.open(str(tmp_path / "a.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(2 * 4000))
    (tmp_path / "said.csv").write_text("wav,text,back\n" + "a.wav,one two three,eerht owt eno\n" * 20)


@pytest.mark.parametrize(
    ("data", "architecture", "place", "told"),
    [
        (IMAGE, "architecture:\n  layers:\n    - rnn: 8\n", "4:7", "rnn needs a sequence"),
        (IMAGE, "architecture:\n  type: lstm\n", "3:3", "an image [1, 8, 8]"),
        (TABLE, "architecture:\n  layers:\n    - gcn: 8\n    - relu\n", "4:7", "gcn"),
        (SERIES, "architecture:\n  layers:\n    - lstm: 8\n    - relu\n", "5:7", "pool"),
        (SERIES, "architecture:\n  layers:\n    - multihead_attention: 1\n    - relu\n", "5:7", "pool"),
        (TEXT, "architecture:\n  layers:\n    - embedding: 8\n    - multihead_attention: 2\n    - relu\n", "5:7", "looks ahead"),
        (TEXT, "architecture:\n  type: lstm\n  bidirectional: true\n", "", "looks ahead"),
        (
            WRITTEN,
            "architecture:\n nodes:\n  n:\n   from: teacher.back\n   layers:\n      - embedding: 8\n      - multihead_attention: 2\n",
            "8:9",
            "looks ahead",
        ),
        (
            SPEECH,
            "architecture:\n  layers:\n    - conv1d: {out_channels: 8, kernel_size: 9, stride: 9}\n    - relu\n",
            "5:7",
            "too few steps",
        ),
        (SPEECH, "architecture:\n  layers:\n    - gru: 8\n    - pool: last\n", "6:7", "pool"),
        (
            WINDOWS,
            "architecture:\n  type: patchtst\n  patch_size: 16\n  stride: 9\n",
            "4:15",
            "patch_size    patch cuts 30 steps and 9 more",
        ),
    ],
    ids=["rnn image", "lstm image", "no edges", "no pool", "attention", "no mask", "both ways", "decoder", "strides", "no steps", "patch"],
)
def test_check_names_the_line(data: str, architecture: str, place: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("c.yaml").write_text(data + architecture)
    code = main(["check", "c.yaml"])
    out = "".join(capsys.readouterr())
    assert code == 2
    assert f"c.yaml:{place}" in out
    assert told in out
