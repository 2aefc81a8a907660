"""CTC: the loss against a sum over all alignments and against torch, and what is read off against brute force."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from nntrain.losses.ctc import CTC
from nntrain.modules.ctc import ctc_scores, greedy, prefix_beam


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    """Repetitions joined, blanks left out."""
    return tuple(token for token, _ in itertools.groupby(path) if token != 0)


def texts(chances: Tensor) -> dict[tuple[int, ...], float]:
    """The chance of every text, of the steps `[T, V]` of one row: the sum over all V^T paths."""
    found: dict[tuple[int, ...], float] = {}
    for path in itertools.product(range(chances.shape[1]), repeat=len(chances)):
        chance = math.exp(sum(float(chances[step, token]) for step, token in enumerate(path)))
        found[collapse(path)] = found.get(collapse(path), 0.0) + chance
    return found


def row(tokens: Tensor) -> tuple[int, ...]:
    return tuple(int(token) for token in tokens if token >= 0)


@pytest.fixture
def chances() -> Tensor:
    return (2 * torch.randn(6, 5, 3, dtype=torch.float64)).log_softmax(dim=2)


STEPS = [5, 3, 4, 0, 1, 5]
LENGTHS = torch.tensor(STEPS)


def test_the_loss_is_the_sum_over_all_alignments(chances: Tensor) -> None:
    target = torch.tensor([[1, 2, 2], [2, 1, -1], [1, -1, -1], [-1, -1, -1], [2, -1, -1], [-1, -1, -1]])
    found = ctc_scores(chances, target, LENGTHS)
    for place, length in enumerate(STEPS):
        wanted = -math.log(texts(chances[place, :length])[row(target[place])])
        assert float(found[place]) == pytest.approx(wanted, abs=1e-9)


def test_the_loss_is_torchs_mean(chances: Tensor) -> None:
    target = torch.tensor([[1, 2, 2], [2, 1, -1], [1, -1, -1], [1, 2, -1], [2, -1, -1], [2, 1, 2]])
    lengths = torch.tensor([5, 4, 3, 4, 2, 5])
    wanted = torch.nn.functional.ctc_loss(chances.transpose(0, 1), target.clamp(min=0), lengths, (target >= 0).sum(1))
    part = CTC().build()(chances.float(), target, None, lengths)
    assert float(part.sum / part.weight) == pytest.approx(float(wanted), rel=1e-5)
    whole = CTC(reduction="sum").build()(chances.float(), target, None, lengths)
    assert float(whole.sum) == pytest.approx(float(ctc_scores(chances, target, lengths).sum()), rel=1e-5)


def test_a_row_that_is_too_short_counts_as_nothing_and_has_no_gradient() -> None:
    output = torch.randn(2, 4, 3, requires_grad=True)
    target = torch.tensor([[1, 1, 1], [1, 2, -1]])
    part = CTC().build()(output, target, None, torch.tensor([4, 4]))
    alone = CTC().build()(output[1:], target[1:], None, torch.tensor([4]))
    assert float(part.sum.detach()) == pytest.approx(float(alone.sum.detach()))
    part.sum.backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    assert not output.grad[0].any()


def test_padded_rows_score_as_they_do_alone(chances: Tensor) -> None:
    target = torch.tensor([[1, 2, -1], [2, 1, -1], [1, -1, -1], [-1, -1, -1], [2, -1, -1], [2, 1, 2]])
    together = ctc_scores(chances, target, LENGTHS)
    for place, length in enumerate(STEPS):
        if length:
            alone = ctc_scores(chances[place : place + 1, :length], target[place : place + 1])
            torch.testing.assert_close(together[place : place + 1], alone)


def test_greedy_joins_repetitions_and_leaves_blanks_out() -> None:
    paths = torch.tensor([[1, 1, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0], [2, 1, 1, 2, 0, 2]])
    output = torch.nn.functional.one_hot(paths, 3).float()
    assert greedy(output).tolist() == [[1, 1, 2, -1], [-1, -1, -1, -1], [2, 1, 2, 2]]
    assert greedy(output, torch.tensor([3, 6, 2])).tolist() == [[1, -1], [-1, -1], [2, 1]]
    assert greedy(output[1:2]).shape == (1, 0)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_beam_is_brute_force_where_no_prefix_is_cut_off(size: int) -> None:
    for seed in range(5):
        torch.manual_seed(seed)
        chances = (3 * torch.randn(4, 5, size, dtype=torch.float64)).log_softmax(dim=2)
        steps = [5, 4, 2, 0]
        found = prefix_beam(chances, torch.tensor(steps), width=400)
        for place, length in enumerate(steps):
            wanted = texts(chances[place, :length])
            assert row(found[place]) == max(wanted, key=lambda text: wanted[text])


def test_the_beam_finds_a_text_that_greedy_misses() -> None:
    chances = torch.tensor([[[0.4, 0.35, 0.25], [0.4, 0.35, 0.25]]]).log()
    assert greedy(chances).tolist() == [[]]
    assert prefix_beam(chances, width=3).tolist() == [[1]]


def test_a_narrow_beam_takes_rows_together_as_alone(chances: Tensor) -> None:
    together = prefix_beam(chances, LENGTHS, width=2)
    for place, length in enumerate(STEPS):
        assert row(together[place]) == row(prefix_beam(chances[place : place + 1, :length], width=2)[0])
