from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_run import RAW_SCALE, RAW_SHIFT, Net, make_data, make_objective, make_run
from torch.nn import functional

from nntrain.data.batches import TensorData
from nntrain.metrics.regression import MAE, R2, RMSE
from nntrain.training.device import resolve_precision
from nntrain.training.evaluation import evaluate, evaluate_baseline, fit_baseline, measure, predict
from nntrain.training.objective import Objective

FLOAT32 = resolve_precision("float32", torch.device("cpu"))


def test_one_target_has_short_names() -> None:
    data, network = make_data(40), Net()
    scores = measure(network, make_objective("label"), data, FLOAT32)
    logits = network(data.inputs)[0]["label"].detach()
    hits = logits.argmax(dim=1) == data.targets["label"]
    loss = functional.cross_entropy(logits, data.targets["label"])
    assert scores.metrics == pytest.approx({"loss": loss.item(), "accuracy": hits.float().mean().item()}, rel=1e-6)
    assert set(scores.tables) == {"confusion_matrix"}
    assert sum(map(sum, scores.tables["confusion_matrix"])) == 40


def test_several_targets_have_their_names_in_front_and_values_are_in_raw_units() -> None:
    data, network = make_data(40), Net()
    scores = measure(network, make_objective("label", "size"), data, FLOAT32)
    assert list(scores.metrics) == ["loss", "label.loss", "label.accuracy", "size.loss", "size.rmse", "size.mae"]
    assert set(scores.tables) == {"label.confusion_matrix"}
    error = network(data.inputs)[0]["size"].detach().squeeze(1) - data.targets["size"]
    assert scores.metrics["size.loss"] == pytest.approx(error.square().mean().item(), rel=1e-5)
    assert scores.metrics["size.rmse"] == pytest.approx(RAW_SCALE * error.square().mean().sqrt().item(), rel=1e-5)
    assert scores.metrics["loss"] == pytest.approx(scores.metrics["label.loss"] + scores.metrics["size.loss"])


def test_the_cut_into_batches_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    from nntrain.training import evaluation

    data, network, objective = make_data(41, weights=True), Net(), make_objective("label", "size")
    whole = measure(network, objective, data, FLOAT32)
    monkeypatch.setattr(evaluation, "_ROWS", 7)
    parts = measure(network, objective, data, FLOAT32)
    assert parts.metrics == pytest.approx(whole.metrics, rel=1e-6)
    assert parts.tables == whole.tables


def test_row_weights_weigh_the_loss() -> None:
    data, network = make_data(40, weights=True), Net()
    rows = functional.cross_entropy(network(data.inputs)[0]["label"], data.targets["label"], reduction="none").detach()
    found = measure(network, make_objective("label"), data, FLOAT32).metrics["loss"]
    assert found == pytest.approx(((rows * data.weights).sum() / data.weights.sum()).item(), rel=1e-6)


def test_row_weights_weigh_the_metrics_and_the_baseline() -> None:
    data, network, objective = make_data(40, weights=True), Net(), make_objective("label", "size")
    assert data.weights is not None
    found = measure(network, objective, data, FLOAT32).metrics
    outputs = {name: output.detach() for name, output in network(data.inputs)[0].items()}
    shares = (data.weights / data.weights.sum()).double()
    hits = outputs["label"].argmax(dim=1) == data.targets["label"]
    assert found["label.accuracy"] == pytest.approx(float((shares * hits).sum()), rel=1e-6)
    errors = (outputs["size"].squeeze(1) - data.targets["size"]).abs()
    assert found["size.mae"] == pytest.approx(RAW_SCALE * float((shares * errors).sum()), rel=1e-5)

    baseline = fit_baseline(objective, data)
    assert baseline["label"].tolist() == [pytest.approx([float(shares[data.targets["label"] == label].sum()) for label in range(3)])]
    assert baseline["size"].item() == pytest.approx(float((shares * data.targets["size"]).sum()) * RAW_SCALE + RAW_SHIFT)
    error = data.targets["size"] * RAW_SCALE + RAW_SHIFT - baseline["size"].item()
    wanted = float((shares * error.square()).sum()) ** 0.5
    assert evaluate_baseline(objective, baseline, data).metrics["size.rmse"] == pytest.approx(wanted, rel=1e-5)


def test_a_large_offset_of_the_target_leaves_its_differences() -> None:
    """As numpy has them, which counts in float64."""
    values = np.random.default_rng(0).normal(size=200)
    target = 1e8 + values
    offset, scale = target.mean(), target.std()
    encoded = torch.from_numpy((target - offset) / scale).float()
    data = replace(make_data(200), targets={"size": encoded})
    plain = make_objective("size").targets["size"]
    metrics = {"rmse": RMSE(), "mae": MAE(), "r2": R2()}
    objective = Objective({"size": replace(plain, metrics=metrics, to_raw=lambda value: value.double() * scale + offset)})
    network = Net()
    predicted = predict(network, objective, data, FLOAT32)["size"].values
    assert predicted.dtype == torch.float64
    errors = predicted.numpy() - target
    found = measure(network, objective, data, FLOAT32).metrics
    del found["loss"]
    spread = np.square(target - target.mean()).sum()
    wanted = {
        "rmse": np.sqrt(np.square(errors).mean()),
        "mae": np.abs(errors).mean(),
        "r2": 1 - np.square(errors).sum() / spread,
    }
    assert found == pytest.approx(wanted, rel=1e-6)

    baseline = fit_baseline(objective, data)
    assert baseline["size"].dtype == torch.float64
    wanted = {"rmse": target.std(), "mae": np.abs(target - target.mean()).mean(), "r2": 0.0}
    assert evaluate_baseline(objective, baseline, data).metrics == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_measured_in_eval_mode_and_comes_back_as_it_was(*, training: bool) -> None:
    run = make_run(dropout=0.5, batch_norm=True)
    network = run.session.network.train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first, second = (evaluate(run.session, run.session.splits.train) for _ in range(2))
    assert first == second
    assert "confusion_matrix" not in first
    assert network.training is training
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_it_comes_back_in_train_mode_after_an_error() -> None:
    run = make_run()
    broken = TensorData({}, {}, None, torch.arange(3))
    with pytest.raises(KeyError):
        evaluate(run.session, broken)
    assert run.session.network.training


def test_no_rows_have_no_values() -> None:
    data = make_data(5)
    empty = TensorData(
        {name: value[:0] for name, value in data.inputs.items()},
        {name: value[:0] for name, value in data.targets.items()},
        None,
        data.rows[:0],
    )
    assert measure(Net(), make_objective("label"), empty, FLOAT32).metrics == {"loss": None, "accuracy": None}


def test_predictions_are_probabilities_and_raw_values() -> None:
    data, network = make_data(40), Net()
    found = predict(network, make_objective("label", "size"), TensorData(data.inputs, {}, None, data.rows), FLOAT32)
    outputs = network.eval()(data.inputs)[0]
    torch.testing.assert_close(found["label"].values, outputs["label"].detach().softmax(dim=1))
    torch.testing.assert_close(found["size"].values, outputs["size"].detach().squeeze(1) * RAW_SCALE + RAW_SHIFT)


def test_the_baseline_is_the_commonest_class_and_the_mean() -> None:
    train, test = make_data(60), make_data(40, seed=2)
    objective = make_objective("label", "size")
    baseline = fit_baseline(objective, train)
    scores = evaluate_baseline(objective, baseline, test)
    commonest = train.targets["label"].bincount().argmax()
    assert scores.metrics["label.accuracy"] == pytest.approx((test.targets["label"] == commonest).float().mean().item())
    error = test.targets["size"] - train.targets["size"].mean()
    assert scores.metrics["size.rmse"] == pytest.approx(RAW_SCALE * error.square().mean().sqrt().item(), rel=1e-5)
    assert "loss" not in scores.metrics
    assert "label.confusion_matrix" in scores.tables
    assert evaluate_baseline(objective, baseline, test, tables=False).tables == {}
    assert baseline["size"].item() == pytest.approx(train.targets["size"].mean().item() * RAW_SCALE + RAW_SHIFT)
