"""From settings and the head of the data to the fields of a run: which there are, of which type, in which role."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from nntrain.data.alignment import alignment_problems
from nntrain.data.carrying import carry_problems
from nntrain.data.dates import TwoReadings
from nntrain.data.doubts import doubts
from nntrain.data.field_plan import FieldPlan, first_steps
from nntrain.data.fields.category import Category
from nntrain.data.fields.date import Date
from nntrain.data.fields.field import Role
from nntrain.data.fields.image import Image
from nntrain.data.fields.number import Number
from nntrain.data.given_folds import fold_problems
from nntrain.data.graphs import for_nodes, graph_problems
from nntrain.data.header import Header, HeaderColumn
from nntrain.data.inference import ROW_NUMBERS, Guess, guess_array, guess_files, guess_values, other_readings
from nntrain.data.long_series import LongSeries
from nntrain.data.mask_plans import beside_images, moving_problems
from nntrain.data.naming import NamedField, name_fields, no_column
from nntrain.data.numerals import Numerals
from nntrain.data.passages import Passages
from nntrain.data.ragged_batches import bucket_problems
from nntrain.data.samplers import sampler_problems
from nntrain.data.settings import DataSettings, SplitSettings
from nntrain.data.sources.source import Part
from nntrain.data.streaming_problems import settle_polars, streaming_problems
from nntrain.data.texts import with_shared, without_unasked
from nntrain.data.window import WindowSettings, window_inputs, window_problems, window_targets
from nntrain.errors import DataError, Problem, SpecError
from nntrain.specs import Spec
from nntrain.wording import number_of, with_article

if TYPE_CHECKING:
    from nntrain.data.row_steps import RowSteps

GROUPING: Final[frozenset[Role]] = frozenset({"fold", "group"})
"""Roles of columns whose rows of one value stay together."""
SPLITTING: Final[frozenset[Role]] = frozenset({"split", "fold", "group", "time"})
"""Roles that only say which rows are used for what; new rows need no such columns."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a run, in the order of the file; ignored ones are left out."""

    fields: tuple[FieldPlan, ...]
    has_validation: bool
    has_test: bool
    rows: int | None
    """Rows of the training file, where its head tells."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Columns that are not used, and why: `("ObjektNr", "one value per row")`."""
    doubts: tuple[str, ...] = ()
    """Columns that were not taken for numbers and may be, and what makes them so."""
    untyped: tuple[str, ...] = ()
    """Fields whose type only a look at the data can tell (`--no-data`)."""
    dialect: str | None = None
    """How the file is written, in words."""
    numerals: Numerals | None = None
    """Marks in the numbers of a text file."""
    window: WindowSettings | None = None
    """How inputs and targets are cut from the rows, where they are."""
    has_all_columns: bool = True
    """Whether the columns of the file are known (not with `--no-data`)."""
    row_steps: RowSteps | None = None
    """How long rows are; `None` where nothing is known of it."""

    @property
    def inputs(self) -> dict[str, Spec]:
        """Tensors of the inputs: of each input field, or those that a window makes of them."""
        specs = {plan.name: plan.spec for plan in self.fields if plan.role == "input"}
        return specs if self.window is None else window_inputs(self.window, specs, has_all=self.has_all_columns)

    @property
    def targets(self) -> tuple[FieldPlan, ...]:
        """What is to be predicted: the target fields, or the one target that columns of a window are together."""
        plans = tuple(plan for plan in self.fields if plan.role == "target")
        return plans if self.window is None else window_targets(self.window, self.fields)

    @property
    def weight(self) -> FieldPlan | None:
        """The field that weighs rows."""
        return next((plan for plan in self.fields if plan.role == "weight"), None)


Planned = tuple[Layout, tuple[Problem, ...]]
"""A layout as far as it is known, and everything that is wrong with the settings."""


def plan_layout(settings: DataSettings, folder: Path, *, look: bool) -> Planned:
    """Plan the fields before anything is read: the likeliest of `plan_layouts`. Raises `DataError`."""
    return next(plan_layouts(settings, folder, look=look))


def plan_layouts(settings: DataSettings, folder: Path, *, look: bool) -> Iterator[Planned]:
    """Plan the fields before anything is read.

    Args:
        settings: The data section.
        folder: The config's folder, from which paths are counted.
        look: Whether to read the head of the files (64 kB or 1,000 rows, with the standard library). Without it only what
            the settings say is planned.

    Returns:
        The layout as the first rows have it; then, where they don't show all rows, with what else the target may turn out to be. The
        files are looked at at once; each layout is made when it is asked for.

    Raises:
        DataError: A file is missing, empty, or not what its source reads.
    """
    lacks = settings.source.lacks if look else None
    headers = peek(settings, folder) if (look and lacks is None) or settings.source.has_types else {}
    header = headers.get("train") or settings.source.outline()
    named, problems = name_fields(settings, header)
    if lacks is not None:
        problems.append(Problem(("data", "source"), lacks))
    for part, other in headers.items():
        if part != "train":
            problems += _missing_columns(named, other, part)
    guesses = {field.name: _guess(field, header.column(field.columns[0]) if header and field.columns else None) for field in named}
    if not any("target" in field.roles for field in named) and not _names_lost_target(settings, problems, is_unseen=header is None):
        problems.append(_no_target(header, has_edges=settings.source.has_nodes))

    def plan(reading: dict[str, Guess | None]) -> Planned:
        layout, more = assemble_layout(settings, header, named, reading)
        more += [*check_split(settings, layout), *streaming_problems(settings, layout.fields, header)]
        return layout, (*problems, *more, *alignment_problems(layout.fields, named))

    return map(plan, chain([guesses], _other_guesses(named, header, guesses)))


def _other_guesses(named: list[NamedField], header: Header | None, guesses: dict[str, Guess | None]) -> Iterator[dict[str, Guess | None]]:
    """What the first target without a type may turn out to be beside what the first rows show."""
    target = next((field for field in named if "target" in field.roles and guesses[field.name] is not None), None)
    facts = header.column(target.columns[0]).facts if header is not None and target is not None else None
    if target is None or facts is None:
        return
    first = guesses[target.name]
    for field in other_readings(facts):
        if first is not None and first.field is not None and field.type != first.field.type:
            yield {**guesses, target.name: Guess(field, field.type)}


def peek(settings: DataSettings, folder: Path) -> dict[Part, Header]:
    """Heads of all files. Raises `DataError`."""
    headers: dict[Part, Header] = {}
    settle_polars(streams=settings.streaming)
    source, long = settings.source, LongSeries.of(settings)
    for part, path in source.files(folder).items():
        headers[part] = source.peek(path, path.name) if long is None else long.header(source.peek(path, path.name), path)
        if any(column.first_sounds for column in headers[part].columns):
            from nntrain.data.audio.sound_heads import with_sounds
            from nntrain.data.file_store import FileStore

            headers[part] = with_sounds(headers[part], FileStore(path.parent))
        source = source.leaning_on(headers["train"].numerals)
    return headers


def assemble_layout(
    settings: DataSettings, header: Header | None, named: list[NamedField], guesses: dict[str, Guess | None]
) -> tuple[Layout, list[Problem]]:
    """Put fields and their types together; a field without a guess keeps the type it has."""
    plans: list[FieldPlan] = []
    left_out: list[tuple[str, str]] = []
    untyped: list[str] = []
    problems: list[Problem] = []
    idle: dict[str, list[dict[str, str]]] = {}
    inputs = [field.name for field in named if "input" in field.roles]
    guesses = without_unasked(named, guesses)
    for field in named:
        guess = guesses[field.name]
        if guess is not None and guess.note == ROW_NUMBERS and inputs == [field.name]:
            guess = Guess(Number(), f"number ({ROW_NUMBERS}, and the only input)")
        if guess is not None and guess.field is None:
            left_out.append((field.name, guess.note))
        elif field.field.type == "auto" and guess is None and field.roles <= SPLITTING:
            continue  # nothing of the network hangs on it
        elif field.field.type == "auto" and guess is None:
            untyped.append(field.name)
        else:
            found, faults = _plan(field, guess, header, settings.window)
            plans += for_nodes(found, settings, header)
            problems += faults
            if field.key is not None:
                idle.setdefault(field.key, []).append(field.field.idle_options(field.roles))
    problems += _without_effect(idle)
    plans = beside_images(with_shared(plans, named, problems))
    problems += moving_problems(plans, {field.name: field.key or field.name for field in named})
    passages = Passages.of(settings)
    plans = plans if passages is None else passages.planned(plans)
    has_column = any("split" in field.roles for field in named)
    parts = {
        part: has_column or part in settings.source.written_paths() or _splits_off(settings.split, part) for part in ("validation", "test")
    }
    layout = Layout(
        fields=tuple(plans),
        has_validation=parts["validation"],
        has_test=parts["test"],
        rows=header.rows if header else None,
        left_out=tuple(left_out),
        doubts=tuple(doubts(named, guesses, is_random=splits_at_random(settings, has_column=has_column))),
        untyped=tuple(untyped),
        dialect=header.dialect if header else None,
        numerals=header.numerals if header else None,
        window=None if settings.source.is_running_text else settings.window,
        has_all_columns=header is not None,
        row_steps=None if header is None else first_steps(plans, header),
    )
    return layout, problems


def check_split(settings: DataSettings, layout: Layout) -> list[Problem]:
    """What is wrong with the split settings, given the fields."""
    split = settings.split
    column = next((plan.name for plan in layout.fields if plan.role == "split"), None)
    problems = [
        *_split_without_effect(settings, column),
        *carry_problems(settings),
        *bucket_problems(settings, layout.fields, has_all_columns=layout.has_all_columns),
        *graph_problems(settings, layout.fields),
        *window_problems(settings, layout.fields, has_all_columns=layout.has_all_columns),
    ]
    roles: set[Role] = {plan.role for plan in layout.fields}
    for role in ("group", "time") if settings.window is None else ():
        name = next((plan.name for plan in layout.fields if plan.role == role), None)
        if name is not None and split.by not in (None, role):
            message = f"{split.by} does not read the column {name}, whose role is {role}"
            problems.append(Problem(("data", "split", "by"), message, f"fix:  by: {role}"))
    problems += fold_problems(settings, layout.fields)
    if "time" in roles and roles & GROUPING and split.by is None and settings.window is None:
        what = f"a column is {' and '.join(sorted(roles & GROUPING))} and another time: which one splits?"
        problems.append(Problem(("data", "split"), what, "fix:  by: group, or by: time"))
    if split.by == "group" and not roles & GROUPING:
        problems.append(
            Problem(("data", "split", "by"), "group needs the column that says which rows belong together", "fix:  column: NAME")
        )
    if split.by == "column" and column is None:
        problems.append(
            Problem(("data", "split", "by"), "column needs the column that says train, validation or test", "fix:  column: NAME")
        )
    if split.by == "stratified" and layout.targets and not any(plan.field.stratifies for plan in layout.targets):
        message = f"stratified keeps the shares of classes, and the target is {with_article(layout.targets[0].field.type)}"
        problems.append(Problem(("data", "split", "by"), message, "fix:  by: random"))
    problems += sampler_problems(None if settings.batch is None else settings.batch.sampler, layout.targets)
    return problems


def _split_without_effect(settings: DataSettings, column: str | None) -> list[Problem]:
    """Options of the split that nothing reads, as something else says which rows are split off."""
    split, given = settings.split, settings.source.written_paths()
    parts: tuple[Literal["validation", "test"], ...] = ("validation", "test")
    problems: list[Problem] = []
    for part in parts:
        value = getattr(split, part)
        if value == SplitSettings.model_fields[part].default:
            continue
        why = f"data.source.{part} gives the {part} rows" if part in given else None
        if why is None and column is not None and split.by == "column":
            why = f"the column {column} says which rows are for {part}"
        if why is None and split.by == "given" and value is not None:
            why = "by: given takes only the rows that data.source gives"
        if why is None and split.folds is not None and part == "test":
            why = "the fold is the test rows"
        if why is not None:
            problems.append(Problem(("data", "split", part), f"has no effect: {why}", "remove one of the two"))
    for part, option in (("test", "folds"), ("validation", "validation_folds")):
        if getattr(split, option) is not None and (part in given or split.by in ("column", "given") or column is not None):
            message = f"cuts {part} rows off the training rows, and they are given already"
            hint = "leave out what gives them (a file, a column), or the folds"
            problems.append(Problem(("data", "split", option), message, hint, on_key=True))
    if split.seed is not None and not splits_at_random(settings, has_column=False):
        problems.append(Problem(("data", "split", "seed"), "has no effect: no rows are split off at random", "remove it"))
    return problems


def splits_at_random(settings: DataSettings, *, has_column: bool) -> bool:
    """Whether a seed decides which rows validate or test; not where files or a column (`has_column`) say so."""
    given = settings.source.written_paths()
    parts: tuple[Part, ...] = ("validation", "test")
    is_random = not has_column and split_rule(settings, ()) != "time"
    return is_random and any(_splits_off(settings.split, part) and part not in given for part in parts)


def split_rule(settings: DataSettings, roles: Collection[Role]) -> str | None:
    """By what rows are split off: as it is written, by time for windows, else by a column of groups or times; `None`: as targets say."""
    if settings.split.by is None and settings.window is not None:
        return "time"
    return settings.split.by or ("group" if GROUPING & set(roles) else "time" if "time" in roles else None)


def _splits_off(split: SplitSettings, part: Part) -> bool:
    is_cut = part == "validation" and split.validation_folds is not None
    return split.by not in ("given", "column") and (is_cut or getattr(split, part) is not None)


def _guess(field: NamedField, column: HeaderColumn | None) -> Guess | None:
    """The type of a field that has none, from the head of the data."""
    if field.field.type != "auto" or column is None:
        return None
    facts = column.facts
    if facts is not None and isinstance(facts.date_format, TwoReadings) and facts.is_complete and "target" not in field.roles:
        raise DataError(facts.date_format.message(column.name), facts.date_format.hint(column.name))
    return guess_column(field, column)


def guess_column(field: NamedField, column: HeaderColumn) -> Guess:
    """The type of a field that has none, from what is known of its column."""
    if column.key is not None and not field.is_named:
        return Guess(None, column.key)
    if column.kind == "image":
        return Guess(Image(), "image")
    if (files := column.named_files) is not None:
        return guess_files(files)
    if column.kind == "class":
        return Guess(Category(), "category" if column.facts is None else f"category ({number_of(column.facts.distinct, 'value')})")
    if "weight" in field.roles:
        return Guess(Number(), "number")
    if field.roles & {"split", *GROUPING} and "input" not in field.roles:
        return Guess(Category(), "category")
    if field.roles == frozenset[Role]({"time"}) and column.facts is not None:
        are_numbers = column.facts.is_numeric or column.facts.numbers == column.facts.present  # 007 is a place in an order too
        return Guess(Number(), "number") if are_numbers else Guess(Date(), "date")
    if column.facts is not None:
        return guess_values(column.facts, is_target="target" in field.roles, is_named=field.is_named)
    shape = ", ".join(map(str, ("N", *column.shape)))
    return guess_array(column.shape, column.kind) or Guess(None, f"an array [{shape}], which no field type reads")


def _plan(
    field: NamedField, guess: Guess | None, header: Header | None, window: WindowSettings | None
) -> tuple[list[FieldPlan], list[Problem]]:
    """A plan for each role."""
    typed = (
        field.field
        if guess is None or guess.field is None
        else guess.field.model_copy(update={"role": field.field.role, "column": field.field.column})
    )
    if header is not None and field.columns and field.columns[0] in header.classes:
        typed = typed.with_classes(header.classes[field.columns[0]])
    path = ("data", "fields", field.key or field.name)
    columns = None if header is None else [header.column(name) for name in field.columns]
    plans: list[FieldPlan] = []
    problems = [] if header is None or typed.lacks is None else [Problem(path, typed.lacks)]
    for role in sorted(field.roles, key=["input", "target", "weight", "split", "fold", "group", "time"].index):
        if role not in typed.roles:
            problems.append(Problem((*path, "role") if field.field.role else ("data", "target"), _misfit(typed.type, role)))
            continue
        try:
            spec = typed.plan_spec(field.name, columns, is_target=role == "target")
        except SpecError as error:
            problems.append(Problem(path, error.message, error.hint))
            break
        note = guess.note if guess else None
        plans.append(FieldPlan(field.name, typed.in_role(role), field.columns, role, note, spec, typed.class_names))
    if window is None and {"input", "target"} <= field.roles and any(not plan.spec.axes for plan in plans):
        problems.append(Problem((*path, "role"), f"a {typed.type} that is input and target would be its own answer"))
    return plans, problems


def _without_effect(idle: Mapping[str, list[dict[str, str]]]) -> list[Problem]:
    """Options that nothing reads: a pattern may stand for several fields, of which one that reads them is enough."""
    return [
        Problem(("data", "fields", key, option), f"has no effect: {why}", "remove it")
        for key, options in idle.items()
        for option, why in options[0].items()
        if all(option in others for others in options)
    ]


def _misfit(field_type: str, role: Role) -> str:
    return f"{with_article(field_type)} cannot be {'the weight of rows' if role == 'weight' else role}"


def _missing_columns(named: list[NamedField], header: Header, part: Part) -> list[Problem]:
    """Columns that a given file lacks."""
    path = ("data", "source", part)
    wanted = dict.fromkeys(column for field in named if not field.roles <= SPLITTING for column in field.columns)
    return [no_column(column, header, path) for column in wanted if column not in header.by_name]


def _names_lost_target(settings: DataSettings, problems: list[Problem], *, is_unseen: bool) -> bool:
    """Whether a target is named, and its column is not there: that is told already, or a pattern of columns that nobody has seen."""
    named = any("target" in field.role_set for field in settings.fields.values())
    return (is_unseen and named) or (bool(problems) and (bool(settings.targets) or named))


def _no_target(header: Header | None, *, has_edges: bool) -> Problem:
    names = f"   columns: {', '.join(header.names[:8])}{', …' if len(header.names) > 8 else ''}" if header else ""
    edges = ", or data.source.target: edges" if has_edges else ""
    return Problem(("data",), "names no target: which column is to be predicted?", f"fix:  target: COLUMN{edges}{names}")
