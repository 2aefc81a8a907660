"""Words that are sung as tones: learned by heart, written down again, and refused where the network leaves too few steps."""

from __future__ import annotations

import csv
import io
import math
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.commands.beginning.check import Look, check
from nntrain.commands.predicting.predict import run as predict
from nntrain.config.reading import read_mapping
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.errors import ConfigError

RATE = 4000
TONES = {"low": 250, "mid": 600, "high": 1500}
TEXTS = ["low mid", "mid", "high low", "mid mid", "high", "low", "mid high low", "high high"]


def sound(text: str) -> bytes:
    """A tone of a tenth of a second for each word, with a short rest behind it."""
    samples: list[float] = []
    for word in text.split():
        samples += [0.6 * math.sin(2 * math.pi * TONES[word] * place / RATE) for place in range(RATE // 10)]
        samples += [0.0] * (RATE // 25)
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(struct.pack(f"<{len(samples)}h", *(round(32000 * sample) for sample in samples)))
    return content.getvalue()


def write(texts: list[str] = TEXTS, name: str = "sung") -> None:
    """A table of sounds and their texts, and the sounds in a folder beside it."""
    Path(name).mkdir()
    for row, text in enumerate(texts):
        Path(name, f"{row}.wav").write_bytes(sound(text))
    lines = [f"{name}/{row}.wav,{text}" for row, text in enumerate(texts)]
    Path(f"{name}.csv").write_text("\n".join(["wav,text", *lines]) + "\n", encoding="utf-8")


def config(*, stride: int = 2, task: Any = "ctc", **changes: Any) -> dict[str, Any]:
    fields = {
        "wav": {"type": "audio", "features": {"type": "log_mel", "bins": 12}},
        "text": {"type": "text", "tokenizer": "space", "role": "target"},
    }
    data = {"source": "sung.csv", "fields": fields, "split": {"validation": None, "test": None}, "batch_size": 8}
    layers = [
        {"conv1d": {"out_channels": 16, "kernel_size": 3, "stride": stride}},
        "relu",
        {"gru": {"hidden_size": 16, "bidirectional": True}},
    ]
    return {
        "name": "sung",
        "data": data,
        "architecture": {"layers": layers},
        "task": task,
        "optimizer": {"adamw": 0.02},
        "training": {"max_steps": 60, "evaluate_every": {"steps": 30}, "device": "cpu"},
        **changes,
    }


@pytest.mark.extra("audio")
@pytest.mark.parametrize("task", ["ctc", {"type": "ctc", "decode": {"beam": 4}}])
def test_eight_rows_are_learned_by_heart_and_written_down_again(task: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write()
    result = nntrain.fit(config(task=task))
    assert result.summary["best"]["train.wer"] == 0
    assert result.summary["best"]["train.cer"] == 0
    assert result.summary["baseline"]["train.wer"] == 1
    capsys.readouterr()
    write(["mid", "low mid"], "others")
    predict([str(result.run.path), "others.csv"], None, runs=None)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["prediction"] for row in rows] == ["mid", "low mid"]
    predict([str(result.run.path), "others"], None, runs=None)
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [(row["wav"], row["prediction"]) for row in rows] == [("0.wav", "mid"), ("1.wav", "low mid")]


def test_a_stride_that_leaves_too_few_steps_is_refused_before_sounds_are_read() -> None:
    write(["high high mid low mid", "low mid low mid"])
    tree = config(stride=30)
    with pytest.raises(ConfigError) as told:
        check(read_mapping(tree), Look.HEADER)
    message = str(told.value)
    assert "architecture.layers[0]" in message
    assert "too few steps for text after conv1d" in message
    assert "text needs 4 for its 4 tokens" in message


@pytest.mark.extra("audio")
def test_rows_that_are_too_short_are_counted_once_they_are_read() -> None:
    write(["low", *["high high"] * 7])
    tree = config(stride=12)
    check(read_mapping(tree), Look.HEADER)
    with pytest.raises(ConfigError, match="7 of 8 training rows have too few steps for text after conv1d") as told:
        check(read_mapping(tree), Look.ALL)
    assert "text needs 3 for its 2 tokens, 1 of them like the one before" in str(told.value)


@pytest.mark.extra("audio")
def test_a_few_rows_that_are_too_short_are_told() -> None:
    write(["low", "high high", *["mid"] * 100])
    blueprint = check(read_mapping(config(stride=12)), Look.ALL)
    assert blueprint is not None
    warning = next(line for line in blueprint.warnings if "too few steps" in line)
    assert "1 of 102 training rows have too few steps for text and teach nothing" in warning


def test_a_row_of_numbers_in_place_of_steps_is_refused() -> None:
    write()
    tree = config()
    tree["architecture"]["layers"].append({"pool": "mean"})
    with pytest.raises(ConfigError, match=r"end in a sequence .* without pool"):
        check(read_mapping(tree), Look.HEADER)


@pytest.mark.extra("audio")
def test_the_rate_of_the_training_sounds_is_kept_for_later_ones() -> None:
    write()
    fields = prepare(DataSettings.parse(config()["data"]), Path(), seed=0).fields
    assert fields.fields[0].plan.field.model_dump()["sample_rate"] == RATE
