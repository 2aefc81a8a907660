"""Many runs in one process leave nothing behind: no tensors, files, threads or signal handlers, and no growing memory."""

from __future__ import annotations

import gc
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import nntrain

CONFIG: dict[str, Any] = {
    "name": "table",
    "data": {"source": "table.csv", "target": "y", "split": {"validation": 0.2, "test": 0.2}},
    "architecture": {"type": "mlp", "hidden": [8], "activation": "tanh"},
    "regularization": {"ema": {"decay": 0.9}, "dropout": 0.1},
    "training": {"max_epochs": 2, "threads": 1},
}
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0


@pytest.fixture
def table(tmp_path: Path) -> None:
    """A table in the folder where the test stands."""
    rows: list[list[float]] = torch.randn(120, 3, generator=torch.Generator().manual_seed(0)).tolist()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    (tmp_path / "table.csv").write_text("\n".join(["a,b,y", *(",".join(map(repr, row)) for row in rows)]) + "\n")


def left() -> dict[str, int]:
    """What is there now, by kind."""
    gc.collect()
    objects = gc.get_objects()
    return {
        "tensors": sum(issubclass(type(thing), torch.Tensor) for thing in objects),
        "modules": sum(issubclass(type(thing), torch.nn.Module) for thing in objects),
        "optimizers": sum(issubclass(type(thing), torch.optim.Optimizer) for thing in objects),
        "files": len(list(Path("/proc/self/fd").iterdir())) if Path("/proc/self/fd").is_dir() else 0,
        "threads": threading.active_count(),
        "handlers": sum(signal.getsignal(number) is not signal.SIG_DFL for number in (signal.SIGINT, signal.SIGTERM)),
    }


def resident() -> float:
    """MB of memory that this process holds."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / 1e6


@pytest.mark.usefixtures("table")
def test_fits_leave_nothing() -> None:
    nntrain.fit(CONFIG)
    nntrain.fit(CONFIG)
    before = left()
    for _ in range(4):
        nntrain.fit(CONFIG)
    assert left() == before


@pytest.mark.slow
@pytest.mark.usefixtures("table")
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from what Linux tells of the process")
def test_memory_does_not_grow(record_property: Any) -> None:
    sizes: list[float] = []
    for _ in range(50):
        nntrain.fit(CONFIG)
        gc.collect()
        sizes.append(resident())
    record_property("figure", f"50 fits in one process: {sizes[9]:.1f} MB after 10, {sizes[49]:.1f} MB after 50")
    assert sizes[49] - sizes[9] < 8.0, sizes
