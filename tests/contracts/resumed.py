"""Runs that are stopped, saved to files and gone on with in new objects, beside the same runs without a stop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from nntrain.training import checkpoint
from nntrain.training.loop import Report, fit
from nntrain.training.plan import Plan
from nntrain.training.progress import Progress
from nntrain.training.session import Session, TrainingProtocol
from nntrain.training.snapshot import restore, snapshot
from nntrain.training.state import flatten


class Run(Protocol):
    """What the loop takes."""

    @property
    def session(self) -> Session: ...
    @property
    def protocol(self) -> TrainingProtocol: ...
    @property
    def plan(self) -> Plan: ...
    @property
    def progress(self) -> Progress: ...


def go_on(run: Run, stop: int | None = None) -> list[str]:
    """Train to the end, or until a step is complete; the lines of the history."""
    lines: list[str] = []
    for event in fit(run.session, run.protocol, run.plan, run.progress, lambda step: step == stop):
        if isinstance(event, Report):
            lines.append(json.dumps([event.epoch, event.step, event.metrics, event.lr, event.is_best, event.stop_reason]))
        if event.step == stop:
            break
    return lines


def state_of(run: Run) -> dict[str, bytes]:
    """All that is saved, without the time that it took."""
    parts = snapshot(run.session, run.protocol, run.progress)
    parts["state"]["progress"].pop("elapsed_s")
    return bytes_of(parts)


def bytes_of(tree: Any) -> dict[str, bytes]:
    """A tree as bytes: each tensor by its place, and all else."""
    tensors, skeleton = flatten(tree)
    return {"plain values": json.dumps(skeleton).encode(), **{name: _bytes(value) for name, value in tensors.items()}}


def _bytes(value: Tensor) -> bytes:
    return value.reshape(-1).view(torch.uint8).numpy().tobytes() if value.numel() else b""


def differing(make: Callable[[], Run], stop: int, folder: Path) -> list[str]:
    """Names of what differs at the end between a run that was stopped after a step and one that was not."""
    whole = make()
    wanted_lines = go_on(whole)
    assert whole.progress.step > stop, "the run is over before it is stopped"
    wanted = state_of(whole)
    first = make()
    lines = go_on(first, stop)
    path = checkpoint.save(folder, stop, snapshot(first.session, first.protocol, first.progress))
    second = make()
    torch.rand(7)  # whatever was drawn in between must not matter
    restore(second.session, second.protocol, second.progress, checkpoint.load(path))
    lines += go_on(second)
    names = unequal(wanted, state_of(second))
    return [*names, *(["history"] if lines != wanted_lines else [])]


def unequal(one: Mapping[str, bytes], other: Mapping[str, bytes]) -> list[str]:
    """Names whose values are not the same bytes."""
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]
