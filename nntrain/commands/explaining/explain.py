"""`nntrain explain`: which columns matter to a network, why rows got their answers, and how good these explanations are."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from pydantic import ValidationError

from nntrain.commands.explaining.answers import require_explainable
from nntrain.commands.explaining.explain_screen import explain_screen
from nntrain.commands.preparing.measured_rows import MeasuredRows, new_rows, split_rows
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.screens.results import WIDTH
from nntrain.commands.stored.opening import Stored, open_run
from nntrain.config import loading, validating
from nntrain.errors import ResourceError, UsageError
from nntrain.insight.settings import USE_BASELINE, ExplainSettings
from nntrain.runs import find_run, is_run, runs_root, write_atomically

if TYPE_CHECKING:
    from nntrain.data.sources.source import Part
    from nntrain.data.table import Table
    from nntrain.insight.explanation import Explanation

FILE: Final = "explain.json"
SPLITS: Final[tuple[Part, ...]] = ("validation", "train", "test")
"""Which of them is explained where nothing is said: the first that a run has."""


@dataclass(frozen=True, slots=True)
class Where:
    """What rows come from, where that is no file, and where the result goes."""

    split: str | None = None
    output: Path | None = None


def run(arguments: Sequence[str], flags: Mapping[str, Any], where: Where, *, as_json: bool, runs: Path | None) -> int:
    """Explain, show it, and write all of it to a file.

    Args:
        arguments: A run (the latest if there is none), then the data.
        flags: Settings that were given, by name; they go before those of the config.
        where: The split, and the file.
        as_json: Whether one JSON object is wanted in place of the screen.
        runs: The runs folder.
    """
    run_name, path = _split(arguments, runs)
    stored = open_run(find_run(run_name, runs_root(runs)))
    settings = settings_of(stored, flags)
    own = Path(FILE) if stored.run.is_export else stored.run.path / FILE  # an export is given away: rows are not written to it
    goal = own if where.output is None else where.output
    pictures = goal.with_name(f"{goal.stem}_pictures")
    _check_goal(goal, pictures)
    found = explain(stored, path, where.split, settings)
    for note in (*stored.notes, *found.notes):
        tell(textwrap.fill(note, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))
    content = json.dumps(found.as_json(), indent=1, ensure_ascii=False)
    emit(content if as_json else explain_screen(stored, found), has_colours=not as_json)
    _write(goal, f"{content}\n".encode())
    count = _write_pictures(found, pictures)
    if not as_json:
        tell(f"wrote    {goal.as_posix()}")
        if count:
            tell(f"         {pictures.as_posix()}/ ({count} picture{'s' if count > 1 else ''})")
    return 0


def explain(stored: Stored, data: Path | Table | None, split: str | None, settings: ExplainSettings) -> Explanation:
    """Explain a run by new rows, or those of a split; the validation rows where nothing is said.

    Raises:
        DataError: The rows can't be read, or the data of the run have changed.
        UsageError: The network gives rows no single answer, a row or class is not there, or captum is not installed.
    """
    from nntrain.insight.attributing import require_captum

    if data is not None and split is not None:
        raise UsageError("data and --split exclude each other")
    require_explainable(stored)
    require_captum()
    if split is not None and split not in SPLITS:
        raise UsageError(f"no split {split!r}", f"one of: {', '.join(SPLITS)}")
    rows = split_rows(stored, split, first=SPLITS) if data is None else _new(stored, data)
    from nntrain.commands.explaining.explained_run import explain_stored

    return explain_stored(stored, rows, settings)


def _new(stored: Stored, data: Path | Table) -> MeasuredRows:
    """New rows, with their targets where they have them all."""
    from nntrain.commands.stored.new_tables import new_table

    table = new_table(stored, data) if isinstance(data, Path) else data
    needed = {column for field in stored.fields.fields if field.plan.role in ("target", "weight") for column in field.plan.columns}
    return new_rows(stored, table, with_targets=needed <= table.columns.keys())


def settings_of(stored: Stored, flags: Mapping[str, Any]) -> ExplainSettings:
    """The config's settings under what was given. Raises `UsageError` for what is wrong, or read by nothing."""
    base = stored.config.experiment.explain or ExplainSettings()
    given = {name: value for name, value in flags.items() if value is not None}
    if isinstance(given.get("rows"), str):
        given["rows"] = _numbers(given["rows"])
    tree = {**base.model_dump(mode="json"), **given}
    try:
        settings = ExplainSettings.parse(tree)
    except ValidationError as error:
        first = validating.problems(error, loading.parse(loading.dump(tree), "<options>"), ExplainSettings)[0]
        raise UsageError(f"--{first.path[0]}: {first.message}", first.hint or "nntrain explain --help") from None
    if "baseline" in given and settings.baseline != "auto" and settings.method not in USE_BASELINE:
        raise UsageError(f"--baseline has no effect: {settings.method} compares a row with no other", "remove it")
    return settings


def _numbers(text: str) -> list[int]:
    """Numbers of rows with commas between them. Raises `UsageError`."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"--rows takes numbers of rows, counted from 0, got {text!r}", "--rows 3,17")
    return [int(part) for part in parts]


def _split(arguments: Sequence[str], runs: Path | None) -> tuple[str | None, Path | None]:
    """The run and the data: a first word that is a run, else the data."""
    if len(arguments) > 2:
        raise UsageError(f"explain takes a run and data, got {' '.join(arguments)}", "nntrain explain runs/rents new.csv")
    if len(arguments) == 2:
        return arguments[0], Path(arguments[1])
    if not arguments:
        return None, None
    only = Path(arguments[0])
    is_data = only.exists() and not is_run(only) and not is_run(runs_root(runs) / only) and not (only / "latest").is_file()
    return (None, only) if is_data else (arguments[0], None)


def _write_pictures(found: Explanation, folder: Path) -> int:
    """The pictures of the rows that are explained; returns how many there are."""
    from nntrain.insight.explained_pictures import pictures

    names = file_names({share.column for row in found.explained for share in row.shares})
    made = {name: content for row in found.explained for name, content in pictures(row, names).items()}
    if made:
        folder.mkdir(exist_ok=True)
    for name, content in made.items():
        _write(folder / name, content)
    return len(made)


def file_names(columns: Collection[str]) -> dict[str, str]:
    """What stands for each column in the name of a file: all different, also where a system does not tell A from a."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for column in sorted(columns, key=lambda name: (_plain(name) != name, name)):  # those that need no change keep their name
        plain = _plain(column)
        name, number = plain, 2
        while name.casefold() in taken:
            name, number = f"{plain}-{number}", number + 1
        found[column] = name
        taken.add(name.casefold())
    return found


def _plain(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name)


def _check_goal(goal: Path, pictures: Path) -> None:
    """Refuse to replace a file that is none of ours. Raises `UsageError`."""
    if not goal.parent.is_dir():
        raise UsageError(f"no folder {goal.parent.as_posix()} to write {goal.name} in", "make it first")
    if goal.exists() and not _is_ours(goal):
        raise UsageError(f"{goal.as_posix()} is there, and no explanation of nntrain's: it is not replaced", "another name: -o FILE")
    if pictures.exists() and not goal.exists():
        raise UsageError(f"{pictures.as_posix()} is there, and no explanation beside it: it is not written to", "another name: -o FILE")


def _is_ours(path: Path) -> bool:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and "explains" in cast("dict[str, Any]", found)


def _write(goal: Path, content: bytes) -> None:
    try:
        write_atomically(goal, content)
    except OSError as error:
        raise ResourceError(f"cannot write {goal.as_posix()}: {error.strerror}", "elsewhere: -o FILE") from None
