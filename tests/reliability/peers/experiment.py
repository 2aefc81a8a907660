"""The experiment that is the same for all systems: 800 rows of 20 numbers, two classes, 25 steps an epoch, 5 epochs, one thread."""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

ROWS, INPUTS, HIDDEN, CLASSES = 800, 20, 32, 2
BATCH, EPOCHS, RATE, SEED = 32, 5, 1e-3, 7
SAVE_EVERY = 10
STATE_BYTES = 20 * 2**20


def rows() -> tuple[Tensor, Tensor]:
    """Inputs `[800, 20]` and classes `[800]`."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(ROWS, INPUTS, generator=generator)
    return inputs, (inputs[:, :4].sum(dim=1) + torch.randn(ROWS, generator=generator) > 0).long()


def network(dropout: float) -> nn.Sequential:
    """20-32-2 with dropout."""
    return nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Dropout(dropout), nn.Linear(HIDDEN, CLASSES))


def large() -> nn.Linear:
    """A layer of 20 MB."""
    return nn.Linear(STATE_BYTES // 4 // 1024, 1024, bias=False)


class Rows(torch.utils.data.Dataset[tuple[Tensor, Tensor, int]]):
    """The rows, each with its number; `noise` draws from torch's generator when a row is fetched."""

    def __init__(self, *, noise: bool = False) -> None:
        self.inputs, self.classes = rows()
        self.noise = noise

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor, int]:
        inputs = self.inputs[index]
        return (inputs + 0.1 * torch.randn(INPUTS) if self.noise else inputs), self.classes[index], index


class Record:
    """Notes which rows each step saw, and ends the process in the middle of one."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        self.path, self.kill_at = folder / "rows.txt", kill_at

    def step(self, number: int, indices: list[int]) -> None:
        """Step `number`, from 0, sees these rows."""
        if number == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        with self.path.open("a") as file:
            file.write(f"{number} {' '.join(map(str, indices))}\n")


@dataclass(frozen=True)
class Peer:
    """A system, as the experiment needs it."""

    versions: dict[str, str]
    variants: dict[str, int]
    """What is tried, and the step in the middle of which the run is killed."""
    train: Callable[[Path, str, Record, bool], dict[str, Tensor]]
    """Trains in a folder, or goes on; gives the weights of the end."""
    damages: dict[str, Callable[[Path], None]]
    """Ways to damage the newest checkpoint of a stopped run."""
    write: Callable[[Path], None]
    """Saves 20 MB over the newest again and again, and touches `saved` after each time."""
    read: Callable[[Path], None]
    """Reads what is there; raises what the system raises where it can't."""


def in_child(work: Callable[[], None], output: Path, wait: Callable[[], None] | None = None) -> int:
    """Do something in a forked process, which is killed when `wait` returns; 0 where it came to its end, else what `waitpid` says."""
    child = os.fork()
    if child:
        if wait is not None:
            wait()
            os.kill(child, signal.SIGKILL)
        return os.waitpid(child, 0)[1]
    code = 1
    try:
        torch.set_num_threads(1)
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(descriptor, 1)
        os.dup2(descriptor, 2)
        work()
        code = 0
    except BaseException as error:
        print(f"\n{type(error).__name__}: {error}", flush=True)
    finally:
        sys.stderr.flush()
        os._exit(code)


class Trial:
    """One run of a variant in a folder of its own."""

    def __init__(self, peer: Peer, folder: Path, variant: str) -> None:
        self.peer, self.folder, self.variant = peer, folder, variant
        folder.mkdir(parents=True)

    def train(self, kill_at: int | None = None, *, resume: bool = False) -> int:
        """Train in a child; returns what `waitpid` says."""

        def work() -> None:
            weights = self.peer.train(self.folder, self.variant, Record(self.folder, kill_at), resume)
            torch.save(weights, self.folder / "weights.pt")

        return in_child(work, self.folder / "output.txt")

    def told(self) -> str:
        """The last line of what the child said."""
        return (self.folder / "output.txt").read_text(errors="replace").strip().splitlines()[-1][:160]

    def rows(self) -> dict[int, str]:
        """The rows that each step saw last."""
        lines = (line.partition(" ") for line in (self.folder / "rows.txt").read_text().splitlines())
        return {int(step): rows for step, _, rows in lines}


def resumes(peer: Peer, folder: Path) -> dict[str, Any]:
    """Each variant once undisturbed, and once killed and gone on with."""
    found: dict[str, Any] = {}
    for variant, kill_at in peer.variants.items():
        place = folder / variant.replace(" ", "-")
        whole, killed = Trial(peer, place / "whole", variant), Trial(peer, place / "killed", variant)
        assert whole.train() == 0, whole.told()
        assert killed.train(kill_at) == signal.SIGKILL, killed.told()
        if killed.train(resume=True) != 0:
            found[variant] = {"error": killed.told()}
            continue
        one, other = (torch.load(trial.folder / "weights.pt", weights_only=True) for trial in (whole, killed))
        rows = [trial.rows() for trial in (whole, killed)]
        found[variant] = {
            "killed at": kill_at,
            "identical": all(torch.equal(one[name], other[name]) for name in one),
            "off by": max(float((one[name].double() - other[name].double()).abs().max()) for name in one),
            "other rows": sum(rows[0][step] != rows[1].get(step) for step in rows[0]),
        }
    return found


def damages(peer: Peer, folder: Path) -> dict[str, str]:
    """What comes of going on when the newest checkpoint is damaged, and an older one is whole."""
    found: dict[str, str] = {}
    for name, damage in peer.damages.items():
        trial = Trial(peer, folder / name.replace(" ", "-"), "plain")
        assert trial.train(37) == signal.SIGKILL, trial.told()
        damage(trial.folder)
        found[name] = "goes on from the older one" if trial.train(resume=True) == 0 else f"ends: {trial.told()}"
    return found


def writes(peer: Peer, folder: Path, kills: int) -> dict[str, int]:
    """Kills at random times while 20 MB are saved over the newest, and how often nothing could be read after it."""
    draw, unreadable = random.Random(0), 0
    for number in range(kills):
        place = folder / str(number)
        place.mkdir(parents=True)
        in_child(
            lambda place=place: peer.write(place), folder / "output.txt", lambda place=place: _wait_for_saves(place, draw.uniform(0, 1))
        )
        unreadable += in_child(lambda place=place: peer.read(place), folder / "output.txt") != 0
        shutil.rmtree(place)
    return {"kills": kills, "unreadable": unreadable}


def _wait_for_saves(place: Path, share: float) -> None:
    """Wait until two saves are complete, then for a share of the time that one takes."""
    times: list[float] = []
    while len(times) < 2:
        seen = (place / "saved").stat().st_mtime if (place / "saved").exists() else 0.0
        if seen and seen not in times:
            times.append(seen)
        time.sleep(0.001)
    time.sleep(share * (times[1] - times[0]))


def main(peer: Peer) -> None:
    """`SCRIPT FOLDER KILLS`: all of it; prints a JSON object."""
    folder, kills = Path(sys.argv[1]), int(sys.argv[2])
    found = {
        "versions": {"python": platform.python_version(), "torch": torch.__version__, **peer.versions},
        "resumes": resumes(peer, folder / "resumes"),
        "damages": damages(peer, folder / "damages"),
        "writes": writes(peer, folder / "writes", kills),
    }
    print(json.dumps(found))
