"""Finding a likely sequence, token by token, where what comes next is known only for what was chosen so far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

END = 0
"""Token that begins and ends a sequence: the index of padding, which no sequence holds."""

Scores = Callable[[Tensor, Tensor], Tensor]
"""`(rows [N], tokens so far [N, T], the first of them END)` to the log-probability of each next token, `[N, V]`."""


def beam_search(scores: Scores, rows: int, device: torch.device, *, beam: int, most: int, length_penalty: float) -> Tensor:
    """The most likely sequence of each row, as far as it is seen when only the `beam` likeliest beginnings are kept.

    A sequence counts once its end is among the `beam` likeliest continuations; a row has found its sequences when `beam` have ended, or
    none that goes on can become likelier. With a beam of 1 this takes the likeliest token each time.

    Args:
        scores: Log-probabilities of the next token.
        rows: Number of rows, B.
        device: Where rows and tokens are to be.
        beam: Beginnings that are kept.
        most: Tokens after which a sequence ends.
        length_penalty: Exponent alpha: log-probabilities are divided by ((5 + length) / 6) ** alpha, where the length counts the end (Wu
            et al. 2016, equation 14). 0 leaves them.

    Returns:
        Int64 `[B, L]`, -1 behind the end.
    """
    tokens = torch.full((rows, 1, 1), END, device=device)
    alive = torch.zeros(rows, 1, dtype=torch.float64, device=device)
    best = torch.full((rows,), -torch.inf, dtype=torch.float64, device=device)
    found = torch.full((rows, most), -1, device=device)
    ended = torch.zeros(rows, dtype=torch.long, device=device)
    row = torch.arange(rows, device=device)
    for length in range(most + 1):
        kept = alive.shape[1]
        totals = alive.unsqueeze(2) + scores(row.repeat_interleave(kept), tokens.flatten(0, 1)).double().view(rows, kept, -1)
        flat = totals.flatten(1)
        least = flat.topk(min(beam, flat.shape[1]), dim=1).values[:, -1:]
        ends = totals[:, :, END]
        ends = ends if length == most else ends.masked_fill(ends < least, -torch.inf)
        top, which = (ends / penalty(length + 1, length_penalty)).max(dim=1)
        is_better = (top > best) & (ended < beam)
        best = torch.where(is_better, top, best)
        found[:, :length] = torch.where(is_better.unsqueeze(1), tokens[row, which, 1:], found[:, :length])
        found[:, length:] = found[:, length:].masked_fill(is_better.unsqueeze(1), -1)
        ended += ends.isfinite().sum(dim=1)
        flat = totals.index_fill(2, torch.tensor([END], device=device), -torch.inf).flatten(1)
        alive, chosen = flat.topk(min(beam, flat.shape[1] - kept), dim=1)
        reachable = alive[:, 0] / penalty(most + 1, length_penalty)
        if length == most or bool(((ended >= beam) | (reachable <= best)).all()):
            break
        parents = (chosen // totals.shape[2]).unsqueeze(2).expand(-1, -1, length + 1)
        tokens = torch.cat([tokens.gather(1, parents), (chosen % totals.shape[2]).unsqueeze(2)], dim=2)
    return found[:, : int((found >= 0).sum(dim=1).max())]


def penalty(length: int, exponent: float) -> float:
    """What the log-probability of a sequence is divided by."""
    return ((5 + length) / 6) ** exponent
