# pyright: basic, reportArgumentType=false

"""Temperatures and thresholds that are found on the validation rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny_run import Net, TinyRun, make_run
from torch import Tensor
from torch.nn import functional

from nntrain.data.batches import TensorData
from nntrain.losses.classification import BinaryCrossEntropy
from nntrain.losses.links import Sigmoid
from nntrain.metrics.by_class import F1
from nntrain.specs import Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.judging import Reading
from nntrain.tasks.task import Target, Task
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss
from nntrain.training.settings import TrainingSettings
from nntrain.training.tuning import told, tune

reference: Any = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'nntrain[baselines]'")


def task(**options: Any) -> Task:
    made = Classification.parse({"type": "classification", **options})
    assert isinstance(made, Classification)
    return made


def run_of_classes(made: Task, *, sharpness: float = 1.0) -> TinyRun:
    """Three classes, with logits that are `sharpness` times too large."""
    run = make_run(TrainingSettings(max_epochs=20), network=Net())
    run.reports()
    with torch.no_grad():
        for parameter in run.session.network.get_submodule("heads.label").parameters():
            parameter.mul_(sharpness)
    objective = run.session.objective
    target = replace(objective.targets["label"], task=made)
    run.session = replace(run.session, objective=replace(objective, targets={"label": target}))
    return run


def run_of_two(made: Task, weights: Tensor | None = None) -> TinyRun:
    """Whether a row is of the first class, by one logit."""
    run = make_run(network=Net())
    validation = run.session.splits.validation
    assert validation is not None
    truth = (validation.targets["label"] == 0).float()
    data = TensorData(validation.inputs, {"size": truth}, weights, validation.rows)
    target = Target("size", "boolean", Spec((), ()), ("no", "yes"))
    losses = {"bce": WeightedLoss(BinaryCrossEntropy().build())}
    objective = Objective({"size": TargetObjective(target, made, losses, {"f1": F1()}, link=Sigmoid(), reading=made.reading())})
    run.session = replace(run.session, objective=objective, splits=replace(run.session.splits, validation=data))
    return run


def logits(run: TinyRun, name: str) -> tuple[Tensor, Tensor]:
    validation = run.session.splits.validation
    assert validation is not None
    outputs, _ = run.session.network.eval()(validation.inputs)
    return outputs[name].detach(), validation.targets[name]


def test_the_temperature_has_the_smallest_log_loss() -> None:
    run = run_of_classes(task(calibrate="temperature"), sharpness=20)
    output, truth = logits(run, "label")
    found = tune(run.session)["label"]
    tried = [found["temperature"] * factor for factor in (0.9, 0.99, 1.01, 1.1)]
    best = functional.cross_entropy(output / found["temperature"], truth)
    assert all(best < functional.cross_entropy(output / temperature, truth) for temperature in tried)
    assert found["threshold"] is None
    [line] = told({"label": found})
    assert line.startswith(f"temperature {found['temperature']:.4g}: ece of the validation rows from ")


def test_a_temperature_leaves_the_likeliest_class() -> None:
    run = run_of_classes(task(calibrate="temperature"), sharpness=20)
    output, _ = logits(run, "label")
    plain = run.session.objective.targets["label"]
    tuned = run.session.objective.tuned(tune(run.session)).targets["label"]
    assert torch.equal(plain.predict(output).argmax(dim=1), tuned.predict(output).argmax(dim=1))
    assert tuned.predict(output).amax() < plain.predict(output).amax()


@pytest.mark.parametrize("weighted", [False, True])
def test_the_threshold_is_the_best_for_its_metric(weighted: bool) -> None:
    weights = torch.rand(30) if weighted else None
    run = run_of_two(task(threshold={"tune": "f1"}), weights)
    output, truth = logits(run, "size")
    shares = output.squeeze(1).sigmoid()
    found = tune(run.session)["size"]["threshold"]
    scanned = [reference.f1_score(truth, shares >= threshold, sample_weight=weights) for threshold in shares]
    assert reference.f1_score(truth, shares > found, sample_weight=weights) == pytest.approx(max(scanned))
    judged = run.session.objective.tuned(tune(run.session)).targets["size"]
    assert judged.metric_info.threshold == found


def test_a_threshold_that_is_given_is_not_tuned() -> None:
    run = run_of_two(task(threshold=0.3))
    assert tune(run.session) == {}
    assert run.session.objective.targets["size"].reading == Reading(threshold=0.3)


def test_the_threshold_is_of_calibrated_probabilities() -> None:
    found = tune(run_of_two(task(threshold={"tune": "f1"}, calibrate="temperature")).session)["size"]
    assert len(found["told"]) == 2
    assert Reading.restore(found) == Reading(found["temperature"], found["threshold"])


def test_nothing_is_tuned_where_nothing_asks_for_it() -> None:
    run = make_run(targets=("label", "size"))
    assert tune(run.session) == {}
    assert run.session.objective.tuned({}) == run.session.objective


def test_the_network_is_left_as_it_was() -> None:
    run = run_of_classes(task(calibrate="temperature"))
    before, state = {name: value.clone() for name, value in run.session.network.state_dict().items()}, torch.get_rng_state()
    tune(run.session)
    assert all(torch.equal(value, before[name]) for name, value in run.session.network.state_dict().items())
    assert run.session.network.training
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    "tree",
    [{}, {"temperature": 0, "threshold": None}, {"temperature": float("inf"), "threshold": None}, {"temperature": 1, "threshold": 2}],
)
def test_what_is_no_reading_is_refused(tree: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        Reading.restore(tree)
