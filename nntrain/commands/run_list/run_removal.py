"""`nntrain runs rm`: takes runs away, or their weights alone, after asking. Torch-free."""

from __future__ import annotations

import os
import re
import shutil
import sys
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nntrain.commands.run_list.runs import Row, row_of, size_of
from nntrain.commands.screens.figures import format_bytes
from nntrain.commands.screens.output import spelled_out, tell
from nntrain.errors import ResourceError, UsageError
from nntrain.runs import MEMBERS, Run, all_runs, find_run, lock, runs_root, write_atomically

_GONE: Final = re.compile(r"\.removed-[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RemovalWish:
    """What the command line says of it."""

    keep_best: int | None = None
    """Of each folder of runs that is named, so many stay: those that are best on their validation rows."""
    weights_only: bool = False
    """Checkpoints go; config, history and figures stay."""
    yes: bool = False
    """Nobody is asked."""


def remove(arguments: Sequence[str], wish: RemovalWish, *, runs: Path | None) -> str:
    """Remove runs; what was done, in a line.

    Raises:
        UsageError: There is no such run, an argument names several or a link, or nobody is there to be asked.
        CheckpointError: One of them is being trained, or has links in it.
        ResourceError: One can't be removed; those before it are gone.
    """
    if not arguments:
        raise UsageError(
            "rm takes runs", "nntrain runs rm runs/NAME/0001, or all but the best of a folder: nntrain runs rm runs/NAME --keep-best 3"
        )
    root = runs_root(runs)
    chosen = _named(arguments, root) if wish.keep_best is None else _all_but_the_best(arguments, wish.keep_best, root)
    sizes = [size_of(run.path) if not wish.weights_only else sum(map(size_of, _weights(run))) for run in chosen]
    chosen = [run for run, size in zip(chosen, sizes, strict=True) if size]
    if not chosen:
        return "nothing to remove"
    what = "the weights of " if wish.weights_only else ""
    total = format_bytes(sum(sizes))
    if not wish.yes and not _agreed(chosen, f"remove {what}{_count(chosen)}, {total}?"):
        return "nothing was removed"
    with ExitStack() as held:
        for run in chosen:  # all of them before the first goes: one that is being trained stops it all
            held.enter_context(lock(run))
        for run in chosen:
            for path in _weights(run) if wish.weights_only else [run.path]:
                _take_away(path)
    if not wish.weights_only:
        for folder in {run.path.parent for run in chosen}:
            _point_to_latest(folder, root)
    return f"removed {what}{_count(chosen)}, {total}"


def _named(arguments: Sequence[str], root: Path) -> list[Run]:
    """The runs that are named one by one."""
    chosen: dict[Path, Run] = {}
    for argument in arguments:
        for path in (Path(argument), root / argument):
            if (path / "latest").is_file() and not (path / "resolved.yaml").is_file():
                count = sum(run.path.parent == path for run in all_runs(path.parent))
                hint = f"name them one by one, or keep some of them: nntrain runs rm {argument} --keep-best 3"
                raise UsageError(f"{argument} holds {count} runs", hint)
        run = _in_its_place(argument, root)
        if run.path.parent.name == MEMBERS:
            raise UsageError(f"{run.name} is a member of a run", f"the run: {run.path.parents[1].as_posix()}")
        chosen[run.path.resolve()] = run
    return list(chosen.values())


def _in_its_place(argument: str, root: Path) -> Run:
    """The run that an argument names, by a path without `..`, which would lead elsewhere once the run has moved.

    Raises:
        UsageError: There is none, or the argument is a link to one.
        CheckpointError: It has links in it, by which files of others would go.
    """
    if not argument:
        raise UsageError("no run has an empty name", "nntrain runs rm runs/NAME/0001")
    run = find_run(argument, root)
    if run.path.is_symlink():
        raise UsageError(f"{run.name} is a link, and no run", f"the run: {run.path.resolve().as_posix()}")
    is_plain = bool(run.path.name) and ".." not in run.path.parts
    return run if is_plain else Run(run.path.resolve())


def _all_but_the_best(arguments: Sequence[str], count: int, root: Path) -> list[Run]:
    """Of each folder the runs that have ended, without the best ones. Those that may go on are left, and told."""
    if count < 1:
        raise UsageError(f"--keep-best {count}: needs a whole number from 1")
    chosen: list[Run] = []
    for argument in arguments:
        folder = next((path for path in (Path(argument), root / argument) if (path / "latest").is_file()), None)
        if folder is None:
            raise UsageError(f"{argument} is no folder of runs", f"for example {root.as_posix()}/NAME, which holds 0001, 0002, …")
        found = [run for run in all_runs(folder.parent) if run.path.parent == folder and not run.path.is_symlink()]
        rows = [(_in_its_place(run.name, root), row_of(run)) for run in found]
        going = [row.run for _, row in rows if row.state in ("unfinished", "damaged")]
        if going:
            tell(f"left alone, as they may go on or are damaged: {', '.join(going)}")
        unranked = [row.run for _, row in rows if row.state == "finished" and row.value is None]
        if unranked:
            tell(f"left alone, as nothing says how good they are: {', '.join(unranked)}")
        ended = [(run, row) for run, row in rows if row.state == "diverged" or (row.state == "finished" and row.value is not None)]
        if ended and all(row.value is None for _, row in ended):
            raise UsageError(f"no run in {argument} has a figure by which it could be the best", "name the runs one by one")
        kept = {run.path for run, _ in _best_first(ended, argument)[:count]}
        chosen += [run for run, _ in ended if run.path not in kept]
    return chosen


def _best_first(rows: Sequence[tuple[Run, Row]], argument: str) -> list[tuple[Run, Row]]:
    """Runs with a figure, the best first. Raises `UsageError` where they were judged by different metrics."""
    judged = [(run, row) for run, row in rows if row.value is not None]
    metrics = {(row.metric, row.direction) for _, row in judged}
    if len(metrics) > 1:
        names = ", ".join(sorted(str(metric) for metric, _ in metrics))
        raise UsageError(f"the runs in {argument} were judged by different metrics: {names}", "name the runs one by one")
    if any(direction is None for _, direction in metrics):
        raise UsageError(f"which way {judged[0][1].metric} is better is not noted in {argument}", "name the runs one by one")
    sign = -1 if any(direction == "max" for _, direction in metrics) else 1
    return sorted(judged, key=lambda each: sign * (each[1].value or 0.0))


def _agreed(chosen: Sequence[Run], question: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("rm asks before it removes, and nobody is there to answer", "without a question: --yes")
    tell("\n".join(run.name for run in chosen))
    sys.stderr.write(f"{spelled_out(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _count(chosen: Sequence[Run]) -> str:
    return chosen[0].name if len(chosen) == 1 else f"{len(chosen)} runs"


def _weights(run: Run) -> list[Path]:
    """The folders of checkpoints of a run and of its members."""
    folders = [run.checkpoints, *sorted((run.path / MEMBERS).glob("*/checkpoints"))]
    return [path for path in folders if path.is_dir() and not path.is_symlink()]


def _take_away(path: Path) -> None:
    """Remove a folder in one move, so that none is ever half there, then free its space, and that of what a kill has left.

    Raises:
        ResourceError: It can't be removed.
    """
    left = [each for each in path.parent.iterdir() if _GONE.fullmatch(each.name) and not each.is_symlink()]
    gone = path.with_name(f".removed-{uuid.uuid4().hex}")
    try:
        os.rename(path, gone)  # noqa: PTH104 (one call to the system)
        (gone / "resolved.yaml").unlink(missing_ok=True)  # with it the rest would be a run, should it not go
        shutil.rmtree(gone)
    except FileNotFoundError:  # another process was just freeing the space
        shutil.rmtree(gone, ignore_errors=True)
    except OSError as error:
        raise ResourceError(f"cannot remove {path.as_posix()}: {error.strerror or error}") from None
    for each in left:
        shutil.rmtree(each, ignore_errors=True)


def _point_to_latest(folder: Path, root: Path) -> None:
    """Make `latest` name the newest run that is left; without one the folder of runs goes too."""
    left = [run for run in all_runs(folder.parent if folder.parent.is_dir() else root) if run.path.parent == folder]
    try:
        if left:
            write_atomically(folder / "latest", left[-1].path.name + "\n")
        else:
            (folder / "latest").unlink(missing_ok=True)
            if not any(folder.iterdir()):
                folder.rmdir()
    except OSError as error:
        raise ResourceError(f"cannot write {folder.as_posix()}: {error.strerror or error}") from None
