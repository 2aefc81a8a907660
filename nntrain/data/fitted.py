"""Fields that have learned from the training rows: they turn any rows into tensors, and predictions back into values."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor

from nntrain.data.alignment import aligned
from nntrain.data.batches import TensorData
from nntrain.data.drift import NONE, Departures
from nntrain.data.fields.field import Encoded, Field, RaggedArray, State
from nntrain.data.fields.number import Number
from nntrain.data.fields.vector import Vector
from nntrain.data.fitted_target import FittedTarget, fitted_targets
from nntrain.data.layout import SPLITTING, FieldPlan
from nntrain.data.packed import PackedSteps, Stored
from nntrain.data.passages import Passages
from nntrain.data.pixels import PixelScaling
from nntrain.data.scaling import take
from nntrain.data.settings import FIELD_SLOT, DataSettings
from nntrain.data.shown import Shown
from nntrain.data.streaming import Reading, Streamed
from nntrain.data.table import Table, counted
from nntrain.data.token_windows import cut_text
from nntrain.data.values import read_values, usable_rows
from nntrain.data.window import WindowSettings, window_inputs
from nntrain.data.window_cutting import cut_windows
from nntrain.data.window_tensors import window_tensors
from nntrain.errors import DataError
from nntrain.schema import load_class
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, Spec, blocks

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values

    Read = Mapping[str, Values]

MISSING_CLASS = "(missing)"
"""Name of the class that stands for missing inputs."""


@dataclass(frozen=True, slots=True)
class FittedField:
    """One field in one role, and what it learned."""

    plan: FieldPlan
    state: State
    shown: Shown = NONE
    """Of an input, what new rows are compared with."""

    @property
    def name(self) -> str:
        """Name of the field."""
        return self.plan.name

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, of a category in the order of their indices."""
        if "classes" not in self.state:
            return self.plan.classes
        return (*self.state["classes"], *([MISSING_CLASS] if self.state["has_missing"] else []))


@dataclass(frozen=True, slots=True)
class FittedFields:
    """All fields of a run."""

    fields: tuple[FittedField, ...]
    """Inputs, targets and the weight, in the order of the file; with a window the columns of groups and times too."""
    window: WindowSettings | None = None
    """How windows are cut from the rows, where they are."""
    reading: Reading | None = None
    """Who reads the inputs that are not kept in memory; `None` where all are."""
    passages: Passages | None = None
    """How windows are cut from a running text, where that is what is read."""

    @classmethod
    def fit(
        cls,
        plans: tuple[FieldPlan, ...],
        values: Read,
        rows: Array,
        file: str,
        window: WindowSettings | None = None,
        reading: Reading | None = None,
    ) -> FittedFields:
        """Learn from some rows of the values. Raises `DataError`."""
        fitted: list[FittedField] = []
        leaders = {plan.field.shares for plan in plans} - {None}
        for plan in plans:
            if plan.role in SPLITTING:
                fitted.append(FittedField(plan, {}))
                continue
            is_target = plan.role == "target"
            own = take(values[plan.name], rows)
            leader = plan.field.shares or plan.name
            with _told(file, plan.name):
                if leader in leaders:
                    names = dict.fromkeys(each.name for each in plans if leader in (each.name, each.field.shares))
                    state = plan.field.fit(plan.field.join([take(values[name], rows) for name in names]), is_target=is_target)
                else:
                    state = plan.field.fit(own, is_target=is_target)
            shown = Shown.of(plan.field, own) if plan.role == "input" else NONE
            field = FittedField(replace(plan, spec=plan.field.fitted_spec(state, is_target=is_target)), state, shown)
            fitted.append(replace(field, plan=replace(field.plan, classes=field.classes)))
        return cls(tuple(fitted), window, reading)

    @property
    def inputs(self) -> dict[str, Spec]:
        """Tensors of the inputs, all sizes known."""
        specs = {field.name: field.plan.spec for field in self.fields if field.plan.role == "input"}
        return specs if self.window is None else window_inputs(self.window, len(specs))

    @property
    def targets(self) -> dict[str, FittedTarget]:
        """The targets by name."""
        return fitted_targets(self.fields, self.window)

    def with_naive_errors(self, errors: Mapping[str, float]) -> FittedFields:
        """The same with how far each target of a window lies from itself a season before, which the metric `mase` divides by."""
        found = (
            replace(field, state={**field.state, "naive": errors[field.name]}) if field.plan.role == "target" else field
            for field in self.fields
        )
        return replace(self, fields=tuple(found))

    def state(self) -> list[dict[str, Any]]:
        """Plain values and tensors from which `restore` makes the same fields."""
        return [
            {
                "name": field.name,
                "role": field.plan.role,
                "columns": list(field.plan.columns),
                "settings": {
                    **field.plan.field.model_dump(mode="json"),
                    "role": field.plan.role,
                },  # the same, written in the config or found
                "learned": field.state,
                "shown": field.shown.state(),
            }
            for field in self.fields
        ]

    @classmethod
    def restore(cls, settings: DataSettings, tree: list[dict[str, Any]]) -> FittedFields:
        """Undo `state`. The tree holds all that is needed; options that only act on reading are taken from `settings`.

        Raises:
            DataError: The tree has no field for a target that the settings name.
        """
        fields = cls(tuple(_restored(saved) for saved in tree), settings.window, reading_of(settings))
        targets = [field.name for field in fields.fields if field.plan.role == "target"]
        lost = [name for name in settings.targets if name not in targets]
        if lost:
            raise DataError(f"the stored fields have no target {lost[0]!r}; they predict {', '.join(targets)}")
        passages = Passages.of(settings)
        return fields if passages is None else fields.cut_into(passages)

    def cut_into(self, passages: Passages) -> FittedFields:
        """The same for windows over a running text."""
        fields = (replace(field, plan=replace(field.plan, spec=passages.spec(field.plan.spec))) for field in self.fields)
        return replace(self, fields=tuple(fields), passages=passages)

    def cut_tokens(self, tokens: Tensor, first: int = 0, *, stride: int | None = None) -> TensorData:
        """Windows over tokens int64 `[S]` of a running text, of which the first is number `first` of the source."""
        assert self.passages is not None
        field = self.fields[0]
        return cut_text(tokens, self.passages.steps, field.name, field.state["size"], first=first, stride=stride)

    def read(self, table: Table, *, with_targets: bool) -> dict[str, Values]:
        """Values of all rows, typed. Raises `DataError` that names a missing column or an unreadable cell."""
        used = (field for field in self.fields if field.plan.role in ("input", *SPLITTING) or with_targets)
        return read_values([field.plan for field in used], table, streams=self.reading is not None)

    def encode(self, table: Table, *, with_targets: bool) -> TensorData:
        """Turn rows into tensors. With targets, rows that lack one, or whose class training never showed, are left out.

        Raises:
            DataError: A column is missing, a cell is unreadable, or no row is left.
        """
        return self.encode_noted(table, with_targets=with_targets)[0]

    def encode_noted(self, table: Table, *, with_targets: bool) -> tuple[TensorData, tuple[str, ...]]:
        """Like `encode`; also tells in words which rows were left out, and what training never showed. Raises `DataError`."""
        values = self.read(table, with_targets=with_targets)
        plans = tuple(field.plan for field in self.fields)
        rows, notes = usable_rows(plans, table, values, self.window) if with_targets else (np.arange(table.rows), [])
        data, more = self.encode_rows(table, values, rows, with_targets=with_targets)
        _require_rows(table, data, [*notes, *more])
        return data, (*notes, *more)

    def encode_new(self, table: Table, *, with_targets: bool) -> NewRows:
        """Like `encode`, for rows that are to be compared with those of training. Raises `DataError`."""
        values = self.read(table, with_targets=with_targets)
        plans = tuple(field.plan for field in self.fields)
        rows, notes = usable_rows(plans, table, values, self.window) if with_targets else (np.arange(table.rows), [])
        inputs = [field for field in self.fields if field.plan.role == "input"]
        if self.window is not None:
            data, more = self._cut(self.window, table, values, rows, with_targets=with_targets)
            _require_rows(table, data, [*notes, *more])
            return NewRows(data, (*notes, *more), Departures.of(inputs, values, data.rows.numpy(), {}))
        if self.passages is not None:
            return NewRows(self._running(values), tuple(notes), Departures.of(inputs, values, rows, {}))
        encoded = self._encoded(table, values, rows, with_targets=with_targets)
        keep, more = _left(table, encoded, rows)
        data = _tensors(self.inputs, encoded, rows, keep, self.reading)
        _require_rows(table, data, [*notes, *(note for _, note in more)])
        unknown = {name: found.unknown[keep] for (role, name), found in encoded.items() if role == "input" and found.unknown is not None}
        notes += [note for role, note in more if role == "target"]
        return NewRows(data, tuple(notes), Departures.of(inputs, values, rows[keep], unknown))

    def encode_rows(
        self, table: Table, values: Read, rows: Array, *, with_targets: bool, before: Array | None = None
    ) -> tuple[TensorData, list[str]]:
        """Turn some rows `[M]` of a table into tensors; returns what is to be told as well.

        The past of a window may have the rows `before` too.

        Raises:
            DataError: A value does not fit what was fitted, or a weight is negative.
        """
        if self.window is not None:
            return self._cut(self.window, table, values, rows, with_targets=with_targets, before=before)
        if self.passages is not None:
            return self._running(values), []
        encoded = self._encoded(table, values, rows, with_targets=with_targets)
        keep, notes = _left(table, encoded, rows)
        return _tensors(self.inputs, encoded, rows, keep, self.reading), [note for _, note in notes]

    def _cut(
        self, window: WindowSettings, table: Table, values: Read, rows: Array, *, with_targets: bool, before: Array | None = None
    ) -> tuple[TensorData, list[str]]:
        """Windows over some rows: numbered by the last row of their past. Raises `DataError`."""
        cut = cut_windows(window, table, [field.plan for field in self.fields], values, rows, ahead=with_targets, before=before)
        encoded = self._encoded(table, values, cut.rows, with_targets=with_targets)
        targets = [field for field in self.fields if field.plan.role == "target"] if with_targets else []
        is_missing = {field.name: field.plan.field.is_missing(take(values[field.name], cut.rows)) for field in targets}
        return window_tensors(window, cut, encoded, is_missing)

    def _running(self, values: Read) -> TensorData:
        """Windows over the running text of a file, which is one row. Raises `DataError`."""
        field = self.fields[0]
        return self.cut_tokens(torch.from_numpy(field.plan.field.encode(values[field.name], field.state, is_target=False).values))

    def _encoded(self, table: Table, values: Read, rows: Array, *, with_targets: bool) -> dict[tuple[str, str], Encoded]:
        """Numbers of some rows, by role and field. Raises `DataError`."""
        encoded: dict[tuple[str, str], Encoded] = {}
        own: dict[str, Values] = {}
        for field in self.fields:
            role = field.plan.role
            if role == "input" or (with_targets and role not in SPLITTING):
                if field.name not in own:  # once, so that images that are input and target are kept once
                    own[field.name] = take(values[field.name], rows)
                with _told(table.name, field.name):
                    encoded[role, field.name] = field.plan.field.encode(own[field.name], field.state, is_target=role == "target")
        return aligned([(field.name, field.plan.field) for field in self.fields], encoded, table, rows)


@dataclass(frozen=True, slots=True)
class NewRows:
    """Encoded rows of a later day."""

    data: TensorData
    notes: tuple[str, ...]
    """Which rows were left out."""
    departures: Departures
    """Where the rows of `data` are not like those of training, in their order."""


def reading_of(settings: DataSettings) -> Reading | None:
    """Who reads the inputs that are not kept in memory, where the settings stream them."""
    return Reading(settings.workers) if settings.streaming else None


def _require_rows(table: Table, data: TensorData, notes: Sequence[str]) -> None:
    """Refuse what leaves no row. Raises `DataError`."""
    if not len(data):
        raise DataError(f"{table.name}: none of {counted(table.rows)} can be used", "; ".join(notes) or None)


def _left(table: Table, encoded: Mapping[tuple[str, str], Encoded], rows: Array) -> tuple[Array, list[tuple[str, str]]]:
    """Which of some rows can be used, bool `[M]`, and of which field training never showed a value, in words.

    Raises:
        DataError: A weight is negative.
    """
    keep = np.ones(len(rows), dtype=bool)
    notes: list[tuple[str, str]] = []
    for (role, name), found in encoded.items():
        if role == "weight" and (found.values < 0).any():
            raise DataError(f"{table.name}: weight {name} is negative in {table.places([int(row) for row in rows[found.values < 0]])}")
        if found.unknown is None or not found.unknown.any():
            continue
        what = f"{name}: {counted(int(found.unknown.sum()))} with a value that training never showed"
        places = table.places([int(row) for row in rows[found.unknown]])
        if role == "target":
            keep &= ~found.unknown
        notes.append((role, f"{what}, left out ({places})" if role == "target" else f"{what} ({places})"))
    return keep, notes


def _tensors(
    inputs: Mapping[str, Spec], encoded: Mapping[tuple[str, str], Encoded], rows: Array, keep: Array, reading: Reading | None
) -> TensorData:
    """Put the single values of inputs into blocks, rows of different lengths one after another, everything else under its name."""
    index = slice(None) if keep.all() else keep
    found: dict[str, Array] = {}
    grouped = blocks(inputs)
    for block, dtype in ((NUMBER_BLOCK, np.float32), (CATEGORY_BLOCK, np.int64)):
        if block in grouped:
            found[block] = np.stack([encoded["input", name].values for name in grouped[block]], axis=1).astype(dtype, copy=False)
    stored: dict[str, Stored] = {}
    for name in inputs:
        field = encoded["input", name]
        if field.lengths is not None:
            stored[name] = _packed(field, keep, 0.0)
        elif field.files is None and not any(name in names for names in grouped.values()):
            found[name] = field.values
    pixels = {key: PixelScaling.of(*field.pixels) for key, field in encoded.items() if field.pixels}
    wanted = {name: field for (role, name), field in encoded.items() if role == "target"}
    targets = {name: field.values for name, field in wanted.items() if field.lengths is None}
    weights = next((encoded[role, name].values for role, name in encoded if role == "weight"), None)
    return TensorData(
        {name: torch.from_numpy(np.ascontiguousarray(array[index])) for name, array in found.items()},
        {name: torch.from_numpy(np.ascontiguousarray(array[index])) for name, array in targets.items()},
        None if weights is None else torch.from_numpy(np.ascontiguousarray(weights[index])),
        torch.from_numpy(np.ascontiguousarray(rows[index].astype(np.int64))),
        stored,
        {name: scaling for (role, name), scaling in pixels.items() if role == "input"},
        stored_targets={
            name: _packed(field, keep, -1 if field.values.dtype.kind in "iu" else np.nan)
            for name, field in wanted.items()
            if field.lengths is not None
        },
        target_pixels={name: scaling for (role, name), scaling in pixels.items() if role == "target"},
        streamed=_streamed(inputs, encoded, rows[index], reading),
    )


def _packed(field: Encoded, keep: Array, fill: float) -> PackedSteps:
    """The kept rows of a field whose rows differ in length."""
    assert field.lengths is not None
    kept = take(RaggedArray(field.values, field.lengths), np.flatnonzero(keep))
    return PackedSteps.of(torch.from_numpy(kept.values), torch.from_numpy(kept.lengths), fill)


def _streamed(
    inputs: Mapping[str, Spec], encoded: Mapping[tuple[str, str], Encoded], rows: Array, reading: Reading | None
) -> Streamed | None:
    """The inputs that are read when their batch comes, of some rows by their number in the table."""
    files = {name: found for name in inputs if (found := encoded["input", name].files) is not None}
    if reading is None or not files:
        return None
    from nntrain.data.image_stream import ImageStore

    shapes = {name: cast("tuple[int, int, int]", inputs[name].sizes) for name in files}
    return Streamed(ImageStore(files, shapes), torch.from_numpy(np.ascontiguousarray(rows.astype(np.int64))), reading)


def _restored(saved: dict[str, Any]) -> FittedField:
    field = load_class(FIELD_SLOT.table[saved["settings"]["type"]]).parse(saved["settings"])
    assert isinstance(field, Field)
    role, state = saved["role"], saved["learned"]
    if role in SPLITTING:
        return FittedField(FieldPlan(saved["name"], field, tuple(saved["columns"]), role, None, Spec((), ())), state)
    spec = field.fitted_spec(state, is_target=role == "target")
    features = len(state["scale"]) if isinstance(field, Number | Vector) and role == "input" else None
    shown = Shown.restore(saved["shown"], features)
    plan = FieldPlan(saved["name"], field, tuple(saved["columns"]), role, None, spec, field.class_names)
    fitted = FittedField(plan, state, shown)
    return replace(fitted, plan=replace(fitted.plan, classes=fitted.classes))


@contextmanager
def _told(file: str, field: str) -> Generator[None]:
    """Put file and field before a message that has none."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{file}: {field}: {error.message}", error.hint) from None
