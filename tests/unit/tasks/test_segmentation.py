"""A class for each pixel: losses and metrics against torch and torchmetrics, and pixels that count nothing."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nntrain.data.batches import Batch, TensorData
from nntrain.data.mask_rows import UNCOUNTED, MaskRows
from nntrain.losses.loss import Loss
from nntrain.losses.settings import LOSSES
from nntrain.metrics.metric import Metric
from nntrain.metrics.settings import METRICS
from nntrain.schema import Slot
from nntrain.specs import MASK, Spec
from nntrain.tasks.segmentation import Segmentation
from nntrain.tasks.task import Target
from nntrain.training.device import resolve_precision
from nntrain.training.evaluation import evaluate_baseline, fit_baseline, measure, predict
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss, total
from nntrain.training.resampling import by_group, judge

ROWS, CLASSES, SIZE = 6, 3, 5
NAMES = ("wall", "cell", "core")
TARGET = Target("m", "mask", Spec(MASK, (SIZE, SIZE), "index", classes=CLASSES), NAMES)
FLOAT32 = resolve_precision("float32", torch.device("cpu"))
METRICS_SHOWN = ("iou", "dice", "accuracy", {"type": "iou", "class": "core"}, "f1", "log_loss", "per_class")


class PerPixel(nn.Module):
    """The outputs themselves."""

    def forward(self, inputs: dict[str, Tensor], state: Any = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        return {"m": inputs["x"]}, {}


def masks(*, is_whole: bool = False) -> Tensor:
    found = torch.randint(0, CLASSES, (ROWS, SIZE, SIZE), generator=torch.Generator().manual_seed(1)).byte()
    if not is_whole:
        found[0], found[1, :2], found[4, 3, 3] = UNCOUNTED, UNCOUNTED, UNCOUNTED
    return found


def data(found: Tensor, weights: Tensor | None = None) -> TensorData:
    outputs = torch.randn(ROWS, CLASSES, SIZE, SIZE, generator=torch.Generator().manual_seed(2))
    return TensorData({"x": outputs}, {}, weights, torch.arange(ROWS), stored_targets={"m": MaskRows(found)})


def objective(*losses: Any, class_weights: Tensor | None = None) -> Objective:
    made = {loss.type: loss for each in losses if isinstance(loss := Slot("loss", (LOSSES,)).validate(each), Loss)}
    functions = {tag: WeightedLoss(loss.build(class_weights=class_weights), loss.weight) for tag, loss in made.items()}
    metrics = [Slot("metric", (METRICS,)).validate(each) for each in METRICS_SHOWN]
    shown = {metric.label: metric for metric in metrics if isinstance(metric, Metric)}
    link = next(iter(made.values())).link("classes")
    return Objective({"m": TargetObjective(TARGET, Segmentation(), functions, shown, link=link)})


def loss_of(scored: Objective, batch: Batch) -> Tensor:
    return total(scored.parts(PerPixel()(batch.inputs)[0], batch))


@pytest.mark.parametrize("by_class", [None, torch.tensor([0.2, 1.0, 3.0])], ids=["alike", "class_weights"])
def test_cross_entropy_is_the_mean_over_the_pixels_that_count(by_class: Tensor | None) -> None:
    batch = data(masks()).batch(0, ROWS)
    assert (batch.targets["m"] == -1).sum() == 25 + 10 + 1
    wanted = cross_entropy(batch.inputs["x"], batch.targets["m"], weight=by_class, ignore_index=-1)
    torch.testing.assert_close(loss_of(objective("cross_entropy", class_weights=by_class), batch), wanted)


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "dice", "jaccard", "tversky", "hinge", "perceptron"])
def test_pixels_that_do_not_count_change_nothing(loss: str) -> None:
    batch = data(masks(is_whole=True)).batch(0, ROWS)
    target = batch.targets["m"].clone()
    target[:, 1] = -1
    cut = [index for index in range(SIZE) if index != 1]
    whole = Batch({"x": batch.inputs["x"].clone().requires_grad_()}, {"m": target}, None, batch.rows)
    smaller = Batch({"x": batch.inputs["x"][:, :, cut]}, {"m": target[:, cut]}, None, batch.rows)
    found = loss_of(objective(loss), whole)
    torch.testing.assert_close(found, loss_of(objective(loss), smaller))
    found.backward()
    gradient = whole.inputs["x"].grad
    assert gradient is not None
    assert gradient[:, :, 1].abs().max() == 0
    assert gradient[:, :, cut].abs().max() > 0


@pytest.mark.parametrize("loss", ["cross_entropy", "focal", "dice", "jaccard", "tversky"])
def test_batches_add_up_and_rows_without_a_pixel_count_nothing(loss: str) -> None:
    scored, rows = objective(loss), data(masks(), torch.rand(ROWS) + 0.5)
    whole = rows.batch(0, ROWS)
    parts = [rows.batch(0, 1), rows.batch(1, 4), rows.batch(4, 6)]
    weights = scored.weights(parts)
    pieces = [total(scored.parts(PerPixel()(part.inputs)[0], part), weights) for part in parts]
    torch.testing.assert_close(torch.stack(pieces).sum(), loss_of(scored, whole))
    assert total(scored.parts(PerPixel()(parts[0].inputs)[0], parts[0])) == 0
    torch.testing.assert_close(loss_of(scored, rows.batch(1, ROWS)), loss_of(scored, whole))


def test_dice_is_that_of_the_paper() -> None:
    batch = data(masks(is_whole=True)).batch(0, ROWS)
    shares = batch.inputs["x"].softmax(dim=1).flatten(2)
    truth = torch.nn.functional.one_hot(batch.targets["m"].flatten(1), CLASSES).movedim(2, 1).float()
    each = (2 * (shares * truth).sum(2) + 1) / (shares.sum(2) + truth.sum(2) + 1)
    torch.testing.assert_close(loss_of(objective("dice"), batch), (1 - each).mean())
    both = loss_of(objective("cross_entropy", {"type": "dice", "weight": 0.5}), batch)
    torch.testing.assert_close(both, loss_of(objective("cross_entropy"), batch) + 0.5 * loss_of(objective("dice"), batch))


def test_metrics_are_those_of_torchmetrics_over_the_whole_split() -> None:
    functional = pytest.importorskip("torchmetrics.functional.classification")
    rows = data(masks())
    found = measure(PerPixel(), objective("cross_entropy"), rows, FLOAT32)
    taken, truth = rows.inputs["x"].argmax(dim=1), rows.target("m")
    options = {"num_classes": CLASSES, "ignore_index": -1}
    each = functional.multiclass_jaccard_index(taken, truth, average="none", **options)
    assert found.metrics["iou"] == pytest.approx(each.mean().item(), rel=1e-6)
    assert found.metrics["iou.core"] == pytest.approx(each[2].item(), rel=1e-6)
    f1 = functional.multiclass_f1_score(taken, truth, average="macro", **options).item()
    assert found.metrics["dice"] == pytest.approx(f1, rel=1e-6)
    assert found.metrics["f1"] == pytest.approx(f1, rel=1e-6)
    accuracy = functional.multiclass_accuracy(taken, truth, average="micro", **options).item()
    assert found.metrics["accuracy"] == pytest.approx(accuracy, rel=1e-6)
    surprise = cross_entropy(rows.inputs["x"], truth, ignore_index=-1).item()
    assert found.metrics["log_loss"] == pytest.approx(surprise, rel=1e-5)
    assert found.metrics["loss"] == pytest.approx(surprise, rel=1e-5)
    table = found.tables["per_class"]
    assert isinstance(table, dict)
    assert [table[name]["iou"] for name in NAMES] == pytest.approx(each.tolist(), rel=1e-6)
    assert sum(table[name]["support"] or 0 for name in NAMES) == ROWS * 25 - 36


def test_the_baseline_takes_the_commonest_class_by_pixels_and_weights() -> None:
    found = masks() % 2
    found[masks() == UNCOUNTED] = UNCOUNTED
    scored = objective("cross_entropy")
    rows = data(found)
    row = fit_baseline(scored, rows)["m"]
    counted = found[found != UNCOUNTED].long()
    torch.testing.assert_close(row, (counted.bincount(minlength=CLASSES).double() / len(counted))[None])
    metrics = evaluate_baseline(scored, {"m": row}, rows).metrics
    assert metrics["accuracy"] == pytest.approx(row.max().item())
    weighted = data(found, torch.tensor([1.0, 0, 0, 0, 0, 2]))
    own = found[5].flatten().long().bincount(minlength=CLASSES).double()
    torch.testing.assert_close(fit_baseline(scored, weighted)["m"], (own / own.sum())[None])


def test_predictions_are_maps_of_classes_and_their_shares() -> None:
    rows = data(masks())
    found = predict(PerPixel(), objective("cross_entropy"), rows, FLOAT32)["m"].values
    assert torch.equal(found, rows.inputs["x"].argmax(dim=1).byte())
    decoded = Segmentation().decode(found, TARGET)
    assert decoded.values[3].shape == (SIZE, SIZE)
    assert decoded.shares["cell"][3] == pytest.approx((found[3] == 1).float().mean().item())


def test_weighting_rows_anew_measures_as_if_they_alone_were_there() -> None:
    scored, rows = objective("cross_entropy"), data(masks())
    judged = judge(PerPixel(), scored, rows, FLOAT32)
    groups = by_group(judged, torch.tensor([0, 0, 1, 1, 1, 0]), 2)
    for group, members in zip(groups, (torch.tensor([0, 1, 5]), torch.tensor([2, 3, 4])), strict=True):
        wanted = measure(PerPixel(), scored, rows.take(members), FLOAT32).metrics
        assert {name: group[name] for name in ("iou", "dice", "accuracy", "iou.core")} == pytest.approx(
            {name: wanted[name] for name in ("iou", "dice", "accuracy", "iou.core")}
        )
        assert group["log_loss"] is None, "the shares of classes are not kept for each pixel"
