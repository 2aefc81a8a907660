"""Simple models beside the network, from scikit-learn, on the same rows: would less have done?"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
import torch
from torch import Tensor

from nntrain.data.batches import TensorData
from nntrain.data.packed import PackedSteps
from nntrain.data.tokenizing.tokenizer import SPECIAL
from nntrain.specs import CATEGORY_BLOCK
from nntrain.training.evaluation import Scores, evaluate_predictions
from nntrain.training.objective import Objective, TargetObjective

Array = np.ndarray[Any, Any]

Tokens = list[tuple[int, int]]
"""Place of a text and index of a token, of a row."""

TFIDF: Final = "tfidf_logistic"
HEADS: Final = {"linear": "linear", "boosted_trees": "boosted trees", TFIDF: "TF-IDF + logistic"}
"""Words of the config to heads of columns."""

MOST_CODES: Final = 255
"""Values of a category that histogram trees can hold apart; one with more is read as a number."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a simple model scores."""

    metrics: dict[str, float | None]
    """By full name: `test.accuracy`. It has no loss."""
    seconds: float
    """To fit and measure it."""
    head: str
    """Of its column on the screen."""

    @classmethod
    def of(cls, splits: Mapping[str, Scores], started: float, head: str) -> Baseline:
        """Of its scores by split, and the time (`time.monotonic`) at which it was begun."""
        metrics = {f"{split}.{name}": value for split, scores in splits.items() for name, value in scores.metrics.items()}
        return cls(metrics, round(time.monotonic() - started, 3), head)


def measure_baselines(
    names: Sequence[str], objective: Objective, train: TensorData, splits: Mapping[str, TensorData], seed: int
) -> dict[str, Baseline]:
    """Fit simple models on the training rows and their weights, and measure them.

    `linear` is ridge regression, or logistic regression with its default strength, on standardised columns and one-hot categories;
    `boosted_trees` is histogram gradient boosting with scikit-learn's defaults (which stops early on a part of the training rows of
    its own where there are more than 10,000). `tfidf_logistic` is logistic regression with its default strength on the tokens of texts,
    each weighed by how often it is in the row and how rare in the training rows (scikit-learn's TfidfVectorizer).

    Args:
        names: `linear`, `boosted_trees`, `tfidf_logistic`.
        objective: Targets and metrics.
        train: The training rows, on the CPU.
        splits: Rows to be measured by name of the split, on the CPU.
        seed: Decides what is random in them.

    All rows are held in memory while they are fitted, streamed ones too: scikit-learn takes whole arrays.
    """
    found: dict[str, Baseline] = {}
    train, splits = train.loaded(), {split: data.loaded() for split, data in splits.items()}
    for name in names:
        started = time.monotonic()
        models = {key: _fit(name, target, train, seed) for key, target in objective.targets.items()}
        scores: dict[str, Scores] = {}
        for split, data in splits.items():
            predictions = {key: _predict(name, models[key], target, data) for key, target in objective.targets.items()}
            scores[split] = evaluate_predictions(objective, predictions, data)
        found[name] = Baseline.of(scores, started, HEADS[name])
    return found


def _fit(name: str, target: TargetObjective, train: TensorData, seed: int) -> list[Any]:
    """Fitted models of scikit-learn: one for each value or label of a target, but for linear values, which share one."""
    features, is_category = (_tokens(train), ()) if name == TFIDF else _features(train)
    goal: Array = train.target(target.target.name).numpy()
    weights = None if train.weights is None else train.weights.numpy()
    is_values = target.task.kind(target.target) == "values"
    columns = goal.reshape(len(goal), -1).T
    found: list[Any] = []
    for values in [columns.T] if name == "linear" and is_values and goal.ndim > 1 else columns:
        if not is_values and bool((values == values[0]).all()):
            model = _prior()
        elif name == TFIDF:
            model = _tfidf()
        elif name == "linear":
            model = _linear(is_values=is_values, is_category=is_category)
        else:
            model = _trees(cast("Array", features), is_category, seed, is_values=is_values)
        found.append(model.fit(features, values, **({} if weights is None else _weighted(model, weights))))
    return found


def _weighted(model: Any, weights: Array) -> dict[str, Array]:
    """The row weights under the name that a model or the last step of a pipeline has for them."""
    return {f"{model.steps[-1][0]}__sample_weight" if hasattr(model, "steps") else "sample_weight": weights}


def _prior() -> Any:
    """What the others refuse to fit: a label that all training rows have, or none."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier()


def _linear(*, is_values: bool, is_category: Sequence[bool]) -> Any:
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = [index for index, is_one in enumerate(is_category) if not is_one]
    codes = [index for index, is_one in enumerate(is_category) if is_one]
    columns = ColumnTransformer([("numbers", StandardScaler(), numbers), ("codes", OneHotEncoder(handle_unknown="ignore"), codes)])
    return Pipeline([("columns", columns), ("model", Ridge() if is_values else LogisticRegression(max_iter=1000))])


def _tfidf() -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline

    analyzer: Any = _as_they_are
    return Pipeline([("weights", TfidfVectorizer(analyzer=analyzer)), ("model", LogisticRegression(max_iter=1000))])


def _as_they_are(tokens: Tokens) -> Tokens:
    return tokens


def _trees(features: Array, is_category: Sequence[bool], seed: int, *, is_values: bool) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    few = [is_one and bool(features[:, index].max(initial=0) < MOST_CODES) for index, is_one in enumerate(is_category)]
    kind: Any = HistGradientBoostingRegressor if is_values else HistGradientBoostingClassifier
    return kind(random_state=seed, categorical_features=few if any(few) else None)


def _predict(name: str, models: Sequence[Any], target: TargetObjective, data: TensorData) -> Tensor:
    """Chances float64 `[N, K]` of classes or labels, `[N]` of the second of two; values in raw units."""
    features = _tokens(data) if name == TFIDF else _features(data)[0]
    kind = target.task.kind(target.target)
    if kind == "values":
        values = np.concatenate([np.asarray(model.predict(features)).reshape(len(data), -1) for model in models], axis=1)
        return target.read(torch.from_numpy(values).double().reshape(data.target(target.target.name).shape))
    if kind == "labels":
        return torch.stack([_chances(model, features, 2)[:, 1] for model in models], dim=1)
    shares = _chances(models[0], features, max(2, len(target.target.classes)))
    return shares[:, 1] if kind == "binary" else shares


def _chances(model: Any, features: Array | list[Tokens], num_classes: int) -> Tensor:
    """Float64 `[N, K]`; a class that the training rows don't have gets 0."""
    shares = torch.zeros(len(features), num_classes, dtype=torch.float64)
    shares[:, torch.from_numpy(np.asarray(model.classes_)).long()] = torch.from_numpy(np.asarray(model.predict_proba(features)))
    return shares


def _tokens(data: TensorData) -> list[Tokens]:
    """The tokens of the texts of each row: place of the text and index of the token, without those that training never showed."""
    found: list[Tokens] = [[] for _ in range(len(data))]
    for place, steps in enumerate(data.stored.values()):
        assert isinstance(steps, PackedSteps)
        parts = cast("tuple[Tensor, ...]", steps.values.split(cast("list[int]", steps.lengths.tolist())))
        for row, part in zip(found, parts, strict=True):
            row += [(place, index) for index in cast("list[int]", part.tolist()) if index >= SPECIAL]
    return found


def _features(data: TensorData) -> tuple[Array, list[bool]]:
    """All inputs as columns `[N, F]`, and which of them are codes of a category."""
    columns: list[Array] = []
    is_category: list[bool] = []
    for name, tensor in data.inputs.items():
        flat = cast("Array", tensor.reshape(len(data), -1).double().numpy())
        columns.append(flat)
        is_category += [name == CATEGORY_BLOCK] * flat.shape[1]
    for name, rows in data.stored.items():
        columns.append(rows.tensors(name)[name].reshape(len(data), -1).double().numpy())
        is_category += [False] * columns[-1].shape[1]
    return np.concatenate(columns, axis=1), is_category
