"""The base of all trackers, and what one is told of a run. Torch-free.

A tracker is settings; it opens a sink, which takes the reports of one run, one after another, in a thread of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from importlib.util import find_spec
from typing import Any, ClassVar, Literal

from nntrain.schema import Component

Record = Mapping[str, Any]
"""A report, as a line of `history.jsonl` has it: `epoch`, `step`, `lr`, `metrics` by full name; what is undefined is `None`."""


class TrackingError(Exception):
    """A tracker can't go on; told in a line, and the run goes on without it."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a sink is told of a run that begins or goes on."""

    folder: str
    """The run folder; what a sink writes lies in it."""
    beside: str
    """The folder of all runs of the config, for what may not lie in a run: links."""
    name: str
    """`digits/0001`, of a member `digits/0001/01`."""
    project: str
    """The name of the config: `digits`."""
    group: str | None
    """The run whose member this is: `digits/0001`."""
    params: Mapping[str, str]
    """All settings that apply, by path: `optimizer.lr`. What came from the environment stands there as it was written."""
    run_id: str | None = None
    """What the tracker calls the run, where it has it already."""
    sent: int = -1
    """The step up to which it has the reports, none of which is told again; later ones, which it may have, are no longer true."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended, for now or for good."""

    status: Literal["finished", "interrupted", "failed"]
    step: int = 0
    summary: Mapping[str, float | str | None] = field(default_factory=dict[str, float | str | None])
    """`stop_reason`, `test.accuracy`, `best.validation.accuracy`, `baseline.test.accuracy` and the like."""
    files: tuple[str, ...] = ()
    """Paths of files of the run that say what came of it."""

    @property
    def numbers(self) -> dict[str, float]:
        """What of the summary is a number."""
        return {name: value for name, value in self.summary.items() if isinstance(value, int | float)}


class Sink:
    """Takes the reports of one run. Any method may raise anything: the run goes on without it."""

    run_id: str | None = None
    """What the tracker calls the run, so that a resumed one goes on with it."""

    def report(self, record: Record) -> None:
        """Take a report; those of a run come in their order."""
        raise NotImplementedError

    def end(self, ending: Ending) -> None:
        """Take what came of the run."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of files and processes; nothing comes after it, and an end may not have come before."""


class Tracker(Component):
    """A program that shows the reports of runs."""

    kinds: ClassVar[frozenset[str]] = frozenset({"tracker"})
    package: ClassVar[str | None] = None
    """What must be installed: the name of its module, and of the extra that brings it."""
    apart: ClassVar[bool] = False
    """Whether its sink works in a process of its own: for libraries that talk to servers, draw random numbers, or wait at the exit."""

    @property
    def place(self) -> str:
        """What tells it from others of its type: the server, say."""
        return ""

    @property
    def key(self) -> str:
        """Under which a run remembers it; says nothing of the place, which may hold a password."""
        return f"{self.type}:{sha256(self.place.encode()).hexdigest()[:8]}"

    def problem(self) -> tuple[str, str] | None:
        """Why it can't be used here, and what helps; `None` where it can."""
        if self.package is None or find_spec(self.package) is not None:
            return None
        return f"{self.type} needs a package that is not installed", f"pip install 'nntrain[{self.type}]'"

    def open(self, start: Start) -> Sink:
        """Begin a run, or go on with one. Raises anything where that can't be done."""
        raise NotImplementedError


def scalars(record: Record) -> dict[str, float]:
    """The learning rate and all metrics of a report that are defined, by name."""
    return {"lr": record["lr"], **{name: value for name, value in record["metrics"].items() if value is not None}}
