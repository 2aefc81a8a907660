"""Rows that a network sees alike: the nearest in what its last layer reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from nntrain.errors import UsageError
from nntrain.insight.entrance import placed
from nntrain.modules.network import Network


def last_read(network: Network, output: str, inputs: Mapping[str, Tensor]) -> Tensor:
    """What the last layer with weights before an output reads of some rows, `[B, F]`.

    Raises:
        UsageError: Rows differ in length there.
    """
    calls: dict[int, Any] = dict(placed(network))
    place = dict(network.wiring.outputs)[output]
    while place in calls and next(calls[place].module.parameters(), None) is None:
        place = calls[place].source
    source = calls[place].source if place in calls else place
    with torch.no_grad():
        made = network.steps_behind(inputs)
    found = made[calls[source].name] if source in calls else inputs[network.wiring.keys[source]]
    if found.ndim > 2 and network.is_ragged:
        raise UsageError("examples compares rows by what the last layer reads, and of each step it reads something else", "another method")
    return found.flatten(1)


def nearest_rows(asked: Tensor, known: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The nearest of some rows `[N, F]` to others `[B, F]`, the nearest first: Euclid's distances and places, `[B, count]` each."""
    found = torch.cdist(asked.float(), known.float()).topk(min(count, len(known)), dim=1, largest=False)
    return found.values, found.indices
