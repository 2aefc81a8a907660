import math

import pytest
import torch
from torch.nn import functional

from nntrain.losses.classification import BinaryCrossEntropy, CrossEntropy

LOGITS = torch.tensor([[2.0, -1.0, 0.5], [0.0, 0.0, 0.0], [-3.0, 4.0, 1.0]])
CLASSES = torch.tensor([0, 2, 1])
WEIGHTS = torch.tensor([1.0, 0.0, 2.5])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_mean_equals_torch(smoothing: float) -> None:
    part = CrossEntropy().build(label_smoothing=smoothing)(LOGITS, CLASSES)
    torch.testing.assert_close(part.sum / part.weight, functional.cross_entropy(LOGITS, CLASSES, label_smoothing=smoothing))
    assert float(part.weight) == 3


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_with_row_weights_is_the_weighted_mean(smoothing: float) -> None:
    part = CrossEntropy().build(label_smoothing=smoothing)(LOGITS, CLASSES, WEIGHTS)
    rows = functional.cross_entropy(LOGITS, CLASSES, label_smoothing=smoothing, reduction="none")
    torch.testing.assert_close(part.sum / part.weight, (rows * WEIGHTS).sum() / WEIGHTS.sum())


def test_smoothed_labels_by_hand() -> None:
    """Chances of 1/4 and 3/4; a tenth of the target is spread evenly, so that 0.95 of it are for the class and 0.05 for the other."""
    expected = -(0.95 * math.log(3 / 4) + 0.05 * math.log(1 / 4))
    part = CrossEntropy().build(label_smoothing=0.1)(torch.tensor([[0.0, math.log(3)]]), torch.tensor([1]))
    assert float(part.sum) == pytest.approx(expected)
    part = BinaryCrossEntropy().build(label_smoothing=0.1)(torch.tensor([math.log(3)]), torch.tensor([1.0]))
    assert float(part.sum) == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
def test_bce_mean_equals_torch(shape: tuple[int, ...]) -> None:
    logits, target = torch.tensor([0.3, -2.0, 5.0, 0.0]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    part = BinaryCrossEntropy().build()(logits.reshape(shape), target)
    torch.testing.assert_close(part.sum / part.weight, functional.binary_cross_entropy_with_logits(logits, target))


def test_bce_label_smoothing_equals_smoothed_cross_entropy_of_two_classes() -> None:
    logits, target = torch.tensor([0.3, -2.0, 5.0, 0.0]), torch.tensor([1, 0, 0, 1])
    part = BinaryCrossEntropy().build(label_smoothing=0.2)(logits, target.float())
    two = torch.stack([torch.zeros(4), logits], dim=1)
    torch.testing.assert_close(part.sum / part.weight, functional.cross_entropy(two, target, label_smoothing=0.2))


def test_bce_with_several_values_averages_them_by_row() -> None:
    logits, target = torch.randn(5, 7), torch.randint(0, 2, (5, 7)).float()
    part = BinaryCrossEntropy().build()(logits, target)
    torch.testing.assert_close(part.sum / part.weight, functional.binary_cross_entropy_with_logits(logits, target))
    assert float(part.weight) == 5


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_scored_in_float32(dtype: torch.dtype) -> None:
    logits = (LOGITS * 3000).to(dtype)
    part = CrossEntropy().build()(logits, CLASSES)
    assert part.sum.dtype == torch.float32
    torch.testing.assert_close(part.sum, functional.cross_entropy(logits.float(), CLASSES, reduction="sum"))


def test_rows_without_weight_give_the_loss_zero() -> None:
    logits = LOGITS.clone().requires_grad_()
    part = CrossEntropy().build()(logits, CLASSES, torch.zeros(3))
    loss = part.sum / part.weight
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros(3, 3))
