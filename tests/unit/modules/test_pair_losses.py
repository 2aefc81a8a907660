"""Losses of rows that hold two or three things, against torch's own losses and against loops over the equations."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, triplet_margin_loss

from nntrain.losses.embedding import Contrastive, NTXent, Triplet
from nntrain.losses.loss import Loss

ROWS = 7


def things(count: int) -> Tensor:
    return torch.randn(ROWS, count, 5, requires_grad=True)


def mean(loss: Loss, output: Tensor, target: Tensor | None = None, weights: Tensor | None = None) -> Tensor:
    part = loss.build_for("pairs" if output.shape[1] == 2 else "triplets")(
        output, torch.arange(ROWS) if target is None else target, weights
    )
    return part.sum / part.weight


def test_nt_xent_of_pairs_is_the_loss_of_clip() -> None:
    output = things(2)
    first, second = normalize(output, dim=2).unbind(1)
    logits, own = first @ second.T / 0.2, torch.arange(ROWS)
    torch.testing.assert_close(mean(NTXent(temperature=0.2), output), (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2)


def test_third_things_are_candidates_of_the_first_ones() -> None:
    output = things(3)
    first, second, third = normalize(output, dim=2).unbind(1)
    there, own = first @ torch.cat([second, third]).T / 0.1, torch.arange(ROWS)
    back = second @ first.T / 0.1
    torch.testing.assert_close(mean(NTXent(), output), (cross_entropy(there, own) + cross_entropy(back, own)) / 2)


def test_three_things_have_the_triplet_loss_of_torch() -> None:
    output = things(3)
    first, second, third = output.unbind(1)
    found = mean(Triplet(margin=0.7, normalize=False), output)
    torch.testing.assert_close(found, triplet_margin_loss(first, second, third, margin=0.7, eps=0))
    first, second, third = normalize(output, dim=2).unbind(1)
    torch.testing.assert_close(mean(Triplet(margin=0.7), output), triplet_margin_loss(first, second, third, margin=0.7, eps=0))


@pytest.mark.parametrize("mining", ["semi_hard", "hard"])
def test_triplets_of_pairs_are_found_among_the_other_rows(mining: str) -> None:
    output = things(2)
    first, second = output.detach().unbind(1)
    expected: list[float] = []
    for row in range(ROWS):
        near = float((first[row] - second[row]).norm())
        far = sorted(float((first[row] - second[other]).norm()) for other in range(ROWS) if other != row)
        beyond = [distance for distance in far if distance > near]
        chosen = far[0] if mining == "hard" else (beyond or far[-1:])[0]
        expected.append(max(0.0, near - chosen + 0.5))
    loss = Triplet.parse({"margin": 0.5, "mining": mining, "normalize": False})
    assert mean(loss, output).item() == pytest.approx(sum(expected) / ROWS, abs=1e-5)


def test_contrastive_pushes_the_second_things_of_others_up_to_the_margin() -> None:
    output = things(2)
    first, second = output.detach().unbind(1)
    pushed = torch.zeros(ROWS, ROWS)
    for row, other in product(range(ROWS), repeat=2):
        pushed[row, other] = max(0.0, 3.0 - float((first[row] - second[other]).norm())) ** 2 if row != other else 0.0
    expected = (first - second).square().sum(dim=1) + pushed.sum(dim=1) / (ROWS - 1)
    torch.testing.assert_close(mean(Contrastive(margin=3.0, normalize=False), output), expected.mean())
    three = things(3)
    first, second, third = three.unbind(1)
    far = (3.0 - (first - third).norm(dim=1)).clamp(min=0).square()
    found = mean(Contrastive(margin=3.0, normalize=False), three)
    torch.testing.assert_close(found, ((first - second).square().sum(dim=1) + far).mean())


@pytest.mark.parametrize("loss", [NTXent(), Triplet(), Triplet(mining="hard"), Contrastive()], ids=lambda loss: loss.type)
def test_rows_of_weight_0_are_as_if_they_were_not_there(loss: Loss) -> None:
    output, weights = things(2), torch.ones(ROWS)
    weights[3:] = 0
    few = loss.build_for("pairs")(output[:3], torch.arange(3))
    torch.testing.assert_close(mean(loss, output, weights=weights), few.sum / few.weight)


@pytest.mark.parametrize("loss", [NTXent(), Triplet(), Triplet(mining="hard"), Contrastive()], ids=lambda loss: loss.type)
def test_rows_of_one_class_are_not_held_against_each_other(loss: Loss) -> None:
    """Of three questions with one answer the others' answers are no wrong ones: rows 0 to 2 meet rows 3 to 6 alone."""
    output, target = things(2), torch.tensor([0, 0, 0, 1, 2, 3, 4])
    score = loss.build_for("pairs").per_row(output, target, None)
    for row in range(3):
        kept = torch.tensor([row, 3, 4, 5, 6])
        torch.testing.assert_close(score[row], loss.build_for("pairs").per_row(output[kept], target[kept], None)[0])
    alone = loss.build_for("pairs")(output, torch.zeros(ROWS, dtype=torch.int64))
    assert alone.sum.item() == 0
    alone.sum.backward()
    assert output.grad is not None
    assert bool(output.grad.isfinite().all())
