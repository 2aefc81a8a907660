"""Beam search: with a wide beam it finds what trying everything finds, with one of 1 it takes the likeliest token each time."""

from itertools import product

import pytest
import torch

from nntrain.modules.beam_search import END, beam_search, penalty

TOKENS, MOST = 4, 4


def table(seed):
    """Log-probabilities of the next token for every beginning of two rows."""
    generator = torch.Generator().manual_seed(seed)
    found = {}
    for row in range(2):
        for length in range(MOST + 1):
            for beginning in product(range(1, TOKENS), repeat=length):
                found[row, beginning] = (2 * torch.randn(TOKENS, generator=generator, dtype=torch.float64)).log_softmax(0)
    return found


def scores(known):
    """Looks beginnings up, and makes sure that each goes on from its parent."""
    before = []

    def look_up(rows, tokens, parents):
        assert (tokens[:, 0] == END).all()
        pairs = list(zip(rows.tolist(), tokens[:, 1:].tolist(), strict=True))
        if parents is not None:
            assert [before[parent] for parent in parents.tolist()] == [(row, beginning[:-1]) for row, beginning in pairs]
        before[:] = pairs
        return torch.stack([known[row, tuple(beginning)] for row, beginning in pairs])

    return look_up


def everything(known, row, exponent):
    """The best sequence of a row, and what it scores."""
    found = []
    for length in range(MOST + 1):
        for sequence in product(range(1, TOKENS), repeat=length):
            total = sum(known[row, sequence[:place]][token] for place, token in enumerate((*sequence, END)))
            found.append((float(total) / penalty(length + 1, exponent), list(sequence)))
    return max(found)


def search(known, beam, exponent=0.0):
    found = beam_search(scores(known), 2, torch.device("cpu"), beam=beam, most=MOST, length_penalty=exponent)
    return [[token for token in row if token >= 0] for row in found.tolist()]


@pytest.mark.parametrize("exponent", [0.0, 0.6, 2.0])
@pytest.mark.parametrize("seed", range(8))
def test_a_wide_beam_finds_the_best_of_all_sequences(seed, exponent):
    known = table(seed)
    assert search(known, TOKENS ** (MOST + 1), exponent) == [everything(known, row, exponent)[1] for row in range(2)]


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_one_takes_the_likeliest_each_time(seed):
    known, wanted = table(seed), []
    for row in range(2):
        sequence = []
        while len(sequence) < MOST and (token := int(known[row, tuple(sequence)].argmax())) != END:
            sequence.append(token)
        wanted.append(sequence)
    assert search(known, 1) == wanted


def test_a_wider_beam_is_not_worse_on_the_whole():
    def mean(beam):
        totals = []
        for seed in range(20):
            known = table(seed)
            for row, sequence in enumerate(search(known, beam)):
                totals.append(sum(float(known[row, tuple(sequence[:place])][token]) for place, token in enumerate((*sequence, END))))
        return sum(totals) / len(totals)

    assert mean(1) < mean(2) <= mean(8)


def test_nothing_is_a_sequence_too():
    certain = torch.full((2, 3), -torch.inf).index_fill(1, torch.tensor([END]), 0.0)
    found = beam_search(lambda rows, tokens, parents: certain, 2, torch.device("cpu"), beam=3, most=5, length_penalty=0.0)
    assert found.shape == (2, 0)


def test_a_row_that_has_ended_is_not_asked_about_any_more():
    asked = []

    def look_up(rows, tokens, parents):
        asked.append(rows.tolist())
        end = torch.where(rows == 1, -1.0, 1.0) if tokens.shape[1] == 2 else torch.full((len(rows),), -1.0)
        return torch.stack([end, -end], dim=1).log_softmax(1)

    found = beam_search(look_up, 3, torch.device("cpu"), beam=1, most=3, length_penalty=0.0)
    assert asked == [[0, 1, 2], [0, 1, 2], [1], [1]]
    assert found.tolist() == [[1, -1, -1], [1, 1, 1], [1, -1, -1]]
