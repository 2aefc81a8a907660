"""Small trainings with one fault each, and the one without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

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


def wrong_labels(folder: Path, *, every: int = 20) -> Config:
    """One row in `every` has the label of another class, and a narrow network learns the others."""
    path = table(folder, rows=1600, columns=4, noise=0.0)
    head, *lines = path.read_text(encoding="utf-8").splitlines()
    other = {"up": "down", "down": "up"}
    for place in range(0, len(lines), every):
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


def clipped() -> Config:
    """Plain SGD whose gradients are longer than is allowed in nearly every step."""
    return digits(epochs=60, optimizer={"type": "sgd", "lr": 0.1}, regularization={"clip_norm": 0.01})


def wide() -> Config:
    """More units than digits need, of which dropout and long steps leave few alive."""
    return digits(epochs=40, optimizer={"type": "adamw", "lr": 3e-2}, regularization={"dropout": 0.7})


def pictures(folder: Path) -> Config:
    """Large pictures, decoded when their batch comes, that a small network sees small."""
    draws = np.random.default_rng(0)
    for number in range(24):
        path = folder / "pictures" / "ab"[number % 2] / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (320, 320, 3), dtype=np.uint8)).save(path)
    return {
        "name": "pictures",
        "data": {
            "source": {"type": "image_folder", "path": str(folder / "pictures")},
            "fields": {"image": {"type": "image", "size": 8}},
            "batch_size": 8,
            "streaming": True,
        },
        "architecture": {"type": "mlp", "hidden": [8]},
        "training": {"max_epochs": 6, "evaluate_every": {"epochs": 3}, "matmul": "blas", "channels_last": False},
    }


def with_columns(folder: Path, columns: dict[str, list[str]], *, repeated: int = 0) -> Config:
    """A table of 600 rows with some more columns, the first rows repeated at the end."""
    path = table(folder, rows=600, columns=4, noise=2.0)
    lines = path.read_text(encoding="utf-8").splitlines()
    for name, values in columns.items():
        lines = [f"{value},{line}" for value, line in zip([name, *values], lines, strict=True)]
    path.write_text("\n".join([*lines, *lines[1 : 1 + repeated]]) + "\n", encoding="utf-8")
    return {
        "name": "columns",
        "data": {"source": str(path), "target": "y", "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [8]},
        "optimizer": {"type": "adamw", "lr": 1e-3},
        "training": {"max_epochs": 3},
    }


def copied(folder: Path) -> Config:
    """A third of the rows are there twice."""
    return with_columns(folder, {}, repeated=200)


def grouped(folder: Path) -> Config:
    """Three rows of each of 200 flats, whose size and age are the same in all of them."""
    draws = np.random.default_rng(1)
    of_flats = {"flat": range(200), "size": draws.integers(20, 200, 200), "age": draws.integers(0, 90, 200)}
    return with_columns(folder, {name: [str(values[row // 3]) for row in range(600)] for name, values in of_flats.items()})


def numbered(folder: Path) -> Config:
    """A column that only tells rows apart."""
    return with_columns(folder, {"order_id": [str(value) for value in np.random.default_rng(2).permutation(90_000)[:600]]})


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


def digits_network(epochs: int = 12) -> Config:
    """The example `digits.yaml`, for fewer epochs: batch norms, dropout, a schedule."""
    return digits(
        data={"source": {"type": "builtin", "name": "digits"}, "split": {"by": "stratified", "validation": 0.1, "test": 0.1}},
        architecture={"type": "cnn", "channels": [32, 64]},
        optimizer={"type": "adamw", "lr": 3e-3},
        scheduler={"type": "cosine", "warmup_fraction": 0.05},
        regularization={"norm": "batch", "dropout": 0.2, "weight_decay": 0.01, "label_smoothing": 0.1},
        epochs=epochs,
    )


def tiny_steps() -> Config:
    """The same at a rate of 1e-7: batch norms make the loss rise while nothing is learned."""
    return {**digits_network(), "optimizer": {"type": "adamw", "lr": 1e-7}}


def long_steps(folder: Path) -> Config:
    """Rows that are noise for the most part, and a rate at which weights move by 2 to 7 % of their size in a step."""
    return {
        "name": "noise",
        "data": {"source": str(table(folder, rows=1500, columns=8, noise=2.0)), "target": "y", "batch_size": 32},
        "architecture": {"type": "mlp", "hidden": [64, 64]},
        "optimizer": {"type": "adamw", "lr": 3e-2},
        "training": {"max_epochs": 20},
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
