"""What holds for every loss: parts add up exactly, whatever the cut; gradients are those of the mean."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from nntrain.losses.loss import Loss
from nntrain.losses.settings import LOSSES
from nntrain.schema import Slot, load_class

ROWS = 12


@dataclass(frozen=True)
class Case:
    """A loss with outputs and targets as a network and the data give them."""

    tag: str
    output: tuple[int, ...]
    target: tuple[int, ...]

    def loss(self) -> Loss:
        loss = Slot("loss", (LOSSES,)).validate(self.tag)
        assert isinstance(loss, Loss)
        return loss

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(0)
        kinds = self.loss().targets
        target = torch.randn(self.target)
        if "classes" in kinds:
            target = torch.randint(0, self.output[-1], self.target)
        elif "binary" in kinds:
            target = target.gt(0).float()
        return torch.randn(self.output), target, torch.rand(ROWS) + 0.5


CASES = [
    Case("cross_entropy", (ROWS, 5), (ROWS,)),
    Case("bce", (ROWS, 1), (ROWS,)),
    Case("mse", (ROWS, 1), (ROWS,)),
    Case("mse", (ROWS, 3), (ROWS, 3)),
    Case("mae", (ROWS, 1), (ROWS,)),
    Case("mae", (ROWS, 3), (ROWS, 3)),
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tag}{list(case.output)}")


@pytest.mark.parametrize("tag", LOSSES)
def test_every_loss_has_a_row_and_says_its_tag(tag: str) -> None:
    assert tag in {case.tag for case in CASES}, f"add a row for {tag} to {__file__}"
    component = load_class(LOSSES[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__


@every
def test_settings_survive_json(case: Case) -> None:
    loss = case.loss()
    assert type(loss).parse(loss.model_dump(mode="json")) == loss


@every
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_of_micro_batches_add_up_to_the_whole(case: Case, *, weighted: bool) -> None:
    output, target, weights = case.tensors()
    function = case.loss().build()
    whole = function(output, target, weights if weighted else None)
    cuts = [slice(0, 5), slice(5, 6), slice(6, ROWS)]
    parts = [function(output[cut], target[cut], weights[cut] if weighted else None) for cut in cuts]
    torch.testing.assert_close(sum(part.sum for part in parts), whole.sum)
    torch.testing.assert_close(sum(part.weight for part in parts), whole.weight)
    torch.testing.assert_close(function.weight(target, weights if weighted else None), whole.weight)
    assert whole.sum.shape == whole.weight.shape == ()


@every
def test_equal_weights_equal_none(case: Case) -> None:
    output, target, _ = case.tensors()
    function = case.loss().build()
    one, other = function(output, target), function(output, target, torch.full((ROWS,), 2.0))
    torch.testing.assert_close(one.sum / one.weight, other.sum / other.weight)


@every
def test_gradients_are_right(case: Case) -> None:
    output, target, weights = case.tensors()
    function = case.loss().build()
    target = target.double() if target.is_floating_point() else target
    doubled = output.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda given: function(given, target).sum, doubled)
    assert torch.autograd.gradcheck(lambda given: function(given, target, weights.double()).sum, doubled)


@every
def test_half_precision_is_scored_in_float32(case: Case) -> None:
    output, target, _ = case.tensors()
    function = case.loss().build()
    half = output.bfloat16()
    assert torch.equal(function(half, target).sum, function(half.float(), target).sum)


@every
def test_smoothing_acts_where_it_is_said_to(case: Case) -> None:
    output, target, _ = case.tensors()
    loss = case.loss()
    plain, smoothed = loss.build()(output, target).sum, loss.build(label_smoothing=0.2)(output, target).sum
    assert (float(plain) != float(smoothed)) is loss.smooths_labels
