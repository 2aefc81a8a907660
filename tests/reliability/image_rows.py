"""Small images in folders of their classes, and a config that streams them: for runs that are killed, stopped and damaged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

CLASSES: Final = ("ant", "bee", "cat")

CONFIG: Final = """
name: streamed
seed: 5
data:
  source: {type: image_folder, path: pictures}
  fields: {image: {type: image, normalize: standard, augment: [flip, {crop: 2}, {noise: 0.05}]}}
  split: {validation: 0.2, test: 0.2}
  batch_size: 8
  streaming: true
  workers: 0
architecture: {type: cnn, channels: [4, 8]}
optimizer: {type: adamw, lr: 1e-2}
regularization: {norm: batch, dropout: 0.2, ema: 0.9}
training: {max_epochs: 3, early_stopping: null, checkpoint: {every_steps: 2, keep: 2}, evaluate_every: {steps: 5}}
"""
"""9 steps an epoch and 27 in all; evaluations fall into the middle of epochs."""


def write_images(folder: Path, count: int = 120, size: int = 12) -> None:
    """PNG files of random colours, darker in one channel as their class has it.

    Args:
        folder: `pictures/<class>/<number>.png` are written below it.
        count: How many, the same number of each class.
        size: Height and width.
    """
    draws = np.random.default_rng(0)
    for channel, name in enumerate(CLASSES):
        (folder / "pictures" / name).mkdir(parents=True, exist_ok=True)
        for number in range(count // len(CLASSES)):
            pixels = draws.integers(0, 256, (size, size, 3), dtype=np.uint8)
            pixels[:, :, channel] //= 2
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{number:06}.png")


def write_image_rows(folder: Path) -> Path:
    """120 images and a config that streams them, with augmentation and batch statistics; `data.workers=2` lets workers read them."""
    write_images(folder)
    path = folder / "streamed.yaml"
    path.write_text(CONFIG)
    return path
