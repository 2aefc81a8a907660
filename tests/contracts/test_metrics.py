"""What holds for every metric: the same over any cut into batches, best where predictions are perfect, never NaN."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import pytest
import torch
from torch import Tensor

from nntrain.metrics.metric import Metric, MetricInfo, MetricValue, Pooling
from nntrain.metrics.settings import METRICS
from nntrain.modules.metrics import Scalar
from nntrain.schema import Slot, load_class

ROWS = 60
CPU = torch.device("cpu")
COUNTING = {"errors", "hits_at", "per_class"}
"""Metrics that add up the weights of rows, or count to a number of them: twice as large weights are not the same rows."""
ASKING = {"recall_at", "map_at_r", "mrr", "pair_auroc"}
"""Metrics of which rows are near to which: a row twice is its own neighbour, and rows count by their weights as questions alone."""


@dataclass(frozen=True)
class Case:
    """A metric, a kind of target, and what perfect predictions give."""

    written: Any
    kind: str
    perfect: float | None
    num_classes: int = 0
    values: tuple[int, ...] = ()
    steps: int | None = None
    """Steps of a row, of metrics that are told of them together."""

    def __str__(self) -> str:
        return f"{self.metric().label}-{self.kind}-{self.num_classes}{list(self.values)}"

    def metric(self) -> Metric:
        metric = Slot("metric", (METRICS,)).validate(self.written)
        assert isinstance(metric, Metric)
        return metric

    @property
    def tag(self) -> str:
        return self.metric().type

    @property
    def info(self) -> MetricInfo:
        if self.kind == "sequence":
            return MetricInfo("sequence", self.num_classes, to_text=lambda tokens: "".join(chr(97 + token) + " " for token in tokens))
        if self.tag == "bits_per_char":
            return MetricInfo(
                "classes", self.num_classes, unit_axis="time", to_text=lambda tokens: "".join((token + 1) * "a" for token in tokens)
            )
        names = (NAMES if self.steps is None else TAGS)[: self.num_classes]
        return MetricInfo(self.kind, self.num_classes, names, unit_axis=None if self.steps is None else "time")  # type: ignore[arg-type]

    def tensors(self, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions, targets, and perfect predictions."""
        torch.manual_seed(seed)
        if self.steps is not None:
            target = torch.randint(-1, self.num_classes, (ROWS, self.steps))
            perfect = torch.eye(self.num_classes)[target.clamp(min=0)]
            return torch.randn(ROWS, self.steps, self.num_classes).softmax(dim=2), target, perfect
        if self.kind == "sequence":
            target = torch.where(torch.arange(6) < torch.randint(1, 7, (ROWS, 1)), torch.randint(0, self.num_classes, (ROWS, 6)), -1)
            return target.roll(1, dims=0), target, target.clone()
        if self.kind == "neighbors":
            target = torch.arange(ROWS) % self.num_classes
            return torch.randn(ROWS, 4), target, torch.eye(self.num_classes)[target]
        if self.kind in {"pairs", "triplets"}:
            target, things = torch.arange(ROWS), 2 if self.kind == "pairs" else 3
            perfect = torch.eye(ROWS).unsqueeze(1).repeat(1, things, 1)
            perfect[:, 2:] = 5.0
            return torch.randn(ROWS, things, 4), target, perfect
        if self.kind == "values":
            target = torch.randn(ROWS, *self.values) * 5 + 20
            return target + torch.randn_like(target), target, target.clone()
        if self.kind == "labels":
            target = torch.randint(0, 2, (ROWS, self.num_classes)).float()
            return torch.rand(ROWS, self.num_classes), target, target.clone()
        target = torch.randint(0, self.num_classes, (ROWS,))
        target[: self.num_classes] = torch.arange(self.num_classes)
        if self.kind == "binary":
            return torch.rand(ROWS), target.float(), target.float()
        return torch.randn(ROWS, self.num_classes).softmax(dim=1), target, torch.eye(self.num_classes)[target]

    def measure(self, prediction: Tensor, target: Tensor, cuts: tuple[int, ...] = (), weights: Tensor | None = None) -> MetricValue:
        state = self.metric().build(self.info, CPU)
        edges = [0, *cuts, len(target)]
        for start, stop in pairwise(edges):
            state.update(prediction[start:stop], target[start:stop], None if weights is None else weights[start:stop])
        return state.compute()


NAMES = ("ant", "bee", "cat", "dog", "eel")
TAGS = ("O", "B-ant", "I-ant", "B-bee", "I-bee")

ONE_CLASS: list[tuple[Any, float | None]] = [
    ("balanced_accuracy", 1.0),
    ("mcc", 1.0),
    ("cohen_kappa", 1.0),
    ("ece", 0.0),
    ("confusion_matrix", None),
]
ANY_LABELS: list[tuple[Any, float | None]] = [
    ("accuracy", 1.0),
    ("errors", 0.0),
    ("hamming_loss", 0.0),
    ("log_loss", 0.0),
    ("brier", 0.0),
    ("per_class", None),
    *((tag, 1.0) for tag in ("precision", "recall", "specificity", "f1", "jaccard", "iou", "dice", "auroc", "average_precision")),
    ({"f_beta": 2}, 1.0),
    *(({"type": "recall", "average": average}, 1.0) for average in ("macro", "micro", "weighted")),
    ({"type": "specificity", "average": "micro"}, 1.0),
    ({"type": "precision", "class": "bee", "threshold": 0.4}, 1.0),
    ({"type": "f1", "class": "ant"}, 1.0),
    ({"type": "auroc", "class": "ant"}, 1.0),
    ({"type": "average_precision", "average": "weighted"}, 1.0),
]
MANY_CLASSES: list[tuple[Any, float | None]] = [
    ({"top_k_accuracy": 2}, 1.0),
    ({"cohen_kappa": "linear"}, 1.0),
    ({"cohen_kappa": "quadratic"}, 1.0),
]
VALUES: list[tuple[Any, float | None]] = [
    *((tag, 0.0) for tag in ("mae", "rmse", "mse", "bias", "mape", "smape", "rmsle", "medae", "max_error")),
    *((tag, 0.0) for tag in ("mse_scaled", "mae_scaled", "mase")),
    ({"pinball": 0.9}, 0.0),
    *((tag, 1.0) for tag in ("r2", "explained_variance", "pearson", "spearman")),
]

CASES = [
    *(Case(written, "classes", perfect, num_classes) for written, perfect in [*ONE_CLASS, *ANY_LABELS] for num_classes in (2, 5)),
    *(Case(written, "binary", perfect, 2) for written, perfect in [*ONE_CLASS, *ANY_LABELS]),
    *(Case(written, "ordinal", perfect, 5) for written, perfect in [*ONE_CLASS, *ANY_LABELS, *MANY_CLASSES]),
    *(Case(written, "ordinal", 0.0, 5) for written in ("mae", "rmse")),
    *(Case(written, "classes", perfect, 5) for written, perfect in MANY_CLASSES),
    Case("perplexity", "classes", 1.0, 5),
    Case("bits_per_char", "classes", 0.0, 5),
    *(Case(written, "classes", 1.0, 5, steps=4) for written in ("entity_f1", "entity_precision", "entity_recall")),
    Case({"type": "entity_f1", "class": "bee"}, "classes", 1.0, 5, steps=4),
    *(Case(written, "binary", 1.0, 2) for written in ({"hits_at": 5}, {"hits_at": 2})),
    *(Case(written, "labels", perfect, 3) for written, perfect in ANY_LABELS),
    Case("nll", "labels", 0.0, 3),
    *(Case(written, "sequence", 0.0, 4) for written in ("wer", "cer")),
    Case("exact_match", "sequence", 1.0, 4),
    *(Case(written, "neighbors", 1.0, 5) for written in ("recall_at", {"recall_at": 3}, "map_at_r", "mrr", "pair_auroc")),
    *(Case(written, kind, 1.0, 0) for written in ("recall_at", {"recall_at": 3}, "mrr") for kind in ("pairs", "triplets")),
    Case("triplet_accuracy", "triplets", 1.0, 0),
    *(Case(written, "values", perfect, values=values) for written, perfect in VALUES for values in ((), (3,))),
]

NEEDED = {"f_beta": {"beta": 2}, "pinball": {"quantile": 0.9}}
"""Options without a default."""

every = pytest.mark.parametrize("case", CASES, ids=str)


def same(found: MetricValue, wanted: MetricValue) -> bool:
    """Equal but for rounding."""
    if isinstance(wanted, dict):
        assert isinstance(found, dict)
        return list(found) == list(wanted) and all(same(found[name][key], row[key]) for name, row in wanted.items() for key in row)
    return found == wanted if isinstance(wanted, list | None) else found == pytest.approx(wanted, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("tag", METRICS)
def test_every_metric_has_a_row_for_each_kind_it_fits(tag: str) -> None:
    component = load_class(METRICS[tag])
    assert issubclass(component, Metric)
    assert {case.kind for case in CASES if case.tag == tag} == set(component.fits), f"add rows for {tag} to {__file__}"
    assert component.model_fields["type"].default == tag
    assert component.__doc__


@pytest.mark.parametrize("tag", METRICS)
def test_names_are_unique(tag: str) -> None:
    """Whatever is chosen."""
    labels = [case.metric().label for case in CASES if case.tag == tag]
    assert len(set(labels)) == len({json.dumps(case.written) for case in CASES if case.tag == tag})
    named = load_class(METRICS[tag]).parse({"name": "mine", **NEEDED.get(tag, {})})
    assert isinstance(named, Metric)
    assert named.label == "mine"


@every
def test_settings_survive_json(case: Case) -> None:
    metric = case.metric()
    assert type(metric).parse(metric.model_dump(mode="json", by_alias=True)) == metric


@every
def test_the_cut_into_batches_does_not_matter(case: Case) -> None:
    prediction, target, _ = case.tensors()
    whole = case.measure(prediction, target)
    assert whole is not None
    for cuts in [(1,), (7, 8, 50), (1, 2, 3, 59)]:
        assert same(case.measure(prediction, target, cuts), whole)


@every
def test_parts_of_the_rows_that_several_have_measured_give_the_whole(case: Case) -> None:
    prediction, target, _ = case.tensors()
    states = [case.metric().build(case.info, CPU) for _ in range(4)]
    for state, (start, end) in zip(states, [(0, 25), (25, 25), (25, 40), (40, ROWS)], strict=True):
        if end > start:  # a process may have none
            state.update(prediction[start:end], target[start:end])
    if case.metric().is_table:
        return  # measured at the end, by one process
    first = states[0]
    assert isinstance(first, Pooling)
    held = [cast("Pooling", state).held() for state in states]
    assert len({len(each) for each in held}) == 1
    first.join(held)
    assert same(first.compute(), case.measure(prediction, target))


@every
def test_the_order_of_the_rows_does_not_matter(case: Case) -> None:
    prediction, target, _ = case.tensors()
    order = torch.randperm(ROWS)
    assert same(case.measure(prediction[order], target[order]), case.measure(prediction, target))


@every
def test_a_row_of_weight_two_is_the_row_twice(case: Case) -> None:
    if case.tag in ASKING:
        return
    prediction, target, _ = case.tensors()
    times = torch.arange(ROWS) % 3
    repeated = case.measure(prediction.repeat_interleave(times, 0), target.repeat_interleave(times, 0))
    weighted = case.measure(prediction, target, (20,), times.float())
    if isinstance(weighted, list):
        assert weighted == case.measure(prediction, target)  # counts rows
        return
    assert repeated is not None
    assert same(weighted, repeated)
    if case.tag not in COUNTING:
        assert same(case.measure(prediction, target, (20,), times * 0.1), repeated)


@every
def test_many_weightings_at_once_give_what_each_gives_alone(case: Case) -> None:
    metric = case.metric()
    if metric.is_table:
        return
    prediction, target, _ = case.tensors()
    weights = torch.rand(4, ROWS).mul(3).floor()
    weights[3] = 0
    state = metric.build(case.info, CPU)
    assert isinstance(state, Scalar)
    for start, stop in [(0, 20), (20, ROWS)]:
        state.update(prediction[start:stop], target[start:stop], weights[:, start:stop])
    wanted = [case.measure(prediction, target, (), row) for row in weights]
    assert [None if math.isnan(value) else value for value in cast("list[float]", state.values().tolist())] == [
        None if value is None else pytest.approx(value, rel=1e-9, abs=1e-12) for value in wanted
    ]


@every
def test_a_float64_prediction_of_a_baseline_is_taken(case: Case) -> None:
    prediction, target, _ = case.tensors()
    constant = prediction[:1].expand_as(prediction)
    assert same(case.measure(constant.double(), target), case.measure(constant, target))


@every
def test_rows_that_do_not_count_have_no_value(case: Case) -> None:
    prediction, target, _ = case.tensors()
    value = case.measure(prediction, target, (), torch.zeros(ROWS))
    if isinstance(value, dict):
        assert {number for row in value.values() for number in row.values()} <= {None, 0}
        return
    assert value is None or isinstance(value, list)


@every
def test_perfect_predictions_are_best(case: Case) -> None:
    prediction, target, perfect = case.tensors()
    best, found = case.measure(perfect, target), case.measure(prediction, target)
    if isinstance(best, list):
        assert not case.metric().monitored
        assert sum(best[row][row] for row in range(case.num_classes)) == ROWS
        return
    if isinstance(best, dict):
        assert not case.metric().monitored
        assert all(row[key] == 1 for row in best.values() for key in ("precision", "recall", "f1"))
        return
    assert best == pytest.approx(case.perfect, abs=1e-6)
    if not case.metric().monitored:
        return
    assert isinstance(best, float)
    assert isinstance(found, float)
    assert best > found if case.metric().direction == "max" else best < found


@every
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_few_or_equal_rows_give_a_number_or_none(case: Case, rows: int) -> None:
    prediction, target, _ = case.tensors()
    prediction, target = prediction[:1].expand(rows, *prediction.shape[1:]), target[:1].expand(rows, *target.shape[1:])
    value = case.measure(prediction, target) if rows else case.metric().build(case.info, CPU).compute()
    assert value is None or isinstance(value, list | dict) or math.isfinite(value)


@every
def test_predictions_are_not_changed(case: Case) -> None:
    prediction, target, _ = case.tensors()
    before = prediction.clone(), target.clone()
    case.measure(prediction, target, (7,))
    assert torch.equal(prediction, before[0])
    assert torch.equal(target, before[1])
