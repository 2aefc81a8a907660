"""The n-gram beside a language model, against counting by hand."""

from __future__ import annotations

import torch

from nntrain.training.ngram import NGram


def by_hand(train: list[int], context: tuple[int, ...], size: int) -> list[float]:
    """Witten and Bell: each length of context mixed with what the shorter one says."""
    shorter = [1 / size] * size if not context else by_hand(train, context[1:], size)
    if not context:
        followers = train
    else:
        length = len(context)
        followers = [train[place + length] for place in range(len(train) - length) if tuple(train[place : place + length]) == context]
    kinds = len(set(followers))
    if not kinds:
        return shorter
    return [(followers.count(token) + kinds * shorter[token]) / (len(followers) + kinds) for token in range(size)]


def test_probabilities_are_those_of_counting_by_hand() -> None:
    generator = torch.Generator().manual_seed(1)
    train = torch.randint(0, 4, (60,), generator=generator)
    other = torch.randint(0, 5, (40,), generator=generator)
    model = NGram.of(train, 5, 3)
    found = model.probabilities(model.contexts(other))
    torch.testing.assert_close(found.sum(dim=1), torch.ones(40))
    for place in range(40):
        context = tuple(int(token) for token in other[max(0, place - 1) : place + 1])
        wanted = by_hand([int(token) for token in train], context, 5)
        torch.testing.assert_close(found[place], torch.tensor(wanted), rtol=1e-5, atol=1e-6)
