"""What a run leaves while it trains: checkpoints when they are due, one history line and one timing line a report."""

from __future__ import annotations

import math
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

from nntrain.assembly import Assembly
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.stored.opening import needed_of
from nntrain.commands.training.pacing import Pace
from nntrain.commands.training.sharded_saving import Leader
from nntrain.errors import CheckpointError, NNTrainError
from nntrain.locking import check_held
from nntrain.runs import Run
from nntrain.training import checkpoint
from nntrain.training.checkpoint import Newest
from nntrain.training.exhaustion import is_exhaustion
from nntrain.training.history import History, read_lines
from nntrain.training.loop import Report
from nntrain.training.meta import folder_name
from nntrain.training.progress import Progress, count_of
from nntrain.training.sharding import pieces
from nntrain.training.snapshot import restore, snapshot
from nntrain.training.state import copied
from nntrain.training.tuning import tune


class Recorder:
    """Saves and writes for one run. Owns the lines of `history.jsonl` and `signals.jsonl`, functions of config, data and seed only."""

    def __init__(self, run: Run, assembly: Assembly, constant_parts: Mapping[str, Any], signals: Signals) -> None:
        """Start a new run, or go on with the newest whole checkpoint of one that has some.

        Args:
            run: The run folder, locked by the caller.
            assembly: Objects of the run; their state is replaced where there is a checkpoint.
            constant_parts: Parts of every checkpoint that training does not change (fitted fields, targets).
            signals: Asked for whether somebody wants the run saved or stopped.

        Raises:
            CheckpointError: The run has checkpoints, and none of them is whole and not ahead of its history.
        """
        self.run, self.assembly, self.constant_parts, self.signals = run, assembly, constant_parts, signals
        self.settings = assembly.plan.settings.checkpoint
        ranks = assembly.session.ranks
        self.leader = Leader(ranks) if ranks is not None and ranks.is_sharded else None
        self.needed = needed_of(run)
        found = self._newest()
        path, self.damaged = found.path, found.damaged
        self.resumed_path = path
        self.resumed_from: dict[str, Any] | None = None
        length = signals_length = 0
        if path is not None:
            parts = found.parts
            with checkpoint.told_as_damage(path):
                restore(assembly.session, assembly.protocol, assembly.progress, parts)
                self.resumed_from, length, signals_length = _resumed_state(parts["state"])
            self._repair_pointers(assembly.progress)
        self.inexact_since: int | None = None if self.resumed_from is None else self.resumed_from["inexact_since"]
        checkpoint.make_folder(run.checkpoints)
        self.history = History(run.path / "history.jsonl", length)
        try:
            assembly.session.waiting.seconds = _waited(run, assembly.progress.step)
            self.timing = History(run.path / "timing.jsonl", None)
            looks = run.path / "signals.jsonl"
            found_length = looks.stat().st_size if looks.is_file() else 0
            self.looks = History(looks, min(signals_length, found_length))  # lines that are lost cost no run
        except NNTrainError:
            self.history.close()
            raise
        self.started_at_step = assembly.progress.step
        self.saved_step = assembly.progress.step if path is not None else -1
        self.pace = Pace(self.settings.time_fraction)
        self._is_owed = False
        self._held: dict[int, tuple[bool, dict[str, Any]]] = {}
        """States that are in memory only, by their steps, and whether each was the best then: the best one, and those to be averaged."""
        self.started_at = time.monotonic()

    def _newest(self) -> Newest:
        """The newest checkpoint that is whole and not ahead of the history; what is wrong with the newer ones, a line each."""
        history = self.run.path / "history.jsonl"
        found = history.stat().st_size if history.is_file() else 0
        newest = checkpoint.newest(self.run.checkpoints, self.needed)
        damaged = newest.damaged
        while newest.path is not None:
            with checkpoint.told_as_damage(newest.path):
                length = count_of(newest.parts["state"], "history")
            if length <= found:
                return replace(newest, damaged=damaged)
            what = f"was saved at {length:,} bytes of {history.as_posix()}, which has lost lines ({found:,} bytes are left)"
            damaged = (*damaged, f"{newest.path.as_posix()} {what}")
            newest = checkpoint.newest(self.run.checkpoints, self.needed, before=newest.path)
            damaged = (*damaged, *newest.damaged)
        if damaged:
            hint = "train a new run: nntrain fit CONFIG"
            raise CheckpointError(f"{self.run.name} has no whole checkpoint: {'; '.join(damaged)}", hint)
        return newest

    def _repair_pointers(self, progress: Progress) -> None:
        """Make the pointers agree with the state: a kill may have come between a checkpoint and its pointers."""
        checkpoint.point(self.run.checkpoints, "last", progress.step)
        best = progress.stopping.best
        if best is not None and (self.run.checkpoints / folder_name(best.step)).is_dir():
            checkpoint.point(self.run.checkpoints, "best", best.step)
        checkpoint.remove_soups(self.run.checkpoints)

    def is_due(self, step: int) -> bool:
        """Whether the loop must pause after this step: a checkpoint is due, or a signal came."""
        return bool(self.signals.stop_requested) or self.signals.save_requested or self._checkpoint_due(step)

    def _checkpoint_due(self, step: int) -> bool:
        every = self.settings
        self._is_owed |= every.every_epochs is not None and step % (every.every_epochs * self.assembly.plan.steps_per_epoch) == 0
        return (
            (every.every_steps is not None and step % every.every_steps == 0)
            or (every.every_minutes is not None and self.pace.seconds >= every.every_minutes * 60)
            or (self._is_owed and self.pace.allows())
        )

    def take(self, report: Report) -> None:
        """Write the lines of a report, and a checkpoint where one is due, the state is the best so far, or the run ends."""
        self.history.append({"epoch": report.epoch, "step": report.step, "lr": report.lr, "metrics": report.metrics})
        seconds, waited = (round(each, 3) for each in (self.assembly.progress.elapsed_s, self.assembly.session.waiting.seconds))
        self.timing.append({"step": report.step, "seconds": seconds, "waited": waited, "rows_per_s": round(self.rows_per_s)})
        is_kept = report.is_best or report.step in self.assembly.progress.kept_steps
        self._is_owed |= is_kept
        if report.stop_reason is not None or self.is_due(report.step):
            self.save(is_best=report.is_best)
        elif is_kept:
            self._hold(report.step, is_best=report.is_best)

    def _hold(self, step: int, *, is_best: bool) -> None:
        """Keep a copy of the present state in memory; on the disk where there is no memory for it, as saving takes none."""
        self._let_go()
        try:
            parts = self._parts()
            changing = {name: tree for name, tree in parts.items() if name not in self.constant_parts}
            self._held[step] = (is_best, {**parts, **copied(changing)})
            self.order("hold")
        except (MemoryError, RuntimeError) as error:
            if not is_exhaustion(error):
                raise
        if step not in self._held:
            self.save(is_best=is_best)

    def _let_go(self) -> None:
        """Free the memory of states that better ones have taken the place of."""
        kept = self.assembly.progress.kept_steps
        self._held = {step: held for step, held in self._held.items() if step in kept}

    def _parts(self) -> dict[str, Any]:
        """What a checkpoint of the present state holds."""
        self.order("parts")
        parts = {**snapshot(self.assembly.session, self.assembly.protocol, self.assembly.progress), **self.constant_parts}
        parts["state"] |= {"history": self.history.length, "signals": self.looks.length, "inexact_since": self.inexact_since}
        parts["task"] = {**parts["task"], "readings": tune(self.assembly.session)}
        return parts if self.leader is None else pieces(parts)

    def order(self, word: str) -> None:
        """Let other processes that have a piece of the state do the same."""
        if self.leader is not None:
            self.leader.order(word)

    def step_is_done(self) -> None:
        """Let other processes go on: nothing more is saved at this step."""
        self.order("done")

    def save(self, *, is_best: bool = False) -> None:
        """Write a checkpoint of the present state, and before it those that are in memory only.

        Raises:
            ResourceError: The disk is full; what was saved before is whole.
        """
        self._let_go()
        step = self.assembly.progress.step
        with self.pace.measured():
            parts = self._parts()
            self._keep_held(are_last=False)
            self._write(step, parts, ("last", "best") if is_best else ("last",))
        self.saved_step, self._is_owed, self.signals.save_requested = step, False, False

    @contextmanager
    def best_kept(self) -> Generator[None]:
        """Context of a training that may fail: the best state is on the disk then, as far as the disk allows."""
        try:
            yield
        except Exception:
            if self.leader is None:  # else no process has all of it, and others may be gone
                with suppress(NNTrainError):
                    self._keep_held(are_last=True)
            raise

    def _keep_held(self, *, are_last: bool) -> None:
        """Write the states that are in memory only, the oldest first; `last` names them where none comes after. Raises `ResourceError`."""
        for step in sorted(self._held):
            is_best, parts = self._held[step]
            self._write(step, parts, (*(["last"] * are_last), *(["best"] * is_best)), is_held=True)
            del self._held[step]

    def _write(self, step: int, parts: Mapping[str, Any], points: Sequence[str], *, is_held: bool = False) -> None:
        check_held(self.run.path)
        self.history.sync()
        others = None if self.leader is None else self.leader.writing(is_held=is_held)
        checkpoint.save(self.run.checkpoints, step, parts, points=points, run=self.needed.run, others=others)
        checkpoint.prune(self.run.checkpoints, self.settings.keep, self.assembly.progress.kept_steps)

    def steps_per_s(self, step: int) -> float:
        """Steps a second since this process began."""
        return (step - self.started_at_step) / max(time.monotonic() - self.started_at, 1e-9)

    @property
    def rows_per_s(self) -> float:
        """Training rows a second since this process began."""
        session = self.assembly.session
        rows = min(session.batch_size * session.accumulate, len(session.splits.train))
        return self.steps_per_s(self.assembly.progress.step) * rows

    def close(self) -> None:
        """Close the files."""
        self.history.close()
        self.timing.close()
        self.looks.close()


def restore_from(run: Run, name: str, assembly: Assembly) -> None:
    """Go on with the checkpoint that another process goes on with. Raises `CheckpointError` where this one does not see it."""
    path = run.checkpoints / name
    if not path.is_dir():
        raise CheckpointError(f"{path.as_posix()}: is not here", "the runs folder must lie where all machines see it")
    parts = checkpoint.load(path, needed_of(run))
    with checkpoint.told_as_damage(path):
        restore(assembly.session, assembly.protocol, assembly.progress, parts)


def _waited(run: Run, step: int) -> float:
    """How long a run had waited for rows at its last report up to a step: the newest line counts, of a run that went back."""
    for line in reversed(read_lines(run.path / "timing.jsonl")):
        at, seconds = line.get("step"), line.get("waited")  # lines of older versions don't say it
        if isinstance(at, int) and at <= step:
            return seconds if isinstance(seconds, float) and 0 <= seconds < math.inf else 0.0
    return 0.0


def _resumed_state(state: Mapping[str, Any]) -> tuple[dict[str, Any], int, int]:
    """What a run is told of the state that it goes on with, and the lengths of its history and signals, after a look at their types."""
    since, facts = state["inexact_since"], dict(state["facts"])
    inexact_since = None if since is None else count_of(state, "inexact_since")
    signals = count_of(state, "signals") if "signals" in state else 0  # states of older versions have none
    return {"facts": facts, "inexact_since": inexact_since}, count_of(state, "history"), signals
