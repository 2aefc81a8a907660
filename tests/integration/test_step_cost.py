"""No step does more than it did: operations and Python calls are counted, and compared with `step_cost.json` (see `step_cost.py`)."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent))
cost: Any = importlib.import_module("step_cost")

KNOWN: dict[str, Any] = json.loads(cost.RECORD.read_text(encoding="utf-8"))
MORE_CALLS = 1.02
"""Python calls may differ a little between versions of Python and of packages."""
MORE_OF_A_RUN = 1.15
"""How often a run looks at the clock and at signals depends on how fast it is."""
HOW = "python tests/integration/step_cost.py   writes the new numbers, where they are meant"


@pytest.fixture(autouse=True)
def _same_torch() -> None:
    if torch.__version__.split("+")[0] != KNOWN["torch"]:
        pytest.skip(f"counted with torch {KNOWN['torch']}; another version has other operations")


@pytest.mark.parametrize("kind", cost.KINDS)
def test_a_step_does_no_more_operations_and_calls_than_it_did(kind: str, tmp_path: Path) -> None:
    for step, found in cost.step_counts(kind, tmp_path).items():
        known = KNOWN[kind][step]
        now, before = (Counter[str](counts["operations"]) for counts in (found, known))
        more, less = now - before, before - now
        count, limit = now.total(), before.total()
        assert count <= limit, f"{kind}, {step}: {count} operations, {limit} before; new: {dict(more)}, gone: {dict(less)}\n{HOW}"
        calls, most = found["calls"], round(known["calls"] * MORE_CALLS)
        assert calls <= most, f"{kind}, {step}: {calls} calls of Python functions, {known['calls']} before\n{HOW}"


def test_a_step_of_a_whole_run_calls_no_more_functions_than_it_did(tmp_path: Path) -> None:
    known = KNOWN["a whole run, mlp"]["a step"]["calls"]
    calls = cost.run_calls(tmp_path)
    assert calls <= round(known * MORE_OF_A_RUN), f"{calls} calls of Python functions, {known} before\n{HOW}"


def test_an_operation_more_is_seen() -> None:
    counts = cost.operations_of(lambda: torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2), torch.ones(2)))
    assert counts == {"aten::ones": 3, "aten::linear": 1}
    assert cost.calls_of(lambda: Path("a").with_name("b")).total() > 1
