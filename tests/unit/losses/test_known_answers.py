"""Losses beside torch's own, or the formula that their paper gives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from nntrain.losses.classification import BinaryCrossEntropy as Bce
from nntrain.losses.classification import CrossEntropy, Focal, OrdinalLoss
from nntrain.losses.distribution import Cosine, GaussianNLL, KLDivergence, PoissonNLL, Quantile
from nntrain.losses.links import Cumulative, Normal, Quantiles
from nntrain.losses.loss import Loss, LossFunction
from nntrain.losses.margins import Hinge
from nntrain.losses.margins import Perceptron as PerceptronLoss
from nntrain.losses.overlap import Dice, Jaccard, Tversky
from nntrain.losses.regression import Huber, LogCosh, MeanSquaredError, SmoothL1

AS_TORCH: list[tuple[Loss, Callable[[Tensor, Tensor], Tensor]]] = [
    (Huber(delta=0.7), lambda output, target: functional.huber_loss(output, target, delta=0.7)),
    (SmoothL1(beta=0.4), lambda output, target: functional.smooth_l1_loss(output, target, beta=0.4)),
    (LogCosh(), lambda output, target: (output - target).cosh().log().mean()),
    (PoissonNLL(), lambda output, target: functional.poisson_nll_loss(output, target)),
    (PoissonNLL(log_input=False), lambda output, target: functional.poisson_nll_loss(output, target, log_input=False)),
    (Cosine(), lambda output, target: 1 - functional.cosine_similarity(output, target).mean()),
    (
        Bce(pos_weight=3.0),
        lambda output, target: functional.binary_cross_entropy_with_logits(output, target, pos_weight=torch.tensor(3.0)),
    ),
]


def mean(function: LossFunction, output: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    part = function(output, target, weights)
    return part.sum / part.weight


@pytest.mark.parametrize(("loss", "torchs"), AS_TORCH, ids=[loss.type for loss, _ in AS_TORCH])
def test_values_are_scored_as_torch_does(loss: Loss, torchs: Callable[[Tensor, Tensor], Tensor]) -> None:
    output, target = torch.rand(7, 4) * 3, torch.randint(0, 2, (7, 4)).float()
    torch.testing.assert_close(mean(loss.build(), output, target), torchs(output, target))


def test_log_cosh_of_a_large_difference_does_not_overflow() -> None:
    found = mean(LogCosh().build(), torch.tensor([[1e4]]), torch.tensor([-1e4]))
    assert float(found) == pytest.approx(2e4 - 0.6931, rel=1e-6)


def test_quantiles_are_those_of_the_data() -> None:
    """The constant with the least pinball loss is the quantile."""
    values = torch.randn(2001).exp()
    outputs = torch.zeros(3, requires_grad=True)
    function = Quantile(quantiles=(0.1, 0.5, 0.9)).build()
    optimizer = torch.optim.Adam([outputs], lr=0.05)
    for _ in range(400):
        optimizer.zero_grad()
        mean(function, outputs.expand(2001, 3), values).backward()
        optimizer.step()
    torch.testing.assert_close(outputs.detach(), values.quantile(torch.tensor([0.1, 0.5, 0.9])), rtol=0.1, atol=0.05)


def test_several_quantiles_average_the_pinball_losses_of_each() -> None:
    output, target = torch.randn(6, 4), torch.randn(6, 2)
    both = mean(Quantile(quantiles=(0.2, 0.9)).build(), output, target)
    alone = [mean(Quantile(quantiles=q).build(), output[:, index::2], target) for index, q in enumerate((0.2, 0.9))]
    torch.testing.assert_close(both, (alone[0] + alone[1]) / 2)


def test_quantiles_never_cross_when_they_are_read() -> None:
    link, output = Quantiles((0.1, 0.5, 0.9)), torch.tensor([[3.0, 1.0, 2.0]])
    interval = link.interval(output)
    assert interval is not None
    assert (interval.low.item(), link.point(output).item(), interval.high.item()) == (1.0, 2.0, 3.0)


def test_the_gaussian_likelihood_is_torchs() -> None:
    mu, log_variance, target = torch.randn(9), torch.randn(9), torch.randn(9)
    found = mean(GaussianNLL().build(), torch.stack([mu, log_variance], dim=1), target)
    torch.testing.assert_close(found, functional.gaussian_nll_loss(mu, target, log_variance.exp()))
    interval = Normal().interval(torch.tensor([[1.0, 0.0]]))
    assert interval is not None
    assert (interval.low.item(), interval.high.item()) == pytest.approx((1 - 1.959964, 1 + 1.959964))


def test_the_numbers_of_a_pixel_stand_side_by_side_on_the_channels() -> None:
    output, target = torch.randn(2, 6, 3, 3), torch.randn(2, 3, 3, 3)
    wanted = functional.gaussian_nll_loss(output[:, 0::2], target, output[:, 1::2].exp())
    torch.testing.assert_close(mean(GaussianNLL().build(), output, target), wanted)


def test_the_divergence_of_shares_is_torchs() -> None:
    logits, shares = torch.randn(5, 4), torch.randn(5, 4).softmax(dim=1)
    wanted = functional.kl_div(logits.log_softmax(dim=1), shares, reduction="batchmean")
    torch.testing.assert_close(mean(KLDivergence().build(), logits, shares), wanted)
    torch.testing.assert_close(mean(KLDivergence().build(), shares.log(), shares), torch.tensor(0.0))


def test_focal_without_gamma_is_cross_entropy() -> None:
    logits, target = torch.randn(8, 3), torch.randint(0, 3, (8,))
    torch.testing.assert_close(mean(Focal(gamma=0).build(), logits, target), functional.cross_entropy(logits, target))


def test_focal_is_equation_5_of_its_paper() -> None:
    logits, target = torch.randn(8), torch.randint(0, 2, (8,)).float()
    p = torch.where(target == 1, logits.sigmoid(), 1 - logits.sigmoid())
    alpha = torch.where(target == 1, torch.tensor(0.25), torch.tensor(0.75))
    wanted = (-alpha * (1 - p) ** 2 * p.log()).mean()
    torch.testing.assert_close(mean(Focal(alpha=0.25).build(), logits.unsqueeze(1), target), wanted)


def test_hinge_of_yes_and_no_and_of_classes() -> None:
    scores, target = torch.tensor([2.0, 0.3, -0.5]), torch.tensor([1.0, 1.0, 1.0])
    assert mean(Hinge().build(), scores.unsqueeze(1), target).item() == pytest.approx((0 + 0.7 + 1.5) / 3)
    assert mean(Hinge(squared=True).build(), scores.unsqueeze(1), target).item() == pytest.approx((0 + 0.49 + 2.25) / 3)
    classes = torch.tensor([[1.0, 3.0, 2.5], [1.0, 0.0, -1.0]])
    assert mean(Hinge().build(), classes, torch.tensor([1, 2])).item() == pytest.approx((0.5 + 3.0) / 2)
    assert mean(PerceptronLoss().build(), classes, torch.tensor([1, 2])).item() == pytest.approx((0 + 2.0) / 2)


def test_the_overlap_of_sure_predictions_is_counted() -> None:
    """Labels 1, 1, 0, 0 and predicted 1, 0, 1, 1: one is both, two are false, one is missed."""
    logits, labels = torch.tensor([[90.0, -90, 90, 90]]), torch.tensor([[1.0, 1, 0, 0]])
    assert mean(Dice(smooth=1e-6).build(), logits, labels).item() == pytest.approx(1 - 2 / 5, abs=1e-5)
    assert mean(Jaccard(smooth=1e-6).build(), logits, labels).item() == pytest.approx(1 - 1 / 4, abs=1e-5)
    assert mean(Tversky(smooth=1e-6).build(), logits, labels).item() == pytest.approx(1 - 1 / (1 + 0.6 + 0.7), abs=1e-5)


def test_ordinal_is_a_sum_of_questions_and_reads_as_shares() -> None:
    logits, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 3, 3, 0])
    above = torch.tensor([[0.0, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1], [1, 1, 1], [0, 0, 0]])
    wanted = functional.binary_cross_entropy_with_logits(logits, above, reduction="none").sum(dim=1).mean()
    torch.testing.assert_close(mean(OrdinalLoss().build(), logits, target), wanted)
    shares = Cumulative().point(torch.tensor([[2.0, 0.0, -2.0]]))
    q = torch.tensor([2.0, 0.0, -2.0]).sigmoid()
    torch.testing.assert_close(shares, torch.stack([1 - q[0], q[0] - q[1], q[1] - q[2], q[2]]).unsqueeze(0))


def test_class_weights_are_torchs_weight() -> None:
    logits, target, weights = torch.randn(9, 3), torch.randint(0, 3, (9,)), torch.tensor([0.5, 2.0, 7.0])
    function = CrossEntropy().build(class_weights=weights)
    torch.testing.assert_close(mean(function, logits, target), functional.cross_entropy(logits, target, weight=weights))
    pixels, classes = torch.randn(4, 3, 2, 2), torch.randint(0, 3, (4, 2, 2))
    torch.testing.assert_close(mean(function, pixels, classes), functional.cross_entropy(pixels, classes, weight=weights))


def test_a_class_of_weight_2_is_a_row_twice() -> None:
    logits, target = torch.randn(6, 3), torch.tensor([0, 1, 2, 1, 0, 2])
    twice = torch.cat([torch.arange(6), torch.tensor([1, 3])])
    for loss in (Focal(), Hinge(), PerceptronLoss(), CrossEntropy()):
        weighed = mean(loss.build(class_weights=torch.tensor([1.0, 2.0, 1.0])), logits, target)
        torch.testing.assert_close(weighed, mean(loss.build(), logits[twice], target[twice]))


def test_sum_adds_the_values_of_a_row() -> None:
    output, target, weights = torch.randn(5, 3), torch.randn(5, 3), torch.rand(5)
    for row_weights in (None, weights):
        added = mean(MeanSquaredError(reduction="sum").build(), output, target, row_weights)
        torch.testing.assert_close(added, 3 * mean(MeanSquaredError().build(), output, target, row_weights))
