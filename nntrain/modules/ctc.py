"""Connectionist temporal classification: the loss of each row, and what is read off the steps (Graves et al. 2006).

Index 0 is the blank; of a target -1 stands behind the end of a row.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import ctc_loss, pad

from nntrain.modules.metrics import accumulator

BLANK: Final = 0

_BASE: Final = 1_000_003
"""Prefixes are compared by a polynomial of their tokens modulo 2^64: two that differ are alike by chance once in 10^19 times."""


def ctc_scores(output: Tensor, target: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Minus the logarithm of the chance of each row's target over all alignments, `[B]`; 0 of a row that is too short for its target.

    Args:
        output: Logits `[B, T, V]`.
        target: Tokens int64 `[B, L]`.
        lengths: Steps of each row of the output, int64 `[B]`; `None` for T.
    """
    rows, steps = output.shape[:2]
    lengths = torch.full((rows,), steps, device=output.device) if lengths is None else lengths
    chances = output.log_softmax(dim=2).transpose(0, 1)
    return ctc_loss(chances, target.clamp(min=0), lengths, target_lengths(target), BLANK, reduction="none", zero_infinity=True)


def target_lengths(target: Tensor) -> Tensor:
    """Tokens of each row `[B, L]`, int64 `[B]`."""
    return (target >= 0).sum(dim=1)


def greedy(chances: Tensor, lengths: Tensor | None = None) -> Tensor:
    """The likeliest token of each step, repetitions joined and blanks left out.

    Args:
        chances: Logarithms of chances, or logits, `[B, T, V]`.
        lengths: Steps of each row, int64 `[B]`; `None` for T.

    Returns:
        Tokens int64 `[B, L]`, L being those of the longest row.
    """
    best = chances.argmax(dim=2)
    is_new = best != pad(best, (1, 0), value=-1)[:, :-1]
    return _gathered(best, is_new & (best != BLANK) & _true_steps(best, lengths))


def prefix_beam(chances: Tensor, lengths: Tensor | None = None, width: int = 8) -> Tensor:
    """The likeliest row of tokens, the chances of all its alignments added up, among the `width` best prefixes at each step.

    Prefix beam search without a language model (Graves 2012, section 7.5.3; Hannun et al. 2014, algorithm 1), all rows at once. It is
    exact where no prefix is cut off.

    Args:
        chances: Logarithms of chances `[B, T, V]`.
        lengths: Steps of each row, int64 `[B]`; `None` for T.
        width: Prefixes that are kept.

    Returns:
        Tokens int64 `[B, L]`, L being those of the longest row.
    """
    rows, steps, _ = chances.shape
    chances = chances.to(accumulator(chances.device))
    is_step = _true_steps(chances, lengths)
    beams = _Beams.start(chances, width)
    parents: list[Tensor] = []
    tokens: list[Tensor] = []
    for step in range(steps):
        beams, parent, token = beams.grown(chances[:, step], is_step[:, step])
        parents.append(parent)
        tokens.append(token)
    place = beams.totals.argmax(dim=1, keepdim=True)
    found: list[Tensor] = []
    for parent, token in zip(reversed(parents), reversed(tokens), strict=True):
        found.append(token.gather(1, place))
        place = parent.gather(1, place)
    path = torch.cat(found[::-1], dim=1) if found else chances.new_zeros(rows, 0, dtype=torch.long)
    return _gathered(path, path != BLANK)


class _Beams:
    """The best prefixes of each row, `[B, W]`. Chances are logarithms; those of a place without a prefix are -inf."""

    def __init__(self, ends: tuple[Tensor, Tensor], last: Tensor, prefix: Tensor, parent: Tensor) -> None:
        """Keep prefixes.

        Args:
            ends: Chances of the alignments that end in a blank, and of those that end in the last token.
            last: The last token; the blank for the empty prefix.
            prefix: The number that stands for the prefix.
            parent: That of the prefix without its last token.
        """
        self.blank, self.token = ends
        self.last, self.prefix, self.parent = last, prefix, parent

    @classmethod
    def start(cls, chances: Tensor, width: int) -> _Beams:
        """The empty prefix alone."""
        nothing = chances.new_full((len(chances), width), -torch.inf)
        blank = nothing.clone()
        blank[:, 0] = 0
        zeros = torch.zeros_like(blank, dtype=torch.long)
        return cls((blank, nothing), zeros, zeros, zeros - 1)

    @property
    def totals(self) -> Tensor:
        """Chances of the prefixes."""
        return torch.logaddexp(self.blank, self.token)

    def grown(self, chances: Tensor, is_step: Tensor) -> tuple[_Beams, Tensor, Tensor]:
        """The best prefixes after one more step.

        Args:
            chances: Of the step, `[B, V]`.
            is_step: Which rows have it, bool `[B]`; the others stay as they are.

        Returns:
            The prefixes, which earlier one each comes from, and the token that was added to that; the blank for none.
        """
        (rows, width), size = self.last.shape, chances.shape[1]
        totals = self.totals
        stay_blank = totals + chances[:, BLANK, None]
        stay_token = self.token + chances.gather(1, self.last)
        grow = totals[:, :, None] + chances[:, None, :]
        again = (self.blank + chances.gather(1, self.last)).unsqueeze(2)
        grow = grow.scatter(2, self.last.unsqueeze(2), again)  # a token twice needs a blank between
        grow[:, :, BLANK] = -torch.inf
        # a prefix that another one grows into is that one: [B, j, i] says whether j is i with its last token
        same = (self.parent[:, :, None] == self.prefix[:, None, :]) & (self.last != BLANK)[:, :, None] & (totals > -torch.inf)[:, :, None]
        into = grow.gather(2, self.last[:, None, :].expand(rows, width, width)).transpose(1, 2)
        stay_token = torch.logaddexp(stay_token, into.masked_fill(~same, -torch.inf).amax(dim=2))
        taken = torch.zeros_like(grow, dtype=torch.bool).scatter_(2, self.last[:, None, :].expand(rows, width, width), same.transpose(1, 2))
        grow = grow.masked_fill(taken, -torch.inf).flatten(1)
        best = torch.cat([torch.logaddexp(stay_blank, stay_token), grow], dim=1).topk(width, dim=1).indices
        stays = best < width
        moved = (best - width).clamp(min=0)
        origin = torch.where(stays, best, moved // size)
        token = torch.where(stays, BLANK, moved % size)
        prefix = self.prefix.gather(1, origin)
        grown = _Beams(
            (
                torch.where(stays, stay_blank.gather(1, origin), -torch.inf),
                torch.where(stays, stay_token.gather(1, origin), grow.gather(1, moved)),
            ),
            torch.where(stays, self.last.gather(1, origin), token),
            torch.where(stays, prefix, prefix * _BASE + token + 1),
            torch.where(stays, self.parent.gather(1, origin), prefix),
        )
        return self._kept(grown, origin, token, is_step)

    def _kept(self, grown: _Beams, origin: Tensor, token: Tensor, is_step: Tensor) -> tuple[_Beams, Tensor, Tensor]:
        """The grown prefixes of the rows that have the step, and these prefixes of the others."""
        has = is_step[:, None]
        beams = _Beams(
            (torch.where(has, grown.blank, self.blank), torch.where(has, grown.token, self.token)),
            torch.where(has, grown.last, self.last),
            torch.where(has, grown.prefix, self.prefix),
            torch.where(has, grown.parent, self.parent),
        )
        places = torch.arange(origin.shape[1], device=origin.device).expand_as(origin)
        return beams, torch.where(has, origin, places), torch.where(has, token, BLANK)


def _true_steps(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """Which steps `[B, T, …]` rows have, bool `[B, T]`."""
    rows, count = steps.shape[:2]
    if lengths is None:
        return torch.ones(rows, count, dtype=torch.bool, device=steps.device)
    return torch.arange(count, device=steps.device) < lengths.to(steps.device)[:, None]


def _gathered(tokens: Tensor, keep: Tensor) -> Tensor:
    """Some of the tokens `[B, T]` of each row, one after another, with -1 behind the end."""
    counts = keep.sum(dim=1)
    longest = int(counts.max()) if len(counts) else 0
    found = tokens.new_full((len(tokens), longest), -1)
    found[torch.arange(longest, device=tokens.device) < counts[:, None]] = tokens[keep]
    return found
