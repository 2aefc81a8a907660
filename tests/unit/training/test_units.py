"""Targets with a value for each step: what is padded, or has none, counts nothing, and the rest counts as rows do."""

from types import SimpleNamespace

import pytest
import torch
from torch.nn.functional import cross_entropy

from nntrain.data.batches import Batch, TensorData, plain_batches
from nntrain.data.packed import PackedSteps
from nntrain.losses.classification import CrossEntropy
from nntrain.metrics.classification import Accuracy
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.specs import RAGGED, Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.task import Target
from nntrain.training.device import resolve_precision
from nntrain.training.evaluation import evaluate_baseline, fit_baseline, measure, predict
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss, total
from nntrain.training.progress import RunningLoss

LENGTHS = torch.tensor([3, 1, 4, 2])
TAGS = torch.tensor([0, 1, 2, 0, 2, 2, -1, 1, 0, 2])  # the third row has a step without a tag
FEATURES = torch.randn(10, 5, generator=torch.Generator().manual_seed(0))
TARGET = Target("tags", "tags", Spec(("time",), (RAGGED,), "index", classes=3), ("a", "b", "c"))
FLOAT32 = resolve_precision("float32", torch.device("cpu"))


class PerStep(torch.nn.Module):
    """A linear layer for each step."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(5, 3)

    def forward(self, inputs, state=None):
        return {"tags": self.linear(inputs["x"]), "tags.lengths": inputs["x.lengths"]}, {}


def make_data(weights=None):
    steps = {"x": PackedSteps.of(FEATURES, LENGTHS)}
    return TensorData({}, {}, weights, torch.arange(4), steps, stored_targets={"tags": PackedSteps.of(TAGS, LENGTHS, fill=-1)})


def make_objective():
    loss = CrossEntropy()
    losses = {"cross_entropy": WeightedLoss(loss.build())}
    return Objective({"tags": TargetObjective(TARGET, Classification(), losses, {"accuracy": Accuracy()}, link=loss.link("classes"))})


def minimised(network, objective, batch):
    outputs, _ = network(batch.inputs)
    return total(objective.parts(outputs, batch))


def test_a_batch_pads_indices_and_targets():
    batch = next(plain_batches(make_data(), 4))
    assert batch.inputs["x"].shape == (4, 4, 5)
    assert batch.targets["tags"].tolist() == [[0, 1, 2, -1], [0, -1, -1, -1], [2, 2, -1, 1], [0, 2, -1, -1]]
    assert make_data().take(torch.tensor([2, 1])).target("tags").tolist() == [[2, 2, -1, 1], [0, -1, -1, -1]]


def test_the_loss_is_the_mean_over_the_steps_that_count():
    network, objective = PerStep(), make_objective()
    keep = TAGS >= 0
    wanted = cross_entropy(network.linear(FEATURES)[keep], TAGS[keep])
    found = minimised(network, objective, next(plain_batches(make_data(), 4)))
    torch.testing.assert_close(found, wanted)
    measured = measure(network, objective, make_data(), FLOAT32).metrics
    torch.testing.assert_close(torch.tensor(measured["loss"]), wanted.detach())
    right = network.linear(FEATURES)[keep].argmax(1) == TAGS[keep]
    torch.testing.assert_close(torch.tensor(measured["accuracy"]), right.float().mean())


def test_micro_batches_add_up_to_the_step():
    network, objective = PerStep(), make_objective()
    batch = next(plain_batches(make_data(torch.tensor([1.0, 2.0, 0.5, 1.0])), 4))
    whole = torch.autograd.grad(minimised(network, objective, batch), network.linear.weight)
    parts = batch.split(2)
    weights = objective.weights(parts)
    summed = sum(
        torch.autograd.grad(total(objective.parts(network(part.inputs)[0], part), weights), network.linear.weight)[0] for part in parts
    )
    torch.testing.assert_close(summed, whole[0])


@pytest.mark.parametrize("rows", [1, 3, 4])
def test_the_running_loss_is_the_mean_over_the_steps_that_count(rows):
    network, running = PerStep(), RunningLoss()
    known = {"objective": make_objective(), "precision": FLOAT32, "optimizer": None, "ranks": None, "static": None}
    session = SimpleNamespace(network=network, forward=network, **known)
    for batch in plain_batches(make_data(), rows):  # of 1 to 8 tags
        running.add(SupervisedProtocol().step(session, (batch,)).parts)
    keep = TAGS >= 0
    assert running.take() == pytest.approx(cross_entropy(network.linear(FEATURES)[keep], TAGS[keep]).item(), rel=1e-6)


def test_no_gradient_reaches_what_does_not_count():
    objective, batch = make_objective(), next(plain_batches(make_data(), 4))
    output = torch.randn(4, 4, 3, requires_grad=True)
    total(objective.parts({"tags": output}, batch)).backward()
    silent = output.grad.abs().sum(dim=2) == 0
    assert silent.tolist() == (batch.targets["tags"] < 0).tolist()


def test_a_row_weight_counts_for_each_of_its_steps():
    network, objective = PerStep(), make_objective()
    data = make_data(torch.tensor([1.0, 0.0, 3.0, 1.0]))
    by_step = torch.tensor([1.0, 1, 1, 0, 3, 3, 0, 3, 1, 1])
    scores = cross_entropy(network.linear(FEATURES), TAGS.clamp(min=0), reduction="none")
    found = minimised(network, objective, next(plain_batches(data, 4)))
    torch.testing.assert_close(found, (scores * by_step).sum() / by_step.sum())


def test_predictions_are_those_of_the_true_steps_row_by_row():
    network = PerStep().eval()
    found = predict(network, make_objective(), make_data(), FLOAT32, rows=1, most=1)["tags"]
    assert found.counts.tolist() == LENGTHS.tolist()
    torch.testing.assert_close(found.values, network.linear(FEATURES).softmax(1).detach())
    decoded = Classification().decode(found.values, TARGET).by_row(found.counts.tolist())
    assert [len(row) for row in decoded.values] == [3, 1, 4, 2]
    assert decoded.separator == " "


def test_the_trivial_prediction_is_that_of_all_steps():
    objective, data = make_objective(), make_data()
    baseline = fit_baseline(objective, data)
    torch.testing.assert_close(baseline["tags"], torch.tensor([[3.0, 2.0, 4.0]], dtype=torch.float64) / 9)
    assert evaluate_baseline(objective, baseline, data).metrics["accuracy"] == 4 / 9


def test_a_batch_of_whole_rows_stays_as_it_is():
    target = Target("y", "category", Spec((), (), "index", classes=3), ("a", "b", "c"))
    objective = TargetObjective(target, Classification(), {})
    batch = Batch({}, {"y": torch.tensor([0, 2])}, None, torch.arange(2))
    output = torch.randn(2, 3)
    part = objective.score(CrossEntropy().build(), output, batch, batch.targets, None)
    torch.testing.assert_close(part.sum, cross_entropy(output, batch.targets["y"], reduction="sum"))
