"""The example configs reach the accuracies that the README tells: mean over three seeds, on test rows that decided nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

import nntrain

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
