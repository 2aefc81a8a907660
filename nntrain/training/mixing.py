"""Mixing the rows of a batch with one another: mixup and cutmix. A function of (seed, epoch, step), so nothing needs to be saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from nntrain.data.batches import Batch, Partner
from nntrain.data.moving import sent
from nntrain.data.noise import derive_seed


@dataclass(frozen=True, slots=True)
class Mixer:
    """Mixes each row of a step with another one of it, all by the same share; with both ways a step takes one of them at random."""

    seed: int
    mixup: float | None
    """Alpha of the shares of mixup, drawn from Beta(alpha, alpha) (Zhang et al., 2018); `None` where it is off."""
    cutmix: float | None
    """The same of cutmix (Yun et al., 2019)."""
    values: frozenset[str]
    """Targets whose values can be averaged; of others, the losses are: for cross-entropy the same as the loss of mixed one-hot targets."""

    def mix(self, batch: Batch, epoch: int, step: int) -> Batch:
        """Mix the rows of a step.

        Args:
            batch: All rows of the step.
            epoch: Number of the epoch.
            step: Number of the step in it.
        """
        seed = derive_seed(self.seed, "mixing", epoch, step)
        draws = np.random.Generator(np.random.PCG64(seed))
        order = sent(torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed)), batch.rows.device)
        cuts = self.mixup is None or (self.cutmix is not None and bool(draws.random() < 0.5))
        alpha = self.cutmix if cuts else self.mixup
        assert alpha is not None
        share = float(draws.beta(alpha, alpha))
        inputs, share = _cut(batch.inputs, order, share, draws) if cuts else (_blend(batch.inputs, order, share), share)
        targets = {name: target.index_select(0, order) for name, target in batch.targets.items()}
        weights = batch.weights
        return replace(
            batch,
            inputs=inputs,
            targets={
                name: share * target + (1 - share) * targets[name] if name in self.values else target
                for name, target in batch.targets.items()
            },
            weights=None if weights is None else share * weights + (1 - share) * weights.index_select(0, order),
            partner=Partner({name: target for name, target in targets.items() if name not in self.values}, share),
        )


def _blend(inputs: Mapping[str, Tensor], order: Tensor, share: float) -> dict[str, Tensor]:
    """Weighted means of rows and their partners."""
    return {name: share * tensor + (1 - share) * tensor.index_select(0, order) for name, tensor in inputs.items()}


def _cut(inputs: Mapping[str, Tensor], order: Tensor, share: float, draws: Any) -> tuple[dict[str, Tensor], float]:
    """Images with a rectangle of their partners' in them, and the share that is left of their own.

    The rectangle has the sides of the image times sqrt(1 - share) around a random point, and ends at the edge.
    """
    name, images = next(iter(inputs.items()))
    edges: list[tuple[int, int]] = []
    for size in images.shape[2:]:
        half = size * (1 - share) ** 0.5 / 2
        middle = float(draws.random()) * size
        edges.append((max(0, round(middle - half)), min(size, round(middle + half))))
    (top, bottom), (left, right) = edges
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[:, :, top:bottom, left:right].index_select(0, order)
    return {name: mixed}, 1 - (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
