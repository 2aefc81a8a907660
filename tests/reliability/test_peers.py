"""The experiment that nntrain is compared with its peers in; these are measured where they are installed."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).with_name("peers")))
measure: Callable[[str, str, int], dict[str, Any]] = importlib.import_module("run").measure

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")]

PEERS = {
    "Lightning": ("lightning_peer.py", "lightning", "every 10 steps stateful loader rng hook"),
    "HF Trainer": ("hf_trainer_peer.py", "transformers", "every 10 steps"),
}
"""Script, package, and a variant that is known to go on exactly: with it the experiment shows that it can tell."""


def test_nntrain_goes_on_exactly_in_every_variant(record_property: Callable[[str, object], None]) -> None:
    found = measure("nntrain_peer.py", sys.executable, 20)
    identical = [variant for variant, result in found["resumes"].items() if result.get("identical")]
    record_property(
        "figure", f"{len(identical)} of {len(found['resumes'])} variants bit-identical, {found['writes']['unreadable']} unreadable"
    )
    assert identical == list(found["resumes"])
    assert set(found["damages"].values()) == {"goes on from the older one"}
    assert found["writes"] == {"kills": 20, "unreadable": 0}


@pytest.mark.parametrize("peer", PEERS)
def test_peer_goes_on_exactly_in_the_variant_that_is_known_to(peer: str) -> None:
    script, package, variant = PEERS[peer]
    python = os.environ.get("PEERS_PYTHON", sys.executable)
    if subprocess.run([python, "-c", f"import {package}"], capture_output=True, check=False).returncode:
        pytest.skip(f"{package} is not installed: PEERS_PYTHON names an interpreter that has it (see peers/run.py)")
    found = measure(script, python, 1)
    if variant not in found["resumes"]:
        pytest.skip("torchdata is not installed")
    assert found["resumes"][variant]["identical"]
