"""Losses that compare the rows of a batch, beside what a person would compute pair by pair."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, triplet_margin_loss

from nntrain.losses.angular import ArcFace
from nntrain.losses.embedding import Contrastive, NTXent, Triplet
from nntrain.losses.links import Nearness
from nntrain.losses.loss import Loss

CLASSES = torch.tensor([0, 0, 0, 1, 1, 2, 3, 3])
"""The only row of class 2 has no partner."""
POINTS = torch.tensor([[0.0], [1.0], [5.0], [2.0], [2.5]])
KINDS = torch.tensor([0, 0, 0, 1, 1])


def mean(loss: Loss, output: Tensor, target: Tensor, weights: Tensor | None = None) -> float:
    part = loss.build()(output, target, weights)
    return float(part.sum / part.weight)


def test_hard_triplets_on_a_line() -> None:
    """Row 0: farthest of its own 5, nearest other 2. Row 1: 4 and 1; row 2: 5 and 2.5; rows 3 and 4: 0.5, and 1 and 1.5 to the nearest."""
    loss = Triplet(margin=0.6, mining="hard", normalize=False)
    wanted = [5 - 2 + 0.6, 4 - 1 + 0.6, 5 - 2.5 + 0.6, 0.5 - 1 + 0.6, 0]
    assert mean(loss, POINTS, KINDS) == pytest.approx(sum(wanted) / 5, rel=1e-5)


def test_semi_hard_triplets_on_a_line() -> None:
    """Of row 0 the partner at 1 meets the other at 2, and that at 5, behind all others, the farthest of them, at 2.5."""
    loss = Triplet(margin=1.6, normalize=False)
    rows = [((1 - 2) + (5 - 2.5)) / 2, ((1 - 1.5) + (4 - 1.5)) / 2, ((5 - 3) + (4 - 3)) / 2, 0.5 - 1, 0.5 - 1.5]
    assert mean(loss, POINTS, KINDS) == pytest.approx(sum(rows) / 5 + 1.6, rel=1e-5)


@pytest.mark.parametrize("mining", ["semi_hard", "hard"])
def test_triplets_are_those_of_torch_with_the_rows_that_are_meant(mining: Any) -> None:
    output = torch.randn(8, 3)
    vectors, apart = normalize(output), torch.cdist(normalize(output), normalize(output))
    rows: list[float] = []
    for anchor in range(8):
        partners = [row for row in range(8) if row != anchor and CLASSES[row] == CLASSES[anchor]]
        others = [row for row in range(8) if CLASSES[row] != CLASSES[anchor]]
        if not partners:
            continue
        if mining == "hard":
            partners = [max(partners, key=lambda row: apart[anchor, row])]
        scores: list[float] = []
        for partner in partners:
            farther = [row for row in others if mining == "semi_hard" and apart[anchor, row] > apart[anchor, partner]]
            near = min if farther or mining == "hard" else max
            other = near(farther or others, key=lambda row: apart[anchor, row])
            triple = [vectors[row][None] for row in (anchor, partner, other)]
            scores.append(float(triplet_margin_loss(*triple, margin=0.4)))
        rows.append(sum(scores) / len(scores))
    assert mean(Triplet(margin=0.4, mining=mining), output, CLASSES) == pytest.approx(sum(rows) / 7, rel=1e-4)


def test_contrastive_pairs_of_a_batch() -> None:
    output = torch.randn(8, 3)
    apart = torch.cdist(output, output)
    rows: list[float] = []
    for row in [row for row in range(8) if row != 5]:
        own = [float(apart[row, other]) ** 2 for other in range(8) if other != row and CLASSES[other] == CLASSES[row]]
        others = [max(0, 2 - float(apart[row, other])) ** 2 for other in range(8) if CLASSES[other] != CLASSES[row]]
        rows.append(sum(own) / len(own) + sum(others) / len(others))
    assert mean(Contrastive(margin=2.0, normalize=False), output, CLASSES) == pytest.approx(sum(rows) / 7, rel=1e-5)


def test_contrastive_loss_of_a_distance() -> None:
    """0.3 apart and alike: 0.09; 0.3 and 1.5 apart and different: 0.49 and 0. Below half of the margin it is a yes."""
    distances, alike = torch.tensor([[0.3], [0.3], [1.5]]), torch.tensor([1.0, 0.0, 0.0])
    assert mean(Contrastive(), distances, alike) == pytest.approx((0.09 + 0.49) / 3)
    assert Contrastive().link("binary") == Nearness(1.0)
    assert (Nearness(1.0).point(distances) > 0.5).flatten().tolist() == [True, True, False]


def test_nt_xent_is_the_cross_entropy_of_the_pairs_of_simclr() -> None:
    """Two views of each row: which of the 2N - 1 others is the other view (Chen et al. 2020, equation 1)."""
    output = torch.randn(12, 5)
    vectors = normalize(output)
    logits = (vectors @ vectors.T / 0.5).fill_diagonal_(-math.inf)
    partner = torch.arange(12).roll(6)
    wanted = float(cross_entropy(logits, partner))
    assert mean(NTXent(temperature=0.5), output, torch.arange(6).repeat(2)) == pytest.approx(wanted, rel=1e-5)


def test_rows_without_partner_or_without_weight_are_not_there() -> None:
    output = torch.randn(8, 3)
    there = torch.tensor([0, 1, 3, 4])
    weights = torch.zeros(8).index_fill(0, there, 2.0)
    for loss in (Triplet(), Contrastive(), NTXent()):
        assert mean(loss, output, CLASSES, weights) == pytest.approx(mean(loss, output[there], CLASSES[there]), rel=1e-5)
        assert mean(loss, output, torch.arange(8)) == 0
        assert mean(loss, output, torch.zeros(8, dtype=torch.long)) == 0


@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_arcface_is_the_cross_entropy_with_a_larger_angle(margin: float) -> None:
    cosines, target = torch.rand(4, 4) * 1.8 - 0.9, torch.arange(4)
    logits = cosines.clone()
    for row, kind in enumerate(range(4)):
        angle = math.acos(cosines[row, kind]) + margin
        logits[row, kind] = math.cos(angle) if angle < math.pi else cosines[row, kind] - margin * math.sin(margin)
    wanted = float(cross_entropy(10 * logits, target))
    assert mean(ArcFace(scale=10.0, margin=margin), cosines, target) == pytest.approx(wanted, rel=1e-5)


def test_equal_and_zero_embeddings_have_finite_gradients() -> None:
    for loss, rows in product((Triplet(), Triplet(mining="hard"), Contrastive(), NTXent()), (torch.zeros(8, 3), torch.ones(8, 3))):
        output = rows.clone().requires_grad_()
        loss.build()(output, CLASSES).sum.backward()
        assert output.grad is not None
        assert bool(output.grad.isfinite().all())
