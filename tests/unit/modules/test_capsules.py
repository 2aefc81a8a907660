"""Capsules beside the equations of Sabour et al. (2017), worked out with numpy, capsule by capsule."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from nntrain.modules.capsules import CapsuleLength, CapsuleMask, Capsules, PrimaryCapsules, Reconstruction, squash

RANDOM = np.random.default_rng(0)


def squashed(vector: np.ndarray) -> np.ndarray:
    """Equation 1."""
    length = np.linalg.norm(vector)
    return length**2 / (1 + length**2) * vector / length


def routed(capsules: np.ndarray, weight: np.ndarray, rounds: int) -> np.ndarray:
    """Procedure 1 for one row: capsules `[N, D]`, weights `[K, N, O, D]`."""
    above, below = weight.shape[:2]
    votes = np.array([[weight[j, i] @ capsules[i] for j in range(above)] for i in range(below)])
    logits = np.zeros((below, above))
    out = np.zeros((above, weight.shape[2]))
    for _ in range(rounds):
        coupling = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        for j in range(above):
            out[j] = squashed(sum(coupling[i, j] * votes[i, j] for i in range(below)))
        logits += np.array([[votes[i, j] @ out[j] for j in range(above)] for i in range(below)])
    return out


def test_squash_is_equation_1_and_shrinks_short_vectors_to_nothing():
    vectors = RANDOM.normal(size=(5, 3))
    found = squash(torch.from_numpy(vectors))
    assert found.numpy() == pytest.approx(np.array([squashed(vector) for vector in vectors]), rel=1e-6)
    zero = torch.zeros(1, 3, requires_grad=True)
    squash(zero).sum().backward()
    assert squash(zero).tolist() == [[0, 0, 0]]
    assert zero.grad is not None
    assert zero.grad.isfinite().all()


@pytest.mark.parametrize("rounds", [1, 2, 3, 5])
def test_routing_is_procedure_1(rounds: int):
    module = Capsules((6, 4), (3, 5), rounds).double()
    nn.init.normal_(module.weight)
    rows = RANDOM.normal(size=(2, 6, 4))
    found = module(torch.from_numpy(rows)).detach().numpy()
    assert found == pytest.approx(np.array([routed(row, module.weight.detach().numpy(), rounds) for row in rows]), rel=1e-6)


def test_gradients_pass_through_the_last_round_alone():
    """They are those of a sum of votes whose couplings are constants."""
    module = Capsules((6, 4), (3, 5), 3).double()
    nn.init.normal_(module.weight)
    x = torch.from_numpy(RANDOM.normal(size=(2, 6, 4)))
    votes = torch.einsum("bnd,knod->bkno", x, module.weight)
    with torch.no_grad():
        logits = torch.zeros(2, 3, 6, dtype=torch.float64)
        for _ in range(2):
            agreed = squash(torch.einsum("bkn,bkno->bko", logits.softmax(1), votes))
            logits = logits + torch.einsum("bkno,bko->bkn", votes, agreed)
    expected = squash(torch.einsum("bkn,bkno->bko", logits.softmax(1), votes))
    [wanted] = torch.autograd.grad(expected.square().sum(), module.weight)
    [found] = torch.autograd.grad(module(x).square().sum(), module.weight)
    torch.testing.assert_close(found, wanted)


def test_primary_capsules_are_channels_of_a_convolution_at_each_place():
    conv = nn.Conv2d(2, 6, 3, stride=2)
    x = torch.rand(2, 2, 7, 9)
    found = PrimaryCapsules(conv, 3)(x)
    maps = conv(x)
    assert found.shape == (2, 2 * 3 * 4, 3)
    torch.testing.assert_close(found[1, 12 + 4 + 2], squash(maps[1, 3:, 1, 2]))


def test_lengths_and_the_masked_capsule():
    x = torch.tensor([[[3.0, 4.0], [0.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [2.0, 0.0], [0.0, 1.5]]])
    assert CapsuleLength()(x).flatten().tolist() == pytest.approx([5, 0, 1, 1, 2, 1.5], abs=2e-4)
    mask, true = CapsuleMask(), torch.tensor([2, 0])
    assert mask(x, true).tolist() == [[0, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, 0]]
    assert mask(x).tolist() == [[3, 4, 0, 0, 0, 0], [0, 0, 2, 0, 0, 0]]
    assert mask.eval()(x, true).tolist() == mask(x).tolist()


def test_reconstruction_is_scored_by_the_sum_of_squares_of_each_row():
    drawn, image = torch.rand(2, 12), torch.rand(2, 3, 2, 2)
    same, by_row = Reconstruction()(drawn, image)
    assert same is drawn
    torch.testing.assert_close(by_row, ((drawn - image.flatten(1)) ** 2).sum(1))
