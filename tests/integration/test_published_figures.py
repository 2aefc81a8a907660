"""The example configs reach what the README tells: means over three seeds or five folds, on test rows that decided nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import nntrain
from nntrain.cli import main

pytestmark = pytest.mark.slow


def mean_accuracy(config: Path, runs: Path, *changes: str) -> float:
    """Test accuracy of the best state, mean over seeds 0, 1, 2."""
    summaries = [nntrain.fit(config, f"seed={seed}", *changes, runs=runs).summary for seed in range(3)]
    return sum(summary["test"]["accuracy"] for summary in summaries) / len(summaries)


@pytest.mark.parametrize("name", ["digits", "digits_residual"])
def test_digits(name: str, repository: Path, tmp_path: Path) -> None:
    assert mean_accuracy(repository / "configs" / f"{name}.yaml", tmp_path) >= 0.975


@pytest.mark.parametrize(
    ("name", "data", "least"),
    [
        ("mnist1d_logistic", "mnist1d", 0.305),
        ("mnist1d_mlp", "mnist1d", 0.665),
        ("mnist1d_cnn", "mnist1d", 0.925),
        ("adult", "adult", 0.85),
    ],
)
def test_sets_that_are_brought(name: str, data: str, least: float, repository: Path, shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / data
    changes = (f"data.source.path={(folder / 'train.csv').as_posix()}", f"data.source.test={(folder / 'test.csv').as_posix()}")
    assert mean_accuracy(repository / "configs" / f"{name}.yaml", tmp_path, *changes) >= least


def fitted(config: Path, *arguments: str) -> dict[str, Any]:
    """The summary of a run of several members."""
    assert main(["fit", config.as_posix(), *arguments, "baselines=null"]) == 0
    return json.loads((Path("runs") / config.stem / "0001" / "summary.json").read_text())["test"]


@pytest.mark.parametrize(("name", "least"), [("penguins", 0.985), ("titanic", 0.79)])
def test_small_tables_in_five_folds(name: str, least: float, repository: Path, shared: Path) -> None:
    data = shared / "data" / name / f"{name}.csv"
    assert fitted(repository / "configs" / f"{name}.yaml", f"data.source.path={data.as_posix()}", "--folds", "5")["accuracy"] >= least


@pytest.mark.parametrize(("name", "least"), [("mnist10k/mnist10k", 0.985), ("cifar10/cifar10_small", 0.37)])  # logistic regression: 0.27
def test_images(name: str, least: float, repository: Path, shared: Path) -> None:
    data = shared / "data" / f"{name}.zip"
    config = repository / "configs" / f"{data.stem}.yaml"
    assert fitted(config, f"data.source.path={data.as_posix()}", "--seeds", "3")["accuracy"] >= least


@pytest.mark.parametrize(("name", "least"), [("GunPoint", 0.913), ("ItalyPowerDemand", 0.955), ("ArrowHead", 0.8)])
def test_short_series_beat_the_nearest_neighbour(name: str, least: float, repository: Path, shared: Path) -> None:
    folder = shared / "data" / "ucr" / name
    files = (f"data.source.path={(folder / 'train.csv').as_posix()}", f"data.source.test={(folder / 'test.csv').as_posix()}")
    assert fitted(repository / "configs" / "ucr.yaml", *files, "--seeds", "3")["accuracy"] > least


def test_house_prices(repository: Path, shared: Path, tmp_path: Path) -> None:
    data = shared / "data" / "california_housing" / "housing.csv"
    changes = (f"data.source.path={data.as_posix()}", "baselines=null")
    summaries = [
        nntrain.fit(repository / "configs" / "california_housing.yaml", f"seed={seed}", *changes, runs=tmp_path).summary
        for seed in range(3)
    ]
    assert sum(summary["test"]["rmse"] for summary in summaries) / 3 <= 52_000
