"""Reads, splits, fits and encodes the data of a run. Whatever is learned is learned from the training rows alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from nntrain.data.batches import TensorData
from nntrain.data.blocks import BLOCK_ROWS
from nntrain.data.drift import unlike_training
from nntrain.data.facts import quoted
from nntrain.data.filling import filled
from nntrain.data.fingerprint import files_name, fingerprint_named, fingerprint_rows, fingerprint_sources
from nntrain.data.fitted import FittedFields
from nntrain.data.graphs import counted_as
from nntrain.data.layout import SPLITTING, FieldPlan, Layout, peek, plan_layout
from nntrain.data.link_tensors import linked
from nntrain.data.reading import read_tables
from nntrain.data.row_steps import RowSteps
from nntrain.data.scaling import Rows
from nntrain.data.scored_units import num_scored
from nntrain.data.settings import DataSettings
from nntrain.data.sorting import Sorting, named_fields
from nntrain.data.sources.source import Part
from nntrain.data.split import Parts
from nntrain.data.streaming import reading_of
from nntrain.data.streaming_problems import in_blocks
from nntrain.data.table import Table, counted, listed
from nntrain.data.target_ranges import with_ranges
from nntrain.data.time_order import order_in_words
from nntrain.data.values import read_values, usable_rows
from nntrain.data.window import WindowSettings
from nntrain.data.window_cutting import naive_errors
from nntrain.data.words import Coded, are_missing, words_in
from nntrain.errors import ConfigError, DataError

if TYPE_CHECKING:
    import polars as pl
    from torch import Tensor

    from nntrain.data.cut_texts import Told
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.keeping import KeptFields
    from nntrain.data.links import Links
    from nntrain.data.row_numbers import RowNumbers


DECIDING: Final = frozenset({"target", "weight", *SPLITTING})
"""Roles whose columns are read before the rows are split."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The data of a run."""

    layout: Layout
    """Inferred from all training rows; every size is known."""
    fields: FittedFields
    train: TensorData
    validation: TensorData | None
    test: TensorData | None
    fingerprints: dict[str, str]
    """`source` and, where given, `source.validation`, `source.test`: the files. `test`: the test rows."""
    notes: tuple[str, ...]
    """Lines for the screen: rows read, dropped and why, the split, what was inferred and left out."""

    @classmethod
    def of(
        cls, layout: Layout, fields: FittedFields, data: Mapping[Part, TensorData], fingerprints: dict[str, str], notes: tuple[str, ...]
    ) -> Prepared:
        """From the rows by split, which settle what the layout says of them."""
        layout = replace(
            layout,
            fields=tuple(field.plan for field in fields.fields),
            has_validation="validation" in data,
            has_test="test" in data,
            row_steps=RowSteps.of(data["train"]),
        )
        return cls(layout, fields, data["train"], data.get("validation"), data.get("test"), fingerprints, notes)

    @property
    def splits(self) -> dict[Part, TensorData]:
        """The rows by split, training first; splits without rows are left out."""
        found: dict[Part, TensorData | None] = {"train": self.train, "validation": self.validation, "test": self.test}
        return {part: data for part, data in found.items() if data is not None}


def prepare(
    settings: DataSettings, folder: Path, holds: Callable[[str], bool] = lambda _: False, *, seed: int, kept: KeptFields | None = None
) -> Prepared:
    """Prepare the data of a run.

    Args:
        settings: The data section.
        folder: The config's folder, from which paths are counted.
        holds: Which targets have predictions that are held within the range of the training rows, by name.
        seed: Seed of the experiment; decides the split where `split.seed` does not.
        kept: What fields know before they see the training rows.

    Raises:
        ConfigError: The settings do not fit the data.
        DataError: The data cannot be read or used.
    """
    planned, problems = plan_layout(settings, folder, look=True)
    if problems:
        raise ConfigError(problems)
    if settings.source.is_running_text:
        return _prepare_running_text(settings, folder, planned, kept)
    if in_blocks(settings, planned.fields, lambda: peek(settings, folder)["train"]):
        from nntrain.data.blockwise.preparing import prepare_in_blocks

        return prepare_in_blocks(settings, folder, planned, seed=seed, kept=kept, holds=holds)
    tables = read_tables(settings, folder)
    named = named_fields(settings, tables)
    sorting = Sorting(settings, tables, named)
    parts = sorting.split(seed if settings.split.seed is None else settings.split.seed)
    learned = parts.train if settings.split.validation_folds is None else np.sort(np.concatenate([parts.train, parts.validation]))
    layout = sorting.layout(learned)
    settled = tuple(replace(plan, field=plan.field.settled(tables["train"], plan.columns)) for plan in layout.fields)
    layout = replace(layout, fields=settled)
    ordering = ("group", "time") if settings.window is not None else ()
    plans = tuple(plan for plan in layout.fields if plan.role not in SPLITTING or plan.role in ordering)
    values: dict[Part, dict[str, Values]] = {part: read_values(plans, table, streams=settings.streaming) for part, table in tables.items()}
    fields = FittedFields.fit(plans, values["train"], learned, tables["train"].name, settings.window, reading_of(settings), kept)
    fields = replace(fields, lanes=settings.lanes)
    if settings.window is not None:
        fields = fields.with_naive_errors(naive_errors(settings.window, tables["train"], plans, values["train"], parts.train))
    check_targets(fields, tables["train"], parts.train)
    fields = with_ranges(fields, holds, values["train"], learned)
    kinds = {field.plan.field.type for field in fields.fields}
    classes: tuple[str, ...] = ()
    if "mask" in kinds:  # of what few data have, nothing is loaded where it is not there
        from nntrain.data.mask_classes import found_classes

        classes = tuple(found_classes(fields, tables["train"], values["train"]))
    if sorting.links is None:
        data, notes = _encode(fields, tables, values, plans, parts)
    else:
        data, notes = _ask(fields, tables["train"], values["train"], sorting.links)
    cut: list[Told] = []
    if "text" in kinds:
        from nntrain.data.cut_texts import cut_texts

        cut = list(cut_texts(fields, values["train"], data["train"]))
    return Prepared.of(
        replace(layout, doubts=(*layout.doubts, *(told.text for told in cut if told.is_doubt))),
        fields,
        data,
        fingerprints_of(fingerprint_sources(settings, folder), data.get("test")) | named_files(settings, folder, plans, tables),
        notes=(
            *rows_read(tables),
            *(found for table in tables.values() for found in table.findings),
            *sorting.notes,
            *classes,
            *(_windows(settings.window, fields, tables, values, data) if settings.window is not None else []),
            *notes,
            *(told.text for told in cut if not told.is_doubt),
            split_sizes(data, sorting),
            *(kept.notes(fields.fields) if kept is not None else ()),
            *held(data["train"], settings.workers),
            *inferred(layout, planned),
        ),
    )


def _prepare_running_text(settings: DataSettings, folder: Path, planned: Layout, kept: KeptFields | None) -> Prepared:
    """The data of a language model. Raises `DataError`."""
    from nntrain.data.running_text import prepare_running_text

    fields, data, notes = prepare_running_text(settings, folder, planned.fields, kept)
    layout = replace(planned, fields=tuple(field.plan for field in fields.fields))
    fingerprints = fingerprints_of(fingerprint_sources(settings, folder), data.get("test"))
    return Prepared(layout, fields, data["train"], data.get("validation"), data.get("test"), fingerprints, tuple(notes))


def try_split(settings: DataSettings, folder: Path, *, seed: int) -> None:
    """Split the rows as `prepare` does, without a use for them. Raises what `prepare` raises where they can't be."""
    seed = seed if settings.split.seed is None else settings.split.seed
    if in_blocks(settings, plan_layout(settings, folder, look=True)[0].fields, lambda: peek(settings, folder)["train"]):
        from nntrain.data.blockwise.preparing import split_in_blocks

        split_in_blocks(settings, folder, seed)
        return
    tables = read_tables(settings, folder)
    Sorting(settings, tables, named_fields(settings, tables)).split(seed)


def check_targets(fields: FittedFields, table: Table, train: Rows) -> None:
    """Refuse targets that never change in the training rows."""
    plans = [field.plan for field in fields.fields if field.plan.role == "target" and field.plan.spec.of_one.rank == 0]
    plans = [plan for plan in plans if plan.field.type not in {"link", "row"}]
    for plan in plans:
        words = table.words(plan.columns[0])
        if _is_constant(words, train):
            only = quoted(str(words[int(train[:1][0])]))
            raise DataError(f"{table.name}: {plan.name} is always {only} in the {len(train):,} training rows: there is nothing to learn")


def _is_constant(words: pl.Series | Coded, rows: Rows) -> bool:
    """Whether some rows `[M]` hold one value or none; most tables show another one among the first, and the rest is not gathered."""
    seen: set[object] = set()
    for start in range(0, len(rows), BLOCK_ROWS):
        part = words[np.asarray(rows[start : start + BLOCK_ROWS])]
        seen.update([*words_in(part), *([None] if are_missing(part).any() else [])])
        if len(seen) > 1:
            return False
    return True


def _encode(
    fields: FittedFields,
    tables: Mapping[Part, Table],
    values: Mapping[Part, Mapping[str, Values]],
    plans: tuple[FieldPlan, ...],
    parts: Parts,
) -> tuple[dict[Part, TensorData], list[str]]:
    """Tensors of each part."""
    data: dict[Part, TensorData] = {}
    notes: list[str] = []
    split: dict[Part, Array] = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    for part, rows in split.items():
        source: Part = part if part in tables else "train"
        dropped: list[str] = []
        if source != "train":
            rows, dropped = usable_rows(plans, tables[part], values[part], fields.window)
        elif not len(rows):
            continue
        notes += filled(plans, values[source], rows, tables[source].name) if part == "train" else []
        before = _earlier(fields.window, parts, part) if source == "train" else None
        found, told = fields.encode_rows(tables[source], values[source], rows, with_targets=True, before=before)
        if not len(found):
            raise none_left(tables[source], part, [*dropped, *told], has_windows=fields.window is not None)
        data[part] = found
        unlike = unlike_training(fields.fields, values[source], found.rows.numpy()) if part != "train" and fields.stand_alone else []
        notes += [f"{part}: {note}" for note in (*dropped, *told)]
        notes += [f"{part} rows are unlike training: {note}" for note in unlike]
    return data, notes


def _ask(fields: FittedFields, table: Table, values: Mapping[str, Values], links: Links) -> tuple[dict[Part, TensorData], list[str]]:
    """The nodes with the edges that training shows, and by part the pairs of them that are asked for."""
    assert table.graphs is not None
    nodes, notes = fields.encode_nodes(table, values, links.seen(table.graphs))
    target = next(iter(fields.targets))
    return {part: linked(nodes, links, part, target) for part in links.edges}, notes


def _earlier(window: WindowSettings | None, parts: Parts, part: Part) -> Array | None:
    """The rows of the splits before one, where the past of its windows may have them."""
    if window is None or window.past_from == "split" or part == "train":
        return None
    return parts.train if part == "validation" else np.concatenate([parts.train, parts.validation])


def none_left(table: Table, part: Part, why: list[str], *, has_windows: bool) -> DataError:
    """The error of a split without rows, or without windows."""
    if not has_windows:
        return DataError(f"{table.name}: no {part} row can be used", "; ".join(why) or None)
    hint = "fewer rows in data.window, or more rows here" + ("" if part == "train" else f": data.split.{part}, null for none")
    return DataError(f"{table.name}: no {part} window: {'; '.join(why)}", hint)


def fingerprints_of(found: dict[str, str], test: TensorData | None) -> dict[str, str]:
    """Those of the files, and of the test rows."""
    if test is None:
        return found
    return {**found, "test": found["source.test"] if "source.test" in found else fingerprint_rows(found["source"], _scored(test))}


def _scored(data: TensorData) -> Tensor | RowNumbers:
    """As `TensorData.scored`, without making the numbers of rows that are known by a bit each."""
    return data.numbers if data.units is None else data.units.scored


def named_files(settings: DataSettings, folder: Path, plans: tuple[FieldPlan, ...], tables: Mapping[Part, Table]) -> dict[str, str]:
    """Fingerprints of the files that tables name; a source that is a folder has its files in its own."""
    columns = [plan.columns[0] for plan in plans if plan.field.reads_files]
    found: dict[str, str] = {}
    for part, path in settings.source.files(folder).items():
        named = fingerprint_named(tables[part], columns) if part in tables and path.is_file() else None
        found |= {} if named is None else {files_name(part): named}
    return found


def _dialect(table: Table) -> str:
    if table.dialect is None:
        return ""
    from nntrain.data.dialect import PLAIN

    return "" if table.dialect == PLAIN else f"{table.dialect}; "


def rows_read(tables: Mapping[Part, Table]) -> list[str]:
    """A line for each file: how it is written, unless in the plainest way, and its rows."""
    told = [_dialect(table) for table in tables.values()]
    return [f"{table.name}    {dialect}{counted(table.rows)}" for table, dialect in zip(tables.values(), told, strict=True)]


def _windows(
    window: WindowSettings,
    fields: FittedFields,
    tables: Mapping[Part, Table],
    values: Mapping[Part, Mapping[str, Values]],
    data: Mapping[Part, TensorData],
) -> list[str]:
    """What the windows are, and how the rows of the training file are ordered."""
    inputs = fields.inputs
    shapes = ", ".join(f"{name} {spec}" if len(inputs) > 1 else str(spec) for name, spec in inputs.items())
    last = np.concatenate([rows.rows.numpy() for part, rows in data.items() if part == "train" or part not in tables])
    order, *odd = order_in_words(window, tables["train"], [field.plan for field in fields.fields], values["train"], last)
    return [f"windows of {window.in_words} rows, inputs {shapes}; {order}", *odd]


def split_sizes(data: Mapping[Part, TensorData], sorting: Sorting) -> str:
    """How many rows each split has, and how they were split off."""
    word = " windows" if sorting.settings.window is not None else counted_as(sorting.table, data["train"])
    sizes = ", ".join(f"{part} {num_scored(rows):,}" for part, rows in data.items()) + word
    return f"{sizes}; {sorting.how}" if sorting.how else sizes


def held(train: TensorData, workers: int) -> list[str]:
    """Which inputs are not kept in memory, who reads them, and what is not looked for in them."""
    if train.streamed is None:
        return []
    who = "" if not workers else f", by {workers} process{'es' if workers > 1 else ''}"
    return [f"{', '.join(train.streamed.store.names)}: read when their batch comes{who}; not looked at for leaks and copies"]


def inferred(layout: Layout, planned: Layout) -> list[str]:
    """Targets whose type was inferred, columns that are not used, and where the head of the file told something else."""
    notes = [f"{plan.name}: {plan.note}" for plan in layout.targets if plan.note is not None]
    if layout.left_out:
        notes.append(f"left out: {listed([f'{name} ({why})' for name, why in layout.left_out], 8)}")
    before = {plan.name: plan.field.type for plan in planned.fields}
    after = {plan.name: plan.field.type for plan in layout.fields}
    for name in dict.fromkeys((*before, *after)):
        then, now = before.get(name, "left out"), after.get(name, "left out")
        if then != now and not SPLITTING & {plan.role for plan in planned.fields if plan.name == name}:
            notes.append(f"{name}: {then} by the first rows, {now} by all training rows")
    return notes
