"""Fields that have learned from the training rows: they turn any rows into tensors, and predictions back into values."""

from __future__ import annotations

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from nntrain.data.alignment import aligned
from nntrain.data.batches import TensorData
from nntrain.data.drift import NONE, Departures
from nntrain.data.fields.field import Encoded, Field, State
from nntrain.data.fields.number import Number
from nntrain.data.fields.vector import Vector
from nntrain.data.fitted_target import FittedTarget, fitted_targets
from nntrain.data.graph_tensors import graph_tensors
from nntrain.data.layout import SPLITTING, FieldPlan
from nntrain.data.link_tensors import asking
from nntrain.data.passages import Passages
from nntrain.data.row_tensors import left_out, row_tensors
from nntrain.data.scaling import Rows, take
from nntrain.data.settings import FIELD_SLOT, DataSettings
from nntrain.data.shown import Shown
from nntrain.data.streaming import Reading, reading_of
from nntrain.data.table import Table, counted
from nntrain.data.token_windows import cut_text
from nntrain.data.values import read_values, usable_rows
from nntrain.data.window import WindowSettings, window_inputs
from nntrain.data.window_cutting import cut_windows
from nntrain.data.window_tensors import window_tensors
from nntrain.errors import DataError
from nntrain.schema import load_class
from nntrain.specs import PAIRS, Spec, blocks

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.graphs import Graphs
    from nntrain.data.keeping import KeptFields

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
    lanes: int | None = None
    """Stretches in which windows are walked side by side; `None` where each stands alone."""

    @classmethod
    def fit(  # noqa: PLR0913 (what is learned from, and what is known before)
        cls,
        plans: tuple[FieldPlan, ...],
        values: Read,
        rows: Rows,
        file: str,
        window: WindowSettings | None = None,
        reading: Reading | None = None,
        kept: KeptFields | None = None,
    ) -> FittedFields:
        """Learn from some rows of the values, unless what was learned is kept. Raises `DataError`."""
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
            state = state if kept is None else kept.state(plan, state)
            shown = Shown.of(plan.field, own) if plan.role == "input" else NONE
            fitted.append(fitted_field(plan, state, shown, is_target=is_target))
        return cls(tuple(fitted), window, reading)

    @property
    def inputs(self) -> dict[str, Spec]:
        """Tensors of the inputs, all sizes known."""
        specs = {field.name: field.plan.spec for field in self.fields if field.plan.role == "input"}
        return specs if self.window is None else window_inputs(self.window, specs)

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
                "of_nodes": field.plan.of_nodes,
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
        fields = replace(fields, lanes=settings.lanes)
        return fields if passages is None else fields.cut_into(passages)

    def beside(self, names: Collection[str]) -> FittedFields:
        """Some inputs alone, and those that lie in one block of a batch with them."""
        together = [members for members in blocks(self.inputs).values() if not {*names}.isdisjoint(members)]
        kept = {*names, *(name for members in together for name in members)}
        return replace(self, fields=tuple(field for field in self.fields if field.plan.role == "input" and field.name in kept))

    def cut_into(self, passages: Passages) -> FittedFields:
        """The same for windows over a running text."""
        fields = (replace(field, plan=replace(field.plan, spec=passages.spec(field.plan.spec))) for field in self.fields)
        return replace(self, fields=tuple(fields), window=None, passages=passages)

    def cut_tokens(self, tokens: Tensor, first: int = 0, *, stride: int | None = None) -> TensorData:
        """Windows over tokens int64 `[S]` of a running text, of which the first is number `first` of the source."""
        assert self.passages is not None
        field = self.fields[0]
        return replace(cut_text(tokens, self.passages.steps, field.name, field.state["size"], first=first, stride=stride), lanes=self.lanes)

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
        if self.has_nodes:
            data, more = self._graphs(table, values, rows, with_targets=with_targets)
            _require_rows(table, data, [*notes, *more])
            is_of_nodes = data.units is not None and not self.has_links
            apart = Departures.of(inputs, values, data.predicted.numpy(), {}) if is_of_nodes else Departures(len(data.predicted), ())
            return NewRows(data, (*notes, *more), apart)
        if self.window is not None:
            data, more = self._cut(self.window, table, values, rows, with_targets=with_targets)
            _require_rows(table, data, [*notes, *more])
            return NewRows(data, (*notes, *more), Departures.of(inputs, values, data.rows.numpy(), {}))
        if self.passages is not None:
            return NewRows(self._running(values), tuple(notes), Departures.of(inputs, values, rows, {}))
        encoded = self.encoded(table, values, rows, with_targets=with_targets)
        keep, more = left_out(table, encoded, rows)
        data = row_tensors(self.inputs, encoded, rows, keep, self.reading)
        _require_rows(table, data, [*notes, *(note for _, note in more)])
        unknown = {name: found.unknown[keep] for (role, name), found in encoded.items() if role == "input" and found.unknown is not None}
        notes += [*table.findings, *(note for role, note in more if role == "target")]
        return NewRows(data, tuple(notes), Departures.of(inputs, values, rows[keep], unknown))

    def encode_rows(
        self, table: Table, values: Read, rows: Array, *, with_targets: bool, before: Array | None = None
    ) -> tuple[TensorData, list[str]]:
        """Turn some rows `[M]` of a table into tensors; returns what is to be told as well.

        The past of a window may have the rows `before` too.

        Raises:
            DataError: A value does not fit what was fitted, or a weight is negative.
        """
        if self.has_nodes:
            return self._graphs(table, values, rows, with_targets=with_targets)
        if self.window is not None:
            return self._cut(self.window, table, values, rows, with_targets=with_targets, before=before)
        if self.passages is not None:
            return self._running(values), []
        encoded = self.encoded(table, values, rows, with_targets=with_targets)
        keep, notes = left_out(table, encoded, rows)
        return row_tensors(self.inputs, encoded, rows, keep, self.reading), [note for _, note in notes]

    def _cut(
        self, window: WindowSettings, table: Table, values: Read, rows: Array, *, with_targets: bool, before: Array | None = None
    ) -> tuple[TensorData, list[str]]:
        """Windows over some rows: numbered by the last row of their past. Raises `DataError`."""
        cut = cut_windows(window, table, [field.plan for field in self.fields], values, rows, ahead=with_targets, before=before)
        encoded = self.encoded(table, values, cut.rows, with_targets=with_targets)
        targets = [field for field in self.fields if field.plan.role == "target"] if with_targets else []
        is_missing = {field.name: field.plan.field.is_missing(take(values[field.name], cut.rows)) for field in targets}
        data, notes = window_tensors(window, cut, encoded, is_missing)
        return replace(data, lanes=self.lanes), notes

    def _running(self, values: Read) -> TensorData:
        """Windows over the running text of a file, which is one row. Raises `DataError`."""
        field = self.fields[0]
        return self.cut_tokens(torch.from_numpy(field.plan.field.encode(values[field.name], field.state, is_target=False).values))

    @property
    def has_nodes(self) -> bool:
        """Whether rows are graphs, and the table has their nodes."""
        return any(field.plan.of_nodes for field in self.fields)

    @property
    def stand_alone(self) -> bool:
        """Whether a row of a table becomes a row of tensors, whatever the others are."""
        return self.window is None and self.passages is None and not self.has_nodes

    @property
    def has_links(self) -> bool:
        """Whether edges between nodes are predicted."""
        return any(field.plan.spec.axes == PAIRS[:1] for field in self.fields)

    def answered(self, table: Table) -> Table:
        """The rows that predictions for a table stand beside: where they are of whole graphs, a row for each; of pairs their table."""
        if table.graphs is not None and table.graphs.asked is not None:
            return table.graphs.asked.table
        of_nodes = any(field.plan.of_nodes for field in self.fields if field.plan.role == "target")
        return table if table.graphs is None or of_nodes else table.graphs.of_graphs(table)

    def _graphs(self, table: Table, values: Read, rows: Array, *, with_targets: bool) -> tuple[TensorData, list[str]]:
        """The graphs that some nodes are of, with the targets of these nodes. Raises `DataError`."""
        if table.graphs is None:
            raise DataError(f"{table.name} has no edges", "rows are nodes of graphs: give the file beside which that of the edges lies")
        if self.has_links:
            return self._asked(table, values, with_targets=with_targets)
        of_nodes = [field.name for field in self.fields if field.plan.role == "target" and field.plan.of_nodes]
        scored: dict[tuple[str, str], Encoded] = {}
        notes: list[tuple[str, str]] = []
        if with_targets:
            scored = self.encoded(table, values, rows, with_targets=True, with_inputs=False)
            keep, notes = left_out(table, scored, rows)
            rows, scored = rows[keep], {key: replace(found, values=found.values[keep]) for key, found in scored.items()}
        every = table.graphs.nodes(rows)
        encoded = self.encoded(table, values, every, with_targets=False)
        notes += left_out(table, encoded, every)[1]
        nodes = {name: found for (_, name), found in encoded.items()}
        data = graph_tensors(table.graphs, self.inputs, nodes, scored, rows, of_nodes)
        return data, [note for _, note in notes]

    def _asked(self, table: Table, values: Read, *, with_targets: bool) -> tuple[TensorData, list[str]]:
        """The graph with the pairs of nodes that are asked for. Raises `DataError`."""
        assert table.graphs is not None
        if with_targets or table.graphs.asked is None:
            raise DataError(
                f"{table.name}: the edges of a link prediction are those that it was trained on, some of which it has not seen",
                "nntrain eval RUN measures these; nntrain predict RUN pairs.csv asks for pairs, by two columns of names of nodes",
            )
        data, notes = self.encode_nodes(table, values, table.graphs)
        return asking(data, table.graphs.asked.pairs), notes

    def encode_nodes(self, table: Table, values: Read, graphs: Graphs) -> tuple[TensorData, list[str]]:
        """All nodes, and the edges that `graphs` has between them, without a target. Raises `DataError`."""
        every = np.arange(table.rows)
        encoded = self.encoded(table, values, every, with_targets=False)
        nodes = {name: found for (_, name), found in encoded.items()}
        data = graph_tensors(graphs, self.inputs, nodes, {}, every, ())
        return data, [note for _, note in left_out(table, encoded, every)[1]]

    def encoded(
        self, table: Table, values: Read, rows: Array, *, with_targets: bool, with_inputs: bool = True
    ) -> dict[tuple[str, str], Encoded]:
        """Numbers of some rows, by role and field. Raises `DataError`."""
        encoded: dict[tuple[str, str], Encoded] = {}
        own: dict[str, Values] = {}
        for field in self.fields:
            role = field.plan.role
            if (role == "input" and with_inputs) or (role != "input" and with_targets and role not in SPLITTING):
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


def fitted_field(plan: FieldPlan, state: State, shown: Shown, *, is_target: bool) -> FittedField:
    """A field that has learned a state."""
    return _named(FittedField(plan.with_spec(plan.field.fitted_spec(state, is_target=is_target)), state, shown))


def _require_rows(table: Table, data: TensorData, notes: Sequence[str]) -> None:
    """Refuse what leaves no row. Raises `DataError`."""
    if not len(data):
        raise DataError(f"{table.name}: none of {counted(table.rows)} can be used", "; ".join(notes) or None)


def _restored(saved: dict[str, Any]) -> FittedField:
    field = load_class(FIELD_SLOT.table[saved["settings"]["type"]]).parse(saved["settings"])
    assert isinstance(field, Field)
    role, state = saved["role"], saved["learned"]
    if role in SPLITTING:
        return FittedField(FieldPlan(saved["name"], field, tuple(saved["columns"]), role, None, Spec((), ())), state)
    spec = field.fitted_spec(state, is_target=role == "target")
    features = len(state["scale"]) if isinstance(field, Number | Vector) and role == "input" else None
    shown = Shown.restore(saved["shown"], features)
    plan = FieldPlan(saved["name"], field, tuple(saved["columns"]), role, None, spec, field.class_names, of_nodes=saved["of_nodes"])
    fitted = FittedField(plan.with_spec(spec), state, shown)
    return _named(fitted)


def _named(field: FittedField) -> FittedField:
    """The field with a plan that knows what its numbers stand for."""
    to_text = field.plan.field.to_text(field.state) if field.plan.role == "target" else None
    return replace(field, plan=replace(field.plan, classes=field.classes, to_text=to_text))


@contextmanager
def _told(file: str, field: str) -> Generator[None]:
    """Put file and field before a message that has none."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{file}: {field}: {error.message}", error.hint) from None
