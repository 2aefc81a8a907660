"""Tags that look at nothing but the token: how far a list of words gets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from nntrain.data.packed import PackedSteps
from nntrain.training.evaluation import Scores, evaluate_portions
from nntrain.training.references import Compared

ROWS: Final = 256
"""Rows that are padded at once."""


def measure_token_tags(compared: Compared) -> Mapping[str, Scores] | None:
    """The tag that each token has most often in the training rows, of a token that they don't have the commonest tag.

    `None` where there is more than one target, or more or less than one text.
    """
    objective, train = compared.objective, compared.train
    texts = [name for name, rows in train.stored.items() if isinstance(rows, PackedSteps) and not rows.values.is_floating_point()]
    [name, *others] = objective.targets
    target = objective.targets[name]
    if others or len(texts) != 1:
        return None
    tokens, tags = train.stored[texts[0]], train.stored_targets.get(name)
    if not isinstance(tokens, PackedSteps) or not isinstance(tags, PackedSteps):
        return None
    weights = None if train.weights is None else train.weights.repeat_interleave(tags.lengths)
    shares = tag_shares(tokens.values, tags.values, len(target.target.classes), weights)
    found: dict[str, Scores] = {}
    for split, data in compared.splits.items():
        rows = data.stored[texts[0]]
        assert isinstance(rows, PackedSteps)

        def portion(start: int, end: int, rows: PackedSteps = rows) -> Mapping[str, Tensor]:
            padded, _ = rows.narrow(start, end).pad()
            return {name: shares[padded.flatten().clamp(max=len(shares) - 1)]}

        found[split] = evaluate_portions(objective, portion, data, ROWS)
    return found


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
