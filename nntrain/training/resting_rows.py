"""Where the rows of a run lie: on the device that computes, or on the host beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import torch

from nntrain.data.batches import TensorData
from nntrain.data.moving import row_bytes
from nntrain.errors import ConfigError, Problem

SHARE: Final = 4
"""Rows take at most one part of so many of the memory that is free: activations, gradients and the optimizer take the rest."""

Given = Literal["auto"] | bool


def settle(given: Given, device: torch.device, splits: Sequence[TensorData]) -> tuple[Given, str | None]:
    """Whether rows lie on a device, and why not where that was left open; `auto` where they lie there anyway.

    Args:
        given: `training.data_on_device`.
        device: What computes.
        splits: The rows that a run trains on and is evaluated with, on the host.

    Raises:
        ConfigError: The setting has no effect.
    """
    streamed = any(data.streamed is not None for data in splits)
    if device.type != "cuda" or streamed:
        if given == "auto":
            return given, None
        reason = "rows are read from files while training" if streamed else f"{device} computes where rows lie"
        raise ConfigError([Problem(("training", "data_on_device"), f"has no effect: {reason}", "remove it", on_key=True)])
    if given != "auto":
        return given, None
    return fits(sum(row_bytes(data) * len(data) for data in splits), torch.cuda.mem_get_info(device)[0])


def fits(needed: int, free: int) -> tuple[bool, str | None]:
    """Whether rows of so many bytes lie on a device that has so many free, and why not."""
    if needed * SHARE <= free:
        return True, None
    return False, f"rows stay on the host ({needed / 2**30:.1f} GiB, and {free / 2**30:.1f} GiB are free on the device)"
