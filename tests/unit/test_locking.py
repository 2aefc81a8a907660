"""A lock ends with the process that holds it, whatever it has started."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from nntrain.errors import CheckpointError
from nntrain.locking import hold

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # of forks beside threads: these do nothing but wait
]


def forked_holder(folder: Path) -> tuple[int, int]:
    """A process that holds a folder, and one that it has forked meanwhile, as a worker that reads batches."""
    reading, writing = os.pipe()
    holder = os.fork()
    if not holder:
        with hold(folder):
            if not os.fork():
                os.write(writing, f"{os.getpid()}\n".encode())
            signal.pause()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        return holder, int(file.readline())


def test_a_worker_that_outlives_a_killed_run_does_not_hold_its_folder(tmp_path: Path) -> None:
    holder, worker = forked_holder(tmp_path)
    try:
        with pytest.raises(CheckpointError, match=f"process {holder} on"), hold(tmp_path):
            pass
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        os.kill(worker, 0)  # is there still
        with hold(tmp_path):
            assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()
    finally:
        os.kill(worker, signal.SIGKILL)
