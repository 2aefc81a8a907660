"""The resolved config: it reads back as itself, and keeps references to the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.config import loading
from nntrain.config.reading import read_document
from nntrain.config.resolving import environment_digests, resolved_text

TEXT = """
data: {source: "${env:NN_FOLDER}/a.csv", target: y}
architecture: {layers: [linear: "${env:NN_WIDTH}", relu, {residual: [{linear: "${env:NN_WIDTH}"}]}]}
optimizer: {adamw: "${env:NN_LR}"}
loss: ${env:NN_LOSS}
regularization: {ema: "${env:NN_DECAY}"}
training: {max_epochs: 3, early_stopping: {patience: "${env:NN_WIDTH}"}}
seed: ${env:NN_WIDTH}
"""


@pytest.fixture(autouse=True)
def values(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"FOLDER": "/rows", "WIDTH": "8", "LR": "1e-2", "LOSS": "mse", "DECAY": "0.99"}.items():
        monkeypatch.setenv(f"NN_{name}", value)


def test_references_are_kept_wherever_a_short_form_puts_them_and_read_back_as_the_same() -> None:
    config = read_document(loading.parse(TEXT, "a.yaml"), (), Path())
    text = resolved_text(config.experiment, config.document)
    assert text.count("${env:NN_WIDTH}") == 4
    assert all(f"${{env:NN_{name}}}" in text for name in ("FOLDER", "LR", "LOSS", "DECAY"))
    assert "/rows" not in text
    assert "max_epochs: 3" in text
    again = read_document(loading.parse(text, "resolved.yaml"), (), Path())
    assert again.experiment.model_copy(update={"name": "config"}) == config.experiment
    assert resolved_text(again.experiment, again.document) == text


def test_digests_tell_values_apart_without_holding_them(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "a: ${env:NN_LR}\nb: {c: ['${env:NN_FOLDER}/x']}\nd: 3\n"
    before = environment_digests(loading.parse(text, "resolved.yaml"))
    assert list(before) == ["a", "b.c[0]"]
    monkeypatch.setenv("NN_LR", "0.010")
    assert environment_digests(loading.parse(text, "resolved.yaml")) == before
    monkeypatch.setenv("NN_LR", "0.02")
    after = environment_digests(loading.parse(text, "resolved.yaml"))
    assert after["a"] != before["a"]
    assert after["b.c[0]"] == before["b.c[0]"]
