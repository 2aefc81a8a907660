"""What holds for every test: one thread, a folder of its own, and no settings from outside."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Read by torch when it is first imported, so that tests which don't need it needn't load it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

# The same examples each time; how long one takes on a busy machine decides nothing.
settings.register_profile("nntrain", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nntrain")

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, draw the same numbers each time, with nothing set that changes what nntrain does."""
    # Order is shuffled anew each time (pytest-randomly), values never: a draw that breaks a test would break one run in
    # a hundred. What a test hasn't loaded yet starts from a fixed state by itself (torch) or is seeded where it is used.
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
    for name in ("NNTRAIN_RUNS", "CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_root(tmp_path: Path) -> Path:
    """An empty runs folder: the one that a command takes by itself."""
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder with public data sets beside the checkout; tests that need it are skipped where there is none."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the public data sets in ../shared/data")
    return folder
