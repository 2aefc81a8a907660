"""What a preset is said to cost is the work of a run, whatever else the machine does."""

from __future__ import annotations

import math
import time

import pytest

from nntrain.commands.beginning import presets

RECIPE = presets.Recipe("fast", 256, {"type": "mlp", "hidden": [8]}, {}, {}, max_epochs=10, patience=5, work=1e3)


def test_seconds_are_those_that_the_thread_has_a_core(monkeypatch: pytest.MonkeyPatch) -> None:
    def told(seconds: float) -> str:
        monkeypatch.setattr(time, "thread_time", (seconds * index for index in range(1000)).__next__)
        return presets.told_cost(RECIPE, 1_000)

    assert told(1e-6) != told(1.0)
    for clock in ("perf_counter", "monotonic", "time"):
        monkeypatch.setattr(time, clock, (1e3 * index for index in range(1000)).__next__)
    assert told(1e-6) == "about 2.0 s to 2.1 s on one core here"


def test_rows_cost_beside_their_products() -> None:
    low, high = RECIPE.epochs_seconds(1_000_000, math.inf)
    assert high - presets.NETWORK_S >= 10 * 1_000_000 * presets.ROW_S
    assert low < high


def test_what_is_the_same_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "thread_time", iter(index * 1e-9 for index in range(1000)).__next__)
    assert presets.told_cost(RECIPE, 10) == "about 2.0 s on one core here"
