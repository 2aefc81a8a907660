"""Settings of windows: the past of rows in their order as inputs, later rows as targets. Torch-free."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field as Option
from pydantic import PositiveInt, model_validator

from nntrain.data.passages import passage_problems
from nntrain.errors import Problem
from nntrain.schema import StrictModel
from nntrain.specs import SEQUENCE, VECTOR, Size, Spec, Unknown, compute
from nntrain.wording import with_article

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.settings import DataSettings

WINDOW: Final = "window"
"""Name of the input that the past of a window is, as `from` and reports have it."""

OF_OWN_PAST: Final = "forecasting"
"""The task of a target whose own past is in the window that it is predicted from."""

KNOWN: Final = "known"
"""Name of the input that known columns are over the rows that are predicted."""

KNOWN_PAST: Final = "known_past"
"""Name of the input that the same columns are over the past."""

KNOWN_TYPES: Final = frozenset({"number", "boolean", "date", "vector"})
"""Types of columns that may be known beforehand."""

FORECAST: Final = "forecast"
"""Name of the one target that several columns are which are predicted together."""


class WindowSettings(StrictModel):
    """Inputs are the past of a row, targets what comes after it: both are cut from the rows in their order. All lengths are in rows."""

    main: ClassVar[str | None] = "past"

    past: PositiveInt
    """Rows that a window reaches back, the row it predicts from among them; of a running text the tokens of a window, each of which
    predicts the next. It is the only option beside `stride` that a running text has."""
    horizon: PositiveInt = 1
    """Rows that are predicted: one value for each target, or with more than one a vector of as many values."""
    gap: Annotated[int, Option(ge=0)] = 0
    """Rows between the last of the past and the first that is predicted; 0 predicts the very next row."""
    step: PositiveInt = 1
    """Every how many rows the past is read, back from its last row: `past: 720, step: 6` reads 120 of 720 rows."""
    stride: PositiveInt = 1
    """Rows from one window to the next; where new rows are predicted, counted back from the last. Of a running text the tokens from where
    a training window may begin to where the next may: an epoch is one pass over the text in any case, from another place each time."""
    targets: Literal["together", "separate"] | None = None
    """Several target columns as one target `forecast` [horizon, columns], with one loss and one output, or each as a target of its own.
    Default: together where each of them is an input too, a forecast of all from all; else separate."""
    past_from: Literal["split", "earlier"] = "split"
    """Which rows the past of a validation or test window may have: those of its own split alone, or those of the splits before it in the
    same file too. What is predicted is always of its own split. `earlier` is how published forecasts are measured: as many windows as
    targets, the first of them right after the training rows."""
    known: Annotated[tuple[str, ...], Option(min_length=1, strict=False)] | None = None
    """Input columns whose values are known beforehand for the rows that are predicted: a calendar, a plan, a price, a weather forecast.
    They are no part of the input `window` but two inputs of their own, which nodes read by name: `known` [horizon, F], their values in the
    rows that are predicted, and `known_past` [T, F], those of the past. Numbers, booleans and dates; a date gives its calendar, the column
    of times too: `known: [date]`. Names may be patterns. Rows that come after the last target need these columns to be predicted; where
    only the times are known beforehand, they go on by themselves."""
    season: Annotated[int, Option(ge=2)] | None = None
    """Rows after which the series repeat, such as 24 hours or 12 months: the seasonal naive forecast, which the report has beside the
    network, says what was there a season before, and `mase` divides by its error. Default: the last value stands for both."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"past": value} if isinstance(value, int) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _step_is_within_past(self) -> WindowSettings:
        if self.step > self.past:
            raise ValueError(f"step {self.step} is larger than past {self.past}: a window would read a single row; both are in rows")
        return self

    @model_validator(mode="after")
    def _season_is_within_past(self) -> WindowSettings:
        if self.season is not None and self.season > self.past:
            raise ValueError(f"season {self.season} is longer than past {self.past}, in which the forecast that repeats it looks")
        return self

    @property
    def steps(self) -> int:
        """Rows of the past that are read, T."""
        return -(-self.past // self.step)

    @property
    def rows(self) -> int:
        """Rows that a window takes with all it predicts."""
        return self.past + self.gap + self.horizon

    def rows_of(self, key: str) -> range:
        """Which rows an input has, counted from the last one of the past, which is 0."""
        if key == KNOWN:
            return range(1 + self.gap, 1 + self.gap + self.horizon)
        return range(-self.step * (self.steps - 1), 1, self.step)

    @property
    def in_words(self) -> str:
        """`past 120 + gap 72 + horizon 1`."""
        return f"past {self.past:,} + gap {self.gap:,} + horizon {self.horizon:,}"

    def input_spec(self, features: Size) -> Spec:
        """[T, F]."""
        return Spec(SEQUENCE, (self.steps, features))

    def is_known(self, name: str) -> bool:
        """Whether a column is known beforehand."""
        return any(fnmatchcase(name, pattern) for pattern in self.known or ())

    @property
    def target_spec(self) -> Spec:
        """One value, or as many as rows are predicted."""
        return Spec((), ()) if self.horizon == 1 else Spec(VECTOR, (self.horizon,))

    def joint_spec(self, columns: Size) -> Spec:
        """Several columns together: [horizon, columns]."""
        return Spec(SEQUENCE, (self.horizon, columns))

    def joins(self, inputs: Collection[str], targets: Collection[str]) -> bool:
        """Whether some target columns are one target."""
        if len(targets) < 2:
            return False
        return set(targets) <= set(inputs) if self.targets is None else self.targets == "together"


def window_inputs(window: WindowSettings, fields: Mapping[str, Spec], *, has_all: bool = True) -> dict[str, Spec]:
    """The inputs that some columns become.

    Args:
        window: How windows are cut.
        fields: The input columns, each with what it is in a row.
        has_all: Whether these are all; else only the data tell how many there are.
    """
    past = [spec for name, spec in fields.items() if not window.is_known(name)]
    known = [spec for name, spec in fields.items() if window.is_known(name)]
    found: dict[str, Spec] = {}
    if past or not has_all:
        found[WINDOW] = window.input_spec(_features(past) if has_all else Unknown("columns of the window"))
    if window.known and (known or not has_all):
        features = _features(known) if has_all else Unknown("known columns")
        found |= {KNOWN: Spec(SEQUENCE, (window.horizon, features)), KNOWN_PAST: window.input_spec(features)}
    return found


def _features(specs: Sequence[Spec]) -> Size:
    """Numbers of some columns in a row."""
    sizes: list[Size] = [spec.sizes[-1] if spec.axes else 1 for spec in specs]
    return compute(lambda *counts: sum(counts), *sizes)


def unread_inputs(window: WindowSettings, unread: Collection[str]) -> Iterator[str]:
    """What is to be told of inputs that no node reads; the past of columns that are known beforehand may well say nothing.

    Args:
        window: How windows are cut.
        unread: Names of the inputs.
    """
    if WINDOW in unread:
        yield f"no node reads {WINDOW}, the last {window.past:,} rows of the inputs: from: {WINDOW}"
    if KNOWN in unread:
        yield f"no node reads {KNOWN}, what data.window.known knows of the rows that are predicted: from: {KNOWN}, or remove it"


def window_targets(window: WindowSettings, plans: Sequence[FieldPlan]) -> tuple[FieldPlan, ...]:
    """What is predicted of some fields: each target column, or the one target that they are together."""
    targets = tuple(plan for plan in plans if plan.role == "target")
    if any(plan.field.type != "number" for plan in targets):
        return targets
    inputs, names = {plan.name for plan in plans if plan.role == "input"}, tuple(plan.name for plan in targets)
    if window.joins(inputs, names):
        joint = replace(targets[0], name=FORECAST, columns=names, note=None, spec=window.joint_spec(len(names)), together=names)
        return (replace(joint, task=OF_OWN_PAST if set(names) <= inputs else None),)
    return tuple(replace(plan, spec=window.target_spec, task=OF_OWN_PAST if plan.name in inputs else None) for plan in targets)


def window_problems(settings: DataSettings, plans: Sequence[FieldPlan], *, has_all_columns: bool) -> Iterator[Problem]:
    """What does not go together with a window: rows without an order, and columns that are no numbers.

    Args:
        settings: The data section.
        plans: The fields that are known.
        has_all_columns: Whether these are all.
    """
    if settings.source.is_running_text:
        yield from passage_problems(settings, plans)
        return
    window = settings.window
    if window is None:
        return
    path = ("data", "window")
    yield from _without_effect(settings, plans, has_all_columns=has_all_columns)
    if not settings.source.has_order:
        message = f"needs rows in an order, and the rows of {settings.source.type} have none"
        yield Problem(path, message, "remove window, or read the rows from a table: csv, parquet, jsonl, excel, arrays", on_key=True)
        return
    if settings.split.by in ("random", "stratified"):
        message = f"{settings.split.by} leaves no rows in a row, of which windows are cut"
        yield Problem(("data", "split", "by"), message, "fix:  by: time, which is the default with data.window")
    yield from _known_problems(window, plans, has_all_columns=has_all_columns)
    yield from _column_problems(window, plans)
    targets = [plan.name for plan in plans if plan.role == "target"]
    if targets and has_all_columns and not any(plan.role == "input" and not window.is_known(plan.name) for plan in plans):
        but = " but what is known beforehand" if window.known else ""
        message = f"has no input{but}: a window over {targets[0]} itself needs it as input too"
        yield Problem(("data", "fields"), message, f"fix:  fields: {{{targets[0]}: {{type: number, role: [input, target]}}}}")


def _without_effect(settings: DataSettings, plans: Sequence[FieldPlan], *, has_all_columns: bool) -> Iterator[Problem]:
    """Options of windows that change nothing, and columns that can't be one target."""
    window = settings.window
    assert window is not None
    targets = [plan for plan in plans if plan.role == "target"]
    if window.targets is not None and len(targets) == 1 and has_all_columns:
        yield Problem(("data", "window", "targets"), f"has no effect: {targets[0].name} is the only target", "remove it")
    if window.joins([plan.name for plan in plans if plan.role == "input"], [plan.name for plan in targets]):
        scaled = {plan.name: str(getattr(plan.field, "normalize", "")) for plan in targets if plan.field.type == "number"}
        first = next(iter(scaled), "")
        for name in (name for name, scaling in scaled.items() if scaling != scaled[first]):
            message = f"is scaled otherwise than {first}, and both are one target (normalize: {scaled[name]} and {scaled[first]})"
            yield Problem(("data", "fields", name), message, "fix:  one normalize for all, or data.window: {…, targets: separate}")
    split, given = settings.split, settings.source.written_paths()
    off = [part for part in ("validation", "test") if part not in given and (getattr(split, part) is not None or split.folds is not None)]
    if window.past_from == "earlier" and split.by != "column" and (not off or split.by == "given"):
        message = "has no effect: no rows for validation or test are split off the training file"
        yield Problem(("data", "window", "past_from"), message, "remove it")


def _column_problems(window: WindowSettings, plans: Sequence[FieldPlan]) -> Iterator[Problem]:
    """Columns that are no single numbers, and weights."""
    for plan in plans:
        if plan.role == "input" and window.is_known(plan.name):
            continue
        if plan.role in ("input", "target") and plan.field.type != "number":
            yield _not_a_number(plan)
        elif plan.role in ("input", "target") and plan.spec.axes:
            yield Problem(("data", "fields", plan.name), f"has several numbers a row {plan.spec}, and a window is made of single ones")
        elif plan.role == "weight":
            yield Problem(("data", "fields", plan.name), "weighs rows, and with data.window a window has no weight", "fix:  role: ignore")


def _known_problems(window: WindowSettings, plans: Sequence[FieldPlan], *, has_all_columns: bool) -> Iterator[Problem]:
    """Columns that are said to be known beforehand, and can't be."""
    roles = {(plan.name, plan.role): plan for plan in plans}
    names = list(dict.fromkeys(name for name, role in roles if role == "input"))
    for place, pattern in enumerate(window.known or ()):
        path = ("data", "window", "known", place)
        meant = [name for name in dict.fromkeys(name for name, _ in roles) if fnmatchcase(name, pattern)]
        target = next((name for name in meant if (name, "target") in roles), None)
        if target is not None:
            yield Problem(path, f"{target} is what is predicted: nobody knows it beforehand", "remove it, or let the pattern leave it out")
        elif not any((name, "input") in roles for name in meant) and has_all_columns:
            found = f"{meant[0]} is no input" if meant else f"no input column {pattern!r}"
            yield Problem(path, found, f"input columns: {', '.join(names) or 'none'}")
        for name in meant:
            plan = roles.get((name, "input"))
            if plan is not None and target is None and (plan.field.type not in KNOWN_TYPES or plan.spec.rank > 1):
                message = f"{name} is {with_article(plan.field.type)}, and known inputs are numbers, booleans and dates"
                yield Problem(path, message, f"fix:  data.fields: {{{name}: number}} if it holds numbers, else a column of 0 and 1 a value")


def _not_a_number(plan: FieldPlan) -> Problem:
    """A column of another type: what to make of it."""
    kind = plan.field.type
    message = f"is {with_article(kind)}, and with data.window {plan.role}s are number columns"
    as_number = f"data.fields: {{{plan.name}: {{type: number, role: {plan.role}}}}}"
    if plan.role == "target":
        hint = f"fix:  {as_number} if it holds numbers"
    elif kind == "date":
        order = f"data.fields: {{{plan.name}: {{role: time}}}} if it orders the rows"
        hint = f"fix:  {order}; its calendar as input? data.window: {{…, known: [{plan.name}]}}; else {{role: ignore}}"
    elif kind == "category":
        hint = f"fix:  data.fields: {{{plan.name}: {{role: group}}}} if it tells several series apart, else {{role: ignore}}"
    else:
        hint = f"fix:  {as_number} if it holds numbers, else {{role: ignore}}"
    return Problem(("data", "fields", plan.name), message, hint)
