"""Rows that look like the data that some example configs ask for, so that these can be run without them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

ROWS = 400
"""Enough that every class is in every split."""


def write_mnist1d(folder: Path) -> None:
    """Ten kinds of noisy waves in forty columns."""
    for number, file in enumerate(("train.csv", "test.csv")):
        random = np.random.default_rng(number)
        labels = np.arange(ROWS) % 10
        waves = np.sin(np.arange(40) * (labels[:, None] + 1) / 10) + 0.1 * random.normal(size=(ROWS, 40))
        lines = [",".join([*(f"{value:.4f}" for value in wave), str(label)]) for wave, label in zip(waves, labels, strict=True)]
        _write(folder / "mnist1d" / file, ",".join([*(f"t{step}" for step in range(40)), "label"]), lines)


def write_adult(folder: Path) -> None:
    """Numbers, categories with missing values, and an answer that depends on both."""
    for number, file in enumerate(("train.csv", "test.csv")):
        random = np.random.default_rng(number)
        lines: list[str] = []
        for _ in range(ROWS):
            age, hours = random.integers(18, 90), random.integers(10, 60)
            work = random.choice(["Private", "State-gov", "?"])
            lines.append(f"{age},{work},{hours},{'>50K' if age + hours > 90 else '<=50K'}")
        _write(folder / "adult" / file, "age,workclass,hours_per_week,income", lines)


def _write(path: Path, header: str, lines: list[str]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
