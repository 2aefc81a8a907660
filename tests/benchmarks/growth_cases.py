"""Series of trainings in which one size grows, and the arithmetic that a row of each needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Shape = tuple[int, ...]
BLOCKS = 2
"""Linear layers of the feedforward part of a transformer's block."""


@dataclass(frozen=True, slots=True)
class Case:
    """One size that grows."""

    family: str
    size: str
    values: tuple[int, ...]
    row: Callable[[int], Shape]
    """Shape of the inputs of a row."""
    architecture: Callable[[int], dict[str, Any]]
    work: Callable[[int], float]
    """Multiplications of a row in a forward pass; the growth that is expected is that of their number."""
    field: str
    """Type of the field."""
    batch: int = 32


def _mlp(inputs: int, width: int, depth: int) -> float:
    return inputs * width + (depth - 1) * width**2 + width * 10


def _cnn(side: int, channels: int, depth: int) -> float:
    return side**2 * 9 * (channels + (depth - 1) * channels**2) + channels * 10


def _lstm(steps: int, hidden: int, depth: int) -> float:
    return steps * 4 * hidden * (8 + hidden + (depth - 1) * 2 * hidden)


def _transformer(steps: int, dim: int, depth: int) -> float:
    return depth * steps * (12 * dim**2 + 2 * steps * dim) + 8 * steps * dim


def _convolutions(channels: int, depth: int) -> dict[str, Any]:
    return {"type": "cnn", "channels": [channels], "convolutions": depth, "pool": None, "reduce": "mean"}


def _attention(dim: int, depth: int) -> dict[str, Any]:
    return {"type": "transformer_encoder", "dim": dim, "num_layers": depth, "num_heads": 4, "pool": "mean"}


def _recurrent(hidden: int, depth: int) -> dict[str, Any]:
    return {"type": "lstm", "hidden_size": hidden, "num_layers": depth}


def _linear(width: int, depth: int) -> dict[str, Any]:
    return {"type": "mlp", "hidden": [width] * depth}


STEPS = (
    Case("mlp", "width", (128, 256, 512, 1024), lambda _: (64,), lambda n: _linear(n, 2), lambda n: _mlp(64, n, 2), "vector", 256),
    Case("mlp", "depth", (2, 4, 8, 16), lambda _: (64,), lambda n: _linear(256, n), lambda n: _mlp(64, 256, n), "vector", 256),
    Case("mlp", "columns", (128, 512, 2048, 8192), lambda n: (n,), lambda _: _linear(128, 2), lambda n: _mlp(n, 128, 2), "vector", 256),
    Case("cnn", "width", (16, 32, 64, 128), lambda _: (1, 16, 16), lambda n: _convolutions(n, 2), lambda n: _cnn(16, n, 2), "image"),
    Case("cnn", "depth", (2, 4, 8, 16), lambda _: (1, 16, 16), lambda n: _convolutions(32, n), lambda n: _cnn(16, 32, n), "image"),
    Case("cnn", "side", (8, 16, 32, 64), lambda n: (1, n, n), lambda _: _convolutions(32, 2), lambda n: _cnn(n, 32, 2), "image"),
    Case("lstm", "width", (64, 128, 256, 512), lambda _: (32, 8), lambda n: _recurrent(n, 1), lambda n: _lstm(32, n, 1), "series"),
    Case("lstm", "depth", (1, 2, 4), lambda _: (32, 8), lambda n: _recurrent(128, n), lambda n: _lstm(32, 128, n), "series"),
    Case("lstm", "length", (16, 32, 64, 128), lambda n: (n, 8), lambda _: _recurrent(128, 1), lambda n: _lstm(n, 128, 1), "series"),
    Case(
        "transformer",
        "width",
        (64, 128, 256, 512),
        lambda _: (32, 8),
        lambda n: _attention(n, 2),
        lambda n: _transformer(32, n, 2),
        "series",
        16,
    ),
    Case(
        "transformer",
        "depth",
        (2, 4, 8, 16),
        lambda _: (32, 8),
        lambda n: _attention(64, n),
        lambda n: _transformer(32, 64, n),
        "series",
        16,
    ),
    Case(
        "transformer",
        "length",
        (32, 64, 128, 256),
        lambda n: (n, 8),
        lambda _: _attention(64, 2),
        lambda n: _transformer(n, 64, 2),
        "series",
        16,
    ),
)
"""Of each the processor time of a step is measured."""

EPOCHS = (
    Case("mlp", "rows", (1_000, 10_000, 100_000), lambda _: (16,), lambda _: _linear(32, 2), float, "vector", 64),
    Case("cnn", "rows", (100, 1_000, 10_000), lambda _: (1, 8, 8), lambda _: _convolutions(8, 2), float, "image", 64),
    Case("lstm", "rows", (100, 1_000, 10_000), lambda _: (8, 8), lambda _: _recurrent(16, 1), float, "series", 64),
    Case("transformer", "rows", (100, 1_000, 10_000), lambda _: (8, 8), lambda _: _attention(16, 1), float, "series", 64),
)
"""Of each the processor time of an epoch with its evaluation is measured, and that of `fit` up to the first step."""
