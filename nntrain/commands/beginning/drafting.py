"""The text of a config for some data: what was found in it, and defaults that suit its size. At most 40 lines."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.architectures.node_graph import NodeGraph
from nntrain.config.writing import scalar
from nntrain.data.settings import source_type

if TYPE_CHECKING:
    from nntrain.blueprint import Blueprint
    from nntrain.commands.beginning.presets import Recipe
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.field_plan import FieldPlan

MOST_FIELDS: Final = 12
"""Fields that get a line each; where there are more, types are found anew each time."""
MOST_TOLD: Final = 8
LEAST_SERIES: Final = 16
"""Columns with one name and a running number that are taken for the steps of one series."""
SMALL: Final = 2_000
LARGE: Final = 20_000
"""Rows below and from which the batch size is another than the default of 64."""
MOST_PIXELS: Final = 2**19
"""Pixels of a batch of images of which each pixel has a target: eight of 256 x 256."""
_NUMBERED: Final = re.compile(r"(.*?)(\d+)")


@dataclass(frozen=True, slots=True)
class Series:
    """Columns that are the steps of one series."""

    name: str
    pattern: str
    columns: tuple[str, ...]


def find_series(blueprint: Blueprint) -> Series | None:
    """Whether all inputs are numbers in columns that are called alike and counted on: `t0 … t39`."""
    inputs = [plan for plan in blueprint.layout.fields if plan.role == "input"]
    parts = [_NUMBERED.fullmatch(plan.name) for plan in inputs]
    if len(inputs) < LEAST_SERIES or any(plan.field.type != "number" for plan in inputs):
        return None
    numbers = [int(part[2]) for part in parts if part is not None]
    stems = {part[1] for part in parts if part is not None}
    if len(numbers) < len(inputs) or len(stems) != 1 or numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        return None
    stem = stems.pop()
    name = stem.strip("_- .") or "series"
    taken = {plan.name for plan in blueprint.layout.fields}
    return Series(name if name not in taken else f"{name}_series", f"{stem}*", tuple(plan.name for plan in inputs))


@dataclass(frozen=True, slots=True)
class InTime:
    """The column of times of a table that has a row for each."""

    name: str
    every: str
    """How far apart they are: `hour`."""


def find_time(job: Job) -> InTime | None:
    """Whether one column of dates has one row a day, an hour or the like: then rows near in time are alike, and no split may mix them."""
    import numpy as np

    from nntrain.data.reading import read_tables
    from nntrain.data.time_order import one_row_a

    dates = [plan for plan in job.blueprint.layout.fields if plan.role == "input" and plan.field.type == "date"]
    if len(dates) != 1:
        return None
    table = read_tables(job.config.experiment.data, job.config.folder)["train"]
    every = one_row_a(np.asarray(dates[0].field.read(table, dates[0].columns), dtype=np.float64))
    return None if every is None else InTime(dates[0].name, every)


def config_lines(job: Job, series: Series | None, time: InTime | None = None, recipe: Recipe | None = None) -> list[str]:
    """The config, line by line; of a table with what a preset says of the network."""
    blueprint, rows = job.blueprint, job.prepared.train.shown
    experiment = blueprint.experiment
    targets = blueprint.layout.targets
    names = [scalar(target.name) for target in targets]
    kind = " and ".join(f"{plan.task.type}" for plan in blueprint.targets.values())
    default_target = experiment.data.source.target
    lines = [
        f"# {_source_name(job)}: {dialect_in_words(job)}",
        "# Settings that an editor can complete: nntrain schema > nntrain.schema.json",
        "# yaml-language-server: $schema=nntrain.schema.json",
        "data:",
        f"  source: {_source(job)}",
    ]
    is_text = experiment.data.source.is_running_text
    if not is_text and [target.name for target in targets] != [default_target]:
        found = (targets[0].note or targets[0].field.type).partition("   ")[0]
        written = names[0] if len(names) == 1 else f"[{', '.join(names)}]"
        lines.append(f"  target: {written}   # {found} -> {kind}")
    if is_text and experiment.data.window is not None:
        lines.append(f"  window: {experiment.data.window.past}   # tokens that are read at once")
    lines += _fields(job, series)
    metrics = [metric.type for plan in blueprint.targets.values() for metric in plan.metrics]
    lines += [*_split(job, time, recipe), f"  batch_size: {_batch_size(rows, blueprint) if recipe is None else recipe.batch_size}"]
    if recipe is not None:
        return [*lines, *_preset(job, recipe, metrics)]
    lines += ["architecture:", *_architecture(blueprint)]
    lines += [
        f"loss: {_component(experiment.loss)}",
        f"metrics: [{', '.join(metrics)}]   # the first decides which state is best",
        "optimizer: {type: adamw, lr: 1e-3}",
        "regularization: {dropout: 0.1, weight_decay: 0.01}",
        "training:",
        f"  max_epochs: {_epochs(rows)}",
    ]
    if job.prepared.validation is not None:
        lines.append(f"  early_stopping: {{monitor: {blueprint.best.monitor}, patience: {max(10, _epochs(rows) // 10)}}}")
    return lines


def _preset(job: Job, recipe: Recipe, metrics: Sequence[str]) -> list[str]:
    """What a preset decides."""
    architecture = {key: value for key, value in recipe.architecture.items() if key != "inputs"}
    lines = [
        f"architecture:   # preset {recipe.preset}: {', '.join(recipe.reasons)}",
        *(f"  {key}: {_flow(value)}" for key, value in architecture.items()),
    ]
    if "inputs" in recipe.architecture:
        lines.append(f"  inputs: {_flow(recipe.architecture['inputs'])}")
    lines += [
        f"loss: {_component(job.blueprint.experiment.loss)}",
        f"metrics: [{', '.join(metrics)}]" + ("   # the first decides which state is best" if recipe.monitor is None else ""),
        f"optimizer: {_flow(recipe.optimizer)}",
    ]
    lines += [] if recipe.scheduler is None else [f"scheduler: {_flow(recipe.scheduler)}"]
    lines.append(f"regularization: {_flow(recipe.regularization)}")
    lines += [f"baselines: [{', '.join(recipe.baselines)}]   # the same rows by simple models, in the result"] if recipe.baselines else []
    lines += ["training:", f"  max_epochs: {recipe.max_epochs}"]
    if recipe.bag is not None or job.prepared.validation is not None:
        lines.append(f"  early_stopping: {{monitor: {recipe.monitor or job.blueprint.best.monitor}, patience: {recipe.patience}}}")
    lines += [] if recipe.bag is None else [f"  bag: {recipe.bag}   # networks, each of which validates on another part of the rows"]
    return lines


def _source_name(job: Job) -> str:
    written = Path(next(iter(job.config.experiment.data.source.written_paths().values()), "data"))
    patterns = [place for place, part in enumerate(written.parts) if "{" in part]
    return Path(*written.parts[: patterns[0]]).as_posix() if patterns else written.name


def dialect_in_words(job: Job) -> str:
    """How the training file is written, and its rows, as `fit` prints it."""
    notes = job.prepared.notes
    return re.sub(r"^\S+\s+", "", notes[0]) if notes else ""


def _source(job: Job) -> str:
    """The source with what was found of its dialect; a path alone where there is nothing else to say."""
    settled = job.blueprint.experiment.data.source
    options: dict[str, Any] = settled.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    options.pop("type", None)
    is_plain = set(options) == {"path"} and source_type(options) == settled.type
    return scalar(options["path"]) if is_plain else _flow({"type": settled.type, **options})


def _component(component: Any) -> str:
    return "null" if component is None else str(component.type)


def _fields(job: Job, series: Series | None) -> list[str]:
    """A line for each field whose type is not plainly a number, as far as they are few; what is left out stands as a comment."""
    layout = job.blueprint.layout
    lines: list[str] = []
    if series is not None:
        entry = _flow({"type": "series", "columns": [series.pattern]})
        lines.append(f"    {scalar(series.name)}: {entry}   # {series.columns[0]} … {series.columns[-1]}")
    else:
        spelled = [plan for plan in layout.fields if plan.role == "input" and plan.field.type != "number"]
        spelled += [plan for plan in layout.targets if plan.name in job.config.experiment.data.fields]
        lines += [_field(plan) for plan in spelled[:MOST_FIELDS]]
        more = len(spelled) - MOST_FIELDS
        if more > 0:
            lines.append(f"    # and {more} more that are no numbers; their types are found from the data")
    if layout.left_out:
        told = ", ".join(f"{name} ({why})" for name, why in layout.left_out[:MOST_TOLD])
        rest = f", … ({len(layout.left_out)})" if len(layout.left_out) > MOST_TOLD else ""
        comment = f"    # left out: {told}{rest}"
        lines.append(comment)
    has_entry = any(not line.lstrip().startswith("#") for line in lines)
    return ["  fields:" if has_entry else "  # fields:", *lines] if lines else []


def _field(plan: FieldPlan) -> str:
    options: dict[str, Any] = plan.field.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    for key in ("role", "column"):
        if key != "role" or "time" not in plan.field.role_set:
            options.pop(key, None)
    written = {key: value for key, value in options.items() if key != "type"}
    value = plan.field.type if not written else _flow({"type": plan.field.type, **written})
    note = f"   # {plan.note.partition('   ')[0]}" if plan.note and "(" in plan.note else ""
    return f"    {scalar(plan.name)}: {value}{note}"


def _flow(value: object) -> str:
    """A value on one line, in brackets."""
    if isinstance(value, dict):
        options = cast("dict[str, object]", value)
        return "{" + ", ".join(f"{scalar(key)}: {_flow(item)}" for key, item in options.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(item) for item in cast("Sequence[object]", value)) + "]"
    return scalar(value)


def _split(job: Job, time: InTime | None, recipe: Recipe | None) -> list[str]:
    """What is split off, where files or a column don't say so; the members of a bag have validation rows of their own."""
    split = job.config.experiment.data.split
    prepared = job.prepared
    given = job.config.experiment.data.source.written_paths()
    has_column = any(plan.role == "split" for plan in job.blueprint.layout.fields)
    if has_column or {"validation", "test"} <= set(given):
        return []
    by = "time" if time is not None else "stratified" if any("stratified" in note for note in prepared.notes) else "random"
    why = "" if time is None else f"   # one row every {time.every}: the latest by {time.name} are kept apart"
    parts = [
        f"{part}: {getattr(split, part)}"
        for part in ("validation", "test")
        if part not in given and getattr(prepared, part) is not None and not (part == "validation" and recipe is not None and recipe.bag)
    ]
    written = ", ".join(parts if job.config.experiment.data.source.is_running_text else [f"by: {by}", *parts])
    return [f"  split: {{{written}}}{why}"] if parts else []


def _batch_size(rows: int, blueprint: Blueprint) -> int:
    found = 32 if rows < SMALL else 64 if rows < LARGE else 256
    maps = [plan.target.spec for plan in blueprint.targets.values() if plan.task.unit_axis(plan.target) == "pixel"]
    pixels = sum(math.prod(size for size in spec.sizes if isinstance(size, int)) for spec in maps)
    return max(1, min(found, MOST_PIXELS // pixels)) if pixels else found


def _epochs(rows: int) -> int:
    return 200 if rows < SMALL else 100 if rows < LARGE else 50


def _architecture(blueprint: Blueprint) -> list[str]:
    architecture = blueprint.experiment.architecture
    assert architecture is not None
    if isinstance(architecture, NodeGraph):
        written = ((name, _flow(node.from_), node.layer) for name, node in architecture.nodes.items())
        return ["  nodes:", *(f"    {name}: {{from: {read}, {layer.type}: {{}}}}" for name, read, layer in written if layer is not None)]
    options: dict[str, Any] = architecture.model_dump(mode="json", by_alias=True)
    main = type(architecture).main
    shown = {key: options[key] for key in (main, "activation") if key is not None and key in options}
    shown |= {key: value for key, value in architecture.model_dump(mode="json", exclude_defaults=True).items() if isinstance(value, int)}
    return [f"  type: {architecture.type}", *(f"  {key}: {_flow(_short(value))}" for key, value in shown.items())]


def _short(value: object) -> object:
    """A component whose options say nothing as its name."""
    if not isinstance(value, dict):
        return value
    options = {key: item for key, item in cast("dict[str, object]", value).items() if item is not None and item is not False}
    return options["type"] if set(options) == {"type"} else options
