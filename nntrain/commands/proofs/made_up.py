"""Made-up rows for a smoke run: whether they are needed, which fit the config, and what is said of them."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import Job
from nntrain.config.reading import Config, read_config
from nntrain.data.missing_files import missing_files
from nntrain.data.table import listed
from nntrain.errors import ConfigError, DataError, NNTrainError

if TYPE_CHECKING:
    from nntrain.data.fake.faking import MadeUp

MADE_UP: Final = "made-up rows"
SECONDS: Final = 8.0
"""How long guesses at what the config leaves open are tried."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A config with what the command line lays over it."""

    path: Path
    changes: tuple[str, ...]
    overlays: tuple[Path, ...]

    def read(self, more: Sequence[str] = (), made: MadeUp | None = None) -> Config:
        """The config with more overrides, and with made-up data in the place of its own."""
        config = read_config(self.path, (*self.changes, *more), self.overlays)
        return config if made is None else _with_rows(config, made)


def prepare(subject: Subject, fake: Path | None) -> tuple[Job, MadeUp | None]:
    """Read the data of a config, or make it up below the folder `fake` where it is not there.

    Raises:
        ConfigError: The config is wrong, or doesn't fit its data.
        DataError: The data can't be read, or rows can't be made up.
    """
    config = subject.read()
    if fake is None:
        return prepare_job(config), None
    missing = missing_files(config.experiment.data, config.folder)
    return _made_up_job(config, fake, missing) if missing else (prepare_job(config), None)


def _made_up_job(config: Config, folder: Path, missing: tuple[str, ...]) -> tuple[Job, MadeUp]:
    """The first made-up data that the config goes with."""
    from nntrain.data.fake.assumptions import guesses
    from nntrain.data.fake.faking import make_up

    data = config.experiment.data
    first: NNTrainError | None = None
    until = time.process_time() + SECONDS  # of work: how busy the machine is decides nothing
    for assumptions in guesses(data, _numbers(config.document.tree)):
        made = make_up(data, folder, assumptions, missing)
        try:
            return prepare_job(_with_rows(config, made)), made
        except (ConfigError, DataError) as error:
            first = first or error
        shutil.rmtree(folder)
        if time.process_time() > until:
            break
    assert first is not None
    raise _misfit(first, config)


def describe(made: MadeUp, job: Job) -> list[str]:
    """What was made up, in sentences."""
    are = "is" if len(made.files) == 1 else "are"
    told = [f"{listed(made.files)} {are} not there: {made.rows:,} rows in a temporary folder"]
    told += [f"{target.name}: {_target_in_words(job, target.name)}" for target in job.blueprint.layout.targets]
    if made.inputs:
        told.append(f"no field names an input; made up: {', '.join(made.inputs)}")
    return told


def _target_in_words(job: Job, name: str) -> str:
    target = job.prepared.fields.targets[name]
    kind, classes = target.field_type, target.classes
    return f"{kind}, {len(classes)} classes" if classes and kind != "boolean" else kind


def _with_rows(config: Config, made: MadeUp) -> Config:
    changes: dict[str, object] = {"data": made.settings}
    architecture = config.experiment.architecture
    beside = None if architecture is None or architecture.init is None else config.folder.resolve() / architecture.init.from_
    if architecture is not None and architecture.init is not None and beside is not None and beside.exists():
        init = architecture.init.model_copy(update={"from_": beside.as_posix()})
        changes["architecture"] = architecture.model_copy(update={"init": init})
    return replace(config, experiment=config.experiment.model_copy(update=changes), folder=made.folder)


def _misfit(error: NNTrainError, config: Config) -> NNTrainError:
    """What is wrong with the config, if not what was made up."""
    data = config.experiment.data
    target = next(iter(data.targets), "NAME")
    told = NNTrainError(
        f"{error}\n   (with {MADE_UP}; none of those that were tried fit)",
        f"does the data have other columns or classes? data.fields: {{{target}: {{type: category, classes: 10}}, NAME: number}}",
    )
    told.exit_code = error.exit_code
    return told


def _numbers(tree: Any) -> Iterator[int]:
    """Whole numbers in the architecture, in their order, and products of lists of them: sizes that the data may need to have."""
    network = cast("Mapping[str, Any]", tree).get("architecture") if isinstance(tree, Mapping) else None
    return _numbers_in(network)


def _numbers_in(value: Any) -> Iterator[int]:
    if isinstance(value, int) and not isinstance(value, bool):
        yield value
    elif isinstance(value, str):
        yield from (int(digits) for digits in re.findall(r"\d+", value))
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, Any]", value).values():
            yield from _numbers_in(item)
    elif isinstance(value, (list, tuple)):
        items = cast("Sequence[Any]", value)
        for item in items:
            yield from _numbers_in(item)
        if items and all(isinstance(item, int) and item > 0 for item in items):
            product = 1
            for item in items:
                product *= item
            yield product
