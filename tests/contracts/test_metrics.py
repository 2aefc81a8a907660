"""What holds for every metric: the same over any cut into batches, best where predictions are perfect, never NaN."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo, MetricValue
from nntrain.metrics.settings import METRICS
from nntrain.schema import Slot, load_class

ROWS = 60
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Case:
    """A metric, a kind of target, and what perfect predictions give."""

    tag: str
    kind: str
    perfect: float | None
    num_classes: int = 0
    values: tuple[int, ...] = ()

    def metric(self) -> Metric:
        metric = Slot("metric", (METRICS,)).validate(self.tag)
        assert isinstance(metric, Metric)
        return metric

    def tensors(self, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions, targets, and perfect predictions."""
        torch.manual_seed(seed)
        if self.kind == "values":
            target = torch.randn(ROWS, *self.values) * 5 + 20
            return target + torch.randn_like(target), target, target.clone()
        target = torch.randint(0, self.num_classes, (ROWS,))
        target[: self.num_classes] = torch.arange(self.num_classes)
        if self.kind == "binary":
            return torch.rand(ROWS), target.float(), target.float()
        return torch.randn(ROWS, self.num_classes).softmax(dim=1), target, torch.eye(self.num_classes)[target]

    def measure(self, prediction: Tensor, target: Tensor, cuts: tuple[int, ...] = (), weights: Tensor | None = None) -> MetricValue:
        state = self.metric().build(MetricInfo(self.kind, self.num_classes), CPU)  # type: ignore[arg-type]
        edges = [0, *cuts, len(target)]
        for start, stop in pairwise(edges):
            state.update(prediction[start:stop], target[start:stop], None if weights is None else weights[start:stop])
        return state.compute()


LABELS = {"accuracy": 1.0, "balanced_accuracy": 1.0, "f1": 1.0, "log_loss": 0.0, "auroc": 1.0, "confusion_matrix": None}
VALUES = {"mae": 0.0, "rmse": 0.0, "r2": 1.0}

CASES = [
    *(Case(tag, "classes", perfect, num_classes) for tag, perfect in LABELS.items() for num_classes in (2, 5)),
    *(Case(tag, "binary", perfect, 2) for tag, perfect in LABELS.items()),
    *(Case(tag, "values", perfect, values=values) for tag, perfect in VALUES.items() for values in ((), (3,))),
]

every = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.tag}-{case.kind}-{case.num_classes}{list(case.values)}")


@pytest.mark.parametrize("tag", METRICS)
def test_every_metric_has_a_row_for_each_kind_it_fits(tag: str) -> None:
    component = load_class(METRICS[tag])
    assert issubclass(component, Metric)
    assert {case.kind for case in CASES if case.tag == tag} == set(component.fits), f"add rows for {tag} to {__file__}"
    assert component.model_fields["type"].default == tag
    assert component.__doc__


@every
def test_settings_survive_json(case: Case) -> None:
    metric = case.metric()
    assert type(metric).parse(metric.model_dump(mode="json")) == metric


@every
def test_the_cut_into_batches_does_not_matter(case: Case) -> None:
    prediction, target, _ = case.tensors()
    whole = case.measure(prediction, target)
    assert whole is not None
    for cuts in [(1,), (7, 8, 50), tuple(range(1, ROWS))]:
        found = case.measure(prediction, target, cuts)
        assert found == whole if isinstance(whole, list) else found == pytest.approx(whole, rel=1e-6)


@every
def test_the_order_of_the_rows_does_not_matter(case: Case) -> None:
    prediction, target, _ = case.tensors()
    order = torch.randperm(ROWS)
    whole, found = case.measure(prediction, target), case.measure(prediction[order], target[order])
    assert found == whole if isinstance(whole, list) else found == pytest.approx(whole, rel=1e-6)


@every
def test_a_row_of_weight_two_is_the_row_twice(case: Case) -> None:
    prediction, target, _ = case.tensors()
    times = torch.arange(ROWS) % 3
    repeated = case.measure(prediction.repeat_interleave(times, 0), target.repeat_interleave(times, 0))
    weighted = case.measure(prediction, target, (20,), times.float())
    if isinstance(weighted, list):
        assert weighted == case.measure(prediction, target)  # counts rows
        return
    assert repeated is not None
    assert weighted == pytest.approx(repeated, rel=1e-6)
    assert case.measure(prediction, target, (20,), times * 0.1) == pytest.approx(repeated, rel=1e-6)


@every
def test_rows_that_do_not_count_have_no_value(case: Case) -> None:
    prediction, target, _ = case.tensors()
    value = case.measure(prediction, target, (), torch.zeros(ROWS))
    assert value is None or isinstance(value, list)


@every
def test_perfect_predictions_are_best(case: Case) -> None:
    prediction, target, perfect = case.tensors()
    best, found = case.measure(perfect, target), case.measure(prediction, target)
    if isinstance(best, list):
        assert not case.metric().monitored
        assert sum(best[row][row] for row in range(case.num_classes)) == ROWS
        return
    assert best == pytest.approx(case.perfect, abs=1e-6)
    assert best is not None
    assert found is not None
    assert best > found if case.metric().direction == "max" else best < found


@every
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_or_equal_rows_give_a_number_or_none(case: Case, rows: int) -> None:
    prediction, target, _ = case.tensors()
    prediction, target = prediction[:1].expand(rows, *prediction.shape[1:]), target[:1].expand(rows, *target.shape[1:])
    value = case.measure(prediction, target) if rows else case.metric().build(MetricInfo(case.kind, case.num_classes), CPU).compute()
    assert value is None or isinstance(value, list) or math.isfinite(value)


@every
def test_predictions_are_not_changed(case: Case) -> None:
    prediction, target, _ = case.tensors()
    before = prediction.clone(), target.clone()
    case.measure(prediction, target, (7,))
    assert torch.equal(prediction, before[0])
    assert torch.equal(target, before[1])
