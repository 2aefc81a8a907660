"""Members of an ensemble are scored one by one in training, and together afterwards."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from nntrain.data.batches import Batch
from nntrain.losses.classification import CrossEntropy
from nntrain.losses.links import Softmax
from nntrain.specs import Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.task import Target
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss, total

TARGET = Target("y", "category", Spec((), (), "index", classes=3), ("a", "b", "c"))


def objective(class_weights: torch.Tensor | None = None) -> Objective:
    losses = {"cross_entropy": WeightedLoss(CrossEntropy().build(class_weights=class_weights))}
    return Objective({"y": TargetObjective(TARGET, Classification(), losses, link=Softmax(), members=4)})


def batch(weights: torch.Tensor | None = None) -> Batch:
    return Batch(rows=torch.arange(5), inputs={}, targets={"y": torch.tensor([0, 1, 2, 1, 0])}, weights=weights)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 0.0, 2.0, 0.5, 3.0])], ids=["once", "weighted"])
@pytest.mark.parametrize("class_weights", [None, torch.tensor([1.0, 5.0, 2.0])], ids=["alike", "by class"])
def test_the_loss_is_the_mean_over_members(weights: torch.Tensor | None, class_weights: torch.Tensor | None) -> None:
    outputs = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    whole, rows = objective(class_weights), batch(weights)
    found = whole.parts({"y": outputs}, rows)
    targets = rows.targets["y"]
    counts = (torch.ones(5) if weights is None else weights) * (torch.ones(5) if class_weights is None else class_weights[targets])
    by_member = [cross_entropy(outputs.reshape(5, 4, 3)[:, member], targets, reduction="none") for member in range(4)]
    expected = sum((scores * counts).sum() / counts.sum() for scores in by_member) / 4
    torch.testing.assert_close(total(found), expected)
    torch.testing.assert_close(found["y", "cross_entropy"].weight, whole.weights([rows])["y", "cross_entropy"])


def test_one_answer_a_row_is_scored_as_ever() -> None:
    outputs = torch.randn(5, 3)
    torch.testing.assert_close(total(objective().parts({"y": outputs}, batch())), cross_entropy(outputs, batch().targets["y"]))
