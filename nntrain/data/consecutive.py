"""Values that lie one row, class or group after another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    Array = np.ndarray[Any, Any]


def places_within(lengths: Array) -> Array:
    """For stretches of `lengths` `[K]` one after another: the place of each value in its own, from 0, int64 `[sum of lengths]`."""
    import numpy as np

    return np.arange(int(lengths.sum())) - np.repeat(lengths.cumsum() - lengths, lengths)
