"""Capsule networks from config to prediction: what the decoder is told, what it costs, and what nobody needs to know of new rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

import nntrain
from nntrain.cli import main
from nntrain.commands.stored.opening import open_run
from nntrain.specs import teacher_port

CAPSNET: dict[str, Any] = {"type": "capsnet", "conv": 8, "kernel_size": 3, "primary": [2, 4], "digit": 4, "decoder": [16]}
CONFIG: dict[str, Any] = {
    "name": "capsules",
    "data": {"source": {"type": "builtin", "name": "digits"}, "split": {"validation": 200, "test": 200}, "batch_size": 32},
    "architecture": CAPSNET,
    "loss": "margin",
    "optimizer": {"type": "adam", "lr": 0.01},
    "training": {"max_steps": 100, "evaluate_every": {"steps": 50}, "device": "cpu"},
}
READS_ITS_ANSWER: dict[str, Any] = {
    "seen": {"from": "image", "flatten": {}},
    "told": {"from": "teacher.label", "one_hot": {}},
    "both": {"concat": ["seen", "told"]},
}
IMAGE = [[float((row * column) % 5) / 4 for column in range(8)] for row in range(8)]


def test_a_run_learns_is_measured_and_predicts_without_targets(capsys: pytest.CaptureFixture[str]) -> None:
    found = nntrain.fit(CONFIG)
    assert found.summary["test"]["accuracy"] > 0.75
    assert found.summary["test"]["loss.decoder.reconstruction"] < 8  # of 64 pixels
    whole = [line for line in (found.run.path / "history.jsonl").read_text().splitlines() if line]
    assert len(whole) == 2
    assert main(["eval", str(found.run.path), "--min", "accuracy=0.75"]) == 0
    capsys.readouterr()
    columns = nntrain.load(found.run).predict([{"image": IMAGE}]).columns()
    assert columns["prediction"][0] in set("0123456789")
    assert sum(columns[f"probability_{digit}"][0] for digit in range(10)) == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_bytes() -> None:
    assert main(["verify", str(nntrain.fit(CONFIG).run.path)]) == 0


def test_the_decoder_draws_the_true_class_in_training_alone() -> None:
    opened = open_run(nntrain.fit({**CONFIG, "training": {"max_steps": 1, "device": "cpu"}}).run)
    network = opened.network
    images = torch.rand(4, 1, 8, 8)
    wrong = network.eval()({"image": images, teacher_port("label"): torch.zeros(4, dtype=torch.int64)})[0]
    other = network({"image": images, teacher_port("label"): torch.ones(4, dtype=torch.int64)})[0]
    assert torch.equal(wrong["loss.decoder.reconstruction"], other["loss.decoder.reconstruction"])
    network.train()
    wrong = network({"image": images, teacher_port("label"): torch.zeros(4, dtype=torch.int64)})[0]
    other = network({"image": images, teacher_port("label"): torch.ones(4, dtype=torch.int64)})[0]
    assert not torch.equal(wrong["loss.decoder.reconstruction"], other["loss.decoder.reconstruction"])
    assert torch.equal(wrong["label"], other["label"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": None}, "gives the lengths of capsules, and cross_entropy takes logits"),
        ({"loss": {"type": "margin", "m_plus": 0.1}}, "m_minus must be below m_plus"),
        ({"loss": {"type": "margin", "decode.reconstruction": 1}}, "parts: decoder.reconstruction"),
        (
            {"architecture": {"nodes": READS_ITS_ANSWER}, "loss": None},
            "an output is made of teacher.label, which nobody knows of new rows",
        ),
    ],
)
def test_mistakes_are_named_before_data_is_read(
    changes: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(json.dumps({key: value for key, value in {**CONFIG, **changes}.items() if value is not None}))
    assert main(["check", str(path)]) == 2
    assert message in capsys.readouterr().err
