"""Reads, splits and encodes a running text: what a language model is trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import numpy as np
import torch

from nntrain.data.batches import TensorData
from nntrain.data.fields.text import Text
from nntrain.data.fitted import FittedFields
from nntrain.data.passages import Passages
from nntrain.data.reading import read_tables
from nntrain.data.settings import DataSettings
from nntrain.data.sources.source import Part
from nntrain.data.sources.text import TEXT
from nntrain.data.tokenizing.tokenizer import SPECIAL
from nntrain.data.words import Coded
from nntrain.errors import DataError
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.keeping import KeptFields

SPLIT_OFF: Final[tuple[Part, ...]] = ("validation", "test")


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a text that is one split's."""

    text: str
    start: int
    """Where it begins in its file, in characters."""


def prepare_running_text(
    settings: DataSettings, folder: Path, plans: Sequence[FieldPlan], kept: KeptFields | None = None
) -> tuple[FittedFields, dict[Part, TensorData], list[str]]:
    """Split a text by place, learn its tokens from the part that trains, cut windows; what is to be told as well.

    Args:
        settings: The data section.
        folder: The config's folder, from which paths are counted.
        plans: The text as input and as target.
        kept: Tokens that are known before.

    Raises:
        DataError: A file can't be read, or a part is too short.
    """
    passages = Passages.of(settings)
    assert passages is not None
    tables = read_tables(settings, folder)
    contents: dict[Part, str] = {part: cast("str", table.column(TEXT)[0]) for part, table in tables.items()}
    stretches = split_text(settings, contents)
    own = Coded.of([stretches["train"].text])
    values = {plan.name: own for plan in plans}
    fields = FittedFields.fit(tuple(plans), values, np.arange(1), tables["train"].name, kept=kept).cut_into(passages)
    fields = replace(fields, lanes=settings.lanes)
    notes = [f"{table.name}    {number_of(len(contents[part]), 'character')}" for part, table in tables.items()]
    notes += kept.notes(fields.fields) if kept is not None else ()
    data: dict[Part, TensorData] = {}
    sizes: list[str] = []
    for part, stretch in stretches.items():
        tokens = encode_text(fields, stretch.text)
        least = passages.steps + 1 if part == "train" else 2
        if len(tokens) < least:
            fits = (len(tokens) - 1) // 8
            hint = "a longer text" if least == 2 or fits < 1 else f"a longer text, or  data.window: {fits}"
            found = f"the {part} part has {number_of(len(tokens), 'token')}"
            raise DataError(f"{tables['train'].name}: {found}, and {least:,} are needed", hint)
        stride = passages.stride if part == "train" else None
        data[part] = fields.cut_tokens(tokens, stretch.start, stride=stride)
        sizes.append(f"{part} {number_of(len(tokens), 'token')}")
    field = fields.fields[0]
    assert isinstance(field.plan.field, Text)
    kind = f"{field.plan.field.tokenizer.type}, {field.state['size'] - SPECIAL:,} different"
    notes.append(f"{', '.join(sizes)}; by place   tokens: {kind}")
    epoch = data["train"].shown
    notes.append(f"windows of {passages.steps} tokens, {epoch:,} an epoch (one pass over the training part, from another place each time)")
    return fields, data, notes


def split_text(settings: DataSettings, contents: Mapping[Part, str]) -> dict[Part, Stretch]:
    """The parts of a text in their order: what no file gives is cut off the end of the training text. Raises `DataError`."""
    text = contents["train"]
    sizes: dict[Part, int] = {}
    for part in SPLIT_OFF:
        share = None if part in contents or settings.split.by == "given" else getattr(settings.split, part)
        sizes[part] = 0 if share is None else share if isinstance(share, int) else max(1, round(share * len(text)))
    end = len(text)
    found: dict[Part, Stretch] = {}
    for part in reversed(SPLIT_OFF):
        if sizes[part]:
            found[part] = Stretch(text[end - sizes[part] : end] if sizes[part] <= end else "", end - sizes[part])
            end -= sizes[part]
    if end < 1:
        taken = ", ".join(f"{part} takes {size:,}" for part, size in sizes.items() if size)
        raise DataError(
            f"{number_of(len(text), 'character')} leave{'s' if len(text) == 1 else ''} nothing to train on: {taken}",
            "smaller shares in data.split, or a longer text",
        )
    given = {part: Stretch(contents[part], 0) for part in SPLIT_OFF if part in contents}
    parts = {"train": Stretch(text[:end], 0), **found, **given}
    return {part: parts[part] for part in ("train", *SPLIT_OFF) if part in parts}


def encode_text(fields: FittedFields, text: str) -> torch.Tensor:
    """The tokens of a text, int64 `[S]`."""
    field = fields.fields[0]
    assert isinstance(field.plan.field, Text)
    return torch.from_numpy(field.plan.field.encoder(field.state).encode([text])[0])
