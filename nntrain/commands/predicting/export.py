"""`nntrain export`: a trained network in a form that leaves its run behind."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.predicting.placeless import Placeless
from nntrain.commands.screens.figures import format_bytes
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.stored.model_card import CardFacts, card
from nntrain.commands.stored.opening import Stored, measured_state, open_run, record_of, stored_config
from nntrain.config.loading import dump
from nntrain.config.resolving import written_tree
from nntrain.errors import CheckpointError, ResourceError, UsageError
from nntrain.exporting.format import Format, Trained
from nntrain.exporting.settings import FORMAT, FORMATS, ExportSettings
from nntrain.runs import MEMBERS, Run, find_whole_run, runs_root
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.config.reading import Config

_DEFAULT = "hub"
_KEPT = ("id", "started", "fingerprints", "rows")
"""What an export keeps of the record of its run: what it was trained on, not where that is."""
_OF_A_BAG = ("members.json", "bag.json")
"""Files that say what the members of a bag are, and how they are read as one."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says beside the config."""

    output: Path
    """The folder that is written."""
    format: str | None = None
    license: str | None = None
    force: bool = False
    """Whether an earlier export in its place is replaced."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    run: Run
    format: str
    folder: Path
    sizes: Mapping[str, int]
    """Bytes by file, counted from the folder."""


def run(run_name: str | None, options: Options, *, runs: Path | None, as_json: bool) -> int:
    """Export the best state of a run, and tell what was written. Raises as `export`; `UsageError` too where there is no such run."""
    found = export(find_whole_run(run_name, runs_root(runs)), options, tell)
    if as_json:
        told = {"run": found.run.name, "folder": found.folder.as_posix(), "format": found.format, "bytes": dict(found.sizes)}
        emit(json.dumps(told, indent=1))
    else:
        emit("\n".join(_told(found)))
    return 0


def export(run: Run, options: Options, note: Callable[[str], None] = lambda _: None) -> Exported:
    """Export the best state of a run.

    Args:
        run: The run.
        options: What is said beside its config.
        note: Takes lines that are to be told.

    Raises:
        UsageError: There is no such format, the folder is there already, or the network is of no use without its training rows.
        CheckpointError: The run is not whole.
        ResourceError: The folder can't be written.
    """
    check_free(options.output, force=options.force)
    stored = open_run(run)
    settings = _settings(stored.config, options)
    form = cast("Format", settings.format or _format(_DEFAULT))
    trained, notes = _trained(stored, settings, options.output.absolute().name)
    for line in (f"run      {run.name}   {stored.state_words}", *stored.notes, *notes):
        note(line)
    _write(form, trained, options.output)
    sizes = {path.relative_to(options.output).as_posix(): path.stat().st_size for path in _files(options.output)}
    return Exported(run, form.type, options.output, sizes)


def check_free(folder: Path, *, force: bool) -> None:
    """Raises `UsageError` where a folder can't be made, or something lies in its place that is not to be replaced."""
    if not folder.absolute().parent.is_dir():
        raise UsageError(f"no folder {folder.parent.as_posix()}", "make it first")
    if not (folder.exists() or folder.is_symlink()) or (folder.is_dir() and not any(folder.iterdir())):
        return
    if folder.is_symlink() or not Run(folder).is_export:
        raise UsageError(f"{folder.as_posix()} is there already, and is no export", "another name: -o FOLDER")
    if not force:
        raise UsageError(f"{folder.as_posix()} is there already", f"another name: -o FOLDER, or --force to replace {folder.as_posix()}")


def _format(tag: str) -> Format:
    """A form by its name. Raises `UsageError`."""
    if tag not in FORMAT.table:
        raise UsageError(f"--format: no form {tag!r}", f"one of: {', '.join(FORMATS)}")
    return cast("Format", FORMAT.validate(tag))


def _settings(config: Config, options: Options) -> ExportSettings:
    """What the config and then the options say. Raises `UsageError`."""
    settings = config.experiment.export or ExportSettings()
    if options.format is not None:
        settings = settings.model_copy(update={"format": _format(options.format)})
    if options.license is None:
        return settings
    try:
        named = ExportSettings(license=options.license)
    except ValueError:
        hint = "its short name: --license apache-2.0"
        raise UsageError(f"--license: {options.license!r} is no name of a license", hint) from None
    return settings.model_copy(update={"license": named.license})


def _trained(stored: Stored, settings: ExportSettings, name: str) -> tuple[Trained, tuple[str, ...]]:
    """What is exported of a run, and what is to be told of it. Raises `UsageError` where it is of no use without its rows."""
    source = stored.config.experiment.data.source
    if source.asks_of_training_rows:
        message = f"{stored.run.name} answers questions about the {source.type} that it was trained on, which an export does not have"
        raise UsageError(message, f"nntrain predict {stored.run.name} DATA")
    experiment = stored.config.experiment.model_copy(update={"export": settings, "tracking": None})
    told = replace(stored, config=replace(stored.config, experiment=experiment))
    summary, record = stored.run.read_json("summary.json"), record_of(stored.run)
    away = Placeless.of(stored.run, name, record["folder"], written_tree(experiment, stored.config.document))
    data = {**record, "notes": away.told(summary.get("notes", record.get("notes", [])))}
    blueprint = replace(stored.blueprint, experiment=stored.blueprint.experiment.model_copy(update={"export": settings}))
    facts = CardFacts(told.config, blueprint, stored.fields, away.told(summary), summary.get("rows", record["rows"]), data["notes"])
    readme = away.told(card(Run(Path(name)), facts, stored.run.read_json("environment.json"), data))
    files = {"README.md": readme, **_files_of(told, away)}
    state, notes = _intervals(stored)
    if not stored.members:
        return Trained({**_state(stored.run, away), **state}, stored.step, files), notes
    files |= {file: _json(stored.run.read_json(file)) for file in _OF_A_BAG if (stored.run.path / file).is_file()}
    members = {f"{MEMBERS}/{member.run.path.name}": _member(member, away) for member in stored.members}
    return Trained(state, stored.step, files, members), notes


def _member(member: Stored, away: Placeless) -> Trained:
    """A member of a bag, which is read as a run of its own."""
    config = stored_config(member.run, for_its_data=False)
    experiment = config.experiment.model_copy(update={"tracking": None})
    told = replace(member, config=replace(config, experiment=experiment))
    return Trained(_state(member.run, away), member.step, _files_of(told, away))


def _files_of(stored: Stored, away: Placeless) -> dict[str, str]:
    """What any run has: its settings, the record of its data, its results."""
    resolved = dump(away.settings(written_tree(stored.config.experiment, stored.config.document)))
    record = record_of(stored.run)
    kept = {key: record[key] for key in _KEPT if key in record}
    digests = [hashlib.sha256(resolved.encode()).hexdigest()]
    return {
        "resolved.yaml": resolved,
        "data.json": _json({**kept, "folder": ".", "environment": {}, "resolved": digests}),
        "summary.json": _json(away.told(stored.run.read_json("summary.json"))),
    }


def _state(run: Run, away: Placeless) -> dict[str, Any]:
    """What predicts, of the state that is measured and used: averaged weights where the run averages. Raises `CheckpointError`."""
    from nntrain.training.snapshot import predicting_weights

    _, parts, _ = measured_state(run)
    fields = [{**field, "settings": away.settings(field["settings"])} for field in parts["fields"]]
    own = {name: parts[name] for name in ("task", "soup") if name in parts}
    return {**own, "fields": fields, "weights": predicting_weights(parts)}


def _intervals(stored: Stored) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What `predict --interval` makes its limits of, or why there is none."""
    from nntrain.commands.stored import intervals

    try:
        return {intervals.PART: intervals.exported(stored)}, ()
    except CheckpointError as error:
        return {}, (f"left out what --interval needs: {error.message}",)


def _json(content: object) -> str:
    return json.dumps(content, indent=1, allow_nan=False) + "\n"


def _write(form: Format, trained: Trained, folder: Path) -> None:
    """Write a folder, whole or not at all: beside its place, then renamed. Raises `ResourceError`."""
    from nntrain.training.durable import sync_folder

    beside, before = (folder.with_name(f".{folder.absolute().name}.{word}") for word in ("partial", "before"))
    try:
        for left in (beside, before):  # of an export that was killed
            shutil.rmtree(left, ignore_errors=True)
        beside.mkdir()
        form.write(trained, beside)
        for path in (*(path for path in beside.rglob("*") if path.is_dir()), beside):
            sync_folder(path)
        if folder.is_dir():
            folder.rename(before)
        beside.rename(folder)
        sync_folder(folder.absolute().parent)
        shutil.rmtree(before, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(beside, ignore_errors=True)
        if before.is_dir() and not folder.exists():
            before.rename(folder)
        raise ResourceError(f"cannot write {folder.as_posix()}: {error.strerror or error}", "free some space, or another place") from None


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder and its folders, by name."""
    for above, folders, names in os.walk(folder):
        folders.sort()
        yield from (Path(above) / name for name in sorted(names))


def _told(found: Exported) -> Iterator[str]:
    """What was written, and what can be done with it."""
    width = max(map(len, found.sizes))
    yield from (f"  {name:<{width}}   {format_bytes(size):>7}" for name, size in found.sizes.items())
    whole = format_bytes(sum(found.sizes.values()))
    before = format_bytes(sum(path.stat().st_size for path in _files(found.run.path)))
    yield f"wrote    {found.folder.as_posix()}: {number_of(len(found.sizes), 'file')}, {whole}; the run has {before}"
    quoted = shlex.quote(found.folder.as_posix())
    yield f"next     nntrain predict {quoted} DATA -o FILE"
    yield f"         nntrain eval {quoted} --data FILE"
    if found.format == _DEFAULT:
        yield f"         hf upload OWNER/{shlex.quote(found.folder.absolute().name)} {quoted}"
