"""Tags that look at nothing but the token: how far a list of words gets."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.packed import PackedSteps
from nntrain.training.baselines import Baseline
from nntrain.training.evaluation import evaluate_portions
from nntrain.training.objective import Objective

ROWS: Final = 256
"""Rows that are padded at once."""


def measure_token_tags(objective: Objective, train: TensorData, splits: Mapping[str, TensorData]) -> dict[str, Baseline]:
    """Measure `token_tags`: the tag that each token has most often in the training rows, of a token that they don't have the commonest tag.

    Args:
        objective: Targets and metrics; of others than one class for each token of the one text nothing is measured.
        train: The training rows, on the CPU.
        splits: Rows to be measured by name of the split, on the CPU.
    """
    texts = [name for name, rows in train.stored.items() if isinstance(rows, PackedSteps) and not rows.values.is_floating_point()]
    [name, *others] = objective.targets
    target = objective.targets[name]
    is_tagged = target.unit_axis == "time" and not target.task.looks_back and target.task.kind(target.target) == "classes"
    if others or len(texts) != 1 or not is_tagged:
        return {}
    tokens, tags = train.stored[texts[0]], train.stored_targets.get(name)
    if not isinstance(tokens, PackedSteps) or not isinstance(tags, PackedSteps):
        return {}
    started = time.monotonic()
    weights = None if train.weights is None else train.weights.repeat_interleave(tags.lengths)
    shares = tag_shares(tokens.values, tags.values, len(target.target.classes), weights)
    metrics: dict[str, float | None] = {}
    for split, data in splits.items():
        rows = data.stored[texts[0]]
        assert isinstance(rows, PackedSteps)

        def portion(start: int, end: int, rows: PackedSteps = rows) -> Mapping[str, Tensor]:
            padded, _ = rows.narrow(start, end).pad()
            return {name: shares[padded.flatten().clamp(max=len(shares) - 1)]}

        scores = evaluate_portions(objective, portion, data, ROWS)
        metrics |= {f"{split}.{metric}": value for metric, value in scores.metrics.items()}
    return {"token_tags": Baseline(metrics, round(time.monotonic() - started, 3))}


def tag_shares(tokens: Tensor, tags: Tensor, num_tags: int, weights: Tensor | None = None) -> Tensor:
    """How often each token has each tag.

    Args:
        tokens: Int64 `[S]`.
        tags: Their tags, int64 `[S]`; one of -1 counts nothing.
        num_tags: K.
        weights: How much each token counts, `[S]`; `None` where all count once.

    Returns:
        Float64 `[V + 1, K]`, rows that sum to 1; of a token without tags, and in the last row of one that is not there, the shares of the
        tags among all tokens.
    """
    keep = tags >= 0
    tokens, tags = tokens[keep].long(), tags[keep].long()
    count = torch.ones(len(tags), dtype=torch.float64) if weights is None else weights[keep].double()
    size = int(tokens.max()) + 2
    found = torch.zeros(size * num_tags, dtype=torch.float64).index_add_(0, tokens * num_tags + tags, count).reshape(size, num_tags)
    counts = torch.where(found.any(dim=1, keepdim=True), found, found.sum(dim=0))
    return counts / counts.sum(dim=1, keepdim=True)
