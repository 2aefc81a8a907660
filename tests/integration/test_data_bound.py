"""Steps that wait for their rows: told with what shortens that, kept over an interruption, and no part of what is computed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.insight import pace_rules

from diagnosed import Config, pictures  # isort: skip


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return pictures(tmp_path)


def advice_of(run: Path) -> dict[str, Any]:
    return {each["name"]: each for each in json.loads((run / "summary.json").read_text())["advice"]}


def timing_of(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "timing.jsonl").read_text().splitlines()]


def test_rows_that_are_read_anew_are_kept_where_they_fit(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "data_bound" not in advice_of(nntrain.fit(config).run.path), "a short run gains nothing"
    monkeypatch.setattr(pace_rules, "LONG_S", 0.0)
    bound = nntrain.fit(config).run.path
    advice = advice_of(bound)["data_bound"]
    assert advice["sentence"].endswith("% of the time: image of each batch are read anew when it comes")
    assert advice["override"] == "data.streaming=false"
    mended = nntrain.fit(config, advice["override"]).run.path
    assert "data_bound" not in advice_of(mended)
    assert timing_of(mended)[-1]["waited"] < timing_of(bound)[-1]["waited"] / 2
    assert (mended / "history.jsonl").read_bytes() == (bound / "history.jsonl").read_bytes()


def test_a_run_that_goes_on_knows_how_long_it_has_waited(config: Config) -> None:
    run = nntrain.fit(config, "training.max_epochs=3").run.path
    [before] = timing_of(run)
    nntrain.fit(config, resume=run)
    first, last = timing_of(run)
    assert first == before
    assert last["waited"] > before["waited"] > 0
    assert last["waited"] <= last["seconds"]


def test_lines_that_are_lost_or_forged_cost_no_run(config: Config) -> None:
    run = nntrain.fit(config, "training.max_epochs=3").run.path
    (run / "timing.jsonl").write_text('{"step": "two"}\n{"step": 1, "waited": "long"}\n')
    nntrain.fit(config, resume=run)
    assert timing_of(run)[-1]["waited"] > 0
