"""Rows that a network sees alike: the nearest in what its last layer reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def nearest_rows(asked: Sequence[Tensor], known: Sequence[Tensor], count: int) -> tuple[Tensor, Tensor]:
    """The nearest of some rows to others, the nearest first: distances and places, `[B, count]` each.

    Args:
        asked: Rows `[B, F]` as each of some networks reads them; Euclid's distances are their mean.
        known: The others, `[N, F]` each.
        count: How many.
    """
    apart = [torch.cdist(one.float(), other.float()) for one, other in zip(asked, known, strict=True)]
    found = torch.stack(apart).mean(0).topk(min(count, len(known[0])), dim=1, largest=False)
    return found.values, found.indices
