"""Makes the files that a config asks for, with rows that are made up, in a folder of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nntrain.data.fake.assumptions import Assumptions
from nntrain.data.fake.columns import Place, columns, made_up_inputs
from nntrain.data.fake.graph_files import edges_between, write_tu
from nntrain.data.fake.image_files import SPLITS, write_folders, write_known_set, write_matching
from nntrain.data.fake.long_series import stretched
from nntrain.data.fake.sequences import pieces, write_pieces, write_sentences
from nntrain.data.fake.tables import write_arrays, write_lines, write_parquet, write_text, write_workbook
from nntrain.data.fake.values import GROUPS, Rows, cells
from nntrain.data.fields.category import Category
from nntrain.data.fields.notes import Notes
from nntrain.data.fields.text import Text as TextField
from nntrain.data.settings import DataSettings
from nntrain.data.sources.arrays import Arrays
from nntrain.data.sources.builtin import Builtin
from nntrain.data.sources.class_folder import ClassFolder
from nntrain.data.sources.conll import Conll
from nntrain.data.sources.csv import Csv
from nntrain.data.sources.excel import Excel
from nntrain.data.sources.files import Files
from nntrain.data.sources.graph import Graph, table_source
from nntrain.data.sources.jsonl import JsonLines
from nntrain.data.sources.labelled import LabelledFiles
from nntrain.data.sources.parquet import Parquet
from nntrain.data.sources.pianoroll import PianoRoll
from nntrain.data.sources.source import Source
from nntrain.data.sources.text import Text as RunningText
from nntrain.data.sources.tu import TU
from nntrain.errors import DataError

ROWS: Final = 400
ROWS_OF_A_CLASS: Final = 40
"""Enough that every class is in every split."""
LINES: Final = 800
"""Lines of a running text: some 30,000 characters."""
MOST_ROWS: Final = 4_000
MOST_ROWS_OF_WINDOWS: Final = 40_000
_PATHS: Final = ("path", "validation", "test", "nodes", "edges", "labels")


@dataclass(frozen=True, slots=True)
class MadeUp:
    """Made-up data of a config."""

    settings: DataSettings
    """The data section, with paths that count from the folder."""
    folder: Path
    rows: int
    """Rows of each file; of all together where paths or a column say the split."""
    files: tuple[str, ...]
    """The files that are not there, as the config names them."""
    inputs: tuple[str, ...]
    """Columns that no setting names."""
    assumptions: Assumptions


def make_up(settings: DataSettings, folder: Path, assumptions: Assumptions, missing: tuple[str, ...]) -> MadeUp:
    """Write files for a data section, below a folder.

    Raises:
        DataError: Rows of this kind can't be made up; the hint says what to write into the config.
    """
    source = _moved(settings.source)
    moved = settings.model_copy(update={"source": source})
    count = _count(moved, assumptions)
    _write(moved, folder, count, assumptions)
    has_columns = not isinstance(source, (Builtin, ClassFolder, Files, PianoRoll, TU)) and _fixed_names(moved) is None
    return MadeUp(moved, folder, count, missing, made_up_inputs(settings) if has_columns else (), assumptions)


def _write(settings: DataSettings, folder: Path, count: int, assumptions: Assumptions) -> None:
    source = settings.source
    rows = Rows.of(count, 0, assumptions)
    if isinstance(source, Builtin):
        write_known_set(folder / str(source.path), source, rows)
    elif isinstance(source, Files):
        write_matching(folder, settings, source, rows)
    elif isinstance(source, TU):
        write_tu(folder / source.path, source, rows)
    elif isinstance(source, Graph):
        _write_graph(folder, settings, source, rows)
    else:
        for seed, (part, written) in enumerate(source.written_paths().items()):
            _write_part(folder / written, settings, part, count, seed, assumptions)


def _write_part(path: Path, settings: DataSettings, part: str, count: int, seed: int, assumptions: Assumptions) -> None:
    """One file or folder of a source that may have one for each split."""
    source = settings.source
    rows = Rows.of(count, seed, assumptions, is_smooth=settings.window is not None)
    if isinstance(source, ClassFolder):
        write_folders(path, settings, rows, _folders_of_splits(settings))
    elif isinstance(source, RunningText):
        write_running_text(path, source, Rows.of(LINES, seed, assumptions))
    elif isinstance(source, PianoRoll):
        notes = next((field for field in settings.fields.values() if isinstance(field, Notes)), Notes())
        write_pieces(path, pieces(notes, rows))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        is_array = isinstance(source, Arrays)
        place = Place(
            path.parent,
            part,
            has_arrays=is_array or isinstance(source, (JsonLines, Parquet)),
            is_binary=is_array,
            names=_fixed_names(settings),
            date_format=getattr(source, "date_format", None),
        )
        found = columns(settings, rows, place)
        steps, labels = stretched(settings, found, rows)
        _write_table(path, source, steps)
        if labels and isinstance(source, LabelledFiles) and source.labels is not None:
            beside = path.parent / source.labels.replace("*", path.name.partition(".")[0]).rpartition("/")[2]
            _write_table(beside, table_source(beside), labels)


def _write_graph(folder: Path, settings: DataSettings, source: Graph, rows: Rows) -> None:
    """Tables of nodes and edges. Raises `DataError` for several graphs, and for nodes that have names."""
    if source.graph is not None or source.id is not None:
        raise DataError("no rows can be made up for several graphs, or for nodes with names", "smoke-run it on a few real rows")
    (folder / source.nodes).parent.mkdir(parents=True, exist_ok=True)
    (folder / source.edges).parent.mkdir(parents=True, exist_ok=True)
    nodes, edges = table_source(folder / source.nodes), table_source(folder / source.edges)
    place = Place((folder / source.nodes).parent, "train", has_arrays=isinstance(nodes, (JsonLines, Parquet)))
    _write_table(folder / source.nodes, nodes, columns(settings, rows, place))
    _write_table(folder / source.edges, edges, edges_between(source, rows))


def write_running_text(path: Path, source: RunningText, rows: Rows) -> None:
    """Lines of made-up words."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in cells(TextField(), "input", rows, 0)), encoding=source.encoding)


def _folders_of_splits(settings: DataSettings) -> tuple[str, ...]:
    """Which folders of splits files are in: none where other settings say which rows are for test."""
    if len(settings.source.written_paths()) > 1 or "test" in settings.split.model_fields_set:
        return ()
    return SPLITS if settings.split.by in ("given", "column") else tuple(split for split in SPLITS if split != "validation")


def _write_table(path: Path, source: Source, found: Mapping[str, Any]) -> None:
    if isinstance(source, Csv):
        write_text(path, source, found)
    elif isinstance(source, Excel):
        write_workbook(path, source, found)
    elif isinstance(source, JsonLines):
        write_lines(path, found)
    elif isinstance(source, Parquet):
        write_parquet(path, found)
    elif isinstance(source, Arrays):
        write_arrays(path, found)
    elif isinstance(source, Conll):
        write_sentences(path, source, found)
    else:
        raise DataError(f"no rows can be made up for the source {source.type}", "smoke-run it on a few real rows")


def _count(settings: DataSettings, assumptions: Assumptions) -> int:
    """How many rows: enough for all classes in all splits, for splits in rows, and for two batches."""
    known = [
        len(field.class_names) or (field.classes if isinstance(field, Category) and isinstance(field.classes, int) else 0)
        for field in settings.fields.values()
    ]
    if isinstance(settings.source, Builtin) and settings.source.kind is not None:
        known.append(2 * len(settings.source.kind.classes))
    split = sum(share for share in (settings.split.validation, settings.split.test) if isinstance(share, int))
    batches = 0 if settings.batch_size == "full" else 2 * settings.batch_size
    has_groups = settings.split.by == "group" or any("group" in field.role_set for field in settings.fields.values())
    windows = 0 if settings.window is None else min(20 * settings.window.rows * (GROUPS if has_groups else 1), MOST_ROWS_OF_WINDOWS)
    return max(ROWS, windows, min(max(ROWS_OF_A_CLASS * max(assumptions.classes, *known, 0), batches), MOST_ROWS), 3 * split)


def _fixed_names(settings: DataSettings) -> tuple[str, ...] | None:
    """The names of all columns, where a table has no header."""
    source = settings.source
    if not isinstance(source, (Csv, Excel)) or source.header is not False:
        return None
    if source.columns is not None:
        return source.columns
    named = [*settings.fields, *settings.targets, settings.split.column or ""]
    named += [column for field in settings.fields.values() for column in field.source_columns or ()]
    numbers = [int(match[1]) for name in named if (match := re.fullmatch(r"column_(\d+)", name))]
    return tuple(f"column_{number + 1}" for number in range(max([4, *numbers])))


def _moved(source: Source) -> Source:
    """The source with paths that stay below a folder: `../a.csv` and `/a.csv` do not."""
    changes: dict[str, Any] = {}
    for key in _PATHS:
        path: str | dict[str, str] | None = getattr(source, key, None)
        if isinstance(path, dict):
            changes[key] = {column: _below(pattern) for column, pattern in path.items()}
        elif path is not None:
            changes[key] = _below(path)
    return source.model_copy(update=changes)


def _below(path: str) -> str:
    parts = ["up" if part == ".." else part for part in path.replace("\\", "/").replace(":", "_").split("/") if part not in ("", ".")]
    return "/".join(["root"] * path.startswith("/") + parts)
