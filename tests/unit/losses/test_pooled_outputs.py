"""The one output that stands for those of several members reads as the mean of what theirs read as."""

from __future__ import annotations

import pytest
import torch

from nntrain.losses.links import Cosines, Cumulative, Exponential, Identity, Link, Normal, Quantiles, Shares, Sigmoid, Softmax

OUTPUTS = torch.tensor([[[2.0, -1.0, 0.5], [0.0, 3.0, 1.0]], [[-40.0, 40.0, 0.0], [-45.0, 60.0, 1.0]]])
"""Two rows, two members, three numbers; in the second chances are near 0 and 1."""


@pytest.mark.parametrize(
    "link", [Identity(), Exponential(), Sigmoid(), Softmax(), Cosines(3.0), Shares()], ids=lambda link: type(link).__name__
)
def test_what_is_read_is_the_mean(link: Link) -> None:
    each = [link.point(OUTPUTS[:, member].double()) for member in range(2)]
    torch.testing.assert_close(link.point(link.pooled(OUTPUTS)), torch.stack(each).mean(0).float(), rtol=1e-5, atol=1e-6)


def test_classes_in_order_have_the_mean_of_their_shares() -> None:
    link, ordered = Cumulative(), torch.tensor([[[2.0, 1.0], [3.0, -2.0]]])
    each = torch.stack([link.point(ordered[:, member]) for member in range(2)])
    torch.testing.assert_close(link.point(link.pooled(ordered)), each.mean(0))


def test_logits_of_sure_members_stay_finite_and_exact() -> None:
    pooled = Sigmoid().pooled(torch.tensor([[[-200.0], [-100.0]], [[200.0], [100.0]]]))
    torch.testing.assert_close(pooled, torch.tensor([[-100.0 - torch.log(torch.tensor(2.0))], [100.0 + torch.log(torch.tensor(2.0))]]))


def test_normal_members_make_a_mixture() -> None:
    members = torch.tensor([[[1.0, 0.0], [3.0, 0.0]]])  # means 1 and 3, variances 1
    mean, log = Normal().pooled(members)[0].tolist()
    assert mean == 2
    assert log == pytest.approx(torch.log(torch.tensor(2.0)).item())  # 1 of each, and 1 between them


def test_quantiles_are_sorted_before_they_are_averaged() -> None:
    members = torch.tensor([[[3.0, 1.0, 10.0, 20.0], [5.0, 7.0, 40.0, 30.0]]])  # two values of two quantiles
    assert Quantiles((0.1, 0.9)).pooled(members).tolist() == [[3.0, 5.0, 20.0, 30.0]]
