"""Noise on the inputs of training rows: a function of (seed, epoch, row), whatever else is drawn and however rows are cut into batches."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor

from nntrain.data.augmentation.draws import keys_on_device
from nntrain.data.batches import Batch
from nntrain.data.noise import derive_seed
from nntrain.data.packed import LENGTHS
from nntrain.specs import GRAPH

_HALF: Final = 2**32 - 1


def with_noise(batch: Batch, deviation: float, *, seed: int, epoch: int) -> Batch:
    """A batch with normal noise on all its inputs that are numbers; padding stays as it is.

    Args:
        batch: Rows of an epoch.
        deviation: Standard deviation, in the unit of the inputs as the network gets them.
        seed: Seed of the experiment.
        epoch: Number of the epoch.
    """
    inputs = dict(batch.inputs)
    rows = batch.rows
    nodes = batch.inputs.get(LENGTHS.format(GRAPH))
    if nodes is not None:  # each node draws as a row of its own does, by its place in the graph
        starts = (nodes.cumsum(0) - nodes).repeat_interleave(nodes)
        rows = (
            keys_on_device(derive_seed(seed, "nodes"), rows).repeat_interleave(nodes)
            + torch.arange(len(starts), device=rows.device)
            - starts
        )
    for name, values in batch.inputs.items():
        if not values.is_floating_point() or name.startswith(GRAPH):
            continue
        noise = normal_by_row(derive_seed(seed, "input noise", epoch, name), rows, values[:1].numel()).view(values.shape)
        lengths = batch.inputs.get(LENGTHS.format(name))
        if lengths is not None:
            steps = torch.arange(values.shape[1], device=values.device)
            inside = (steps < lengths.unsqueeze(1)).view(*values.shape[:2], *(1,) * (values.ndim - 2))
            noise = noise.masked_fill(~inside, 0.0)
        inputs[name] = values.add(noise.to(values.dtype), alpha=deviation)
    return replace(batch, inputs=inputs)


def normal_by_row(seed: int, rows: Tensor, count: int) -> Tensor:
    """Standard normal numbers, float32 `[B, count]`: the k-th of a row is a function of (seed, row, k) alone.

    A counter hash gives 64 bits each, whose two halves make one normal number (Box and Muller, 1958).

    Args:
        seed: A number of 63 bits.
        rows: Row numbers, int64 `[B]`.
        count: Numbers of each row.
    """
    keys = keys_on_device(seed, rows)
    bits = keys_on_device(keys.unsqueeze(1), torch.arange(count, device=rows.device))
    high, low = (bits >> 32) & _HALF, bits & _HALF
    first, second = (high.float() + 0.5) / 2**32, low.float() / 2**32
    return torch.sqrt(-2 * torch.log(first)) * torch.cos(2 * math.pi * second)
