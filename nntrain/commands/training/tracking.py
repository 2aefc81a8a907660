"""The trackers of a run: what they are told, and what a run remembers of them so that a resumed one goes on where they are."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from nntrain.config.resolving import written_tree
from nntrain.errors import CheckpointError, YamlPath, render_path
from nntrain.runs import MEMBERS, Run
from nntrain.tracking.settings import trackers_of
from nntrain.tracking.tracker import Ending, Start

if TYPE_CHECKING:
    from nntrain.commands.screens.display import Display
    from nntrain.config.reading import Config
    from nntrain.tracking.sending import Sender
    from nntrain.training.loop import Report

RECORD: Final = "tracking.json"
"""What the trackers of a run call it, and up to which step they have its reports."""
FILES: Final = ("model_card.md", "report.html")
"""Files of a run that trackers get too."""
WAIT_S: Final[Mapping[str, float]] = {"finished": 10.0, "interrupted": 3.0, "failed": 3.0}
"""How long the end of a run waits for trackers that have not got everything yet: none of them may never answer."""
TOLD_S: Final = 1.0
"""After so long it is said that something is waited for."""


@dataclass(slots=True)
class Tracking:
    """Tells the trackers of a run what happens. Costs nothing where there are none."""

    run: Run
    display: Display
    senders: Sequence[Sender] = ()
    lost: set[str] = field(default_factory=set[str])
    """Keys of trackers whose trouble was told; of several runs of one command each is told once, and nobody waits for it again."""
    status: Literal["finished", "interrupted", "failed"] | None = None
    """How the run ended, once that was told."""

    def report(self, report: Report) -> None:
        """Send a report; say once of each tracker that it is lost."""
        for sender in self.senders:
            sender.report({"epoch": report.epoch, "step": report.step, "lr": report.lr, "metrics": report.metrics})
        self._tell_lost()

    def end(self, summary: Mapping[str, Any]) -> None:
        """Send what came of the run."""
        self.status = "interrupted" if summary["stop_reason"] == "interrupted" else "finished"
        files = tuple((self.run.path / name).resolve().as_posix() for name in FILES if (self.run.path / name).is_file())
        ending = Ending(self.status, summary.get("steps", 0), flat_summary(summary), files if self.status == "finished" else ())
        for sender in self.senders:
            sender.end(ending)

    def close(self) -> None:
        """Wait for what is under way, not long; what has no end by now has failed."""
        if self.status is None:
            for sender in self.senders:
                sender.end(Ending("failed"))
        waited = WAIT_S[self.status or "failed"]
        until = time.monotonic() + waited
        waiting = [sender for sender in self.senders if not sender.is_done(TOLD_S) and sender.tracker.key not in self.lost]
        if waiting:
            self.display.note(f"waits for {', '.join(sender.tracker.type for sender in waiting)}, {waited:g} s at most")
        for sender in self.senders:
            if not sender.is_done(until - time.monotonic() if sender in waiting else 0):
                sender.give_up(f"no answer for {waited:g} s")
        self._tell_lost()
        self.senders = ()

    def _tell_lost(self) -> None:
        for sender in self.senders:
            if sender.trouble is not None and sender.tracker.key not in self.lost:
                self.lost.add(sender.tracker.key)
                self.display.note(f"warning: {sender.tracker.type}: {sender.trouble}; the run goes on without it")


def tell_together(run: Run, config: Config, summary: Mapping[str, Any], display: Display, lost: set[str]) -> None:
    """Tell the trackers what came of all members of a run: a run of its own beside theirs, with all figures and no reports.

    Args:
        run: The run of the members.
        config: Its config.
        summary: As in `summary.json`.
        display: Who is told of trackers that are lost.
        lost: As of `Tracking`.
    """
    tracking = tracked(run, config, display, lost, None)
    try:
        tracking.end(summary)
    finally:
        tracking.close()


def tracked(run: Run, config: Config, display: Display, lost: set[str], step: int | None) -> Tracking:
    """Begin to tell the trackers of a run, or go on.

    Args:
        run: The run, locked by the caller, with the history of what was before.
        config: Its config, with all that applies.
        display: Who is told of trackers that are lost.
        lost: As of `Tracking`.
        step: The step that it goes on from; `None` for a new one.
    """
    trackers = trackers_of(config.experiment.tracking)
    if not trackers:
        return Tracking(run, display)
    from nntrain.tracking.sending import Sender
    from nntrain.training.history import read_history

    known = remembered(run)
    lock = threading.Lock()

    def keep(key: str, run_id: str | None, sent: int) -> None:
        with lock:
            known[key] = {"run_id": run_id, "sent": sent}
            run.write_json(RECORD, known)

    params = flat_settings(written_tree(config.experiment, config.document))
    history = read_history(run.path / "history.jsonl") if (run.path / "history.jsonl").is_file() else []
    senders: list[Sender] = []
    for tracker in trackers:
        own = known.get(tracker.key, {})
        sent = -1 if step is None else min(own.get("sent", -1), step)
        senders.append(Sender(tracker, _start(run, params, own.get("run_id"), sent), keep))
        for record in history:
            if record["step"] > sent:
                senders[-1].report(record)
    return Tracking(run, display, senders, lost)


def remembered(run: Run) -> dict[str, dict[str, Any]]:
    """What a run remembers of its trackers; of a damaged record nothing, and they begin anew."""
    try:
        found = run.read_json(RECORD)
    except CheckpointError:
        return {}
    return {key: known for key, known in found.items() if isinstance(known, dict) and _is_whole(cast("dict[str, Any]", known))}


def _is_whole(known: Mapping[str, Any]) -> bool:
    return isinstance(known.get("sent"), int) and (known.get("run_id") is None or isinstance(known["run_id"], str))


def _start(run: Run, params: Mapping[str, str], run_id: str | None, sent: int) -> Start:
    folder = run.path.resolve()
    is_member = folder.parent.name == MEMBERS
    whole = folder.parents[1] if is_member else folder
    name = f"{whole.parent.name}/{whole.name}"
    return Start(
        folder=folder.as_posix(),
        beside=whole.parent.as_posix(),
        name=f"{name}/{folder.name}" if is_member else name,
        project=whole.parent.name,
        group=name if is_member else None,
        params=params,
        run_id=run_id,
        sent=sent,
    )


def flat_settings(tree: Mapping[str, Any]) -> dict[str, str]:
    """All settings that are on, but for those of the trackers, by path, as text."""
    own = {name: value for name, value in tree.items() if name != "tracking"}
    found = {render_path(path): value for path, value in _leaves(own, ()) if value not in (None, {}, [])}
    return {name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in found.items()}


def _leaves(value: Any, path: YamlPath) -> Iterator[tuple[YamlPath, Any]]:
    """Values that hold no others, but for lists of numbers or words."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = [*cast("dict[str | int, Any]", value).items()]
    elif isinstance(value, list) and any(isinstance(item, dict | list) for item in cast("list[Any]", value)):
        inner = [*enumerate(cast("list[Any]", value))]
    if not inner:
        yield path, value
    for key, item in inner:
        yield from _leaves(item, (*path, key))


def flat_summary(summary: Mapping[str, Any]) -> dict[str, float | str | None]:
    """What a summary says, by name: `test.accuracy`, `best.validation.accuracy`, `baseline.test.accuracy`, `linear.test.accuracy`."""
    plain = {name: summary[name] for name in ("stop_reason", "epochs", "steps", "seconds", "parameters") if name in summary}
    parts = {name: summary.get(name, {}) for name in ("best", "test", "baseline")} | summary.get("baselines", {})
    parts |= {f"sd.{name}": summary["sd"][name] for name in ("best", "test") if "sd" in summary}
    return {**plain, **{f"{part}.{name}": value for part, found in parts.items() for name, value in found.items()}}
