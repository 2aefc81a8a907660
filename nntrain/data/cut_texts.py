"""Texts of which `max_length` cuts the end off: how many, and how long they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from nntrain.data.fields.text import Text
from nntrain.data.packed import PackedSteps
from nntrain.data.table import counted

if TYPE_CHECKING:
    import polars as pl

    from nntrain.data.batches import TensorData
    from nntrain.data.fields.field import Array, Values
    from nntrain.data.fitted import FittedFields

KEPT_WHOLE = 0.9
"""Share of the rows that a length that is offered keeps whole."""


class Told(NamedTuple):
    """Something about texts that were cut."""

    text: str
    is_doubt: bool
    """Whether it is most of them, which nobody means."""


def cut_texts(fields: FittedFields, values: Mapping[str, Values], train: TensorData) -> Iterator[Told]:
    """What is to be told of the training rows.

    Args:
        fields: The fields, fitted.
        values: What was read of all rows of the source, by field.
        train: The training rows.
    """
    for field in fields.fields:
        text = field.plan.field
        rows = {"input": train.stored, "target": train.stored_targets}.get(field.plan.role, {}).get(field.name)
        if not isinstance(text, Text) or text.max_length is None or not isinstance(rows, PackedSteps):
            continue
        lengths = cast("Array", rows.lengths.numpy()).copy()
        full = np.flatnonzero(lengths == text.max_length)
        if not len(full):
            continue
        texts = cast("pl.Series", values[field.name])[train.rows.numpy()[full]].fill_null("").to_list()
        lengths[full] = text.encoder(field.state).encode(texts)[1]
        if number := int((lengths > text.max_length).sum()):
            yield _told(f"data.fields.{field.name}.max_length {text.max_length}", number, lengths)


def _told(option: str, number: int, lengths: Array) -> Told:
    """That a number of texts were cut, and of most of them which length would keep most."""
    rows, longest = len(lengths), int(lengths.max())
    if number <= rows / 2:
        return Told(f"{option} cuts {number:,} of {counted(rows)}, the longest of {longest:,} tokens", is_doubt=False)
    enough = int(np.quantile(lengths, KEPT_WHOLE, method="higher"))
    which = "every row" if number == rows else f"{number:,} of {counted(rows)}"
    keeps = f"{enough} keeps nine rows in ten whole, {longest} all"
    return Told(f"{option} cuts {which}: the network never reads how these texts go on. max_length: {keeps}", is_doubt=True)
