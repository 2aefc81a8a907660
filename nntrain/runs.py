"""Run folders: naming, the latest, the lock, and the counts that belong to all runs. Torch-free.

`runs/digits/0001/` is a run, `runs/digits/latest` one line that names the newest. A run is all that every other command reads.
"""

from __future__ import annotations

import json
import math
import os
import re
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from nntrain.errors import CheckpointError, DataError, ResourceError, UsageError
from nntrain.exporting import STATE_FILE
from nntrain.locking import hold, in_turn, is_gone


def runs_root(given: Path | None) -> Path:
    """The runs folder: `--runs`, else `NNTRAIN_RUNS`, else `runs` where you stand."""
    return given if given is not None else Path(os.environ.get("NNTRAIN_RUNS") or "runs")


MEMBERS = "members"
"""Folder of a run's members: runs of the same config with other seeds or other folds."""

NUMBER = re.compile(r"[0-9]{1,9}")
_BEGUN = re.compile(r"\.([0-9]{1,10})-[0-9]+\.tmp")
"""Names of files that are being written, with the process that does it."""
RUN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class Run:
    """One run folder."""

    path: Path

    @property
    def name(self) -> str:
        """As people write it: `runs/digits/0001`."""
        return self.path.as_posix()

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.path / "checkpoints"

    @property
    def is_export(self) -> bool:
        """Whether it is what `nntrain export` makes of a run: it predicts, and has no state of training."""
        return (self.path / STATE_FILE).is_file() and not self.checkpoints.is_dir()

    def read_json(self, file: str) -> dict[str, Any]:
        """One of the run's JSON files.

        Raises:
            CheckpointError: It is missing or damaged.
        """
        path = self.path / file
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise CheckpointError(f"{path}: is a link, or no file")
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CheckpointError(f"{self.name} has no {file}: the run did not get that far, or is not whole") from None
        except (OSError, ValueError, RecursionError) as error:
            raise CheckpointError(f"{path}: damaged ({error})") from None
        if not isinstance(found, dict):
            raise CheckpointError(f"{path}: damaged (holds no mapping)")
        return cast("dict[str, Any]", found)

    @property
    def started(self) -> float:
        """When the run was started, in seconds since 1970; that of its config file where it can't be read."""
        try:
            started = float(self.read_json("data.json")["started"])
        except (CheckpointError, KeyError, TypeError, ValueError, OverflowError):
            started = math.nan
        return started if math.isfinite(started) else (self.path / "resolved.yaml").stat().st_mtime

    def write_json(self, file: str, content: object) -> None:
        """Write one of the run's JSON files, whole or not at all. Raises `ResourceError`."""
        self.write_text(file, json.dumps(content, indent=1, allow_nan=False) + "\n")

    def write_text(self, file: str, text: str) -> None:
        """Write one of the run's files, whole or not at all.

        Raises:
            ResourceError: The disk is full, or can't be written; what was there before is whole.
        """
        try:
            write_atomically(self.path / file, text)
        except OSError as error:
            raise ResourceError(
                f"cannot write {(self.path / file).as_posix()}: {error.strerror}", "free some space, then: --resume RUN"
            ) from None


def create_run(root: Path, name: str, run_id: str | None = None) -> Run:
    """Make the next free run folder (or the one named `run_id`) by an exclusive mkdir, and make it the latest.

    Raises:
        UsageError: The id is no name for a folder.
        CheckpointError: A run of that id exists already.
        ResourceError: The folder cannot be made.
    """
    parent = root / name
    if run_id is not None and (not RUN_ID.fullmatch(run_id) or run_id == "latest"):
        raise UsageError(f"no name for a run: {run_id!r}", "up to 100 letters, digits, and _ - . between them; latest is taken")
    try:
        parent.mkdir(parents=True, exist_ok=True)
        path = _make_named(parent, run_id) if run_id is not None else _make_numbered(parent)
        write_atomically(parent / "latest", path.name + "\n")
    except OSError as error:
        raise ResourceError(f"cannot make a run folder in {parent.as_posix()}: {error.strerror}", "another place: --runs DIR") from None
    return Run(path)


def claim_run(root: Path, name: str, run_id: str) -> Run:
    """The folder of a run with this id, made where there is none; whoever then locks it has it.

    Raises:
        UsageError, ResourceError: As `create_run`.
        CheckpointError: It has links in it.
    """
    try:
        return create_run(root, name, run_id)
    except CheckpointError:
        claimed = Run(root / name / run_id)
        if not (claimed.path / "resolved.yaml").is_file():  # what a kill left: it may have come before the pointer
            write_atomically(root / name / "latest", run_id + "\n")
        return _of_its_own(claimed)


def _make_named(parent: Path, run_id: str) -> Path:
    path = parent / run_id
    try:
        path.mkdir()
    except FileExistsError:
        raise CheckpointError(f"run {path.as_posix()} exists already", f"go on with it: --resume {path.as_posix()}") from None
    return path


def _make_numbered(parent: Path) -> Path:
    number = max((int(path.name) for path in parent.iterdir() if NUMBER.fullmatch(path.name)), default=0) + 1
    while True:
        path = parent / f"{number:04d}"
        try:
            path.mkdir()
        except FileExistsError:
            number += 1  # another process took it
            continue
        return path


def all_runs(root: Path) -> list[Run]:
    """Every run below a runs folder, the one started last at the end."""
    found = [Run(path.parent) for path in root.glob("*/*/resolved.yaml") if path.is_file()] if root.is_dir() else []
    return sorted(found, key=lambda run: (run.started, run.name))


def is_finished(run: Run) -> bool:
    """Whether a run has ended and was measured."""
    if not (run.path / "summary.json").is_file():
        return False
    return _stop_reason(run) not in {None, "interrupted", "diverged"}


def _stop_reason(run: Run) -> str | None:
    reason: object = run.read_json("summary.json").get("stop_reason")
    if reason is not None and not isinstance(reason, str):
        raise CheckpointError(f"{run.name}/summary.json: damaged (stop_reason is no text)")
    return reason


def diverged_part(run: Run) -> Run | None:
    """The run, or its member, that ended with NaN or infinity; `None` where none did. Raises `CheckpointError` for a damaged summary."""
    for each in (run, *(Run(path) for path in sorted((run.path / MEMBERS).glob("*")))):
        if (each.path / "summary.json").is_file() and _stop_reason(each) == "diverged":
            return each
    return None


def is_run(path: Path) -> bool:
    """Whether a path is a run folder, or a folder of runs of one name."""
    return (path / "resolved.yaml").is_file() or (path / "latest").is_file()


def find_run(given: str | None, root: Path) -> Run:
    """The run that an argument names: a run folder, a folder of runs (its latest), or none (the latest of all).

    Raises:
        UsageError: There is none.
        CheckpointError: It has links in it.
    """
    if given is None:
        runs = all_runs(root)
        if not runs:
            raise UsageError(f"no runs in {root.as_posix()}/ yet", "train one: nntrain fit CONFIG")
        trained = [run for run in runs if (run.checkpoints / "last").is_file()]
        return _of_its_own((trained or runs)[-1])
    for path in (Path(given), root / given):
        if (path / "resolved.yaml").is_file():
            return _of_its_own(Run(path))
        if (path / "latest").is_file():
            return _of_its_own(_latest_of(path))
    inside = next((above for above in Path(given).parents if (above / "resolved.yaml").is_file()), None)
    if inside is not None and Path(given).exists():
        raise UsageError(f"{given} is a part of a run, and no run", f"the run: {inside.as_posix()}")
    known = ", ".join(run.name for run in all_runs(root)[-5:]) or "none yet"
    raise UsageError(f"no run {given}", f"the latest runs: {known}")


def find_whole_run(given: str | None, root: Path) -> Run:
    """The same, and no export.

    Raises:
        UsageError: There is none.
        CheckpointError: It has links in it, or is an export.
    """
    return whole(find_run(given, root))


def whole(run: Run) -> Run:
    """The run itself, if it is no export. Raises `CheckpointError`."""
    if run.is_export:
        raise CheckpointError(
            f"{run.name} is an export: it has what predicts, and neither the history of its run nor a state that training goes on from",
            f"name the run that it was exported from; new training from its weights: architecture.init.from={run.name}",
        )
    return run


def _of_its_own(run: Run) -> Run:
    """The run, unless something in it stands for what is elsewhere: a run is read and written in its folder alone.

    Raises:
        CheckpointError: It has a link in it, or what is neither file nor folder.
    """
    for folder, folders, files in os.walk(run.path):
        for name in (*folders, *files):
            path = Path(folder) / name
            if path.is_symlink() or not (path.is_file() or path.is_dir() or not path.exists()):
                hint = "a run has none; put what it leads to in its place if you trust it"
                raise CheckpointError(f"{path.as_posix()} is a link, or no file", hint)
    return run


def _latest_of(folder: Path) -> Run:
    """The run that `latest` names; the newest whole one where that did not get as far as a config.

    Raises:
        UsageError: None of them did.
    """
    name = (folder / "latest").read_text(encoding="utf-8", errors="replace").strip()
    newest = Run(folder / name)
    if RUN_ID.fullmatch(name) and (newest.path / "resolved.yaml").is_file():
        return newest
    whole = [run for run in all_runs(folder.parent) if run.path.parent == folder]
    if not whole:
        raise UsageError(f"no run in {folder.as_posix()} has got as far as a config", "train one: nntrain fit CONFIG")
    return whole[-1]


def write_atomically(path: Path, content: str | bytes) -> None:
    """Replace a file by a new one: readers see the old or the new, never a part, also after a power cut.

    Text becomes UTF-8 with its line ends as they are, whatever the system: digests are taken of it. Raises `OSError`.
    """
    with opened_anew(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def opened_anew(path: Path) -> Generator[IO[bytes]]:
    """A file to be written that takes the place of another when all is in it, and leaves no trace where that fails. Raises `OSError`."""
    beside = path.with_name(f".{os.getpid()}-{threading.get_ident()}.tmp")
    try:
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:  # made anew: never through a link that lay there
            yield file
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


@contextmanager
def lock(run: Run) -> Generator[None]:
    """Hold a run folder for writing; a second process is refused. What killed processes had begun to write there is removed.

    Raises:
        CheckpointError: Another process is writing there.
        ResourceError: The folder can't be written.
    """
    with hold(run.path):
        for folder in (run.path, *(run.path / MEMBERS).glob("*")):
            _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    """Remove the files that `opened_anew` has begun in a process that is no more."""
    for path in folder.glob(".*.tmp"):
        begun = _BEGUN.fullmatch(path.name)
        if begun is not None and is_gone(int(begun[1])):
            path.unlink(missing_ok=True)


def count_test_look(fingerprint: str, run: Run) -> int:
    """Note in the run's runs folder that it has looked at a test set, and return how many runs have.

    Raises:
        DataError: The file of counts is damaged.
        ResourceError: It can't be written.
    """
    folder = run.path.resolve()
    if folder.parent.name == MEMBERS:  # all members of a run together look once
        folder = folder.parents[1]
    root, name = folder.parent.parent, f"{folder.parent.name}/{folder.name}"
    path = root / "test_looks.json"
    try:
        with in_turn(root / ".test_looks.lock"):
            looks: Any = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            if not isinstance(looks, dict) or not isinstance(looks.get(fingerprint, []), list):
                raise ValueError(path)
            seen = cast("dict[str, list[str]]", looks).setdefault(fingerprint, [])
            if name not in seen:
                seen.append(name)
                write_atomically(path, json.dumps(looks, indent=1) + "\n")
    except (ValueError, RecursionError):
        raise DataError(f"{path.as_posix()}: damaged", "it only counts looks at test sets; remove it to start anew") from None
    except OSError as error:
        raise ResourceError(f"cannot write {path.as_posix()}: {error.strerror}") from None
    return len(seen)
