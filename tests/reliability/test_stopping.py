"""R9: whatever a run is doing when SIGTERM or SIGINT comes, it is saved and ends in time, and goes on to the bytes of one never stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PHASES = ("reading", "building", "warm-up", "step", "evaluation", "save", "end")
CODES = {"SIGTERM": 143, "SIGINT": 130, "SIGINT+SIGINT": 130, "SIGTERM+SIGINT": 130, "SIGUSR1": 0, "GROUP": 143}
IN_TIME = 5.0
Script = Callable[..., subprocess.CompletedProcess[str]]

needs_fork = pytest.mark.skipif(not hasattr(os, "fork") or not hasattr(signal, "SIGUSR1"), reason="needs os.fork and POSIX signals")


def hits(run_script: Script, folder: Path, count: int, signals: str, *phases: str) -> list[dict[str, Any]]:
    """What came of runs that got a signal, from the driver."""
    driver = Path(__file__).with_name("signal_driver.py")
    done = run_script(driver, folder, count, 0, signals, *phases, timeout_s=1800)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    assert {hit["phase"] for hit in found} == {phase.partition("@")[0] for phase in phases}
    return found


def figure(found: list[dict[str, Any]]) -> str:
    phases = dict.fromkeys(hit["phase"] for hit in found)
    slowest = max(hit["seconds"] for hit in found)
    name, right = found[0]["name"], sum(not hit["differs"] for hit in found)
    return f"{len(found)} x {name} in {', '.join(phases)}: {right} went on to the same bytes; ended after at most {slowest:.2f} s"


TWICE = tuple(f"{phase}@SIGINT+SIGINT,SIGTERM+SIGINT" for phase in PHASES)
WORKERS = ("step+workers@SIGTERM,GROUP", "evaluation+workers@SIGTERM,GROUP")
MEMBERS = ("reading+folds", "step+seeds", "evaluation+seeds", "save+folds", "end+folds")


def ended_by_the_first(hit: dict[str, Any]) -> bool:
    """Whether the first of two signals has ended the run before the second: where nothing is to be saved, it is granted at once."""
    return (hit["name"], hit["code"]) == ("SIGTERM+SIGINT", 143) and hit["phase"] in {"reading", "building", "end"}


@needs_fork
@pytest.mark.bar("R9")
@pytest.mark.parametrize(
    ("count", "signals", "phases"),
    [
        pytest.param(1, "either", (*PHASES, "save@SIGINT+SIGINT"), id="short"),
        pytest.param(1, "either", ("step+seeds", "step@SIGINT+SIGINT"), id="more", marks=pytest.mark.slow),
        pytest.param(10, "SIGTERM,SIGINT", PHASES, id="long", marks=pytest.mark.slow),
        pytest.param(3, "SIGTERM,SIGINT", MEMBERS, id="members", marks=pytest.mark.slow),
        pytest.param(5, "", WORKERS, id="workers", marks=pytest.mark.slow),
        pytest.param(3, "", TWICE, id="twice", marks=pytest.mark.slow),
        pytest.param(3, "SIGUSR1", (*PHASES, "reading+folds"), id="pokes", marks=pytest.mark.slow),
    ],
)
def test_signal_in_any_phase(
    count: int, signals: str, phases: tuple[str, ...], tmp_path: Path, run_script: Script, record_property: Callable[[str, object], None]
) -> None:
    found = hits(run_script, tmp_path, count, signals, *phases)
    assert [hit for hit in found if hit["differs"]] == []
    assert [hit for hit in found if hit["code"] != CODES[hit["name"]] and not ended_by_the_first(hit)] == []
    assert [hit for hit in found if hit["workers"] != (2 if "workers" in hit["phase"] else 0) or hit["left"]] == []
    stopped = [hit for hit in found if hit["name"] != "SIGUSR1"]
    assert [hit for hit in stopped if hit["seconds"] > IN_TIME] == []
    once = [hit for hit in stopped if "+" not in hit["name"]]  # a second one does not wait for a save
    assert [hit for hit in once if not hit["is_saved"]] == []
    late = [hit for hit in once if not hit["phase"].startswith(("reading", "building"))]
    assert [hit for hit in late if " saved. Go on with" not in hit["told"]] == []
    early = [hit for hit in once if hit["phase"] in {"reading", "building"}]
    assert [hit for hit in early if "nothing was trained" not in hit["told"]] == []
    for name in dict.fromkeys(hit["name"] for hit in found):
        record_property("figure", figure([hit for hit in found if hit["name"] == name]))


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """A config of a second or two."""
    draw = random.Random(1)
    rows = [f"{draw.gauss(0, 1):.3f},{draw.gauss(0, 1):.3f}" for _ in range(400)]
    (tmp_path / "table.csv").write_text("\n".join(["x,y", *rows]) + "\n", encoding="utf-8")
    path = tmp_path / "toy.yaml"
    path.write_text(
        "name: toy\ndata: {source: table.csv, target: y, batch_size: 8}\narchitecture: {type: mlp, hidden: [8]}\n"
        "training: {max_epochs: 20, checkpoint: {every_steps: 20}, evaluate_every: {steps: 10}}\n",
        encoding="utf-8",
    )
    return path


def started(config: Path, *options: str) -> subprocess.Popen[str]:
    """The command, as one types it, as soon as it has set its handlers; before, the system's own ends it."""
    child = subprocess.Popen(
        [sys.executable, "-m", "nntrain", "fit", str(config), *options],
        cwd=config.parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    status = Path(f"/proc/{child.pid}/status")
    mask = 1 << (signal.SIGTERM - 1)
    while child.poll() is None:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt"))
        if int(caught.split()[1], 16) & mask:
            break
        time.sleep(0.001)
    return child


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.bar("R9")
def test_pokes_from_the_first_moment_to_the_last_end_no_run(toy: Path, record_property: Callable[[str, object], None]) -> None:
    child, pokes = started(toy, "training.max_epochs=6"), 0
    while child.poll() is None:
        os.kill(child.pid, signal.SIGUSR1)
        pokes += 1
        time.sleep(0.02)
    told = child.communicate()
    assert child.returncode == 0, told
    record_property("figure", f"{pokes} x SIGUSR1 from the start of the program to its end: finished")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.bar("R9")
@pytest.mark.parametrize("count", [pytest.param(16, id="long", marks=pytest.mark.slow)])
def test_stopped_after_a_random_time(count: int, toy: Path, record_property: Callable[[str, object], None]) -> None:
    draw, codes, slowest = random.Random(count), list[int](), 0.0
    begun = time.monotonic()
    assert subprocess.run([sys.executable, "-m", "nntrain", "fit", str(toy)], cwd=toy.parent, capture_output=True).returncode == 0
    whole = time.monotonic() - begun
    for index in range(count):
        number = (signal.SIGTERM, signal.SIGINT)[index % 2]
        child = started(toy, "--run-id", f"run-{index}")
        time.sleep(draw.uniform(0.3, 0.9 * whole))  # before, Python itself is starting: it ends without a word
        sent = time.monotonic()
        child.send_signal(number)
        _, told = child.communicate()
        slowest = max(slowest, time.monotonic() - sent)
        assert "Traceback" not in told
        is_over = "epoch 20/20" in told  # Python, which is ending, has handlers of its own again
        assert child.returncode in ({128 + number, 0, -number} if is_over else {128 + number, 0}), told
        codes.append(child.returncode)
        run = toy.parent / "runs" / "toy" / f"run-{index}"
        again = ["--resume", str(run)] if run.exists() else [str(toy), "--run-id", f"run-{index}"]
        done = subprocess.run([sys.executable, "-m", "nntrain", "fit", *again], cwd=toy.parent, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert (run / "history.jsonl").read_bytes() == (toy.parent / "runs/toy/0001/history.jsonl").read_bytes()
    assert slowest <= IN_TIME
    stopped = sum(code != 0 for code in codes)
    record_property("figure", f"{count} signals to the command after a random time: {stopped} stopped it, all ended with the same history")
