"""How far one text is from another: the edits that turn words or letters into others (Levenshtein 1966)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor

from nntrain.modules.metrics import OfSums

Text = Callable[[Sequence[int]], Sequence[str]]
"""Tokens to the words or letters of their text."""


def edits(found: Sequence[object], wanted: Sequence[object]) -> int:
    """The least number of insertions, deletions and substitutions that turn one sequence into the other."""
    row = list(range(len(wanted) + 1))
    for count, item in enumerate(found, 1):
        above, row[0] = row[0], count
        for place, other in enumerate(wanted, 1):
            above, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, above + (item != other))
    return row[-1]


def error_rate(read: Text) -> OfSums:
    """Edits of all rows by the words or letters of all targets; undefined where there are none."""

    def rows(prediction: Tensor, target: Tensor) -> Tensor:
        pairs = [(read(found), read(wanted)) for found, wanted in zip(tokens(prediction), tokens(target), strict=True)]
        counts = [[edits(found, wanted), len(wanted)] for found, wanted in pairs]
        return torch.tensor(counts, dtype=torch.float32, device=target.device).reshape(-1, 2)

    return OfSums(rows, lambda sums: sums[:, 0] / sums[:, 1])


def exact_share(read: Text) -> OfSums:
    """Rows whose text is that of the target, by all rows."""

    def rows(prediction: Tensor, target: Tensor) -> Tensor:
        pairs = zip(tokens(prediction), tokens(target), strict=True)
        counts = [[float(read(found) == read(wanted)), 1.0] for found, wanted in pairs]
        return torch.tensor(counts, dtype=torch.float32, device=target.device).reshape(-1, 2)

    return OfSums(rows, lambda sums: sums[:, 0] / sums[:, 1])


def tokens(rows: Tensor) -> list[list[int]]:
    """The tokens of rows `[B, L]`, without the -1 behind their ends."""
    return [[token for token in row if token >= 0] for row in cast("list[list[int]]", rows.long().tolist())]
