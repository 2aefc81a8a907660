"""Small trainings with one fault each, and the one without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

Config = dict[str, Any]


def digits(*, epochs: int = 12, **changes: Any) -> Config:
    """An MLP on digits that learns as it should."""
    return {
        "name": "digits",
        "data": {"source": {"type": "builtin", "name": "digits"}, "batch_size": 64},
        "architecture": {"type": "mlp", "hidden": [64, 64]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "training": {"max_epochs": epochs},
        **changes,
    }


def table(folder: Path, *, rows: int, columns: int, noise: float, rare: float | None = None, shift: float = 0.0) -> Path:
    """A table of two classes, of which three columns tell something: `up` or `down`; with `rare` above that threshold only."""
    random = np.random.default_rng(0)
    values = random.normal(size=(rows, columns))
    score = values[:, :3].sum(axis=1) + noise * random.normal(size=rows)
    names = ["up" if value > (rare or 0.0) else "down" for value in score]
    lines = [",".join([*(f"x{place}" for place in range(columns)), "y"])]
    lines += [",".join([*(f"{value + shift:.4f}" for value in row), name]) for row, name in zip(values, names, strict=True)]
    path = folder / "rows.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def few_rows(folder: Path) -> Config:
    """A wide network on 200 training rows."""
    source = str(table(folder, rows=400, columns=20, noise=1.0))
    return {
        "name": "few",
        "data": {"source": source, "target": "y", "split": {"validation": 0.4, "test": 0.1}, "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [256, 256]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "training": {"max_epochs": 60},
    }


def rare_class(folder: Path) -> Config:
    """4 % of the rows are of another class."""
    source = str(table(folder, rows=3000, columns=8, noise=1.2, rare=3.7))
    return {
        "name": "rare",
        "data": {"source": source, "target": "y", "batch_size": 64},
        "architecture": {"type": "mlp", "hidden": [32]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "metrics": ["accuracy", "balanced_accuracy"],
        "training": {"max_epochs": 10},
    }


def deep_sigmoids() -> Config:
    """20 layers of sigmoids."""
    return digits(architecture={"type": "mlp", "hidden": [64] * 20, "activation": "sigmoid"}, epochs=15)


def dying_units() -> Config:
    """ReLUs that begin far below 0."""
    initializer = {"*.bias": {"type": "constant", "value": -5}}
    return digits(architecture={"type": "mlp", "hidden": [64, 64], "initializer": initializer})


def wrong_labels(folder: Path) -> Config:
    """One row in 20 has the label of another class, and a narrow network learns the others."""
    path = table(folder, rows=1600, columns=4, noise=0.0)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    other = {"up": "down", "down": "up"}
    for place in range(0, len(lines), 20):
        values, _, name = lines[place].rpartition(",")
        lines[place] = f"{values},{other[name]}"
    path.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    return {
        "name": "wrong",
        "data": {"source": str(path), "target": "y", "split": {"validation": 0.2, "test": 0.1}, "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [8]},
        "optimizer": {"type": "adamw", "lr": 1e-2},
        "training": {"max_epochs": 15},
    }


def overlapping(folder: Path) -> Config:
    """A class of 9 % of the rows lies among the others, and is found now and then."""
    return {
        **rare_class(folder),
        "data": {"source": str(table(folder, rows=3000, columns=8, noise=1.5, rare=3.0)), "target": "y", "batch_size": 32},
        "optimizer": {"type": "adamw", "lr": 3e-3},
        "training": {"max_epochs": 25},
    }


def leaking(folder: Path) -> Config:
    """A column is made from the target."""
    path = table(folder, rows=600, columns=6, noise=2.0)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    paid = [f"{1.0 + place % 7 / 10 if line.endswith('up') else -1.0 - place % 5 / 10:.2f}" for place, line in enumerate(lines)]
    path.write_text("\n".join([f"paid,{head}", *(f"{first},{line}" for first, line in zip(paid, lines, strict=True))]) + "\n")
    return {
        "name": "leaking",
        "data": {"source": str(path), "target": "y", "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [16]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "training": {"max_epochs": 10},
    }


def nothing_to_learn(folder: Path) -> Config:
    """Numbers that columns hardly tell, and a network that is too narrow to know rows by heart."""
    random = np.random.default_rng(0)
    values = random.normal(size=(1500, 3))
    lines = [",".join(f"{value:.4f}" for value in (*row, random.normal() + 0.1 * row.sum())) for row in values]
    path = folder / "numbers.csv"
    path.write_text("\n".join(["a,b,c,y", *lines]) + "\n", encoding="utf-8")
    return {
        "name": "noise",
        "data": {"source": str(path), "target": "y", "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [4]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "training": {"max_epochs": 6},
    }
