"""Whether a run may be resumed with a config and its data: another meaning is refused, what doesn't matter is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from nntrain.blueprint import Blueprint
from nntrain.commands.stored import PARTS, changed_data, check_resolved
from nntrain.config.loading import load
from nntrain.config.resolving import changed_in_environment, differences, resolved_tree
from nntrain.errors import CheckpointError, YamlPath, render_path
from nntrain.runs import Run

NO_MEANING: tuple[YamlPath, ...] = (
    ("name",),
    ("baselines",),
    ("training", "max_epochs"),
    ("training", "max_steps"),
    ("training", "max_minutes"),
    ("training", "checkpoint"),
    ("training", "threads"),
    ("training", "device"),
)
"""Settings that may differ: they change how long a run goes on, or where, not what it computes."""

SOURCE: YamlPath = ("data", "source")
"""What the environment says here may differ too: whether the rows are the same, their fingerprints tell."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Differences that a run is resumed with."""

    notes: tuple[str, ...]
    """One line each."""
    means_something_else: bool
    """Whether one of them changes what the run computes."""


def compare_with_stored(run: Run, blueprint: Blueprint, fingerprints: Mapping[str, str], *, anyway: bool) -> Comparison:
    """Compare config and data with those that a run was started with.

    Raises:
        CheckpointError: Another meaning of the config, or other data; each difference is named.
    """
    check_resolved(run)
    stored = load(run.path / "resolved.yaml")
    now = json.loads(json.dumps(resolved_tree(blueprint.experiment)))
    from_environment = changed_in_environment(stored, run.read_json("data.json").get("environment", {}), now)
    changes = [change for change in differences(stored.tree, now) if change[0] not in from_environment]
    refused = [_line(*change) for change in changes if not _may_differ(change[0])]
    refused += [
        f"{render_path(path)}: {stored.unexpanded[path]} then, something else now"
        for path, has_changed in from_environment.items()
        if has_changed and not _may_differ(path) and path[:2] != SOURCE
    ]
    refused += [f"data: {name} has changed" for name in changed_data(run, fingerprints)]
    if refused and not anyway:
        lines = "\n".join(f"   {line}" for line in refused)
        raise CheckpointError(
            f"{run.name} was trained with something else, and would not be the same run:\n{lines}",
            "train a new run, or go on all the same: --resume-anyway",
        )
    notes = [f"changed although it has a meaning: {line}" for line in refused]
    notes += [f"changed: {_line(*change)}" for change in changes if _may_differ(change[0])]
    scheduler = blueprint.experiment.scheduler
    has_new_limit = any(path[:2] in {("training", "max_epochs"), ("training", "max_steps")} for path, _, _ in changes)
    if scheduler is not None and scheduler.needs_total_steps and has_new_limit:
        notes.append(f"the {scheduler.type} schedule counts towards the new limit from here on")
    if blueprint.experiment.regularization.swa is not None and has_new_limit:
        notes.append("swa begins at its fraction of the new limit")
    return Comparison(tuple(notes), bool(refused))


def check_has_state(run: Run) -> None:
    """Refuse a run that has trained and whose checkpoints are gone: starting anew would overwrite what is left of it.

    Raises:
        CheckpointError: It has a history or a summary, and no checkpoint.
    """
    from nntrain.training import checkpoint

    newest = checkpoint.newest(run.checkpoints, PARTS)
    history = run.path / "history.jsonl"
    has_trained = (run.path / "summary.json").exists() or (history.exists() and history.stat().st_size > 0)
    if newest.path is None and not newest.damaged and has_trained:
        raise CheckpointError(
            f"{run.name} has lost its checkpoints: there is no state to go on from", "train a new run: nntrain fit CONFIG"
        )


def _may_differ(path: YamlPath) -> bool:
    return any(path[: len(allowed)] == allowed for allowed in NO_MEANING)


def _line(path: YamlPath, before: object, after: object) -> str:
    return f"{render_path(path)}: {json.dumps(before)} then, {json.dumps(after)} now"
