"""`nntrain generate`: a trained network makes something new, and the same from Python.

How it does that its task or a layer says (`generation.ways`); each way is a `Maker`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from nntrain.commands.screens.output import emit, tell
from nntrain.commands.stored.opening import Stored, open_run
from nntrain.config import loading, validating
from nntrain.errors import UsageError
from nntrain.generation import ways
from nntrain.generation.settings import GenerateSettings
from nntrain.runs import find_run, runs_root

if TYPE_CHECKING:
    from nntrain.tasks.task import Decoded

    Made = str | bytes | Mapping[str, Decoded]


class Maker(Protocol):
    """A run that makes something new in one of the ways."""

    def check(self, output: Path | None, settings: GenerateSettings) -> None:
        """Refuse what can't be written or read before anything is made. Raises `UsageError`."""
        ...

    def notes(self, settings: GenerateSettings) -> Sequence[str]:
        """What is to be told beforehand."""
        ...

    def made(self, settings: GenerateSettings) -> Made:
        """The whole of it: a text, the content of a file, or rows by target. Raises `UsageError`."""
        ...

    def write(self, output: Path | None, settings: GenerateSettings, *, as_json: bool) -> dict[str, Any]:
        """Make it, and write it to `output`, else to stdout where it is text; with `as_json` nothing is written to stdout.

        Returns:
            What is told of it as JSON, beside the run and the settings.
        """
        ...


def run(arguments: Sequence[str], flags: dict[str, Any], output: Path | None, *, as_json: bool, runs: Path | None) -> int:
    """Make something new; to `output`, else to stdout, where a text comes as it is drawn.

    Args:
        arguments: A run (the latest if there is none).
        flags: Settings that were given, by name; they go before those of the config.
        output: File or folder to be written; replaced whole or not at all.
        as_json: Whether one JSON object is wanted.
        runs: The runs folder.
    """
    if len(arguments) > 1:
        raise UsageError(f"generate takes a run, got {' '.join(arguments)}", "nntrain generate runs/shakespeare --prompt 'ROMEO:'")
    stored = open_run(find_run(arguments[0] if arguments else None, runs_root(runs)))
    settings = settings_of(stored, flags)
    maker = maker_of(stored)
    maker.check(output, settings)
    tell(f"run      {stored.run.name}   step {stored.step:,}   seed {settings.seed}")
    for note in (*stored.notes, *maker.notes(settings)):
        tell(note)
    told = maker.write(output, settings, as_json=as_json)
    if as_json:
        used = read_options(stored)
        options = {name: value for name, value in settings.model_dump(mode="json", by_alias=True).items() if name in used}
        emit(json.dumps({"run": stored.run.name, **options, **told}, ensure_ascii=False))
    return 0


def maker_of(stored: Stored) -> Maker:
    """What makes something new of a run. Raises `UsageError` for a network that does not."""
    way = way_of(stored)
    if way == "drawing":
        from nntrain.commands.predicting.generate_rows import RowMaker

        return RowMaker(stored)
    from nntrain.commands.predicting.generate_sequence import Writer

    return Writer.of(stored)


def way_of(stored: Stored) -> ways.Way:
    """How a run makes something new. Raises `UsageError` for a network that does not."""
    tasks = {name: plan.task for name, plan in stored.blueprint.targets.items()}
    way = ways.way_of(tasks, stored.blueprint.program)
    if way is None:
        hint = f"nntrain predict {stored.run.name} DATA   to generate, {ways.WANTED}"
        raise UsageError(f"{stored.run.name} makes nothing new: {ways.cannot(tasks)}", hint)
    return way


def read_options(stored: Stored) -> frozenset[str]:
    """Options that the network of a run reads, by the names of the config."""
    fields = GenerateSettings.model_fields
    return frozenset(fields[name].alias or name for name in ways.READ[way_of(stored)])


def settings_of(stored: Stored, flags: Mapping[str, Any]) -> GenerateSettings:
    """The config's settings under what was given. Raises `UsageError` for what is wrong, or read by nothing."""
    base = stored.config.experiment.generate or GenerateSettings()
    given = {name: value for name, value in flags.items() if value is not None and value != []}
    if isinstance(given.get("given"), list):
        given["given"] = _pairs(given["given"])
    tasks = {name: plan.task for name, plan in stored.blueprint.targets.items()}
    for name, why in ways.idle(way_of(stored), tasks).values():
        if name in given:
            raise UsageError(f"--{name.replace('_', '-')} has no effect: {why}", "remove it")
    tree = {**base.model_dump(mode="json", by_alias=True), **given}
    try:
        return GenerateSettings.parse(tree)
    except ValidationError as error:
        first = validating.problems(error, loading.parse(loading.dump(tree), "<options>"), GenerateSettings)[0]
        name = str(first.path[0]).replace("_", "-")
        raise UsageError(f"--{name}: {first.message}", first.hint or "nntrain generate --help") from None


def _pairs(texts: Sequence[str]) -> dict[str, str]:
    """Values by field. Raises `UsageError` for a field that has two."""
    found: dict[str, str] = {}
    for name, value in map(_pair, texts):
        if name in found:
            raise UsageError(f"--given {name} is there twice, {found[name]} and {value}: all rows have the same", "one of the two a call")
        found[name] = value
    return found


def _pair(text: str) -> tuple[str, str]:
    """A field and its value. Raises `UsageError`."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--given needs FIELD=VALUE, got {text!r}", "--given label=3")
    return name, value
