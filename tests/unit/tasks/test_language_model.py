"""Language models: what they are scored by, what they refuse, and that a run of one goes through all commands."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from nntrain.cli import main
from nntrain.metrics.language import BitsPerChar, Perplexity, characters
from nntrain.metrics.metric import MetricInfo

CPU = torch.device("cpu")


def test_perplexity_and_bits_are_those_of_the_cross_entropy() -> None:
    logits, target = torch.randn(50, 6), torch.randint(2, 6, (50,))
    tokens = ["", "", "a", "bc", "d", "efg"]
    info = MetricInfo("classes", 6, unit_axis="time", to_text=lambda indices: "".join(tokens[index] for index in indices))
    assert characters(info) == (1, 1, 1, 2, 1, 3)
    perplexity, bits = Perplexity().build(info, CPU), BitsPerChar().build(info, CPU)
    for part in (slice(0, 20), slice(20, 50)):
        perplexity.update(logits[part].softmax(1), target[part])
        bits.update(logits[part].softmax(1), target[part])
    nats = float(cross_entropy(logits, target))
    assert perplexity.compute() == pytest.approx(math.exp(nats), rel=1e-5)
    length = sum(len(tokens[int(index)]) for index in target)
    assert bits.compute() == pytest.approx(50 * nats / length / math.log(2), rel=1e-5)


def test_words_have_no_bits_a_character() -> None:
    info = MetricInfo("classes", 4, unit_axis="time", to_text=lambda indices: " ".join("ab"[index - 2] for index in indices))
    assert characters(info) is None


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "input.txt").write_text("the cat sat on the mat. " * 120)
    return tmp_path


def write(folder: Path, architecture: Any, **more: Any) -> str:
    tree = {
        "data": {"source": {"type": "text", "path": "input.txt"}, "window": 12, "batch_size": 16},
        "architecture": architecture,
        "optimizer": {"adamw": {"lr": 0.02}},
        "training": {"max_steps": 60, "evaluate_every": {"steps": 30}, "device": "cpu"},
        **more,
    }
    (folder / "lm.yaml").write_text(json.dumps(tree))
    return "lm.yaml"


GRU = {"layers": [{"embedding": 16}, {"gru": 24}]}


def test_a_run_learns_is_measured_and_goes_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", write(folder, GRU), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["test"]["perplexity"] < 1.5
    assert summary["test"]["bits_per_char"] == pytest.approx(math.log2(summary["test"]["perplexity"]), rel=1e-3)
    assert summary["baseline"]["test.perplexity"] > 5
    told = json.loads((folder / "runs/lm/0001/summary.json").read_text())
    assert 1 <= told["baselines"]["ngram"]["test.perplexity"] < 2
    assert main(["eval", "runs/lm", "--split", "validation"]) == 0
    assert main(["eval", "runs/lm", "--data", "input.txt"]) == 0
    assert "by class" not in capsys.readouterr().out
    assert main(["generate", "runs/lm", "--prompt", "the cat", "--temperature", "0", "--steps", "16"]) == 0
    assert capsys.readouterr().out == "the cat sat on the mat.\n"
    assert main(["predict", "runs/lm", "input.txt"]) == 2
    assert "nntrain generate" in capsys.readouterr().err


def test_a_saved_config_resolves_to_itself(folder: Path) -> None:
    (folder / "in").mkdir()
    assert main(["fit", write(folder, GRU), "training.max_steps=2", "training.evaluate_every.steps=1"]) == 0
    saved = folder / "runs/lm/0001/resolved.yaml"
    again = folder / "again.yaml"
    again.write_text(saved.read_text())
    assert main(["fit", "again.yaml"]) == 0
    assert (folder / "runs/lm/0002/resolved.yaml").read_text() == saved.read_text()


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"layers": [{"embedding": 8}, {"lstm": {"hidden_size": 8, "bidirectional": True}}]}, "lstm"),
        ({"layers": [{"embedding": 8}, {"conv1d": {"out_channels": 8, "kernel_size": 3, "padding": "same"}}]}, "conv1d"),
        ({"layers": [{"embedding": 8}, {"pool": "mean"}]}, "pool"),
    ],
)
def test_a_network_that_looks_ahead_or_pools_is_refused_at_its_line(
    architecture: Any, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", write(folder, architecture)]) == 2
    told = capsys.readouterr().err
    assert "lm.yaml:1:" in told
    assert message in told


def test_rows_of_texts_are_modelled_too(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["anna", "hannah", "banana", "nan", "ana", "hanna"]
    (folder / "names.csv").write_text("name\n" + "\n".join(names * 8) + "\n")
    config = write(folder, GRU, data={"source": "names.csv", "fields": {"name": {"tokenizer": "char"}}, "batch_size": 8})
    assert main(["fit", config, "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert summary["test"]["perplexity"] < 2.5


def test_what_of_a_prompt_is_new_is_told_and_a_missing_folder_before_all_steps(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", write(folder, GRU), "training.max_steps=1", "training.evaluate_every.steps=1"]) == 0
    capsys.readouterr()
    assert main(["generate", "runs/lm", "--prompt", "the Ω", "--steps", "1"]) == 0
    assert "1 of 5 tokens are new to the network: 'Ω'" in capsys.readouterr().err
    assert main(["generate", "runs/lm", "-o", "nowhere/text.txt"]) == 2
    assert "there is no folder nowhere" in capsys.readouterr().err
    assert main(["generate", "runs/lm", "-o", "text.mid"]) == 2
    assert "-o text.txt" in capsys.readouterr().err
    assert main(["generate", "runs/lm", "--prompt", "Ω" * 100]) == 2
    assert f"'{'Ω' * 40}…' has no token" in capsys.readouterr().err


@pytest.mark.parametrize("weights", ["balanced", {"a": 3.0}])
def test_tokens_are_not_weighed_as_classes(folder: Path, weights: object, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(folder, GRU, loss={"type": "cross_entropy", "class_weights": weights})
    assert main(["check", config]) == 2
    assert "weighs classes, and text is a text, whose tokens are none" in " ".join(capsys.readouterr().err.split())


def test_a_section_generate_that_nothing_reads_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "t.csv").write_text("a,y\n" + "1,2\n2,3\n" * 6)
    config = write(folder, {"layers": [{"linear": 4}, "relu"]}, data={"source": "t.csv", "target": "y"}, generate={"steps": 5})
    assert main(["check", config, "training.evaluate_every.steps=1"]) == 2
    assert "predicts no next step to go on with" in capsys.readouterr().err
