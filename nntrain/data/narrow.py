"""Classes of many rows in as few bytes as hold them."""

from __future__ import annotations

import torch
from torch import Tensor

_NARROW = (torch.int8, torch.int16, torch.int32)


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
