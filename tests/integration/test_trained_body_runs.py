"""Runs with a trained body: they begin at its weights, need its folder no more afterwards, and go with adapters, nodes, saved configs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import hub_made
import pytest
import torch
import yaml
from torch.testing import assert_close

from nntrain import fit, load
from nntrain.cli import main
from nntrain.commands.stored.opening import checkpoint_of
from nntrain.errors import ConfigError

pytestmark = pytest.mark.extra("text")

Tree = dict[str, Any]
PRAISE = ["the film was good", "good !", "Goodly film", "the good film was the film"]
BLAME = ["the film was bad", "bad !", "badly", "the bad film was the film"]


@pytest.fixture(autouse=True)
def _rows() -> None:
    hub_made.folder(Path("hub"))
    rows = [f"{text},{label}" for _ in range(10) for label, texts in (("yes", PRAISE), ("no", BLAME)) for text in texts]
    Path("rows.csv").write_text("\n".join(["review,liked", *rows]))


def config(**more: Any) -> Tree:
    return {
        "name": "reviews",
        "data": {
            "source": "rows.csv",
            "target": "liked",
            "fields": {"review": {"type": "text", "tokenizer": {"pretrained": "hub"}}},
            "split": {"validation": 16, "test": 16},
            "batch_size": 16,
        },
        "architecture": {"type": "transformer_encoder", "pretrained": "hub"},
        "optimizer": {"lr": 0.01},
        "training": {"max_epochs": 6, "threads": 1},
        **more,
    }


def test_a_run_learns_and_is_used_without_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = fit(config())
    run = tmp_path / done.run.path
    assert done.summary["test"]["accuracy"] > 0.9
    assert json.loads((run / "data.json").read_text())["init"]["unused"] == {"hub": ["pooler.dense.bias", "pooler.dense.weight"]}
    resolved = yaml.safe_load((run / "resolved.yaml").read_text())
    assert {name: resolved["architecture"][name] for name in ("dim", "num_layers", "embedding_norm")} == {
        "dim": 8,
        "num_layers": 2,
        "embedding_norm": True,
    }
    assert len(resolved["architecture"]["pretrained"]["fingerprint"]) == 64
    assert resolved["data"]["fields"]["review"]["max_length"] == hub_made.PLACES
    news = {"review": ["a good film", "bad", ""]}
    before = load(done.run.path).predict(news).columns()

    shutil.copy(run / "resolved.yaml", "again.yaml")
    again = fit("again.yaml", "name=again")
    first, second = (checkpoint_of(result.run, "last")[1]["weights"] for result in (done, again))
    assert all(torch.equal(first[name], second[name]) for name in first)

    shutil.rmtree("hub")
    assert load(done.run.path).predict(news).columns() == before
    assert main(["eval", str(done.run.path)]) == 0
    assert main(["show", str(done.run.path)]) == 0
    assert "transformer_encoder" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="there is no folder"):
        fit("again.yaml", "name=third")


def test_adapters_leave_the_body_as_it_is_in_the_folder() -> None:
    tree = config()
    tree["architecture"]["adapter"] = {"type": "lora", "rank": 2}
    done = fit(tree, "training.max_epochs=1")
    weights = checkpoint_of(done.run, "last")[1]["weights"]
    theirs = hub_made.drawn(hub_made.bert_names())
    assert_close(weights["linear_1.weight"], theirs["encoder.layer.0.intermediate.dense.weight"], rtol=0, atol=0)
    assert_close(weights["embedding_1.weight"][2:], theirs["embeddings.word_embeddings.weight"][: len(hub_made.PIECES)], rtol=0, atol=0)
    assert bool((weights["linear_1.lora_b"] != 0).any())


def test_tokens_of_another_tokenizer_are_refused_with_the_line_that_mends_it(capsys: pytest.CaptureFixture[str]) -> None:
    tree = config()
    tree["data"]["fields"] = {"review": "text"}
    Path("a.yaml").write_text(yaml.safe_dump(tree))
    assert main(["check", "a.yaml"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "reads word tokens, and the vectors that hub has are of its own tokens" in told
    assert "review: {type: text, tokenizer: {type: pretrained, path: hub}}" in told


def test_pairs_of_texts_go_through_one_body() -> None:
    lines = [f"{one},{two},{score}" for one in PRAISE for two, score in ((PRAISE[0], 1.0), (BLAME[0], 0.0))]
    Path("pairs.csv").write_text("\n".join(["one,two,score", *lines * 3]))
    body = {"from": "one", "transformer_encoder": {"pretrained": "hub", "pool": "mean"}}
    nodes = {"a": body, "b": {"from": "two", "same_as": "a"}, "both": {"cosine": ["a", "b"]}}
    fields = {"one": {"type": "text", "tokenizer": {"pretrained": "hub"}}, "two": {"type": "text", "like": "one"}}
    data = {"source": "pairs.csv", "fields": {**fields, "score": {"type": "number", "role": "target", "normalize": "none"}}}
    done = fit(
        config(name="pairs", data=data, architecture={"nodes": nodes, "heads": {"score": {"from": "both", "layers": []}}}),
        "training.max_epochs=30",
    )
    assert done.summary["test"]["rmse"] < 0.4  # of values 0 and 1
    weights = checkpoint_of(done.run, "last")[1]["weights"]
    assert "a.embedding_1.weight" in weights
    assert not any(name.startswith("b.") for name in weights)
