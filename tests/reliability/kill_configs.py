"""The runs that are killed: between them everything that has a state of its own. Checkpoints are frequent, so that many kills hit a write.

Text comes with the fields that read it; until then ragged series stand for rows of unequal length.
"""

from __future__ import annotations

import csv
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from image_rows import CONFIG as STREAMED
from image_rows import write_images


@dataclass(frozen=True, slots=True)
class Killed:
    """A config, and what else the command line says."""

    text: str
    options: tuple[str, ...] = ()


_DIGITS: Final = """
name: killed
seed: 3
data:
  source: {type: builtin, name: digits}
  split: {by: stratified, validation: 0.2, test: 0.2}
  batch_size: 100
"""

_STREAMED: Final = STREAMED.replace("name: streamed", "name: killed")

CONFIGS: Final = {
    "table": Killed("""
name: killed
seed: 1
data:
  source: table.csv
  target: kind
  split: {validation: 0.2, test: 0.2}
  batch_size: 16
architecture: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 1e-2}
scheduler: {type: cosine, warmup_steps: 4}
regularization: {norm: batch, dropout: 0.3, gradient_noise: 0.001, label_smoothing: 0.1, max_norm: 2.0, l1: 1e-4}
training: {max_epochs: 3, checkpoint: {every_steps: 2, keep: 2}, evaluate_every: {steps: 5}}
"""),
    "ragged series": Killed("""
name: killed
seed: 2
data:
  source: {type: arrays, path: series.npz}
  fields:
    x: {type: series, values: x, lengths: n}
    size: {role: target}
  split: {validation: 0.2, test: 0.2}
  batch_size: 16
architecture:
  layers: [conv1d: {out_channels: 8, kernel_size: 3, padding: same}, relu, dropout: 0.2, global_avg_pool]
optimizer: {type: sgd, lr: 0.05, momentum: 0.9, nesterov: true}
scheduler: {type: cyclic, min_lr: 0.001, up_steps: 4}
training: {max_steps: 24, checkpoint: {every_steps: 3}, evaluate_every: {steps: 4}, converge: {tolerance: 1e-9}}
"""),
    "images": Killed(
        _DIGITS
        + """
  fields: {image: {type: image, augment: [{crop: 1}, {rotate: 10}, erasing, {noise: 0.05}]}}
  batch: {sampler: balanced}
architecture: {type: cnn, channels: [4]}
optimizer: {type: nadam, lr: 3e-3}
regularization: {mixup: 0.2, cutmix: 1.0}
training: {max_epochs: 2, checkpoint: {every_steps: 2}}
"""
    ),
    "streamed images": Killed(_STREAMED),
    "streamed by workers": Killed(_STREAMED.replace("workers: 0", "workers: 2")),
    "averages": Killed(
        _DIGITS
        + """
architecture:
  layers: [conv2d: {out_channels: 4, kernel_size: 3}, batch_norm, relu, flatten, dropout: 0.3, linear: 16, relu]
optimizer: {type: adamw, lr: 3e-2}
scheduler: one_cycle
regularization: {ema: 0.9, clip_norm: 1.0}
training:
  max_epochs: 5
  precision: bfloat16
  accumulate: 2
  early_stopping: {monitor: validation.loss, patience: 4}
  evaluate_every: {steps: 3}
  checkpoint: {every_steps: 2}
"""
    ),
    "float16": Killed(
        _DIGITS
        + """
architecture: {type: mlp, hidden: [16]}
optimizer: {type: radam, lr: 1e-2}
scheduler: {type: linear, warmup_steps: 3}
regularization: {dropout: 0.3, noise: 0.1, clip_value: 0.1}
training: {max_steps: 24, precision: float16, checkpoint: {every_steps: 1, keep: 3}, evaluate_every: {steps: 5}}
"""
    ),
    "plateau and swa": Killed(
        _DIGITS
        + """
architecture: {type: mlp, hidden: [16]}
optimizer: {type: sgd, lr: 0.5, momentum: 0.9}
scheduler: {type: plateau, monitor: validation.loss, patience: 0, factor: 0.5, threshold: 0.3, cooldown: 1, warmup_steps: 3}
regularization: {norm: batch, dropout: 0.2, swa: {start_fraction: 0.3, every_steps: 2}}
training: {max_steps: 24, evaluate_every: {steps: 3}, checkpoint: {every_steps: 3}}
"""
    ),
    "seeds": Killed(
        _DIGITS
        + """
architecture: {type: mlp, hidden: [8]}
optimizer: {type: muon, lr: 1e-2}
regularization: {dropout: 0.3}
training: {max_steps: 12, evaluate_every: {steps: 6}, checkpoint: {every_steps: 3}}
""",
        ("--seeds", "2"),
    ),
    "folds": Killed(
        """
name: killed
seed: 1
data: {source: table.csv, target: kind, batch_size: 32}
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adagrad, lr: 1e-2}
regularization: {dropout: 0.3}
training: {max_steps: 12, evaluate_every: {steps: 6}, checkpoint: {every_steps: 3}}
""",
        ("--folds", "2"),
    ),
}


def write(folder: Path) -> dict[str, Path]:
    """Write all configs and their data; returns the config files by name."""
    _write_table(folder / "table.csv")
    _write_series(folder / "series.npz")
    write_images(folder)
    written: dict[str, Path] = {}
    for name, killed in CONFIGS.items():
        written[name] = folder / f"{name.replace(' ', '_')}.yaml"
        written[name].write_text(killed.text)
    return written


def _write_table(path: Path) -> None:
    """Numbers, words, days and marks of true and false, with gaps."""
    draw = random.Random(0)
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["length", "weight", "colour", "day", "is_new", "kind"])
        for _ in range(240):
            kind = draw.choice("abc")
            row: list[Any] = [
                round(draw.gauss("abc".index(kind), 1), 3),
                round(draw.uniform(0, 5), 2),
                draw.choice(["red", "green", "blue"]),
                f"2024-{draw.randint(1, 12):02d}-{draw.randint(1, 28):02d}",
                draw.choice(["yes", "no"]),
            ]
            out.writerow([*("" if draw.random() < 0.1 else value for value in row), kind])


def _write_series(path: Path) -> None:
    """Series of 3 to 12 steps with two channels, and a number that depends on them."""
    draw = np.random.default_rng(0)
    lengths = draw.integers(3, 13, 160)
    steps = draw.normal(size=(int(lengths.sum()), 2)).astype(np.float32)
    ends = lengths.cumsum()
    size = np.array([steps[end - length : end].mean() for end, length in zip(ends, lengths, strict=True)], dtype=np.float32)
    np.savez(path, x=steps, n=lengths, size=size)
