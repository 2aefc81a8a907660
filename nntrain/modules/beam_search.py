"""Finding a likely sequence, token by token, where what comes next is known only for what was chosen so far."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

END = 0
"""Token that begins and ends a sequence: the index of padding, which no sequence holds."""

Scores = Callable[[Tensor, Tensor, Tensor | None], Tensor]
"""`(rows [N], tokens so far [N, T], parents [N])` to the log-probability of each next token, `[N, V]`.

The first token is END. The parents tell which beginning of the call before each one has made longer by a token, so that what was worked out
for it can be gone on from; `None` in the first call."""


def beam_search(scores: Scores, rows: int, device: torch.device, *, beam: int, most: int, length_penalty: float) -> Tensor:
    """The most likely sequence of each row, as far as it is seen when only the `beam` likeliest beginnings are kept.

    A sequence counts once its end is among the `beam` likeliest continuations; a row has found its sequences when `beam` have ended, or
    none that goes on can become likelier, and is not asked about any more. With a beam of 1 this takes the likeliest token each time.

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
    best = torch.full((rows,), -torch.inf, dtype=torch.float64, device=device)
    found = torch.full((rows, most), -1, device=device)
    ended = torch.zeros(rows, dtype=torch.long, device=device)
    row = torch.arange(rows, device=device)  # those that are still searched, R; all below is of these
    tokens = torch.full((rows, 1, 1), END, device=device)
    alive = torch.zeros(rows, 1, dtype=torch.float64, device=device)
    parents: Tensor | None = None
    for length in range(most + 1):
        kept = alive.shape[1]
        asked = scores(row.repeat_interleave(kept), tokens.flatten(0, 1), parents).view(len(row), kept, -1)
        size = asked.shape[2]
        top, which = asked.topk(min(beam + 1, size), dim=2)  # the end, and `beam` that go on: no more of one beginning can be kept
        totals, ends = alive.unsqueeze(2) + top.double(), alive + asked[:, :, END].double()
        likeliest = totals.flatten(1)
        least = likeliest.topk(min(beam, likeliest.shape[1]), dim=1).values[:, -1:]
        ends = ends if length == most else ends.masked_fill(ends < least, -torch.inf)
        value, beginning = (ends / penalty(length + 1, length_penalty)).max(dim=1)
        is_better = (value > best[row]) & (ended[row] < beam)
        better = row[is_better]
        best[better] = value[is_better]
        found[better] = -1
        found[better, :length] = tokens[is_better, beginning[is_better], 1:]
        ended[row] += ends.isfinite().sum(dim=1)
        if length == most:
            break
        going = totals.masked_fill(which == END, -torch.inf).flatten(1)
        alive, chosen = going.topk(min(beam, kept * (size - 1)), dim=1)
        searched = (ended[row] < beam) & (alive[:, 0] / penalty(most + 1, length_penalty) > best[row])
        if not bool(searched.any()):
            break
        before = chosen // totals.shape[2]
        places = (torch.arange(len(row), device=device).unsqueeze(1) * kept + before)[searched]
        written = which.flatten(1).gather(1, chosen)[searched]
        row, alive, parents = row[searched], alive[searched], places.flatten()
        tokens = torch.cat([tokens.flatten(0, 1)[places], written.unsqueeze(2)], dim=2)
    return found[:, : int((found >= 0).sum(dim=1).max())]


def penalty(length: int, exponent: float) -> float:
    """What the log-probability of a sequence is divided by."""
    return ((5 + length) / 6) ** exponent
