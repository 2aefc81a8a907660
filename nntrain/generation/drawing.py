"""Rows that a network makes of draws: what is behind a point is run on values from the distribution that the point has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from nntrain.generation.ways import Point
from nntrain.specs import known

if TYPE_CHECKING:
    from nntrain.modules.network import Network
    from nntrain.training.device import Precision

_ROWS: Final = 256
"""Rows that are made at once."""


def draw_outputs(  # noqa: PLR0913 (what is drawn and how, and where the network is)
    network: Network,
    point: Point,
    count: int,
    seed: int,
    device: torch.device,
    precision: Precision,
    beside: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """What a network makes of draws.

    Args:
        network: The network, in evaluation.
        point: What is drawn.
        count: Rows.
        seed: Decides the draws; those of fewer rows are the first of those of more.
        device: Where the network is.
        precision: In which numbers it computes.
        beside: What it reads beside the point, by the keys of a batch, `[count, …]`.

    Returns:
        The outputs `[count, …]` that hang on nothing else, float32.
    """
    drawn = {**(beside or {}), point.key: draw(point, count, seed)}
    batches: list[dict[str, Tensor]] = []
    with torch.inference_mode():
        for start in range(0, count, _ROWS):
            with precision.autocast():
                outputs = network.run_behind({key: rows[start : start + _ROWS].to(device) for key, rows in drawn.items()})
            batches.append({name: output.float() for name, output in outputs.items()})
    return {name: torch.cat([batch[name] for batch in batches]) for name in batches[0]}


def draw(point: Point, count: int, seed: int) -> Tensor:
    """Draws of a point, standard normal, float32 `[count, …]` on the CPU."""
    sizes = [known(size) for size in point.spec.sizes]
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([torch.randn(sizes, generator=generator) for _ in range(count)])  # row by row: more rows begin with the same ones
