"""Small data for the shipped examples and configs of our own, so that what is mutated reaches as deep as it can."""

# ruff: noqa: E501

from __future__ import annotations

import io
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

OWN: Final = {
    "own_blocks": """
data:
  source: {type: csv, path: rows.csv}
  target: y
variables: {dim: 16}
architecture:
  blocks:
    step: {with: {c: null, p: 0.1}, layers: [{linear: =c}, relu, {dropout: =p}]}
  layers:
    - step: =dim
    - repeat: {times: 3, layers: [{residual: [{linear: =in}, relu]}]}
    - repeat: {for: {c: [8, 4]}, layers: [{step: =c}]}
    - branches: [[{linear: 4}], [{linear: =in//2}, tanh]]
    - linear: =out
optimizer: {type: sgd, lr: 0.1, momentum: 0.9}
scheduler: {type: cosine, warmup_fraction: 0.1}
training: {max_epochs: 2, evaluate_every: {steps: 2}, early_stopping: {patience: 3}}
""",
    "own_nodes": """
data:
  source: rows.jsonl
  fields:
    a: number
    kind: category
    steps: series
    y: {type: number, role: target}
    group: {role: group}
  split: {by: group, validation: 0.25, test: 0.25}
  batch_size: 8
architecture:
  nodes:
    steps_read: {from: steps, layers: [{lstm: {hidden_size: 4}}, {pool: last}]}
    table_read: {from: [a, kind], layers: [{linear: 8}, relu]}
    both: {concat: [steps_read, table_read]}
  heads: {y: both}
loss: {type: huber, delta: 0.5}
regularization: {weight_decay: 0.01, ema: 0.9, clip_norm: 1.0}
training: {max_steps: 10}
""",
    "own_window": """
data:
  source: {type: csv, path: rows.csv, delimiter: ","}
  fields: {day: {role: time}, b: {role: ignore}, y: {role: target}}
  window: {past: 5, horizon: 1}
  split: {by: time, validation: 0.2, test: 0.2}
architecture: {layers: [{lstm: {hidden_size: 8}}, {pool: last}]}
metrics: [rmse, mae]
training: {max_epochs: 1, stop_at: {validation.rmse: 0.1}}
""",
    "own_arrays": """
data:
  source: {type: arrays, path: rows.npz}
  fields: {x: {type: image, channels: 1}, y: {type: category, role: target}}
  split: {validation: 0.2, test: 0.2}
architecture: {type: cnn, channels: [4, 8]}
regularization: {norm: batch, mixup: 0.2, label_smoothing: 0.1}
training: {max_epochs: 1}
""",
}
"""Configs with blocks, nodes, windows and arrays."""


def lay_out(folder: Path, examples: Path) -> dict[str, str]:
    """Write small data where the shipped examples and our own configs expect theirs; returns the configs by name."""
    draw = random.Random(0)
    header = "PassengerId,Survived,Pclass,Name,Sex,Age,SibSp,Parch,Ticket,Fare,Cabin,Embarked"
    _table(
        folder / "titanic/titanic.csv",
        header,
        60,
        lambda row: (
            f"{row},{row % 2},{row % 3 + 1},n{row},{draw.choice(['male', 'female'])},{draw.choice([20, 30, ''])},0,1,t{row},{row * 0.5},,S"
        ),
    )
    series = ",".join(f"t{step}" for step in range(40))
    for name, steps in (("ucr/GunPoint", 150), ("mnist1d", 40)):
        head = "label," + (series if steps == 40 else ",".join(f"t{step}" for step in range(steps)))
        for part in ("train", "test"):
            _table(
                folder / name / f"{part}.csv",
                head,
                40,
                lambda row, steps=steps: ",".join([str(row % 3), *(f"{draw.gauss(0, 1):.3f}" for _ in range(steps))]),
            )
    adult = "age,workclass,fnlwgt,education,education_num,marital_status,occupation,relationship,race,sex,capital_gain,capital_loss,hours_per_week,native_country,income"
    for part in ("train", "test"):
        _table(
            folder / "adult" / f"{part}.csv",
            adult,
            60,
            lambda row: f"{20 + row},?,1,HS,{row % 9},m,o{row % 4},r,w,M,0,0,40,US,{'>50K' if row % 3 else '<=50K'}",
        )
    for name, mode, size in (("cifar10/cifar10_small.zip", "RGB", 32), ("mnist10k/mnist10k.zip", "L", 28)):
        _images(folder / name, mode, size)
    _table(
        folder / "rows.csv",
        "day,a,b,y",
        60,
        lambda row: f"2024-{row // 28 + 1:02d}-{row % 28 + 1:02d},{row % 7},{draw.choice('uvw')},{row % 5 + 0.5}",
    )
    lines = [
        f'{{"a": {row % 7}, "kind": "{draw.choice("pq")}", "steps": {[row % 3, row % 5, 1.5]}, "y": {row * 0.1}, "group": "g{row % 8}"}}'
        for row in range(60)
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n")
    np.savez(folder / "rows.npz", x=np.zeros((40, 8, 8), np.uint8), y=np.arange(40) % 3)
    measures = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"
    _table(
        folder / "penguins/penguins.csv",
        measures,
        60,
        lambda row: f"s{row % 3},i{row % 2},{row * 0.3:.1f},{row % 9},{row},{row * 7},{'mf'[row % 2]},2007",
    )
    districts = "longitude,latitude,housing_median_age,total_rooms,total_bedrooms,population,households,median_income,median_house_value,ocean_proximity"
    _table(
        folder / "california_housing/housing.csv",
        districts,
        60,
        lambda row: f"-122.{row},37.{row % 9},{row},{row * 9},{row * 2},{row},{row},{row * 0.1:.1f},{row * 1000 + 7},NEAR BAY",
    )
    configs = {path.stem: path.read_text("utf-8") for path in sorted(examples.glob("*.yaml"))} | OWN
    for name, text in configs.items():
        (folder / f"{name}.yaml").write_text(text, "utf-8")
    return configs


def _table(path: Path, header: str, rows: int, line: Callable[[int], str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([header, *(line(row) for row in range(rows))]) + "\n", "utf-8")


def _images(path: Path, mode: str, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for part in ("train", "test"):
            for number in range(40):
                content = io.BytesIO()
                Image.new(mode, (size, size), number).save(content, "PNG")
                archive.writestr(f"{part}/{number % 8}/{number}.png", content.getvalue())
