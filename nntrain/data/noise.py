"""Randomness as a function of its purpose: a seed for each, and a number for each row, whatever was drawn before."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

_GOLDEN = 0x9E3779B97F4A7C15


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A seed of its own for a purpose: 63 bits of a hash of both, the same on every machine.

    Args:
        seed: The seed of the experiment.
        purpose: What it is for: `("order", epoch)`.
    """
    text = "\0".join([str(seed), *(f"{type(part).__name__}:{part}" for part in purpose)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") >> 1


def row_keys(seed: int, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A random number for each row, uint64 `[N]`: a function of the seed and the row alone (splitmix64; Steele et al., 2014)."""
    import numpy as np

    with np.errstate(over="ignore"):
        state = np.uint64(seed) + (rows.astype(np.uint64) + np.uint64(1)) * np.uint64(_GOLDEN)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return state ^ (state >> np.uint64(31))
