"""What preparing data leaves in malloc's keeping goes back to the system, and what a step frees stays for the next one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nntrain.training import loop, together
from nntrain.training.reproducibility import rng_state
from nntrain.training.settings import TrainingSettings
from nntrain.training.together import Member, fit_together
from tests.unit.training.tiny_run import make_run

SCRIPT = """
import ctypes
from pathlib import Path
from nntrain.training.memory import settle_malloc

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
pieces = [libc.malloc(4000) for _ in range(20_000)]
for piece in pieces:
    ctypes.memset(piece, 1, 4000)
for piece in pieces[:-1]:  # the last one keeps the heap from shrinking by itself
    libc.free(ctypes.c_void_p(piece))
before = resident()
settle_malloc()
print(before - resident())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_memory_that_is_free_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 60 * 2**20


STEPS = """
import resource
import torch
from nntrain.training.memory import settle_malloc

def step():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    kept = [torch.ones(20 * 2**18) for _ in range(3)]  # 20 MiB each
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

settle_malloc()
step()
print([step() for _ in range(8)][-1])
"""


def faults(environment: dict[str, str]) -> int:
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    done = subprocess.run([sys.executable, "-c", STEPS], capture_output=True, text=True, check=True, env={**plain, **environment})
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks glibc")
def test_the_pages_of_a_step_serve_the_next_one_unless_the_environment_says_otherwise() -> None:
    assert faults({}) < 100
    assert faults({"MALLOC_TRIM_THRESHOLD_": "1000000", "MALLOC_MMAP_THRESHOLD_": "1000000"}) > 3 * 20 * 2**20 // 4096 // 2


@pytest.mark.parametrize("at_once", [False, True])
def test_whoever_trains_keeps_the_pages_of_a_step(monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    """Also a process that follows another one, and members at once: each trains by one of these two functions."""
    asked: list[str] = []
    monkeypatch.setattr(together if at_once else loop, "settle_malloc", lambda: asked.append("settled"))
    run = make_run(TrainingSettings(max_epochs=1))
    if at_once:
        member = Member(run.session, run.protocol, run.plan, run.progress, lambda _: False, rng_state())
        events = [event for event in fit_together([member]) if event is not None]
    else:
        events = list(loop.fit(run.session, run.protocol, run.plan, run.progress, lambda _: False))
    assert events
    assert asked == ["settled"]


def test_what_the_first_step_leaves_free_goes_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    run = make_run(TrainingSettings(max_epochs=2))
    steps: list[int] = []
    monkeypatch.setattr(loop, "trim", lambda: steps.append(run.progress.step))
    list(loop.fit(run.session, run.protocol, run.plan, run.progress, lambda _: False))
    assert run.progress.step > 2
    assert steps == [0]
