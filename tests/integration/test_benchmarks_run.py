"""`python -m tests.benchmarks` can be run: the short versions of its parts, which print tables and write figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


def run(repository: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    return subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)


def figures(repository: Path, folder: Path, part: str) -> tuple[str, Any]:
    """What the short version of a part prints, and its figures."""
    done = run(repository, "--short", part, "--json", str(folder / "found.json"))
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "found.json").read_text(encoding="utf-8"))
    assert found["machine"]["versions"]["torch"] in done.stdout
    return done.stdout, found["parts"][part]["figures"]


def test_growth_is_fitted_for_every_family(repository: Path, tmp_path: Path) -> None:
    printed, found = figures(repository, tmp_path, "growth")
    assert {each["what"].partition(",")[0] for each in found} == {"mlp", "cnn", "lstm", "transformer", "CSV"}
    assert all(-0.5 < each["slope"] < 4 for each in found)
    assert "| lstm, a step | length |" in printed


def test_memory_stands_beside_its_arithmetic(repository: Path, tmp_path: Path) -> None:
    printed, found = figures(repository, tmp_path, "memory")
    digits = found["w2"]
    assert digits["needed"]["weights"] == 4 * (64 * 128 + 128 + 128 * 10 + 10)
    assert digits["needed"]["data"] == (1_797 + 179) * (64 * 4 + 8)
    assert 0 < found["least"]["peak"] < 2**29
    assert "The bar is a ratio of 1.15" in printed


def test_peers_train_the_same_and_absent_ones_are_named(repository: Path, tmp_path: Path) -> None:
    printed, found = figures(repository, tmp_path, "peers")
    assert set(found) == {"w1", "w2", "w3", "w4", "w5"}
    for runs in found.values():
        base = runs["tuned_loop"][0]
        assert {"nntrain_peer", "naive_loop"} <= set(runs)
        assert not any("left out" in fit for peer in ("tuned_loop", "nntrain_peer", "naive_loop") for fit in runs[peer])
        assert base["samples_per_cpu_s"] > 0
    assert "Left out: " in printed or "| fastai |" in printed


def test_parts_that_are_not_there_are_refused(repository: Path) -> None:
    done = run(repository, "growht")
    assert done.returncode == 2
    assert "no part growht; there are peers, growth" in done.stderr


def agreement(repository: Path, *arguments: str) -> str:
    """What is printed of networks beside their authors'."""
    command = [sys.executable, "-m", "tests.benchmarks.agreement", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_agreement_is_told_in_standard_errors_and_what_is_missing_too(repository: Path, tmp_path: Path) -> None:
    pytest.importorskip("tabm")
    assert "housing.csv is not there" in agreement(repository, "--data", str(tmp_path))
    lines = [f"{row % 97},{row % 31 if row % 50 else ''},{'in' if row % 3 else 'out'},{row % 97 + 2 * (row % 31)}" for row in range(7200)]
    (tmp_path / "california_housing").mkdir()
    (tmp_path / "california_housing" / "housing.csv").write_text("\n".join(["a,b,place,median_house_value", *lines]) + "\n")
    told = agreement(repository, "--data", str(tmp_path), "--pairs", "tabm", "realmlp_td", "--seeds", "2", "--epochs", "1")
    assert "**tabm**, 1 epochs" in told
    assert "standard errors apart" in told
    assert "realmlp_td: pytabkit" in told or "**realmlp_td**" in told
