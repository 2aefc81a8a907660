"""What `fit` is given, and what it gives: options, a job, who watches, an outcome. Imported by all that has a part in a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.errors import UsageError

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.preparing.signals import Signals
    from nntrain.commands.screens.display import Display
    from nntrain.commands.starting.bodies import BodyStart
    from nntrain.commands.starting.trained_weights import Start
    from nntrain.commands.stored.members_record import Plan
    from nntrain.config.reading import Config
    from nntrain.data.preparing import Prepared
    from nntrain.insight.leakage import Suspicion
    from nntrain.runs import Run

AUTO: Final = "auto"
"""In the place of a run: the one that is meant is found by what the command says."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the config."""

    resume: str | None = None
    """Run to go on with, or `auto`: the one that this command started before, where there is one."""
    resume_anyway: bool = False
    """Go on although the config means something else or the data has changed."""
    run_id: str | None = None
    """Name of the run folder; default: the next free number."""
    test: bool = True
    """Whether the test rows are looked at in the end."""
    runs: Path | None = None
    as_json: bool = False
    json_lines: bool = False
    """Whether each evaluation is told as a JSON object on a line of its own, and the result likewise."""
    overlays: tuple[Path, ...] = ()
    """Configs that are laid over the config, one over another."""
    members: Plan | None = None
    """Seeds or folds that are trained one after another."""
    processes: int | None = None
    """Processes on this machine that train together; `None`: this one alone, or those that a launcher has started."""
    skip_done: bool = False
    """Whether a config that has a finished run with the same data is left out."""
    tune: bool = False
    """Whether what the config leaves open about how the machine computes is measured first."""
    profile: bool = False
    """Whether it is shown first where the time of a step goes."""
    trace: bool = False
    """Whether the operations of these steps are written into the run folder."""

    def __post_init__(self) -> None:
        """Refuse options that have no effect beside others. Raises `UsageError`."""
        if self.resume is None and self.resume_anyway:
            raise UsageError("--resume-anyway has no effect: it goes on with a run, and nothing is resumed here", "add --resume RUN")
        if self.trace and not self.profile:
            raise UsageError("--trace has no effect: it writes down the steps that are profiled", "add --profile")
        if self.profile and self.members is not None:
            word = f"--{self.members.kind}"
            raise UsageError(f"--profile looks at the steps of one run, and {word} trains several", "leave one of the two out")
        if self.resume in (None, AUTO):
            return
        if self.members is not None:
            word = f"--{self.members.kind}"
            raise UsageError(f"--resume goes on with the members that a run has, and {word} makes new ones", "leave one of the two out")
        if self.run_id is not None:
            raise UsageError("--run-id names a new run, and --resume goes on with one that has a name", "leave one of the two out")
        if self.tune:
            raise UsageError("--tune chooses for a new run, and --resume goes on with what a run has chosen", "leave one of the two out")
        if self.skip_done:
            raise UsageError("--skip-done leaves out what has a run already, and --resume goes on with one", "leave one of the two out")


@dataclass(frozen=True, slots=True)
class Watchers:
    """Who is told about a run, and who may stop it."""

    display: Display
    signals: Signals
    lost_trackers: set[str] = field(default_factory=set[str])
    """Trackers that can't be reached: told once a command, and not waited for again by its other runs."""


@dataclass(frozen=True, slots=True)
class Job:
    """A config with its data, ready to be trained."""

    config: Config
    blueprint: Blueprint
    prepared: Prepared
    start: Start | BodyStart | None = None
    """What a new run starts from, where that is not random."""
    choices: tuple[str, ...] = ()
    """What was chosen for the run where the config leaves it open, and why."""
    suspicions: tuple[Suspicion, ...] = ()
    """What in its rows may flatter the network, where it was looked for."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of `fit`."""

    run: Run
    summary: Mapping[str, Any]
    """As in `summary.json`."""
    screen: str
    """As it is shown at the end."""
    exit_code: int = 0
