"""Prepares a table that is read a block of rows at a time: what decides about rows is held in memory, inputs never are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from nntrain.data.batches import TensorData
from nntrain.data.blocks import BLOCK_BYTES, BLOCK_ROWS, NAMED_BYTES, Blocks, first_findings
from nntrain.data.blockwise.deciding import deciding
from nntrain.data.blockwise.facts import ColumnFacts
from nntrain.data.blockwise.lessons import Lesson, learn, strangers
from nntrain.data.blockwise.store import BlockStore
from nntrain.data.facts import RowFacts
from nntrain.data.field_plan import FieldPlan
from nntrain.data.file_rows import SOUNDS
from nntrain.data.file_store import FileStore
from nntrain.data.fingerprint import files_name, fingerprint_sources, source_name
from nntrain.data.fitted import FittedField, FittedFields, fitted_field
from nntrain.data.layout import SPLITTING, Layout
from nntrain.data.naming import NamedField
from nntrain.data.preparing import Prepared, check_targets, fingerprints_of, held, inferred, named_files, none_left, rows_read, split_sizes
from nntrain.data.reading import header_of
from nntrain.data.row_numbers import RowNumbers
from nntrain.data.row_tensors import left_out, never_shown, row_tensors
from nntrain.data.shown import Shown
from nntrain.data.sorting import DECIDING, Sorting, named_fields
from nntrain.data.sources.source import Part
from nntrain.data.streaming import Reading, Streamed, reading_of, trim
from nntrain.data.table import Table, listed
from nntrain.data.target_ranges import with_ranges
from nntrain.data.values import are_usable, read_values
from nntrain.errors import DataError
from nntrain.modules.narrow import narrow

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array, Encoded, Values
    from nntrain.data.keeping import KeptFields
    from nntrain.data.settings import DataSettings


def prepare_in_blocks(
    settings: DataSettings, folder: Path, planned: Layout, *, seed: int, kept: KeptFields | None, holds: Callable[[str], bool]
) -> Prepared:
    """As `nntrain.data.preparing.prepare`, of a table whose inputs are not kept in memory."""
    found = _prepared(settings, folder, planned, seed=seed, kept=kept, holds=holds)
    trim()  # what decided about the rows is larger than what is left of it
    return found


def _prepared(
    settings: DataSettings, folder: Path, planned: Layout, *, seed: int, kept: KeptFields | None, holds: Callable[[str], bool]
) -> Prepared:
    has_sounds = any(plan.role == "input" and plan.field.file_kind is SOUNDS for plan in planned.fields)
    files = open_blocks(settings, folder, NAMED_BYTES if has_sounds else BLOCK_BYTES)
    sorting, tables = _sorted(settings, files)
    parts = sorting.split_many(seed if settings.split.seed is None else settings.split.seed)
    trim()  # what of all rows was looked at for it, before blocks are read on top of that
    layout, lessons = _learned(sorting, files["train"], parts["train"], planned)
    plans = tuple(plan for plan in layout.fields if plan.role not in SPLITTING)
    wanted = tuple(plan for plan in plans if plan.role != "input")
    values: dict[Part, Mapping[str, Values]] = {part: read_values(wanted, table) for part, table in tables.items()}
    file = tables["train"].name
    train = parts["train"]
    targets = FittedFields.fit(wanted, values["train"], train, file, kept=kept)
    check_targets(targets, tables["train"], train)
    targets = with_ranges(targets, holds, values["train"], train)
    by_place = {(field.plan.role, field.name): field for field in targets.fields}
    inputs = tuple(_fitted(lessons[plan.name], file, kept) for plan in plans if plan.role == "input")
    by_place |= {("input", field.name): field for field in inputs}
    reading = reading_of(settings)
    assert reading is not None
    fields = FittedFields(tuple(by_place[plan.role, plan.name] for plan in plans), None, reading)
    rows = _used(fields, tables, values, parts)
    unknown = _strangers(inputs, files, rows)
    stores: dict[Part, BlockStore] = {}
    prints = fingerprint_sources(settings, folder) | named_files(settings, folder, plans, _naming(files, plans))
    for blocks in files.values():
        blocks.check()  # what was hashed is what was looked at
    written = settings.source.model_dump(mode="json", exclude={*get_args(Part), "path"})
    for part, blocks in files.items():
        stores[part] = BlockStore(blocks, FittedFields(inputs), _origin(prints, part, written))
    for store in stores.values():
        reading.know(id(store), store)
    data, notes = _splits(fields, tables, values, rows, stores, unknown, reading)
    return Prepared.of(
        layout,
        fields,
        data,
        fingerprints_of(prints, data.get("test")),
        notes=(
            *rows_read(tables),
            *sorting.notes,
            *_filled(inputs, lessons, file),
            *_findings(inputs, lessons),
            *notes,
            split_sizes(data, sorting),
            *(kept.notes(fields.fields) if kept is not None else ()),
            *held(data["train"], settings.workers),
            *_kept_blocks(stores),
            *inferred(layout, planned),
        ),
    )


def split_in_blocks(settings: DataSettings, folder: Path, seed: int) -> None:
    """Split the rows as `prepare_in_blocks` does, without a use for them. Raises what that raises where they can't be."""
    _sorted(settings, open_blocks(settings, folder, BLOCK_BYTES))[0].split_many(seed)


def open_blocks(settings: DataSettings, folder: Path, size: int) -> dict[Part, Blocks]:
    """All files of the source, in blocks of about so many bytes. Raises `DataError`."""
    found: dict[Part, Blocks] = {}
    source = settings.source
    for part, path in source.files(folder).items():
        found[part] = source.blocks(path, path.name, size).beside(FileStore(path.parent))
        source = source.leaning_on(found["train"].frame.numerals)
    return found


def _sorted(settings: DataSettings, files: Mapping[Part, Blocks]) -> tuple[Sorting, dict[Part, Table]]:
    """What splits the rows, and the columns by file that it looks at, which are held in memory. Raises `DataError`, `ConfigError`."""
    heads: dict[Part, Table] = {part: blocks.read(0) for part, blocks in files.items()}
    named = named_fields(settings, heads)
    leaders = {field.field.shares for field in named if field.roles & DECIDING}
    first = [field for field in named if field.roles & DECIDING or field.field.drops_rows or field.name in leaders]
    columns = [column for field in first for column in field.columns]
    facts = _untyped([field for field in first if field.roles & DECIDING], files["train"])
    tables: dict[Part, Table] = {}
    for part, blocks in files.items():
        own = [column for column in columns if column in blocks.frame.columns]
        tables[part] = deciding(blocks, own, facts if part == "train" else {})
    return Sorting(settings, tables, named, header_of(heads["train"]), lambda column: facts[column].found()), tables


def _untyped(fields: Iterable[NamedField], blocks: Blocks) -> dict[str, ColumnFacts]:
    """What takes in what rows show of the columns whose type is not known."""
    return {
        field.columns[0]: ColumnFacts(blocks.frame.numerals, blocks.frame.date_format)
        for field in fields
        if field.field.type == "auto" and not _is_array(blocks.frame, field.columns[0])
    }


def _learned(sorting: Sorting, blocks: Blocks, train: RowNumbers, planned: Layout) -> tuple[Layout, dict[str, Lesson]]:
    """The types of all fields, and what inputs learn: in one pass, where the first rows tell the types that all training rows do."""
    facts = _untyped([field for field in sorting.named if field.name not in sorting.guesses], blocks)
    first = [plan for plan in planned.fields if plan.role == "input"]
    lessons = learn(blocks, train, first, facts)

    def told(column: str) -> RowFacts:
        return facts[column].found()

    sorting.told = told
    layout = sorting.layout(train)
    others = [plan for plan in layout.fields if plan.role == "input" and not _is_same(lessons.get(plan.name), plan)]
    lessons |= learn(blocks, train, [_written(plan, blocks) for plan in others], {})
    settled: list[FieldPlan] = []
    for plan in layout.fields:
        if plan.role == "input":
            plan = lessons[plan.name].plan = replace(plan, field=lessons[plan.name].settled_field(blocks.frame.name))
        settled.append(plan)
    return replace(layout, fields=tuple(settled)), lessons


def _written(plan: FieldPlan, blocks: Blocks) -> FieldPlan:
    """A field with how its cells are written, where only all rows together show it. Raises `DataError`."""
    found = plan.field.settled_of((blocks.read(block, plan.columns) for block in range(len(blocks))), plan.columns)
    return plan if found is None else replace(plan, field=found)


def _is_array(frame: Table, column: str) -> bool:
    """Whether a column has no single values."""
    import polars as pl

    values = frame.columns[column]
    return values.dtype == pl.Binary if isinstance(values, pl.Series) else values.ndim > 1


def _is_same(lesson: Lesson | None, plan: FieldPlan) -> bool:
    return lesson is not None and lesson.fault is None and lesson.plan.field == plan.field and lesson.plan.columns == plan.columns


def _fitted(lesson: Lesson, file: str, kept: KeptFields | None) -> FittedField:
    """An input that has learned. Raises `DataError`."""
    try:
        state = lesson.learner.state()
    except DataError as error:
        raise DataError(f"{file}: {lesson.plan.name}: {error.message}", error.hint) from None
    state = state if kept is None else kept.state(lesson.plan, state)
    return fitted_field(lesson.plan, state, Shown.of_ranges(lesson.ranges), is_target=False)


def _filled(inputs: tuple[FittedField, ...], lessons: Mapping[str, Lesson], file: str) -> list[str]:
    """Missing numbers among the training rows, and what stands for them. Raises `DataError` where a column has no number at all."""
    told: list[str] = []
    for field in inputs:
        filling, ranges = field.plan.field.filling, lessons[field.name].ranges
        if filling is None or not ranges.missing:
            continue
        if ranges.missing == ranges.rows:
            message = f"{file}: {field.name} has no value in the {ranges.rows:,} training rows"
            raise DataError(message, f"fix:  fields: {{{field.name}: {{role: ignore}}}}")
        told.append(f"{field.name} {ranges.missing:,} ({filling})")
    return [f"missing values filled in: {listed(told, 8)}"] if told else []


def _findings(inputs: Sequence[FittedField], lessons: Mapping[str, Lesson]) -> Iterator[str]:
    """What was found in the files that cells name, the first of it."""
    for field in inputs:
        yield from first_findings(lessons[field.name].findings)


def _naming(files: Mapping[Part, Blocks], plans: Sequence[FieldPlan]) -> dict[Part, Table]:
    """The columns of all rows that name files."""
    import polars as pl

    columns = [plan.columns[0] for plan in plans if plan.field.reads_files]
    found: dict[Part, Table] = {}
    for part, blocks in files.items() if columns else ():
        named = {
            name: pl.concat([table.texts(name) for table in (blocks.read(block, [name]) for block in range(len(blocks)))])
            for name in columns
            if isinstance(blocks.frame.columns.get(name), pl.Series) and blocks.frame.columns[name].dtype == pl.String
        }
        found[part] = replace(blocks.frame, columns=named, rows=blocks.rows)
    return found


def _origin(prints: Mapping[str, str], part: Part, written: Mapping[str, Any]) -> dict[str, Any]:
    """What the encoded rows of a file are made of: with the files that it names, where it does."""
    named = prints.get(files_name(part))
    return {"file": prints[source_name(part)], "source": written, **({} if named is None else {"named": named})}


def _kept_blocks(stores: Mapping[Part, BlockStore]) -> list[str]:
    """Where encoded rows are kept, and how large they are all together; or why they are not."""
    lost = next((store.not_kept for store in stores.values() if store.not_kept), None)
    if lost is not None:
        return [f"encoded rows are not kept, each epoch reads and encodes them anew: {lost}"]
    kept = [store for store in stores.values() if store.cache is not None]
    if not kept or kept[0].cache is None:
        return []
    size = sum(store.bytes_per_row * store.blocks.rows for store in kept)
    return [f"encoded rows are kept in {kept[0].cache.folder.parent} ({max(size / 1e6, 0.1):,.1f} MB); --no-cache keeps none"]


@dataclass(frozen=True, slots=True)
class _Used:
    """The rows of a part."""

    source: Part
    """The file that they lie in."""
    rows: RowNumbers
    dropped: list[str]
    """Which others were left out, in words."""


def _used(
    fields: FittedFields, tables: Mapping[Part, Table], values: Mapping[Part, Mapping[str, Values]], parts: Mapping[Part, RowNumbers]
) -> dict[Part, _Used]:
    """The rows of each part that has some."""
    plans = tuple(field.plan for field in fields.fields)
    found: dict[Part, _Used] = {}
    for part, rows in parts.items():
        if part in tables and part != "train":
            keep, dropped = are_usable(plans, tables[part], values[part], None)
            found[part] = _Used(part, RowNumbers.where(keep), dropped)
        elif len(rows):
            found[part] = _Used("train", rows, [])
    return found


def _strangers(inputs: Sequence[FittedField], files: Mapping[Part, Blocks], used: Mapping[Part, _Used]) -> dict[Part, dict[str, Array]]:
    """By part, and by input, the rows whose class training never showed, `[K]`. Raises `DataError` for a cell that can't be read."""
    found: dict[Part, dict[str, Array]] = {}
    for file, blocks in files.items():
        # of the training file all cells were read already, for what the fields have learned
        asked = [field for field in inputs if file != "train" or "classes" in field.state]
        found |= strangers(blocks, asked, {part: each.rows for part, each in used.items() if each.source == file})
    return found


def _splits(  # noqa: PLR0913 (what is known of each part)
    fields: FittedFields,
    tables: Mapping[Part, Table],
    values: Mapping[Part, Mapping[str, Values]],
    used: Mapping[Part, _Used],
    stores: Mapping[Part, BlockStore],
    unknown: Mapping[Part, Mapping[str, Array]],
    reading: Reading,
) -> tuple[dict[Part, TensorData], list[str]]:
    """Targets and weights of each part, beside inputs that are read when their batch comes. Raises `DataError`."""
    data: dict[Part, TensorData] = {}
    notes: list[str] = []
    for part, own in used.items():
        source, rows, table = own.source, own.rows, tables[own.source]
        found, kept, left = encoded_targets(fields, table, values[source], rows)
        told = [*(never_shown(table, name, found) for name, found in unknown[part].items()), *(note for _, note in left)]
        if not len(kept):
            raise none_left(table, part, [*own.dropped, *told], has_windows=False)
        data[part] = in_blocks(found, kept, stores[source], reading)
        notes += [f"{part}: {note}" for note in (*own.dropped, *told)]
    return data, notes


def in_blocks(targets: TensorData, rows: RowNumbers, store: BlockStore, reading: Reading) -> TensorData:
    """Targets and weights of some rows of a file, beside inputs that are read when their batch comes."""
    return replace(targets, numbers=rows, streamed=Streamed(store, rows, reading), pixels=store.first.pixels)


def encoded_targets(
    fields: FittedFields, table: Table, values: Mapping[str, Values], rows: RowNumbers
) -> tuple[TensorData, RowNumbers, list[tuple[str, str]]]:
    """Targets and weights of those of some rows that can be used, without their numbers; these rows; and as `left_out` what was not shown.

    Raises:
        DataError: A value does not fit what was fitted, or a weight is negative.
    """
    encoded = _encoded(fields, table, values, rows)
    keep, left = _kept(table, encoded, rows)
    is_whole = bool(keep.all())
    found = row_tensors({}, encoded, np.zeros(0 if is_whole else len(rows), dtype=np.int32), keep, None)
    return found, rows if is_whole else rows.chosen(keep, True), left


def _kept(table: Table, encoded: Mapping[tuple[str, str], Encoded], rows: RowNumbers) -> tuple[Array, list[tuple[str, str]]]:
    """As `left_out`, without the numbers of all rows where all can be used."""
    has_doubts = any(role == "weight" or (found.unknown is not None and found.unknown.any()) for (role, _), found in encoded.items())
    return left_out(table, encoded, rows[:].numpy()) if has_doubts else (np.ones(len(rows), dtype=bool), [])


def _encoded(fields: FittedFields, table: Table, values: Mapping[str, Values], rows: RowNumbers) -> dict[tuple[str, str], Encoded]:
    """Targets and weights of some rows, int32 or int64 `[N]`, made a portion at a time and kept in few bytes. Raises `DataError`."""
    parts: list[dict[tuple[str, str], Encoded]] = []
    step = BLOCK_ROWS if all(field.plan.field.encodes_apart for field in fields.fields) else len(rows)
    for start in range(0, max(1, len(rows)), step or 1):
        own = fields.encoded(table, values, rows[start : start + step].numpy(), with_targets=True, with_inputs=False)
        parts.append({key: replace(found, values=narrow(torch.from_numpy(found.values)).numpy()) for key, found in own.items()})
    return {key: _joined([part[key] for part in parts]) for key in parts[0]}


def _joined(parts: Sequence[Encoded]) -> Encoded:
    """The rows of several, one after another."""
    unknown = [part.unknown for part in parts if part.unknown is not None]
    values = np.concatenate([part.values for part in parts])
    words = next((part.unknown_words for part in parts if part.unknown_words is not None), None)
    return replace(parts[0], values=values, unknown=np.concatenate(unknown) if unknown else None, unknown_words=words)
