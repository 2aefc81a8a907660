"""`nntrain init`: looks at data and writes a config for it, or copies one of the examples. Never over an existing file."""

from __future__ import annotations

import shlex
import shutil
import textwrap
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.beginning.drafting import MOST_TOLD, InTime, Series, config_lines, dialect_in_words, find_series, find_time
from nntrain.commands.beginning.mask_folders import MaskFolders, find_mask_folders
from nntrain.commands.beginning.photo_sizes import PhotoSizes, find_sizes
from nntrain.commands.beginning.presets import PRESETS, Preset, Recipe, is_plain_table, recipe_of, told_cost
from nntrain.commands.preparing.suspecting import look_at, suspected
from nntrain.commands.reference.examples import example_configs, what_to_bring
from nntrain.commands.screens.results import WIDTH, labelled
from nntrain.config.reading import Config, find_config, read_config, read_mapping, run_name
from nntrain.data.audio.wave_header import SOUND_SUFFIXES
from nntrain.data.file_store import FileStore
from nntrain.data.image_header import IMAGE_SUFFIXES
from nntrain.data.layout import peek
from nntrain.data.missing_files import missing_files
from nntrain.data.sources.source import PART_OF_WORD
from nntrain.errors import ConfigError, DataError, NNTrainError, ResourceError, UsageError
from nntrain.nearest import nearest
from nntrain.runs import write_atomically

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job

TARGET_NAMES: Final = ("target", "label", "class", "y", "outcome", "species", "income", "survived", "price", "churn", "quality")
"""Names that a column to be predicted often has."""
MOST_COLUMNS: Final = 20
NO_BREAK: Final = "\xa0"
"""A blank at which no line is broken."""
TEXTS: Final = frozenset({".log", ".md", ".rst", ".tex", ".text"})
"""Endings of files that are read as running text where no target is named."""
TOKENS_AT_ONCE: Final = 64
"""Window of a running text."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    target: str | None = None
    example: str | None = None
    output: Path | None = None
    force: bool = False
    preset: str | None = None
    """How much a network for a table may cost: `fast`, `good`, `best`; `None`: good."""


def run(data: Path | None, options: Options) -> str:
    """Write a config, and return what is to be told.

    Raises:
        UsageError: Neither or both of data and example are given, a file of that name is there, or the target is no column.
        DataError: The data can't be read, or can't be learned from.
    """
    if (data is None) == (options.example is None):
        raise UsageError("init takes the data, or --example NAME", "nntrain init data.csv --target COLUMN")
    if options.preset is not None and options.preset not in PRESETS:
        raise UsageError(f"no preset {options.preset!r}", f"one of: {', '.join(PRESETS)}")
    if options.example is not None:
        if options.preset is not None:
            raise UsageError("--preset has no effect: an example says all of its network", "leave one of the two out")
        return _copy_example(options.example, options)
    assert data is not None
    path = options.output or Path(f"{run_name(data.resolve().stem.removesuffix('.csv'))}.yaml")
    _check_free(path, options)
    return _write(data, path, options)


def _check_free(path: Path, options: Options) -> None:
    if path.exists() and not options.force:
        raise UsageError(f"{path.as_posix()} is there already", f"another name: -o NAME.yaml, or --force to replace {path.as_posix()}")


def _copy_example(name: str, options: Options) -> str:
    found = {path.stem: path for path in example_configs()}
    if name not in found:
        near = nearest(name, found)
        raise UsageError(f"no example {name!r}", f"nearest: {near[0]}" if near else f"there are: {', '.join(found)}")
    path = options.output or Path(f"{name}.yaml")
    _check_free(path, options)
    shutil.copyfile(found[name], path)
    told = [("wrote", path.as_posix())]
    missing = _missing_data(found[name], path)
    config = shlex.quote(path.as_posix())
    if missing:
        told.append(("bring", "\n".join([f"{', '.join(missing)}   (beside {path.name})", *filter(None, [what_to_bring(found[name])])])))
        told.append(("try", f"nntrain fit {config} --smoke --fake-data   (on made-up rows)"))
    return labelled([*told, ("next", f"nntrain check {config}\nnntrain fit {config}")])


def _missing_data(example: Path, copied: Path) -> tuple[str, ...]:
    """Files that a copied example needs and that are not beside it; those that come with it are copied too, never over others."""
    data = read_config(copied).experiment.data
    for written in data.source.written_paths().values():
        there, here = example.parent / written, copied.parent / written
        if there.is_file() and not here.exists():
            here.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there, here)
    return missing_files(data, copied.resolve().parent)


def _write(data: Path, path: Path, options: Options) -> str:
    masks = find_mask_folders(data) if options.target in (None, "mask") else None
    kind = _folder_of(data) if masks is None else None
    photos = find_sizes(data) if kind == "image_folder" else None
    job, series, time = (
        _look(data, path.parent, options, kind, photos) if masks is None else (_look_at_masks(data, path.parent, masks), None, None)
    )
    recipe = _recipe(job, series, time, options)
    text = "\n".join(config_lines(job, series, time, recipe)) + "\n"
    try:
        write_atomically(path, text)
    except OSError as error:
        raise ResourceError(f"cannot write {path.as_posix()}: {error.strerror or error}", "another place: -o FILE") from None
    told = [(data.name, dialect_in_words(job)), *_told(job, series), *_told_of_time(job, time)]
    told += [] if masks is None else masks.told(_classes(job))
    told += [] if photos is None else photos.told()
    told += (
        []
        if recipe is None
        else [("preset", f"{recipe.preset}: {', '.join(recipe.reasons)}; {told_cost(recipe, job.prepared.train.shown)}")]
    )
    count = text.count("\n")
    return "\n".join([_as_screen(told), f"wrote {path.as_posix()} ({count} lines)      next: nntrain fit{_named(path)}"])


def _recipe(job: Job, series: Series | None, time: InTime | None, options: Options) -> Recipe | None:
    """What the preset says of a table; `None` for other data, whose network is the default one. Raises `UsageError`."""
    if series is None and time is None and is_plain_table(job):
        return recipe_of(cast("Preset", options.preset or "good"), job)
    if options.preset is not None:
        raise UsageError(
            "--preset is for tables: rows of single values with one target that is a class or a number",
            "leave --preset out: init finds a network",
        )
    return None


def _named(path: Path) -> str:
    """The config behind `nntrain fit`, but where it is the only one here."""
    try:
        is_found = find_config(None).resolve() == path.resolve()
    except UsageError:
        is_found = False
    return "" if is_found else f" {path.as_posix()}"


def _look(
    data: Path, folder: Path, options: Options, kind: str | None, photos: PhotoSizes | None
) -> tuple[Job, Series | None, InTime | None]:
    """Read all of the data as a config with nothing else in it would."""
    from nntrain.commands.preparing.from_config import prepare_job

    target, preset = options.target, options.preset
    if not data.exists():
        raise UsageError(f"no file or folder {data.as_posix()}", _near(data))
    parts = _given_parts(data)
    source: Any = _relative(data, folder)
    more: dict[str, Any] = {}
    if parts:
        source = {"path": source, **{part: _relative(path, folder) for part, path in parts.items()}}
    elif kind is not None:
        source = {"type": kind, "path": source}
    elif target is None and _is_running_text(data, folder):
        source = {"type": "text", "path": source}
        more = {"window": TOKENS_AT_ONCE}
    if photos is not None:
        more = {"fields": {"image": photos.field}}
    tree: dict[str, Any] = {"source": source, **more, **({} if target is None else {"target": target})}

    def config() -> Config:
        return read_mapping({"name": run_name(data.stem), "data": tree}, folder=folder.resolve())

    try:
        job = prepare_job(config())
    except ConfigError as error:
        raise _reworded(error, data, target, config) from None
    series = find_series(job.blueprint) if preset is None else None  # who names a preset means single values
    time = find_time(job) if series is None and not parts else None
    if time is not None:
        tree["fields"] = {time.name: {"role": ["input", "time"]}}
        return prepare_job(config()), None, time
    if series is None:
        return job, None, None
    tree["fields"] = {series.name: {"type": "series", "columns": [series.pattern]}}
    return prepare_job(config()), series, None


def _look_at_masks(data: Path, folder: Path, masks: MaskFolders) -> Job:
    """Read the masks, and then images and masks with a name for each value that pixels of the masks hold."""
    from nntrain.commands.preparing.from_config import prepare_job

    inside = _relative(data, folder)
    source = {"type": "files", "path": {"image": f"{inside}/{masks.image}", "mask": f"{inside}/{masks.mask}"}}

    def config(classes: dict[str, str] | None) -> Config:
        return read_mapping(
            {"name": run_name(data.stem), "data": {"source": source, "fields": masks.fields(classes)}}, folder=folder.resolve()
        )

    try:
        return prepare_job(config(_classes_of(config(None), masks)))
    except ConfigError as error:
        raise _reworded(error, data, "mask", lambda: config(None)) from None


def _classes_of(config: Config, masks: MaskFolders) -> dict[str, str]:
    """A name for each value that pixels of any mask hold: a rare one may lie in no training row. Raises `DataError`."""
    from nntrain.data.fields.mask import Mask, pixel_word
    from nntrain.data.reading import read_tables

    field = Mask(size=masks.size)
    table = read_tables(config.experiment.data, config.folder)["train"]
    words = map(pixel_word, field.fit(field.read(table, ("mask",)), is_target=True)["values"])
    return {word: word for word in words}


def _classes(job: Job) -> tuple[str, ...]:
    """What the pixels of the masks hold."""
    from nntrain.data.fields.mask import pixel_word

    mask = next(field for field in job.prepared.fields.fields if field.plan.role == "target")
    return tuple(map(pixel_word, mask.state["values"]))


def _given_parts(data: Path) -> dict[str, Path]:
    """Files beside `train.csv` that are called `validation.csv` and `test.csv`: the split is given."""
    stem, _, rest = data.name.partition(".")
    if PART_OF_WORD.get(stem.lower()) != "train" or not data.is_file():
        return {}
    beside = {PART_OF_WORD[word]: path for word in PART_OF_WORD if (path := data.with_name(f"{word}.{rest}")).is_file()}
    return {part: path for part, path in beside.items() if part != "train"}


def _folder_of(data: Path) -> str | None:
    """The source of a folder, or of a .zip file that holds images or sounds; one that is damaged is told where it is read."""
    if not data.is_dir() and data.suffix.lower() != ".zip":
        return None
    try:
        names, _ = FileStore(data).names()
    except DataError:
        names = []
    suffixes = Counter(PurePosixPath(name).suffix.lower() for name in names)
    images, sounds = (sum(suffixes[suffix] for suffix in kind) for kind in (IMAGE_SUFFIXES, SOUND_SUFFIXES))
    if sounds > images:
        return "audio_folder"
    return "image_folder" if images or data.is_dir() else None


def _is_running_text(data: Path, folder: Path) -> bool:
    """Whether a file is a text. A .txt is, if its lines are no rows of as many cells, or the first has words where names of columns are."""
    if data.suffix.lower() != ".txt":
        return data.suffix.lower() in TEXTS
    config = read_mapping({"name": run_name(data.stem), "data": {"source": _relative(data, folder)}}, folder=folder.resolve())
    try:
        names = [column.name for column in peek(config.experiment.data, config.folder)["train"].columns]
    except DataError:
        return True
    return len(names) == 1 or all(len(name.split()) > 2 for name in names)


def _relative(data: Path, folder: Path) -> str:
    """The path as the config has it: counted from its folder where the data lies there or below."""
    whole, base = data.resolve(), folder.resolve()
    if whole.is_relative_to(base):
        return whole.relative_to(base).as_posix()
    return data.as_posix() if data.is_absolute() or folder == Path() else whole.as_posix()


def _near(path: Path) -> str | None:
    names = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, names)
    return f"nearest: {(path.parent / near[0]).as_posix()}" if near else None


def _reworded(error: ConfigError, data: Path, target: str | None, config: Callable[[], Config]) -> NNTrainError:
    """What is wrong, without the config that nobody wrote."""
    columns = _columns(config)
    if target is None and columns and any("target" in problem.message for problem in error.problems):
        likely = next((name for name in columns if name.lower() in TARGET_NAMES), columns[-1])
        shown = ", ".join(columns[:MOST_COLUMNS]) + (f", … ({len(columns)})" if len(columns) > MOST_COLUMNS else "")
        command = f"nntrain init {shlex.quote(data.as_posix())} --target {shlex.quote(likely)}"
        return UsageError(f"which column of {data.name} is to be predicted?", f"columns: {shown}\n   for example: {command}")
    hints = "\n   ".join(line for problem in error.problems for line in (problem.hint or "").splitlines())
    return UsageError(f"{data.name}: {'; '.join(problem.message for problem in error.problems)}", hints or None)


def _columns(config: Callable[[], Config]) -> tuple[str, ...]:
    try:
        read = config()
        return tuple(column.name for column in peek(read.experiment.data, read.folder)["train"].columns)
    except NNTrainError:
        return ()


def _told(job: Job, series: Series | None) -> list[tuple[str, str]]:
    """Fields, what was left out, and what to look at."""
    layout = job.blueprint.layout
    told: list[tuple[str, str]] = []
    for target in layout.targets:
        plan = job.blueprint.targets[target.name]
        note, _, change = (target.note or target.field.type).partition("   ")
        told.append((f"  {target.name}", f"{note}   target -> {plan.task.type}   {change}".rstrip()))
    inputs = [plan for plan in layout.fields if plan.role == "input"]
    if series is not None:
        told.append(
            (
                "  inputs",
                f"one series of {len(series.columns)} steps: {series.columns[0]} … {series.columns[-1]}   single numbers: leave fields out",
            )
        )
    else:
        by_type: dict[str, list[str]] = {}
        for plan in inputs:
            by_type.setdefault(plan.field.type, []).append(plan.name)
        told += [(f"  {kind}", _some(names)) for kind, names in by_type.items()]
    if layout.left_out:
        told.append(("left out", _some([f"{name} ({why})" for name, why in layout.left_out])))
    return [*told, *(("look at", warning) for warning in job.blueprint.warnings), *look_at(suspected(job))]


def _told_of_time(job: Job, time: InTime | None) -> list[tuple[str, str]]:
    """How a table with one row for each time is split, and what else may be made of it."""
    if time is None:
        return []
    why = f"by time: the latest rows by {time.name} validate and test, as rows near in time are alike"
    split = f"{why}   change: {time.name}: date, split: {{by: random}}"
    name = job.blueprint.layout.targets[0].name
    own = f"{name}: {{type: number, role: [input, target]}}"
    return [("  split", split), ("forecast?", f"data.window: {{past: 48, horizon: 24}}, and data.fields: {{{own}}}")]


def _some(names: Sequence[str]) -> str:
    rest = f", … ({len(names)})" if len(names) > MOST_TOLD else ""
    return ", ".join(names[:MOST_TOLD]) + rest


def _as_screen(rows: Sequence[tuple[str, str]]) -> str:
    width = min(max(len(label) for label, _ in rows), 24)
    lines: list[str] = []
    for label, text in rows:
        what, word, change = text.partition("change: ")
        whole = what + (word + change).replace(" ", NO_BREAK)
        first, *others = textwrap.wrap(whole, WIDTH - width - 3, break_long_words=False, break_on_hyphens=False) or [""]
        lines += [f"{label:<{width}}   {first}", *(" " * (width + 3) + line for line in others)]
    return "\n".join(line.rstrip().replace(NO_BREAK, " ") for line in lines)
