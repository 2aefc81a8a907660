"""Classes of many rows in as few bytes as hold them."""

from __future__ import annotations

from typing import Final, cast

import torch
from torch import Tensor

PORTION: Final = 2**18
"""Rows that are counted at once."""
_NARROW = (torch.int8, torch.int16, torch.int32)


def class_counts(values: Tensor, classes: int) -> Tensor:
    """How many of some rows are of each of K classes, int64 `[K]`; what is none of them counts nothing."""
    found = torch.zeros(classes, dtype=torch.int64)
    for part in cast("tuple[Tensor, ...]", values.flatten().split(PORTION)):
        own = wide(part.cpu()).long()
        found += own[(own >= 0) & (own < classes)].bincount(minlength=classes)
    return found


def narrow(values: Tensor) -> Tensor:
    """Whole numbers in the smallest of int8, int16, int32 and int64 that holds them; anything else as it is."""
    if values.dtype != torch.int64 or not values.numel():
        return values
    low, high = values.aminmax()
    kind = next((kind for kind in _NARROW if torch.iinfo(kind).min <= int(low) and int(high) <= torch.iinfo(kind).max), torch.int64)
    return values.to(kind)


def wide(values: Tensor) -> Tensor:
    """Undo `narrow`."""
    return values.long() if values.dtype in _NARROW else values
