"""What a run folder holds of its config, fields and network: the way back from files to objects."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.blueprint import Blueprint, draw
from nntrain.commands.stored import collecting
from nntrain.commands.stored.exported import exported_fields, exported_state
from nntrain.commands.stored.members_record import plan_of
from nntrain.commands.stored.soup_record import soup_of
from nntrain.config.loading import load, load_without
from nntrain.config.reading import Config, read_document
from nntrain.data.fingerprint import fingerprint_sources
from nntrain.data.layout import Layout
from nntrain.errors import CheckpointError, DataError, UsageError
from nntrain.runs import MEMBERS, Run, diverged_part, is_finished
from nntrain.training.meta import Needed, read_meta

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from nntrain.config.experiment import Experiment
    from nntrain.data.fitted import FittedFields
    from nntrain.training.device import Precision
    from nntrain.training.objective import Objective
    from nntrain.training.session import Subject, TrainingProtocol


PARTS: Final = ("weights", "optimizer", "rng", "protocol", "state", "fields", "task")
"""Parts that every checkpoint of a run has. One that lacks some is damaged."""


def needed_of(run: Run) -> Needed:
    """What a checkpoint must have and be for a run to use it. Raises `CheckpointError` where the run's `data.json` can't be read."""
    found = run.read_json("data.json").get("id")
    return Needed(PARTS, found if isinstance(found, str) else None)


def stored_config(run: Run, changes: tuple[str, ...] = (), *, for_its_data: bool = True) -> Config:
    """The resolved config of a run. Relative paths in it count from where its config was.

    Args:
        run: The run.
        changes: Overrides.
        for_its_data: Whether the data that it was trained on is to be read; else variables that only say where may be unset.

    Raises:
        CheckpointError: It was changed since it was written.
        ConfigError: An environment variable that it needs is not set, or an override is wrong.
    """
    check_resolved(run)
    folder = run.path.absolute() / record_of(run)["folder"]  # that of an export is its own
    path = run.path / "resolved.yaml"
    config = read_document(load(path) if for_its_data else load_without(path, ("data", "source")), changes, folder)
    return replace(config, run=run.path, experiment=_recalling(run, config.experiment))


def _recalling(run: Run, experiment: Experiment) -> Experiment:
    """A config whose texts have their trained tokenizers from the run itself, where the folders of these are gone."""
    absent = {name for name, field in experiment.data.fields.items() if field.type == "text" and cast("Any", field).tokenizer.is_absent}
    pointer = run.checkpoints / "last"
    if not absent or not (run.is_export or pointer.is_file()):
        return experiment
    try:
        stored = exported_fields(run) if run.is_export else _checkpoint_fields(run, pointer)
        learned = {str(field["name"]): field["learned"]["learned"] for field in stored if field["name"] in absent}
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise CheckpointError(f"{run.name}: its fields can't be read ({error})") from None
    fields: dict[str, Any] = dict(experiment.data.fields)
    for name, found in learned.items():
        fields[name] = fields[name].model_copy(update={"tokenizer": fields[name].tokenizer.recalling(found)})
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"fields": fields})})


def _checkpoint_fields(run: Run, pointer: Path) -> list[Any]:
    folder = run.checkpoints / pointer.read_text(encoding="utf-8").strip()
    return read_meta(folder, Needed(("fields",))).parts["fields"]


def write_resolved(run: Run, text: str, record: dict[str, Any]) -> None:
    """Write the resolved config, and before it `data.json` with its digest: a file that is changed later is not taken for it.

    Args:
        run: The run.
        text: The resolved config.
        record: What else `data.json` holds; digests of earlier texts in it stay good.
    """
    digests = dict.fromkeys([*record.get("resolved", []), _digest(text.encode())])  # a run that goes on often doesn't grow by it
    run.write_json("data.json", {**record, "resolved": list(digests)})
    run.write_text("resolved.yaml", text)


def changed_data(run: Run, fingerprints: Mapping[str, str]) -> list[str]:
    """Names of the fingerprints that are not those the run was started with."""
    before = record_of(run)["fingerprints"]
    return [name for name in dict.fromkeys([*before, *fingerprints]) if before.get(name) != fingerprints.get(name)]


_RECORD: Final[Mapping[str, type]] = {"fingerprints": dict, "rows": dict, "resolved": list, "folder": str, "environment": dict}


def record_of(run: Run) -> dict[str, Any]:
    """What `data.json` says of a run's data and config. Raises `CheckpointError` where it is not what a run writes."""
    record = run.read_json("data.json")
    wrong = [name for name, kind in _RECORD.items() if not isinstance(record.get(name), kind)]
    if not wrong and not all(type(count) is int for count in record["rows"].values()):
        wrong = ["rows"]
    if wrong:
        raise CheckpointError(f"{run.name}/data.json: damaged (no {', '.join(wrong)}, or not as a run writes it)")
    return record


def check_files(run: Run, config: Config) -> None:
    """Make sure that the files which a run names are those that it was trained on, before anything in them is looked at.

    A run may come from a stranger, and name any file: of one that its author does not have, nothing is read but the digest.

    Raises:
        DataError: They have changed, or are not there.
    """
    found = fingerprint_sources(config.experiment.data, config.folder)
    before = record_of(run)["fingerprints"]
    changed = [name for name, fingerprint in found.items() if before.get(name) != fingerprint]
    if changed:
        raise changed_error(run, changed)


def changed_error(run: Run, changed: Sequence[str]) -> DataError:
    """What to say of data that are not those that a run was trained on."""
    return DataError(
        f"the data of {run.name} have changed since it was trained ({', '.join(changed)}): its splits would be others",
        "measure on a file of its own: nntrain eval --data FILE",
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def check_resolved(run: Run) -> None:
    """Make sure that `resolved.yaml` is as it was written.

    Raises:
        CheckpointError: It is not, or can't be read.
    """
    path = run.path / "resolved.yaml"
    try:
        found = _digest(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"{path.as_posix()}: cannot be read ({error.strerror})") from None
    if found not in record_of(run)["resolved"]:
        hint = "undo the change, or train a new run: nntrain fit CONFIG"
        raise CheckpointError(f"{path.as_posix()} is not as it was written: the network was trained with something else", hint)


def checkpoint_of(run: Run, name: str) -> tuple[Path, dict[str, Any]]:
    """A checkpoint by its pointer, `best` or `last`, read and compared with its digests; of an export the one that it has.

    Raises:
        CheckpointError: The run has none, or it is damaged.
    """
    from nntrain.training import checkpoint

    if run.is_export:
        return exported_state(run)
    path = checkpoint.pointed(run.checkpoints, name)
    if path is None:
        _check_single(run)
        raise CheckpointError(f"{run.name} has no checkpoint {name!r} yet", _way_on(run))
    return path, checkpoint.load(path, needed_of(run))


def _way_on(run: Run) -> str:
    """What to do with a run that has no checkpoint: one that diverged would only diverge again."""
    if is_finished(run):
        return "it has finished, and its checkpoints are gone since; train a new run: nntrain fit CONFIG"
    if diverged_part(run) is None:
        return f"go on with it: nntrain fit --resume {run.name}"
    return f"it diverged before its first one, so that nothing can go on: {run.name}/summary.json says why, and what to train anew"


def _check_single(run: Run) -> None:
    """Refuse a run of members, which has no state of its own. Raises `CheckpointError`."""
    members = sorted(path.name for path in (run.path / MEMBERS).glob("*"))
    if members:
        raise CheckpointError(
            f"{run.name} has {len(members)} members, each a network of its own: they are compared, and answer nothing as one",
            f"name one: {run.name}/{MEMBERS}/{members[0]}",
        )


def measured_state(run: Run) -> tuple[Path, dict[str, Any], tuple[str, ...]]:
    """The state that is measured and used: the best one. Where there is none, or it is damaged, the newest whole one.

    Returns:
        The checkpoint, its parts, and what is to be told.

    Raises:
        CheckpointError: The run has no whole checkpoint.
    """
    from nntrain.training import checkpoint
    from nntrain.training.snapshot import predicting_weights

    def load_whole(path: Path) -> dict[str, Any]:
        parts = checkpoint.load(path, needed)
        with checkpoint.told_as_damage(path):
            predicting_weights(parts)
        return parts

    if run.is_export:
        return *exported_state(run), ()
    needed = needed_of(run)

    try:
        path = checkpoint.pointed(run.checkpoints, "best")
        if path is not None:
            return path, load_whole(path), ()
        fault = f"{run.name}: no state was the best, as its metric was never defined"
    except CheckpointError as error:
        fault = error.message
    _check_single(run)
    newest = checkpoint.newest(run.checkpoints, needed)
    if newest.path is None:
        told = "; ".join(newest.damaged) or f"{run.name} has no checkpoint yet"
        raise CheckpointError(told, None if newest.damaged else _way_on(run))
    return newest.path, load_whole(newest.path), (f"{fault}; taken instead: {newest.path.as_posix()}",)


def stored_fields(config: Config, path: Path, parts: dict[str, Any]) -> FittedFields:
    """The fields of the checkpoint at `path`, as they were fitted on the training rows.

    Raises:
        CheckpointError: They are not what a run writes.
    """
    from nntrain.data.fitted import FittedFields
    from nntrain.training import checkpoint

    with checkpoint.told_as_damage(path):
        fields = FittedFields.restore(config.experiment.data, parts["fields"])
        if not fields.inputs or not fields.targets:
            raise ValueError("no inputs, or no targets")
        return fields


def stored_layout(run: Run, fields: FittedFields) -> Layout:
    """The layout of a run, all sizes known."""
    rows = record_of(run)["rows"]
    plans = tuple(field.plan for field in fields.fields)
    return Layout(plans, has_validation="validation" in rows, has_test="test" in rows, rows=None, window=fields.window)


def stored_blueprint(run: Run) -> Blueprint:
    """The blueprint of a run, all sizes known."""
    if is_bag(run):
        run = Run(run.path / MEMBERS / "01")
    config = stored_config(run)
    path, parts = checkpoint_of(run, "last")
    return draw(config, stored_layout(run, stored_fields(config, path, parts)))


@dataclass(frozen=True, slots=True)
class Stored:
    """A trained network and everything that reads its inputs and outputs."""

    run: Run
    config: Config
    blueprint: Blueprint
    fields: FittedFields
    network: nn.Module
    """In eval mode, with the weights that predict."""
    objective: Objective
    baseline: dict[str, Tensor]
    """The trivial prediction of each target, as it was fitted on the training rows."""
    protocol: TrainingProtocol
    """Who measures it."""
    device: torch.device
    precision: Precision
    checkpoint: Path
    """The checkpoint that it comes from."""
    step: int
    """Steps of the checkpoint."""
    notes: tuple[str, ...]
    """What is to be told of the state that was taken."""
    members: tuple[Stored, ...] = ()
    """The runs whose predictions are averaged, where it is a bag; then the checkpoint is that of the first."""
    averaged: int = 1
    """States of the run whose weights are averaged; the checkpoint is that of the average where there are several."""

    @property
    def state_words(self) -> str:
        """Which state it is: `step 1,200`, `5 members`, `soup of 3 states`."""
        if self.averaged > 1 and not self.members:
            return f"soup of {self.averaged} states"
        return f"{len(self.members)} members" if self.members else f"step {self.step:,}"

    def seeing_once(self) -> Stored:
        """The same that sees rows as they are, without further views. Raises `UsageError` where it has none."""
        views = self.objective.views
        if views is None:
            raise UsageError(f"{self.run.name} sees rows as they are: none of its fields has test_augment", "leave --no-test-augment out")
        return replace(self, objective=replace(self.objective, views=None), notes=tuple(note for note in self.notes if note != views.told))

    @property
    def subject(self) -> Subject:
        """The network as it is measured."""
        from nntrain.training.session import Subject

        return Subject(self.network, self.objective, self.precision, self.baseline)


def is_bag(run: Run) -> bool:
    """Whether a run has members that predict as one."""
    plan = plan_of(run)
    return plan is not None and plan.kind == "bag"


def open_run(run: Run) -> Stored:
    """Rebuild the network of a run from its files, those of a bag as one, on the device that is there. Runs no code of the run's.

    Raises:
        CheckpointError: The run is not whole, or holds what no run writes.
    """
    if is_bag(run):
        from nntrain.commands.stored.bagged import open_bag

        return open_bag(run)
    return open_single(run)


def open_single(run: Run) -> Stored:
    """The same of a run that is no bag, such as a member of one. Raises `CheckpointError`."""
    from nntrain.assembly import build_objective
    from nntrain.training.checkpoint import told_as_damage
    from nntrain.training.device import resolve_device, resolve_precision, use_tf32
    from nntrain.training.session import Origin
    from nntrain.training.snapshot import predicting_weights
    from nntrain.training.state import restore_network

    collecting.go_on()
    config = stored_config(run, for_its_data=False)
    path, parts, notes = measured_state(run)
    fields = stored_fields(config, path, parts)
    blueprint = draw(config, stored_layout(run, fields))
    device = resolve_device("auto")
    precision = resolve_precision(blueprint.training.precision, device, blueprint.training.matmul)
    use_tf32(blueprint.training.precision, device)
    network = blueprint.program.build()
    restore_network(network, predicting_weights(parts))
    with told_as_damage(path):
        step, soup = int(parts["state"]["progress"]["step"]), soup_of(parts)
        baseline = {name: parts["task"]["baseline"][name].double() for name in fields.targets}
        objective = build_objective(blueprint, fields, parts["task"]["class_weights"]).tuned(parts["task"]["readings"])
    return Stored(
        run=run,
        config=config,
        blueprint=blueprint,
        fields=fields,
        network=network.to(device).eval(),
        objective=objective,
        baseline=baseline,
        protocol=blueprint.protocol.build(Origin(config.experiment.data.source, fields)),
        device=device,
        precision=precision,
        checkpoint=path,
        step=step,
        averaged=1 if soup is None else len(soup["steps"]),
        notes=notes if objective.views is None else (*notes, objective.views.told),
    )
