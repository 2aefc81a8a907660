"""`nntrain verify`: prove that a run can be killed and resumed on this machine without changing a byte, and keep the proof with it."""

from __future__ import annotations

import json
import secrets
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from nntrain.commands.preparing.signals import Signals
from nntrain.commands.proofs import proving
from nntrain.commands.proofs.integrity import RECORD, DataFiles, Files, read_data, read_files, state_digests
from nntrain.commands.proofs.proving import State, Stretch, Trainer
from nntrain.commands.screens.figures import format_bytes, format_seconds
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.screens.results import labelled
from nntrain.commands.stored.environment import PACKAGES
from nntrain.commands.stored.members_record import has_members
from nntrain.commands.stored.opening import needed_of, stored_config
from nntrain.config.reading import Config
from nntrain.errors import UsageError
from nntrain.runs import MEMBERS, Run, find_whole_run, lock, runs_root

FOLDER: Final = ".verify-"
"""Start of the name of the folder, inside the run's, in which copies are trained."""
END_OF_RUN: Final = ("state/progress/elapsed_s", "state/progress/stop_reason")
"""What may differ from the run's own state: a copy stops because it was told to."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    rerun: bool = False
    """Whether the run is trained again from its start too."""
    steps: int | None = None
    """Steps that are proven; `None` takes what some seconds are enough for."""
    seed: int | None = None
    """Decides after which steps the process is killed; `None` draws one."""
    runs: Path | None = None
    as_json: bool = False

    def __post_init__(self) -> None:
        if self.steps is not None and self.steps < 2:
            raise UsageError(f"--steps {self.steps}: needs 2 or more, so that there is a step to be killed at", "--steps 20")


@dataclass(slots=True)
class Proof:
    """What was found."""

    run: Run
    seed: int
    notes: list[str] = field(default_factory=list[str])
    lines: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Label and text of the screen."""
    differences: list[str] = field(default_factory=list[str])
    damage: list[str] = field(default_factory=list[str])
    record: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def verdict(self) -> str:
        """One word."""
        if self.damage:
            return "damaged"
        return "differs" if self.differences else "proven"

    @property
    def exit_code(self) -> int:
        """0, 4 for damage, 6 for a difference."""
        return {"proven": 0, "damaged": 4, "differs": 6}[self.verdict]


def run(given: str | None, options: Options) -> int:
    """Verify a run, print what was found, keep it in its `verify.json`, and return the exit code.

    Args:
        given: The run; of one with members its first member is taken.
        options: What the command line says.

    Raises:
        UsageError: There is no such run.
        CheckpointError: Another process writes to it, or it is not whole.
        DataError: Its data are not there.
    """
    found = find_whole_run(given, runs_root(options.runs))
    proof = Proof(found, secrets.randbelow(10**6) if options.seed is None else options.seed)
    if has_members(found):
        whole = sorted(path for path in (found.path / MEMBERS).glob("*") if (path / "resolved.yaml").is_file())
        if not whole:
            raise UsageError(f"{found.name} has no member that has begun", f"go on with it: nntrain fit --resume {found.name}")
        proof.run = Run(whole[0])
        proof.notes.append(f"{found.name} has {len(whole)} members: the first is verified; another: nntrain verify {whole[-1].as_posix()}")
    started = time.monotonic()
    with Signals() as signals, lock(proof.run):
        _prove(proof, options, Trainer(signals, proving.start_child))
        proof.lines.append(_verdict(proof, time.monotonic() - started))
        proof.record |= {"verdict": proof.verdict, "damage": proof.damage, "differences": proof.differences, "notes": proof.notes}
        proof.record["seconds"] = round(time.monotonic() - started, 1)
        proof.run.write_json(RECORD, proof.record)
    proof.lines.append(("wrote", (proof.run.path / RECORD).as_posix()))
    emit(json.dumps(proof.record, indent=1) if options.as_json else labelled([("run", proof.run.name), *proof.lines]))
    return proof.exit_code


def _prove(proof: Proof, options: Options, trainer: Trainer) -> None:
    run = proof.run
    for left in run.path.glob(f"{FOLDER}*"):  # of a process that was killed
        shutil.rmtree(left, ignore_errors=True)
    files = read_files(run)
    proof.damage += files.damage
    proof.record |= {"run": run.name, "when": datetime.now(UTC).isoformat(timespec="seconds"), "seed": proof.seed, **_machine()}
    proof.record["checkpoints"] = {"count": len(files.checkpoints), "files": files.files, "bytes": files.size}
    proof.lines.append(("files", _files_in_words(files)))
    if any("resolved.yaml" in line for line in files.damage):
        return  # what it was trained on stands there
    data = read_data(run)
    proof.damage += data.changed
    proof.record["data"] = {"sha256": dict(data.digests), "bytes": data.size}
    proof.lines.append(("data", _data_in_words(data)))
    if proof.damage:
        return
    folder = run.path / f"{FOLDER}{secrets.token_hex(4)}"
    folder.mkdir()
    try:
        states = [proving.read_state(run, path) for path in files.checkpoints]
        _tell(proof, states)
        config = stored_config(run)
        _kill_and_resume(proof, trainer, folder, proving.choose(run, config, states, options.steps), config)
        if options.rerun:
            _rerun(proof, trainer, folder, states, config)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _machine() -> dict[str, Any]:
    import platform
    from importlib.metadata import version

    return {
        "versions": {name: version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
    }


def _tell(proof: Proof, states: list[State]) -> None:
    """Note what keeps a run from being what one run without a break gives."""
    since = states[-1].inexact_since if states else None
    if since is not None:
        proof.notes.append(f"the run is inexact since step {since:,}: what goes on from its state is verified, not what it did itself")
    if proving.has_changed(proof.run):
        proof.notes.append("the run was resumed with another config: its own steps are not what its config gives now")


def _kill_and_resume(proof: Proof, trainer: Trainer, folder: Path, stretch: Stretch, config: Config) -> None:
    """Train two copies over the same steps, one of them killed on the way, and compare all that they have saved."""
    from nntrain.training import checkpoint

    run = proof.run
    size = 0 if stretch.start is None else stretch.start.size
    changes = (*stretch.changes, *proving.saving(stretch, size))
    tell(f"steps {stretch.first + 1:,} to {stretch.end:,} of a copy, without a break")
    straight = proving.copy_run(run, stretch.start, folder / "straight")
    trainer.train(straight, stretch.end, changes)
    end = proving.read_state(straight, proving.newest_of(straight)).step
    kills = proving.draw_kills(stretch.first, end, proof.seed)
    killed = proving.copy_run(run, stretch.start, folder / "killed")
    for kill in kills:
        tell(f"the same steps of another copy, killed after step {kill:,}")
        trainer.train(killed, stretch.end, changes, kill=kill)
    tell("resumed")
    trainer.train(killed, stretch.end, changes)
    difference = _different_copies(straight, killed)
    where = "the beginning" if stretch.start is None else f"the state of step {stretch.first:,}"
    beyond = f", beyond the limit ({', '.join(stretch.changes)})" if stretch.changes and stretch.own is None else ""
    parts = tuple(checkpoint.load(proving.newest_of(straight), needed_of(straight)))
    proof.lines += [
        ("steps", f"{stretch.first + 1:,} to {end:,}, from {where}{beyond}"),
        ("kills", f"SIGKILL after step {' and after step '.join(f'{kill:,}' for kill in kills)} (--seed {proof.seed}), resumed each time"),
        ("compared", f"{', '.join(parts)}; history.jsonl"),
    ]
    if difference is not None:
        proof.differences.append(f"killed and resumed is not the same as without a break: {difference}")
    proof.record["resumed"] = {
        "from_step": stretch.first,
        "to_step": end,
        "overrides": list(changes),
        "kills": kills,
        "compared": [*parts, "history"],
        "equals_run_at": None if stretch.own is None else end,
        "sha256": state_digests(proving.newest_of(straight)),
        "difference": difference,
    }
    if stretch.own is not None:
        _compare_with_run(proof, straight, stretch, stretch.own, config)


def _different_copies(straight: Run, killed: Run) -> str | None:
    """The first difference between what two copies have saved: at the first step at which they differ."""
    from nntrain.training import checkpoint
    from nntrain.training.differing import first_difference, first_different_line

    ours, theirs = ({path.name: path for path in run.checkpoints.glob("step-*")} for run in (straight, killed))
    for name in sorted(set(ours) & set(theirs), key=lambda each: (len(each), each)):
        found = first_difference(*(checkpoint.load(path, needed_of(straight)) for path in (ours[name], theirs[name])))
        if found is not None:
            return f"{name}: {found}"
    if (last := proving.newest_of(straight).name) != (other := proving.newest_of(killed).name):
        return f"ends at {last}, and at {other}"
    return first_different_line(*((run.path / "history.jsonl").read_bytes() for run in (straight, killed)))


def _compare_with_run(proof: Proof, copy: Run, stretch: Stretch, end: State, config: Config) -> None:
    """Compare what a copy came to with the run's own state at that step."""
    from nntrain.training import checkpoint
    from nntrain.training.differing import first_difference, first_different_line
    from nntrain.training.reproducibility import differing_facts

    own, parts = (checkpoint.load(path, needed_of(copy)) for path in (end.path, proving.newest_of(copy)))
    found = first_difference(own, parts, but=(*END_OF_RUN, "state/facts", "state/inexact_since"))
    before = (proof.run.path / "history.jsonl").read_bytes()[: end.history]
    found = found or first_different_line(before, (copy.path / "history.jsonl").read_bytes())
    if found is None:
        proof.lines.append(("own", f"the copy equals the run's own state of step {end.step:,}, which {_origin(stretch)} leads to"))
        return
    facts = differing_facts(own["state"]["facts"], parts["state"]["facts"])
    text = f"the run's own state of step {end.step:,} is not what the same steps give now: {found}"
    if facts:
        proof.notes.append(f"{text}; to be expected: {'; '.join(facts)}")
    else:
        proof.differences.append(text)
        proof.notes += _hints(config, parts)


def _origin(stretch: Stretch) -> str:
    return "its whole config from the beginning" if stretch.start is None else f"that of step {stretch.first:,}"


def _hints(config: Config, parts: dict[str, Any]) -> list[str]:
    is_cpu = parts["state"]["facts"].get("device") == "cpu"
    training = config.experiment.training
    return (
        [] if is_cpu or training is None or training.deterministic else ["on this device training.deterministic=true gives the same bits"]
    )


def _rerun(proof: Proof, trainer: Trainer, folder: Path, states: list[State], config: Config) -> None:
    """Train the whole config again from the start, as far as the run has come, and compare every report and the last state."""
    from nntrain.training import checkpoint
    from nntrain.training.differing import first_difference, first_different_line
    from nntrain.training.reproducibility import differing_facts

    if not states:
        proof.notes.append("nothing to compare a rerun with: the run has no checkpoint")
        return
    newest = states[-1]
    tell(f"the whole run again, {newest.step:,} steps")
    again = proving.copy_run(proof.run, None, folder / "again")
    trainer.train(again, newest.step, ())
    own, new = (checkpoint.load(path, needed_of(again)) for path in (newest.path, proving.newest_of(again)))
    history = (proof.run.path / "history.jsonl").read_bytes()[: newest.history]
    difference = first_different_line(history, (again.path / "history.jsonl").read_bytes())
    difference = difference or first_difference(own, new, but=(*END_OF_RUN, "state/facts", "state/inexact_since"))
    facts = differing_facts(own["state"]["facts"], new["state"]["facts"])
    reports = history.count(b"\n")
    proof.record["rerun"] = {"steps": newest.step, "reports": reports, "difference": difference, "other_facts": facts}
    if difference is None:
        proof.lines.append(("rerun", f"{reports:,} reports and the state of step {newest.step:,}: the same"))
        return
    expected = [*facts, *(["the run was resumed with another config"] if proving.has_changed(proof.run) else [])]
    expected += [f"the run is inexact since step {newest.inexact_since:,}"] if newest.inexact_since is not None else []
    told = f"; to be expected: {'; '.join(expected)}" if expected else ""
    proof.differences.append(f"run again from the start, it is not the same: {difference}{told}")
    proof.notes += [] if expected else _hints(config, new)


def _files_in_words(files: Files) -> str:
    if not files.checkpoints and not files.damage:
        return "no checkpoint yet"
    count = len(files.checkpoints)
    text = f"{count} checkpoint{'s' if count != 1 else ''}, {files.files} files, {format_bytes(files.size)}: as written"
    return text if not files.damage else f"{text}; {len(files.damage)} damaged"


def _data_in_words(data: DataFiles) -> str:
    lines = [f"{Path(path).name} sha256 {digest[:12]}…" for path, digest in data.digests.items()]
    return f"{', '.join(lines)}, {format_bytes(data.size)}" + ("" if data.changed else ": as in training")


def _verdict(proof: Proof, seconds: float) -> tuple[str, str]:
    found = proof.damage or proof.differences
    words = {"proven": "killed and resumed is the same as without a break, bit for bit", "damaged": "", "differs": ""}
    text = "\n".join([*found, *proof.notes]) if found else "\n".join([words[proof.verdict], *proof.notes])
    return proof.verdict, f"{text}\n{format_seconds(seconds)}"
