"""What holds for every loss: parts add up exactly, whatever the cut; gradients are those of the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from nntrain.losses.loss import ClassLoss, Loss, LossFunction, TargetKind
from nntrain.losses.settings import LOSSES
from nntrain.schema import Slot, load_class

ROWS = 12


@dataclass(frozen=True)
class Case:
    """A loss with outputs and targets as a network and the data give them."""

    tag: Any
    """As it is written."""
    output: tuple[int, ...]
    target: tuple[int, ...]
    kind: TargetKind

    @property
    def loss(self) -> Loss:
        loss = Slot("loss", (LOSSES,)).validate(self.tag)
        assert isinstance(loss, Loss)
        return loss

    @property
    def name(self) -> str:
        return f"{self.loss.type}-{self.kind}{list(self.output)}"

    def function(self) -> LossFunction:
        """As it is used: classes count differently where they can."""
        return self.loss.build_for(self.kind, class_weights=self.class_weights())

    def class_weights(self) -> Tensor | None:
        if not isinstance(self.loss, ClassLoss) or self.kind in {"labels", "values", "origin"}:
            return None
        return 0.5 + torch.arange(2 if self.kind == "binary" else 5)

    def tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        torch.manual_seed(0)
        target = torch.randn(self.target)
        if self.kind in {"neighbors", "pairs", "triplets"}:
            target = torch.arange(ROWS) % (2 if self.kind == "neighbors" else 9)
        elif self.kind in {"classes", "ordinal"}:
            target = torch.randint(0, 5, self.target)
        elif self.kind in {"binary", "labels", "origin"}:
            target = target.gt(0).float()
        elif self.kind == "sequence":
            target = torch.where(torch.arange(self.target[1]) < torch.randint(0, 3, (ROWS, 1)), torch.randint(1, 5, self.target), -1)
        elif self.loss.type == "kl_div":
            target = target.softmax(dim=1)
        elif self.loss.type == "poisson_nll":
            target = target.exp().round()
        elif self.loss.type == "bce":
            target = target.sigmoid()
        return torch.randn(self.output), target, torch.rand(ROWS) + 0.5


IMAGE = (ROWS, 3, 2, 2)
SCORED: list[tuple[tuple[int, ...], tuple[int, ...], TargetKind]] = [
    ((ROWS, 1), (ROWS,), "binary"),
    ((ROWS, 5), (ROWS,), "classes"),
    ((ROWS, 4), (ROWS, 4), "labels"),
]
CASES = [
    Case("cross_entropy", (ROWS, 5), (ROWS,), "classes"),
    Case("cross_entropy", (ROWS, 5), (ROWS,), "ordinal"),
    Case("cross_entropy", (ROWS, 5, 2, 3), (ROWS, 2, 3), "classes"),
    Case("bce", (ROWS, 1), (ROWS,), "binary"),
    Case("bce", (ROWS, 4), (ROWS, 4), "labels"),
    Case({"type": "bce", "pos_weight": 3.0}, (ROWS, 4), (ROWS, 4), "labels"),
    Case("bce", IMAGE, IMAGE, "values"),
    Case("focal", (ROWS, 5), (ROWS,), "classes"),
    Case({"type": "focal", "alpha": 0.25}, (ROWS, 1), (ROWS,), "binary"),
    Case("focal", (ROWS, 4), (ROWS, 4), "labels"),
    Case("ordinal", (ROWS, 4), (ROWS,), "ordinal"),
    *(Case(tag, *shapes) for tag in ("hinge", {"type": "hinge", "squared": True, "reduction": "sum"}, "perceptron") for shapes in SCORED),
    Case("margin", (ROWS, 5), (ROWS,), "classes"),
    Case({"type": "margin", "down": 1.0}, (ROWS, 4), (ROWS, 4), "labels"),
    *(Case(tag, (ROWS, 4), (ROWS, 4), "labels") for tag in ("dice", "jaccard", "tversky")),
    *(Case(tag, (ROWS, 5, 2, 3), (ROWS, 2, 3), "classes") for tag in ("dice", "jaccard", "tversky")),
    *(
        Case(tag, *shapes, "values")
        for tag in ("mse", "mae", "huber", "smooth_l1", "log_cosh", "poisson_nll", {"type": "mse", "reduction": "sum"})
        for shapes in (((ROWS, 1), (ROWS,)), ((ROWS, 3), (ROWS, 3)), (IMAGE, IMAGE))
    ),
    Case({"quantile": 0.9}, (ROWS, 1), (ROWS,), "values"),
    Case("quantile", (ROWS, 3), (ROWS,), "values"),
    Case("quantile", (ROWS, 6), (ROWS, 2), "values"),
    Case("gaussian_nll", (ROWS, 2), (ROWS,), "values"),
    Case("gaussian_nll", (ROWS, 6), (ROWS, 3), "values"),
    Case("gaussian_nll", (ROWS, 6, 2, 2), IMAGE, "values"),
    Case("ctc", (ROWS, 6, 5), (ROWS, 3), "sequence"),
    Case({"type": "ctc", "reduction": "sum"}, (ROWS, 6, 5), (ROWS, 3), "sequence"),
    Case({"type": "arcface", "scale": 3.0}, (ROWS, 5), (ROWS,), "classes"),
    Case("contrastive", (ROWS, 1), (ROWS,), "binary"),
    *(Case(tag, (ROWS, 4), (ROWS,), "neighbors") for tag in ("contrastive", "nt_xent", "triplet", {"type": "triplet", "mining": "hard"})),
    *(Case(tag, (ROWS, 2, 4), (ROWS,), "pairs") for tag in ("contrastive", "nt_xent", "triplet", {"type": "triplet", "mining": "hard"})),
    *(Case(tag, (ROWS, 3, 4), (ROWS,), "triplets") for tag in ("contrastive", "nt_xent", "triplet")),
    *(Case(tag, (ROWS, 1), (ROWS,), "origin") for tag in ("bce", "hinge", "wasserstein", {"wasserstein": 0.0})),
    Case("kl_div", (ROWS, 4), (ROWS, 4), "values"),
    Case("cosine", (ROWS, 4), (ROWS, 4), "values"),
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


@pytest.mark.parametrize("tag", LOSSES)
def test_every_loss_has_a_row_and_says_its_tag(tag: str) -> None:
    assert tag in {case.loss.type for case in CASES}, f"add a row for {tag} to {__file__}"
    component = load_class(LOSSES[tag])
    assert component.model_fields["type"].default == tag
    assert component.__doc__


@pytest.mark.parametrize("tag", LOSSES)
def test_every_kind_of_target_has_a_row(tag: str) -> None:
    loss = load_class(LOSSES[tag])
    assert issubclass(loss, Loss)
    shown = {case.kind for case in CASES if case.loss.type == tag}
    assert loss.targets - shown <= {"ordinal"}, "classes in order are scored as classes"


@every
def test_settings_survive_json(case: Case) -> None:
    loss = case.loss
    assert type(loss).parse(loss.model_dump(mode="json")) == loss


@every
def test_the_link_reads_the_output_as_values_or_shares(case: Case) -> None:
    link, output = case.loss.link(case.kind), case.tensors()[0]
    sizes = {"classes": 5, "ordinal": 5, "binary": 1, "sequence": 5}
    if case.kind in {"pairs", "triplets"}:
        assert link.point(output).shape == output.shape
        return
    size = 4 if case.kind == "neighbors" else sizes.get(case.kind, case.target[1] if len(case.target) > 1 else 1)
    assert link.outputs(size) == case.output[2 if case.kind == "sequence" else 1]
    if case.kind in {"classes", "ordinal"}:
        shares = link.point(output)
        assert shares.shape == (ROWS, 5, *case.target[1:])
        assert bool((shares >= 0).all())
        torch.testing.assert_close(shares.sum(dim=1), torch.ones(case.target))
    elif case.kind not in {"values", "sequence", "neighbors", "origin"}:
        assert bool((link.point(output) > 0).all())
        assert link.point(output).shape == output.shape


@every
@pytest.mark.parametrize("weighted", [False, True])
def test_parts_of_micro_batches_add_up_to_the_whole(case: Case, *, weighted: bool) -> None:
    output, target, weights = case.tensors()
    function = case.function()
    whole = function(output, target, weights if weighted else None)
    torch.testing.assert_close(function.weight(target, weights if weighted else None), whole.weight)
    assert whole.sum.shape == whole.weight.shape == ()
    if case.loss.compares_rows(case.kind):  # with those of other batches a row is not compared: accumulate is refused
        return
    cuts = [slice(0, 5), slice(5, 6), slice(6, ROWS)]
    parts = [function(output[cut], target[cut], weights[cut] if weighted else None) for cut in cuts]
    torch.testing.assert_close(sum(part.sum for part in parts), whole.sum)
    torch.testing.assert_close(sum(part.weight for part in parts), whole.weight)


@every
def test_equal_weights_equal_none(case: Case) -> None:
    output, target, _ = case.tensors()
    for function in (case.function(), case.loss.build_for(case.kind)):
        one, other = function(output, target), function(output, target, torch.full((ROWS,), 2.0))
        torch.testing.assert_close(one.sum / one.weight, other.sum / other.weight)


@every
def test_rows_of_weight_0_do_not_count(case: Case) -> None:
    output, target, _ = case.tensors()
    function = case.function()
    weights = torch.ones(ROWS)
    weights[4:] = 0
    some, first = function(output, target, weights), function(output[:4], target[:4], torch.ones(4))
    torch.testing.assert_close(some.sum / some.weight, first.sum / first.weight)
    none = function(output, target, torch.zeros(ROWS))
    assert float(none.sum / none.weight) == 0


@every
def test_gradients_are_right(case: Case) -> None:
    output, target, weights = case.tensors()
    if output.dim() > 2 and case.kind not in {"pairs", "triplets"}:  # rows are scored apart: four show what twelve do
        output, target, weights = output[:4], target[:4], weights[:4]
    target = target.double() if target.is_floating_point() else target
    doubled = output.double().requires_grad_()
    for function in (case.function(), case.loss.build_for(case.kind)):
        for row_weights in (None, weights.double()):

            def scored(given: Tensor, function: LossFunction = function, row_weights: Tensor | None = row_weights) -> Tensor:
                return function(given, target, row_weights).sum

            assert torch.autograd.gradcheck(scored, doubled)


@every
def test_half_precision_is_scored_in_float32(case: Case) -> None:
    output, target, _ = case.tensors()
    function = case.function()
    half = output.bfloat16()
    assert torch.equal(function(half, target).sum, function(half.float(), target).sum)


@every
def test_smoothing_acts_where_it_is_said_to(case: Case) -> None:
    output, target, _ = case.tensors()
    loss = case.loss
    plain, smoothed = (loss.build_for(case.kind, label_smoothing=amount)(output, target).sum for amount in (0.0, 0.2))
    assert (float(plain) != float(smoothed)) is loss.smooths_labels


@every
def test_what_can_not_be_scored_is_told(case: Case) -> None:
    _, target, _ = case.tensors()
    assert case.loss.fault(target, case.kind) is None
    if case.loss.type in {"poisson_nll", "kl_div", "bce"} and case.kind == "values":
        assert case.loss.fault(target - 2, case.kind)
