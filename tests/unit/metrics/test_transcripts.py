"""Word and character error rates against torchmetrics."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo
from nntrain.metrics.transcripts import CER, WER
from nntrain.modules.transcripts import edits

oracles: Any = pytest.importorskip("torchmetrics.text", reason="needs torchmetrics")

LETTERS = "_ abcde"


def to_text(tokens: object) -> str:
    return "".join(LETTERS[token] for token in tokens)  # type: ignore[attr-defined]


INFO = MetricInfo("sequence", len(LETTERS), to_text=to_text)


def padded(texts: list[str]) -> Tensor:
    longest = max(map(len, texts))
    return torch.tensor([[LETTERS.index(letter) for letter in text] + [-1] * (longest - len(text)) for text in texts])


FOUND = ["ab cd", "", "a b c", "eee d", "a"]
TRUE = ["ab cc", "a b", "a b c", "e d", "abc de ab"]


@pytest.mark.parametrize(("metric", "oracle"), [(WER(), oracles.WordErrorRate()), (CER(), oracles.CharErrorRate())])
def test_rates_are_those_of_torchmetrics_over_all_rows(metric: Metric, oracle: Any) -> None:
    state = metric.build(INFO, torch.device("cpu"))
    state.update(padded(FOUND[:2]), padded(TRUE[:2]))
    state.update(padded(FOUND[2:]), padded(TRUE[2:]))
    assert state.compute() == pytest.approx(float(oracle(FOUND, TRUE)))


def test_weights_count_rows() -> None:
    state = WER().build(INFO, torch.device("cpu"))
    state.update(padded(FOUND), padded(TRUE), torch.tensor([0.0, 0.0, 1.0, 2.0, 0.0]))
    assert state.compute() == pytest.approx(float(oracles.WordErrorRate()(["a b c", "eee d", "eee d"], ["a b c", "e d", "e d"])))


def test_an_empty_prediction_has_every_word_wrong_and_no_words_no_rate() -> None:
    state = WER().build(INFO, torch.device("cpu"))
    state.update(torch.empty(2, 0, dtype=torch.float64), padded(["ab cd", "e"]))
    assert state.compute() == 1
    nothing = WER().build(INFO, torch.device("cpu"))
    nothing.update(padded(["a"]), torch.full((1, 1), -1))
    assert nothing.compute() is None


def test_edits_of_known_words() -> None:
    assert edits("kitten", "sitting") == 3
    assert edits("", "abc") == edits("abc", "") == 3
    assert edits("flaw", "lawn") == 2
