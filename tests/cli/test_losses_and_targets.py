"""Losses in lists and by target, several targets, and what is predicted beside a value: from a config to the files of a run."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import nntrain
from nntrain.cli import main
from nntrain.commands.stored.opening import open_run
from nntrain.errors import ConfigError, DataError

TRAINING = {"max_epochs": 2, "checkpoint": {"every_epochs": 100}}

LONG = {"max_epochs": 60, "evaluate_every": {"epochs": 60}, "checkpoint": {"every_epochs": 100}}


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """A table with a number, a count, a yes or no, a class, a class in order and labels to predict, from two inputs."""
    random = np.random.default_rng(0)
    lines = ["a,b,score,visits,good,town,grade,tags"]
    for _ in range(120):
        a, b = random.normal(size=2)
        score = 50 + 10 * a + random.normal()
        grade = ["low", "middle", "high"][int(a > -0.5) + int(a > 0.5)]
        tags = "|".join([*(["red"] if a > 0 else []), *(["round"] if b > 0 else []), "any"])
        town = ["Bern", "Genf", "Bern", "Bern"][int(2 * (b > 0) + (a > 1))]
        lines.append(f"{a:.3f},{b:.3f},{score:.3f},{random.poisson(np.exp(a))},{'yes' if b > 0 else 'no'},{town},{grade},{tags}")
    (tmp_path / "people.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


FIELDS: dict[str, dict[str, Any]] = {
    "score": {"type": "number"},
    "visits": {"type": "number", "normalize": "none"},
    "good": {"type": "boolean"},
    "town": {"type": "category"},
    "grade": {"type": "ordinal", "order": ["low", "middle", "high"]},
    "tags": {"type": "multi_label"},
}


def config(folder: Path, *targets: str, **sections: Any) -> dict[str, Any]:
    """A small network for some targets; the other columns are ignored."""
    fields = {name: {**field, "role": "target"} if name in targets else {"role": "ignore"} for name, field in FIELDS.items()}
    return {
        "name": "people",
        "data": {
            "source": (folder / "people.csv").as_posix(),
            "fields": {"a": "number", "b": "number", **fields},
            "split": {"by": "random", "validation": 0.2, "test": None},
            "batch_size": 32,
        },
        "architecture": {"type": "mlp", "hidden": [8]},
        "training": TRAINING,
        **sections,
    }


def train(folder: Path, *targets: str, **sections: Any) -> Any:
    return nntrain.fit(config(folder, *targets, **sections), runs=folder / "runs")


def problems(folder: Path, *targets: str, **sections: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        train(folder, *targets, **sections)
    return " ".join(str(caught.value).split())


def test_losses_of_a_list_are_added_up_and_reported_one_by_one(people: Path) -> None:
    loss = ["mse", {"type": "mae", "weight": 0.5}, {"huber": 2.0}]
    result = train(people, "score", loss=loss)
    last = result.summary["last"]
    for split in ("train", "validation"):
        parts = last[f"{split}.loss.mse"], last[f"{split}.loss.mae"], last[f"{split}.loss.huber"]
        assert last[f"{split}.loss"] == pytest.approx(parts[0] + 0.5 * parts[1] + parts[2])


def test_one_weight_alone_scales_the_loss(people: Path) -> None:
    plain = train(people, "score", loss="mse", optimizer={"type": "sgd", "lr": 0.05})
    doubled = train(people, "score", loss={"mse": None, "weight": 2.0}, optimizer={"type": "sgd", "lr": 0.025})
    assert doubled.summary["last"]["train.loss"] == pytest.approx(2 * plain.summary["last"]["train.loss"], rel=1e-5)
    assert doubled.summary["last"]["train.rmse"] == pytest.approx(plain.summary["last"]["train.rmse"], rel=1e-5)


def test_losses_and_metrics_by_target_with_defaults_for_the_others(people: Path) -> None:
    result = train(
        people,
        "score",
        "good",
        "town",
        loss={"score": ["mse", {"type": "mae", "weight": 2.0}], "good": {"type": "bce", "weight": 0.3}},
        metrics={"good": ["f1", "accuracy"]},
        task={"score": "regression"},
    )
    last = result.summary["last"]
    total = last["train.score.loss"] + last["train.good.loss"] + last["train.town.loss"]
    assert last["train.loss"] == pytest.approx(total)
    assert last["train.score.loss"] == pytest.approx(last["train.score.loss.mse"] + 2 * last["train.score.loss.mae"])
    assert {"validation.good.f1", "validation.score.rmse", "validation.town.accuracy"} <= set(last)
    assert "validation.good.log_loss" not in last


def test_what_is_saved_is_by_target_and_means_the_same(people: Path) -> None:
    first = train(people, "score", "good", loss={"score": ["mse", "mae"]})
    resolved = yaml.safe_load((first.run.path / "resolved.yaml").read_text())
    assert [loss["type"] for loss in resolved["loss"]["score"]] == ["mse", "mae"]
    assert resolved["loss"]["good"]["type"] == "bce"
    assert resolved["task"]["good"]["type"] == "classification"
    assert [metric["type"] for metric in resolved["metrics"]["score"]] == ["rmse", "mae", "r2"]
    again = nntrain.fit(first.run.path / "resolved.yaml", runs=people / "again")
    assert (again.run.path / "resolved.yaml").read_text() == (first.run.path / "resolved.yaml").read_text()
    assert again.summary["last"] == first.summary["last"]


def test_mistakes_are_told_at_their_place(people: Path) -> None:
    assert "loss.scor no target 'scor'" in (told := problems(people, "score", "good", loss={"scor": "mse"}))
    assert "nearest: score" in told
    assert "loss.town no loss 'cross_entropi'" in problems(people, "town", loss={"town": "cross_entropi"})
    assert "loss.good mse does not fit the target good (yes or no)" in problems(people, "score", "good", loss={"good": "mse"})
    assert "loss[1] mse is in the list already" in problems(people, "score", loss=["mse", {"type": "mse", "weight": 2.0}])
    assert "loss[1] quantile and mse read the output of the network in different ways" in problems(
        people, "score", loss=["mse", "quantile"]
    )
    assert "loss.reduction has no effect" in problems(people, "score", loss={"type": "mse", "reduction": "sum"})
    assert "loss.alpha has no effect" in problems(people, "town", loss={"type": "focal", "alpha": 0.3})
    assert "loss.weight needs" in problems(people, "score", loss={"type": "mse", "weight": 0})
    assert "quantiles need an ascending order" in problems(people, "score", loss={"quantile": [0.9, 0.1]})
    assert "poisson_nll scores the values as they are" in (told := problems(people, "score", loss="poisson_nll"))
    assert "normalize: none" in told
    assert "metrics.good[0] rmse does not fit" in problems(people, "score", "good", metrics={"good": ["rmse"]})
    assert "task.good regression needs a target of type" in problems(people, "score", "good", task={"good": "regression"})
    assert "town has no class 'Born'" in (told := problems(people, "town", loss={"type": "cross_entropy", "class_weights": {"Born": 2.0}}))
    assert "nearest: Bern" in told
    assert "loss.class_weights has no effect" in problems(people, "tags", loss={"type": "bce", "class_weights": "balanced"})


@pytest.mark.parametrize(
    ("target", "loss", "layers", "why"),
    [
        ("town", "hinge", [{"linear": 2}, "softmax"], "takes numbers without limits"),
        ("town", "focal", [{"linear": 2}, "softmax"], "takes logits: softmax is a part of it"),
        ("good", "perceptron", [{"linear": 1}, "sigmoid"], "takes numbers without limits"),
        ("good", ["bce", "focal"], [{"linear": 1}, "sigmoid"], "takes logits: sigmoid is a part of it"),
        ("score", "gaussian_nll", [{"linear": 1}, "sigmoid"], "takes numbers without limits"),
        ("visits", "poisson_nll", [{"linear": 1}, "sigmoid"], "takes numbers without limits"),
    ],
)
def test_a_squashed_output_is_refused_where_the_loss_would_misread_it(
    people: Path, target: str, loss: object, layers: list[object], why: str
) -> None:
    told = problems(people, target, loss=loss, architecture={"layers": [{"linear": 8}, "relu", *layers]})
    assert "turns the output into probabilities" in told
    assert why in told


def test_values_that_a_loss_can_not_score_are_told(people: Path) -> None:
    text = (people / "people.csv").read_text()
    (people / "people.csv").write_text(text + "0,0,50,-3,yes,Bern,low,any\n" * 30)
    with pytest.raises(DataError, match="poisson_nll needs counts of 0 and more, and visits has others"):
        train(people, "visits", loss="poisson_nll")


def test_balanced_classes_count_alike(people: Path) -> None:
    """The loss of an untrained network is the mean over the classes, and an opened run has the weights that were fitted."""
    loss = {"type": "cross_entropy", "class_weights": "balanced"}
    result = train(people, "town", loss=loss, optimizer={"type": "sgd", "lr": 1e-9}, training={**TRAINING, "max_epochs": 1})
    stored = open_run(result.run)
    weights = stored.objective.targets["town"].losses["cross_entropy"].function.class_weights
    assert weights is not None
    shares = stored.baseline["town"][0]
    torch.testing.assert_close(weights.double() * 2, 1 / shares, rtol=1e-6, atol=0)
    assert float(weights[1]) > float(weights[0]), "Genf is rarer"
    evaluated = nntrain.evaluate(result, split="validation")
    assert evaluated.metrics["loss"] == pytest.approx(result.summary["best"]["validation.loss"], rel=1e-6)


def test_named_class_weights_are_torchs(people: Path) -> None:
    loss = {"type": "cross_entropy", "class_weights": {"Genf": 10.0}}
    result = train(people, "town", loss=loss)
    stored = open_run(result.run)
    assert stored.fields.targets["town"].classes == ("Bern", "Genf")
    part = stored.objective.targets["town"].losses["cross_entropy"].function
    logits, target = torch.randn(9, 2), torch.tensor([0, 1] * 4 + [0])
    found = part(logits, target)
    wanted = torch.nn.functional.cross_entropy(logits, target, weight=torch.tensor([1.0, 10.0]))
    torch.testing.assert_close(found.sum / found.weight, wanted)


@pytest.mark.parametrize(("loss", "numbers"), [({"quantile": [0.1, 0.5, 0.9]}, 3), ("gaussian_nll", 2)])
def test_intervals_are_written_beside_the_predictions(people: Path, loss: object, numbers: int, capsys: pytest.CaptureFixture[str]) -> None:
    training = LONG
    result = train(people, "score", loss=loss, optimizer={"type": "adam", "lr": 0.02}, training=training)
    assert open_run(result.run).network.get_submodule("head").get_parameter("weight").shape[0] == numbers
    capsys.readouterr()
    assert main(["predict", str(result.run.path), str(people / "people.csv")]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert all(float(row["low"]) <= float(row["prediction"]) <= float(row["high"]) for row in rows)
    inside = [float(row["low"]) <= float(row["score"]) <= float(row["high"]) for row in rows]
    assert 0.6 < sum(inside) / len(inside) <= 1
    assert 30 < float(rows[0]["prediction"]) < 70, "in the unit of the data"


def test_one_quantile_has_no_interval(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = train(people, "score", loss={"quantile": 0.9})
    capsys.readouterr()
    assert main(["predict", str(result.run.path), str(people / "people.csv")]) == 0
    assert "low" not in capsys.readouterr().out.splitlines()[0].split(",")


def test_counts_are_predicted_as_rates(people: Path) -> None:
    training = LONG
    result = train(people, "visits", loss="poisson_nll", optimizer={"type": "adam", "lr": 0.02}, training=training)
    values = nntrain.load(result).predict({"a": [-1.0, 1.0], "b": [0.0, 0.0]})["visits"].values
    assert 0 < values[0] < values[1]


def test_labels_are_predicted_as_a_list_and_written_into_a_cell(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = LONG
    result = train(people, "tags", optimizer={"type": "adam", "lr": 0.03}, training=training)
    found = nntrain.load(result).predict({"a": [2.0, -2.0], "b": [2.0, -2.0]})["tags"]
    assert [set(labels) for labels in found.values] == [{"any", "red", "round"}, {"any"}]
    assert set(found.probabilities) == {"any", "red", "round"}
    capsys.readouterr()
    assert main(["predict", str(result.run.path), str(people / "people.csv")]) == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    right = [set(row["prediction"].split("|")) == set(row["tags"].split("|")) for row in rows]
    assert sum(right) / len(right) > 0.8


@pytest.mark.parametrize(
    ("task", "loss", "numbers"), [(None, None, 2), (None, "cross_entropy", 3), ("regression", "mse", 1), ("classification", "hinge", 3)]
)
def test_classes_in_order(people: Path, task: str | None, loss: str | None, numbers: int) -> None:
    training = LONG
    result = train(people, "grade", task=task, loss=loss, optimizer={"type": "adam", "lr": 0.03}, training=training)
    assert open_run(result.run).network.get_submodule("head").get_parameter("weight").shape[0] == numbers
    found = nntrain.load(result).predict({"a": [-2.0, 0.0, 2.0], "b": [0.0, 0.0, 0.0]})["grade"]
    assert list(found.values) == ["low", "middle", "high"]
    if task != "regression":
        assert sum(shares[0] for shares in found.probabilities.values()) == pytest.approx(1, abs=1e-5)
    resolved = yaml.safe_load((result.run.path / "resolved.yaml").read_text())
    assert resolved["task"]["type"] == (task or "ordinal")


def test_resuming_goes_on_with_the_class_weights(people: Path) -> None:
    loss = {"town": {"type": "focal", "class_weights": "balanced"}, "score": ["gaussian_nll"]}
    whole = train(people, "town", "score", loss=loss, training={**TRAINING, "max_epochs": 3})
    part = train(people, "town", "score", loss=loss, training={**TRAINING, "max_epochs": 2})
    resumed = nntrain.fit(None, "training.max_epochs=3", runs=people / "runs", resume=part.run.path)
    assert json.loads(json.dumps(resumed.summary["last"])) == whole.summary["last"]
