"""Which inputs are read when their batch comes: files one by one, rows of tables a block at a time; and what can't be. Torch-free."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from nntrain.data.field_plan import FieldPlan
from nntrain.data.file_rows import SOUNDS
from nntrain.data.header import Header
from nntrain.data.settings import DataSettings
from nntrain.errors import Problem, YamlPath

_MEMORY: Final = "remove streaming, where the rows fit in memory"
ALLOCATOR: Final = "_RJEM_MALLOC_CONF"
"""What polars' allocator, jemalloc, is told by."""
SPARING: Final = "narenas:1,dirty_decay_ms:50,muzzy_decay_ms:0"
"""One pool for all threads, as the thread that reads and the one that unpacks would each keep a block's worth of free memory in its own;
and free memory goes back to the system after 50 ms, where polars has 1,500."""


def settle_polars(*, streams: bool) -> None:
    """Let it give memory back soon where rows are streamed; it hears nothing once it is loaded, or where the environment says otherwise."""
    if streams and "polars" not in sys.modules:
        os.environ.setdefault(ALLOCATOR, SPARING)


def streaming_problems(settings: DataSettings, plans: Sequence[FieldPlan], header: Header | None) -> Iterator[Problem]:
    """Settings of reading rows when their batch comes that nothing hears, and what must have all rows at once."""
    targets = {plan.name for plan in plans if plan.role == "target"}
    are_in_blocks = header is not None and _are_in_blocks(settings, plans, header)
    has_nothing = header is not None and not are_in_blocks and _one_by_one(plans, header) <= targets
    if settings.workers and not settings.streaming:
        message = "has no effect: without streaming all rows are kept in memory"
        yield Problem(("data", "workers"), message, "remove it" if has_nothing else "remove it, or add  streaming: true", on_key=True)
    if settings.streaming and has_nothing:
        message = (
            "has no effect: no input is read when its batch comes; images that are files are, where they are no target, tables, and sounds"
        )
        yield Problem(("data", "streaming"), message, "remove it: rows are kept in memory", on_key=True)
    if settings.streaming and are_in_blocks:
        yield from _block_problems(settings, plans)


def in_blocks(settings: DataSettings, plans: Sequence[FieldPlan], header: Callable[[], Header]) -> bool:
    """Whether rows are read a block at a time: not where inputs are image files, whose names are kept in memory, without sounds."""
    return settings.streaming and settings.source.reads_blocks and _are_in_blocks(settings, plans, header())


def _are_in_blocks(settings: DataSettings, plans: Sequence[FieldPlan], header: Header) -> bool:
    """The same of rows that are streamed."""
    has_sounds = any(plan.role == "input" and plan.field.file_kind is SOUNDS for plan in plans)
    return settings.source.reads_blocks and (has_sounds or not _one_by_one(plans, header))


def _one_by_one(plans: Sequence[FieldPlan], header: Header) -> set[str]:
    """The inputs that are files which can be read in any order."""
    columns = header.by_name
    inputs = [plan for plan in plans if plan.role == "input" and plan.columns[0] in columns]
    return {plan.name for plan in inputs if plan.field.streams(columns[plan.columns[0]])}


def _block_problems(settings: DataSettings, plans: Sequence[FieldPlan]) -> Iterator[Problem]:
    """What needs more than a block of rows at a time."""
    packed = () if settings.source.takes_folders else (".gz", ".zip")  # a packed folder is entered at each of its files
    for part, written in settings.source.written_paths().items():
        if PurePosixPath(written.lower()).suffix in packed:
            message = f"{written} is packed, and can't be entered in the middle, as streaming does"
            yield Problem(("data", "source", "path" if part == "train" else part), message, f"unpack it, or {_MEMORY}")
    yield from _cut_problems(settings)
    targets = {plan.name for plan in plans if plan.role == "target"}
    for plan in plans:
        path = ("data", "fields", plan.written)
        if plan.role == "target" and plan.spec.is_ragged:
            yield _needs_all(path, f"the target {plan.name} has rows of different lengths", _MEMORY)
        elif plan.role == "input" and plan.name in targets:
            yield _needs_all(path, f"{plan.name} is its own target, and targets are kept in memory", _MEMORY)
        elif plan.role == "input" and (why := plan.field.needs_all_rows) is not None:
            yield _needs_all(path, f"{plan.name}: {why}", f"another type of field, or {_MEMORY}")


def _cut_problems(settings: DataSettings) -> Iterator[Problem]:
    """Batches and windows that have rows from all over the file."""
    if settings.window is not None:
        yield _needs_all(("data", "window"), "windows go over rows that lie anywhere in the file", _MEMORY)
    if settings.batch_size == "full":
        yield _needs_all(("data", "batch_size"), "full takes all rows at once", "fix:  batch_size: 64")
    if settings.split.validation_folds is not None:
        why = "a bag cuts its rows again and again"
        yield _needs_all(("data", "split", "validation_folds"), why, f"validation: 0.1, without training.bag.folds, or {_MEMORY}")
    batch = settings.batch
    if batch is None:
        return
    if batch.sampler is not None:
        hint = f"weigh the classes instead:  loss: {{type: cross_entropy, class_weights: balanced}}, or {_MEMORY}"
        yield _needs_all(("data", "batch", "sampler"), "a sampler draws rows from all over the file", hint)
    if batch.tokens is not None:
        why = "only the lengths of all rows tell how many batches of so many tokens an epoch has"
        yield _needs_all(("data", "batch", "tokens"), why, f"bucket: true with a batch_size in its place, or {_MEMORY}")


def _needs_all(path: YamlPath, why: str, hint: str) -> Problem:
    return Problem(path, f"data.streaming reads a block of rows at a time, and {why}", hint)
