"""Rows of different lengths are measured and predicted for by length, which nobody sees but by the time it takes."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
import torch

import nntrain
from nntrain.commands.stored.opening import open_run
from nntrain.data.lanes import places, read_batches
from nntrain.training import evaluation
from nntrain.training.evaluation import batch_rows


def texts(count: int) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(1, 40, (count,), generator=generator).tolist()
    return ["".join("abcd"[int(letter)] for letter in torch.randint(0, 4, (length,), generator=generator)) for length in lengths]


TASKS: list[dict[str, Any]] = [
    {"kind": {"type": "category", "role": "target"}},
    {"tag": {"type": "tags", "of": "text", "role": "target"}, "kind": {"role": "ignore"}},
]


@pytest.mark.parametrize("fields", TASKS, ids=["classes", "tags"])
def test_results_are_in_the_order_of_the_rows(fields: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    words = texts(150)
    spaced = [" ".join(word) for word in words]
    rows = pl.DataFrame(
        {"text": spaced, "kind": [len(word) % 3 for word in words], "tag": [" ".join("xy"[c < "c"] for c in w) for w in words]}
    )
    is_tags = "tag" in fields
    config: dict[str, Any] = {
        "name": "ragged",
        "data": {
            "fields": {"text": {"type": "text", "tokenizer": "space"}, "tag": {"role": "ignore"}, **fields},
            "split": {"validation": 0.2, "test": None},
        },
        "architecture": {"layers": [{"embedding": 6}, {"gru": 6}, *([] if is_tags else [{"pool": "mean"}])]},
        "training": {"max_epochs": 1},
    }
    run = nntrain.fit(config, data=rows, runs=tmp_path).run
    stored = open_run(run)
    data = stored.fields.encode(nntrain.load(run)._table(rows), with_targets=True)  # pyright: ignore[reportPrivateUsage]
    steps = [int(batch.inputs["text"].shape[1]) for batch in read_batches(data, 25)]
    assert steps == sorted(steps, reverse=True)
    assert sum(steps) < 0.7 * len(steps) * max(steps), "less is padded"
    assert [len(batch) for batch in read_batches(data, 149)] == [149, 1]
    monkeypatch.setattr(evaluation, "batch_rows", lambda *given: min(37, batch_rows(*given)))
    by_length = evaluation.predict(stored.network, stored.objective, data, stored.precision)
    measured = evaluation.measure(stored.network, stored.objective, data, stored.precision)
    monkeypatch.setattr("nntrain.data.lanes.longest_first", lambda data: None)
    assert places(data) is None
    in_order = evaluation.predict(stored.network, stored.objective, data, stored.precision)
    for name, found in by_length.items():
        torch.testing.assert_close(found.values, in_order[name].values)
        assert (found.counts is None) == (in_order[name].counts is None) != is_tags
        if found.counts is not None:
            assert torch.equal(found.counts, in_order[name].counts)  # pyright: ignore[reportArgumentType]
    again = evaluation.measure(stored.network, stored.objective, data, stored.precision)
    assert measured.metrics == pytest.approx(again.metrics, rel=1e-5)
