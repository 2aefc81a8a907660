"""An n-gram beside a language model: how far counting what came before gets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple, cast

import torch
from torch import Tensor

from nntrain.data.token_windows import TokenWindows
from nntrain.training.evaluation import Scores, evaluate_portions
from nntrain.training.references import Compared

ORDER: Final = 5
"""Tokens of an n-gram: four that were there and the one that comes."""
NUMBERS: Final = 2**16
"""Probabilities that are held at once; what is needed to make them takes 60 bytes each."""


def measure_ngram(compared: Compared) -> Mapping[str, Scores] | None:
    """A 5-gram of the training text, where that is a running text."""
    name = next(iter(compared.objective.targets))
    text = compared.train.stored.get(name)
    if not isinstance(text, TokenWindows):
        return None
    model = NGram.of(text.tokens, text.width, ORDER)
    found: dict[str, Scores] = {}
    for split, data in compared.splits.items():
        windows = data.stored[name]
        assert isinstance(windows, TokenWindows)
        contexts = model.contexts(windows.tokens)
        rows = max(1, NUMBERS // windows.values_per_row)

        def portion(start: int, end: int, windows: TokenWindows = windows, contexts: list[Tensor] = contexts) -> Mapping[str, Tensor]:
            places = (windows.starts[start:end, None] + torch.arange(windows.steps)).flatten().clamp(max=len(windows.tokens) - 1)
            return {name: model.probabilities([context[places] for context in contexts])}

        found[split] = evaluate_portions(compared.objective, portion, data, rows)
    return found


class _Level(NamedTuple):
    """What followed the contexts of one length, in the training text."""

    pairs: Tensor
    """Context and token behind it as one number, rising, int64 `[P]`."""
    counts: Tensor
    """How often, float32 `[P]`."""
    starts: Tensor
    """Where the pairs of each context begin, int64 `[C + 1]`."""


@dataclass(frozen=True, slots=True)
class NGram:
    """Probabilities of the next token, mixed over contexts of all lengths (Witten and Bell 1991; Chen and Goodman 1999, section 2.5).

    A context that was followed N times by T different tokens says `(count + T * shorter) / (N + T)`, where `shorter` is what the context
    without its oldest token says; the empty one mixes with all tokens alike.
    """

    size: int
    """Different tokens, V."""
    levels: tuple[_Level, ...]
    """By the length of the context, from 0."""

    @classmethod
    def of(cls, tokens: Tensor, size: int, order: int) -> NGram:
        """Count a text, int64 `[S]`."""
        context = torch.zeros(len(tokens) + 1, dtype=torch.int64)
        contexts = 1
        levels: list[_Level] = []
        for length in range(order):
            follows = tokens[length:]
            pair = context[length : length + len(follows)] * size + follows
            pairs, inverse, counts = cast("tuple[Tensor, Tensor, Tensor]", pair.unique(return_inverse=True, return_counts=True))
            starts = torch.searchsorted(pairs, torch.arange(contexts + 1) * size)
            levels.append(_Level(pairs, counts.float(), starts))
            context = torch.cat([torch.zeros(length + 1, dtype=torch.int64), inverse])
            contexts = len(pairs)
        return cls(size, tuple(levels))

    def contexts(self, tokens: Tensor) -> list[Tensor]:
        """By length, the number of the context that ends with each token of a text, int64 `[S]`; -1 for one that training never showed."""
        found = [torch.zeros(len(tokens), dtype=torch.int64)]
        for level in self.levels[:-1]:
            before = torch.cat([torch.tensor([0 if len(found) == 1 else -1]), found[-1][:-1]])
            pair = before * self.size + tokens
            place = torch.searchsorted(level.pairs, pair).clamp(max=len(level.pairs) - 1)
            is_known = (level.pairs[place] == pair) & (before >= 0)
            found.append(place.masked_fill(~is_known, -1))
        return found

    def probabilities(self, contexts: list[Tensor]) -> Tensor:
        """Of each token behind some contexts, by length and place `[S]`: float32 `[S, V]`."""
        found = torch.full((len(contexts[0]), self.size), 1 / self.size)
        for level, context in zip(self.levels, contexts, strict=True):
            rows = torch.nonzero(context >= 0).flatten()
            first, last = level.starts[context[rows]], level.starts[context[rows] + 1]
            rows, first, last = rows[last > first], first[last > first], last[last > first]
            kinds = last - first
            row = torch.arange(len(rows)).repeat_interleave(kinds)
            pair = torch.arange(int(kinds.sum())) - (kinds.cumsum(0) - kinds)[row] + first[row]
            totals = torch.zeros(len(rows)).index_add_(0, row, level.counts[pair])
            found[rows] *= (kinds / (totals + kinds)).unsqueeze(1)
            found.index_put_((rows[row], level.pairs[pair] % self.size), level.counts[pair] / (totals + kinds)[row], accumulate=True)
        return found
