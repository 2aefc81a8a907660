import pytest
import torch
from torch.nn import functional

from nntrain.losses.loss import Loss
from nntrain.losses.regression import MeanAbsoluteError, MeanSquaredError

CASES = [(MeanSquaredError(), functional.mse_loss), (MeanAbsoluteError(), functional.l1_loss)]


@pytest.mark.parametrize(("loss", "reference"), CASES)
@pytest.mark.parametrize(("output", "target"), [((6, 1), (6,)), ((6,), (6,)), ((6, 4), (6, 4)), ((6, 2, 3), (6, 2, 3))])
def test_mean_equals_torch(loss: Loss, reference: object, output: tuple[int, ...], target: tuple[int, ...]) -> None:
    given, wanted = torch.randn(output), torch.randn(target)
    part = loss.build()(given, wanted)
    torch.testing.assert_close(part.sum / part.weight, reference(given.reshape(target), wanted))
    assert float(part.weight) == 6


@pytest.mark.parametrize(("loss", "reference"), CASES)
def test_row_weights_weigh_whole_rows(loss: Loss, reference: object) -> None:
    given, wanted, weights = torch.randn(3, 4), torch.randn(3, 4), torch.tensor([1.0, 3.0, 0.5])
    part = loss.build()(given, wanted, weights)
    rows = reference(given, wanted, reduction="none").mean(dim=1)
    torch.testing.assert_close(part.sum / part.weight, (rows * weights).sum() / 4.5)


def test_weight_without_a_forward_pass_is_the_weight_of_the_part() -> None:
    function = MeanSquaredError().build()
    wanted, weights = torch.randn(5), torch.rand(5)
    assert torch.equal(function.weight(wanted), function(wanted, wanted).weight)
    assert torch.equal(function.weight(wanted, weights), function(wanted, wanted, weights).weight)


def test_half_precision_output_does_not_overflow() -> None:
    part = MeanSquaredError().build()(torch.full((8, 1), 60000.0, dtype=torch.float16), torch.zeros(8))
    assert float(part.sum) == pytest.approx(8 * float(torch.tensor(60000.0).half()) ** 2)
