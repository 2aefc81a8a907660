"""The examples of sentences and of music learn 8 rows by heart."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hub_made
import pytest

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.loading import load
from nntrain.config.reading import read_mapping
from nntrain.training.evaluation import measure
from nntrain.training.loop import fit

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS, STEPS = 20, 60
WORDS = [f"{first}{last}" for first in ("ba", "do", "fi", "gu") for last in ("ra", "tin", "sel")]


def sentence(draw: random.Random) -> list[str]:
    return draw.choices(WORDS, k=draw.randint(5, 12))


def sentences_in_columns(folder: Path, draw: random.Random) -> None:
    (folder / "wnut17").mkdir()
    for name in ("train", "dev", "test"):
        rows = [[f"{word}\t{draw.choice(('O', 'O', 'B-person', 'I-person'))}" for word in sentence(draw)] for _ in range(ROWS)]
        (folder / "wnut17" / f"{name}.conll").write_text("\n\n".join("\n".join(row) for row in rows))


def pieces(folder: Path, draw: random.Random) -> None:
    (folder / "jsb_chorales").mkdir()
    made = [[draw.sample(range(40, 80), 3) for _ in range(8)] for _ in range(ROWS)]
    tree = {"train": made, "valid": made[:2], "test": made[:2]}
    (folder / "jsb_chorales" / "jsb-chorales-quarter.json").write_text(json.dumps(tree))


def reviews(folder: Path, draw: random.Random) -> None:
    (folder / "sst2").mkdir()
    for name in ("train", "dev", "test"):
        rows = [f"{' '.join(sentence(draw))}\t{place % 2}" for place in range(ROWS)]
        (folder / "sst2" / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *rows]))


def reviews_and_body(folder: Path, draw: random.Random) -> None:
    (folder / "sst2").mkdir()
    for name in ("train", "dev", "test"):
        rows = [f"{' '.join(draw.choices(hub_made.PIECES[4:9], k=8))}\t{place % 2}" for place in range(ROWS)]
        (folder / "sst2" / f"{name}.tsv").write_text("\n".join(["sentence\tlabel", *rows]))
    hub_made.folder(folder / "sst2" / "minilm", places=64)


def messages(folder: Path, draw: random.Random) -> None:
    (folder / "sms_spam").mkdir()
    rows = [f"{'spam' if place % 2 else 'ham'},{' '.join(sentence(draw))}" for place in range(2 * ROWS)]
    (folder / "sms_spam" / "sms.csv").write_text("\n".join(["label,text", *rows]))


def a_play(folder: Path, draw: random.Random) -> None:
    (folder / "tinyshakespeare").mkdir()
    (folder / "tinyshakespeare" / "input.txt").write_text("\n".join(" ".join(sentence(draw)) for _ in range(40)))


@pytest.mark.parametrize(
    ("name", "make", "metric", "wanted"),
    [
        ("wnut17", sentences_in_columns, "accuracy", 0.99),
        ("jsb_chorales_gru", pieces, "jaccard_micro", 0.9),
        ("sst2_textcnn", reviews, "accuracy", 0.99),
        pytest.param("sst2_minilm", reviews_and_body, "accuracy", 0.99, marks=pytest.mark.extra("text")),
        ("sms_spam", messages, "accuracy", 0.99),
        # windows that begin a character apart: what their first characters are followed by is open
        pytest.param("tinyshakespeare_gpt", a_play, "accuracy", 0.7, marks=pytest.mark.slow),
        pytest.param("tinyshakespeare_lstm", a_play, "accuracy", 0.7, marks=pytest.mark.slow),
    ],
)
def test_eight_rows(name: str, make: Callable[[Path, random.Random], None], metric: str, wanted: float, tmp_path: Path) -> None:
    make(tmp_path, random.Random(0))
    tree: Any = load(CONFIGS / f"{name}.yaml").tree
    tree["data"] |= {"batch_size": 8}
    tree |= {"training": {"max_steps": STEPS, "device": "cpu"}, "optimizer": {"type": "adam", "lr": 1e-2}, "scheduler": "constant"}
    tree |= {"regularization": {"clip_norm": 1.0}, "baselines": None}
    job = prepare_job(read_mapping(tree, (), tmp_path))
    run = assemble(job.blueprint, replace(job.prepared, train=job.prepared.train.head(8)))
    for _ in fit(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    found = measure(run.session.network, run.session.objective, run.session.splits.train, run.session.precision).metrics[metric]
    assert found is not None
    assert found >= wanted
