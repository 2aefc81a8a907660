"""Whether a run may be resumed with a config and its data: another meaning is refused, what doesn't matter is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nntrain.blueprint import Blueprint
from nntrain.commands.stored.opening import changed_data, check_resolved
from nntrain.config.loading import load
from nntrain.config.reading import Config
from nntrain.config.resolving import changed_in_environment, differences, resolved_tree
from nntrain.data.file_rows import SOUNDS
from nntrain.data.fingerprint import fingerprint_sources
from nntrain.errors import CheckpointError, YamlPath, render_path
from nntrain.runs import Run, diverged_part
from nntrain.training.place import process_count
from nntrain.training.settings import DECIDED

LENGTHS: Final[tuple[YamlPath, ...]] = (("training", "max_epochs"), ("training", "max_steps"))
"""Limits that schedules count towards, and whatever else goes by fractions of a run."""

LIMITS: Final[tuple[YamlPath, ...]] = (*LENGTHS, ("training", "max_minutes"), ("training", "early_stopping", "patience"))
"""Settings that say how long a run goes on. A greater patience is one: the steps before it ran out are the same."""

STREAMING: Final[YamlPath] = ("data", "streaming")
"""Whether rows are read when their batch comes."""

NO_MEANING: Final[tuple[YamlPath, ...]] = (
    ("name",),
    ("baselines",),
    ("tracking",),
    ("export",),
    STREAMING,
    ("data", "workers"),
    *LIMITS,
    ("training", "checkpoint"),
    ("training", "threads"),
    ("training", "shard"),
    ("training", "device"),
    ("training", "data_on_device"),
    ("training", "on_oom"),
)
"""Settings that may differ: they change how long a run goes on, or where, not what it computes."""

MICRO_BATCHES: Final[tuple[YamlPath, ...]] = (("data", "batch_size"), ("training", "accumulate"))
"""Settings whose product is the number of rows of a step."""

SOURCE: YamlPath = ("data", "source")
"""What the environment says here may differ too: whether the rows are the same, their fingerprints tell."""


FIELDS: YamlPath = ("data", "fields")

Change = tuple[YamlPath, Any, Any]
"""A setting with what it was and what it is."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences that a run is resumed with."""

    notes: tuple[str, ...]
    """One line each."""
    means_something_else: bool
    """Whether one of them changes what the run computes."""
    has_new_limit: bool
    """Whether one of them changes how long the run goes on."""
    is_extension: bool
    """Whether the run, longer as it then is, ends with the same bytes as one that had the new limits from the start."""
    rounds_otherwise: bool = False
    """Whether the same steps are added up from other micro-batches, so that the last bits differ."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """How a run begins to train."""

    is_exact: bool = True
    """Whether a resumed run still means what it meant when it was started."""
    is_changed: bool = False
    """Whether it goes on with other settings than before."""
    when_restored: Callable[[], None] = lambda: None
    """What is done once its state is read, before the first step: a run that can't go on is left as it was."""


def compare_with_stored(run: Run, blueprint: Blueprint, fingerprints: Mapping[str, str], *, anyway: bool) -> Comparison:
    """Compare config and data with those that a run was started with.

    Raises:
        CheckpointError: Another meaning of the config, or other data; each difference is named.
    """
    changes, refused = _differing(run, blueprint)
    refused += [f"data: {name} has changed" for name in changed_data(run, fingerprints)]
    if refused and not anyway:
        raise _refusal(run, refused)
    _check_optimizer(run, changes)
    notes = [f"changed although it has a meaning: {line}" for line in refused]
    notes += [f"changed: {_line(*change)}" for change in changes if _line(*change) not in refused]
    limits = [change for change in changes if change[0] in LIMITS]
    scheduler, swa = blueprint.experiment.scheduler, blueprint.experiment.regularization.swa
    moves = any(path in LENGTHS for path, _, _ in limits)
    grows = any(plan.role == "input" and plan.field.resizing is not None for plan in blueprint.layout.fields)
    fading = blueprint.experiment.regularization.scheduler
    counts = [schedule is not None and schedule.needs_total_steps for schedule in (scheduler, fading)]
    counts_towards_end = grows or swa is not None or any(counts)
    if scheduler is not None and scheduler.needs_total_steps and moves:
        notes.append(f"the {scheduler.type} schedule counts towards the new limit from here on")
    if fading is not None and fading.needs_total_steps and moves:
        notes.append("dropout and weight decay change towards the new limit from here on")
    if swa is not None and moves:
        notes.append("swa begins at its fraction of the new limit")
    if grows and moves:
        notes.append("images grow towards the new limit")
    is_longer = all(before is not None and (after is None or after > before) for _, before, after in limits)
    is_same_course = not (moves and counts_towards_end)
    recut = any(path in MICRO_BATCHES for path, _, _ in changes) and not any("batch_size" in line for line in refused)
    is_measured = all(_ends_at_evaluation(path, before, blueprint) for path, before, _ in limits)
    return Comparison(tuple(notes), bool(refused), bool(limits), is_longer and is_same_course and is_measured, recut)


def _ends_at_evaluation(path: YamlPath, before: Any, blueprint: Blueprint) -> bool:
    """Whether a run is measured when this limit ends it even without the limit. Otherwise rules and history see one evaluation more."""
    every = blueprint.training.evaluate_every
    if path == ("training", "max_epochs"):
        return every.steps is None and before % (every.epochs or 1) == 0
    if path == ("training", "max_steps"):
        return every.steps is not None and before % every.steps == 0
    return path[-1] == "patience"


def refuse_early(run: Run, config: Config, first: Blueprint) -> None:
    """The same before the data is read and torch is loaded, for what is certain by then: nobody waits to be refused.

    Args:
        run: The run that is to go on.
        config: What is to go on with it.
        first: As the head of the data has it. Where that shows other fields than the run has, only what does not come from
            fields is certain.

    Raises:
        CheckpointError: Another meaning of the config, or other files; each difference that is certain is named.
    """
    changes, refused = _differing(run, first)
    # what the head of the data leaves open is settled by all rows: no difference yet
    changes = [change for change in changes if change[0][:2] not in {FIELDS, SOURCE} or change[2] is not None]
    if any(path[:2] == FIELDS for path, _, _ in changes):
        typed = {name for name, field in config.experiment.data.fields.items() if field.type != "auto"}
        certain = {path[:3] for path, _, _ in changes if path[:2] == FIELDS and path[3:] == ("type",) and path[2] in typed}
        changes = [change for change in changes if change[0][:3] in certain or not _may_come_from_fields(change[0])]
    kept = {_line(*change) for change in changes}
    refused = [line for line in refused if line in kept]
    now = fingerprint_sources(config.experiment.data, config.folder)
    refused += [f"data: {name} has changed" for name in changed_data(run, now) if name in now]
    if refused:
        raise _refusal(run, refused)


def _differing(run: Run, blueprint: Blueprint) -> tuple[list[Change], list[str]]:
    """Settings that differ from those of a run, and a line for each of them that has a meaning."""
    check_resolved(run)
    stored = load(run.path / "resolved.yaml")
    now = json.loads(json.dumps(resolved_tree(blueprint.experiment)))
    from_environment = changed_in_environment(stored, run.read_json("data.json").get("environment", {}), now)
    changes = [
        change
        for change in differences(stored.tree, now)
        if change[0] not in from_environment and not _is_same_origin(*change) and not _was_settled(*change)
    ]
    recut = _is_recut(stored.tree, now, blueprint)
    moved = _moves_rows(blueprint)
    refused = [
        _line(*change)
        for change in changes
        if (not _may_differ(change[0]) or (moved and change[0] == STREAMING)) and not (recut and change[0] in MICRO_BATCHES)
    ]
    refused += [
        f"{render_path(path)}: {stored.unexpanded[path]} then, something else now"
        for path, has_changed in from_environment.items()
        if has_changed and not _may_differ(path) and path[:2] != SOURCE
    ]
    return changes, refused


def _moves_rows(blueprint: Blueprint) -> bool:
    """Whether rows have another order where they are read a block at a time: those of tables and sounds do, images are read in any."""
    inputs = [plan.field for plan in blueprint.layout.fields if plan.role == "input"]
    has_sounds = any(field.file_kind is SOUNDS for field in inputs)
    return blueprint.experiment.data.source.reads_blocks and (has_sounds or not any(field.reads_files for field in inputs))


def _is_recut(before: Mapping[str, Any], now: Mapping[str, Any], blueprint: Blueprint) -> bool:
    """Whether a step has the same rows in other micro-batches: the same up to rounding, but for norms over a micro-batch."""
    program = blueprint.program
    if any(step.layer.mixes_rows and step.name not in program.resting for step in program.steps):
        return False
    sizes = [(tree["data"]["batch_size"], tree["training"]["accumulate"]) for tree in (before, now)]
    return all(isinstance(rows, int) for rows, _ in sizes) and sizes[0][0] * sizes[0][1] == sizes[1][0] * sizes[1][1]


def _refusal(run: Run, lines: list[str]) -> CheckpointError:
    told = "\n".join(f"   {line}" for line in lines)
    return CheckpointError(
        f"{run.name} was trained with something else, and would not be the same run:\n{told}",
        "train a new run, or go on all the same: --resume-anyway",
    )


def _check_optimizer(run: Run, changes: list[Change]) -> None:
    """Refuse an optimizer that keeps other things than those that are saved, whatever the command line says.

    Raises:
        CheckpointError: It is of another type, or an option differs that may switch a part of its state on or off.
    """
    lines = [_line(*change) for change in changes if change[0][0] == "optimizer" and not _keeps_state(*change)]
    if lines:
        told = "\n".join(f"   {line}" for line in lines)
        raise CheckpointError(
            f"{run.name} does not fit the optimizer, which keeps other things than the one that is saved:\n{told}",
            "train a new run: nntrain fit CONFIG",
        )


def _keeps_state(path: YamlPath, before: object, after: object) -> bool:
    """Whether an optimizer keeps the same things with another value: a rate, or a number that switches nothing on or off."""
    are_numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (before, after))
    return are_numbers and ("lr" in path or "weight_decay" in path or bool(before and after))


def _may_come_from_fields(path: YamlPath) -> bool:
    """Whether a setting may have a default that depends on the fields."""
    return path[0] in {"architecture", "task", "loss", "metrics"} or path[:2] in {FIELDS, SOURCE} or "monitor" in path


def threads_of(run: Run) -> int | None:
    """CPU threads that a run was started with, so that it goes on with as many: sums of floats depend on them.

    `None` where they are not known, this machine has not so many, or they were those of another number of processes.
    """
    environment = run.read_json("environment.json")
    threads: object = environment.get("threads")
    if environment.get("processes", 1) != process_count():
        return None
    return threads if isinstance(threads, int) and 0 < threads <= (os.cpu_count() or 1) else None


def check_has_state(run: Run) -> None:
    """Refuse a run that has trained and whose checkpoints are gone: starting anew would overwrite what is left of it.

    A run that was killed after its first lines of history and before its first checkpoint has an empty folder of checkpoints.

    Raises:
        CheckpointError: It has a summary and no checkpoint, or a history and no folder of checkpoints.
    """
    from nntrain.training import checkpoint

    history = run.path / "history.jsonl"
    has_lines = history.exists() and history.stat().st_size > 0
    has_trained = (run.path / "summary.json").exists() or (has_lines and not run.checkpoints.is_dir())
    if has_trained and not checkpoint.any_saved(run.checkpoints):
        if diverged_part(run) is not None:
            raise CheckpointError(
                f"{run.name} diverged before its first checkpoint: there is no state to go on from",
                f"{run.name}/summary.json says why, and what to train anew",
            )
        raise CheckpointError(
            f"{run.name} has lost its checkpoints: there is no state to go on from", "train a new run: nntrain fit CONFIG"
        )


def _is_same_origin(path: YamlPath, before: object, after: object) -> bool:
    """Whether a run started from the latest run of a folder, which the config names: the latest one may be another by now."""
    is_origin = path == ("architecture", "init", "from") and isinstance(before, str) and isinstance(after, str)
    return is_origin and str(before).startswith(f"{str(after).rstrip('/')}/")


def _was_settled(path: YamlPath, before: object, after: object) -> bool:
    """Whether a config leaves open what was settled when the run started."""
    return path[0] == "training" and (
        (path[1] in (*DECIDED, "data_on_device") and after == "auto") or (path[1:] == ("threads",) and after is None)
    )


def _may_differ(path: YamlPath) -> bool:
    return any(path[: len(allowed)] == allowed for allowed in NO_MEANING)


def _line(path: YamlPath, before: object, after: object) -> str:
    return f"{render_path(path)}: {json.dumps(before)} then, {json.dumps(after)} now"
