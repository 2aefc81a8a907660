"""What a probe has seen of a network, as plain numbers: written beside the history of a run, read by the diagnosis. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any, Literal

UnitKind = Literal["relu", "sigmoid", "tanh"]

DIGITS = 5
"""Significant digits that are kept: thresholds are factors, and lines stay short."""


@dataclass(frozen=True, slots=True)
class LayerSignals:
    """A weight of two or more axes and what would move it. Sizes are root mean squares."""

    name: str
    """Of the module that owns it."""
    gradient: float
    weight: float
    update: float | None
    """How far the optimizer moves the weight in a step, as a part of its size, at the rate without its schedule; `None`: not known."""
    is_alike: bool
    """Whether all its units have the same weights."""


@dataclass(frozen=True, slots=True)
class UnitSignals:
    """The units of an activation."""

    name: str
    kind: UnitKind
    share: float
    """Of a `relu`: units that are 0 for every row. Else: outputs that lie where the slope is almost 0."""
    units: int


@dataclass(frozen=True, slots=True)
class ClassSignals:
    """What is predicted of a target with classes."""

    target: str
    predicted: tuple[int, ...]
    """Rows by predicted class, K counts."""
    true: tuple[int, ...]
    """Rows by class."""
    right: int
    """Rows of which the true class is predicted."""
    doubted: tuple[int, ...] = ()
    """Numbers in the source of rows of which the network is sure that their class is another."""


@dataclass(frozen=True, slots=True)
class Signals:
    """One look at a network."""

    rows: int
    """Training rows that were shown."""
    loss: float | None
    """Of these rows; `None` where it is not finite."""
    layers: tuple[LayerSignals, ...] = ()
    """From the input to the output."""
    units: tuple[UnitSignals, ...] = ()
    classes: tuple[ClassSignals, ...] = ()
    step: int = 0
    """Steps that are complete."""
    epoch: int = 0
    clipped: float | None = None
    """Share of the steps since the report before whose gradients were clipped; `None` where none are."""

    def record(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Signals:
        """Undo `record`. Raises `LookupError`, `TypeError` or `ValueError` for anything else."""
        return cls(
            rows=int(record["rows"]),
            loss=record["loss"],
            layers=tuple(LayerSignals(**each) for each in record["layers"]),
            units=tuple(UnitSignals(**each) for each in record["units"]),
            classes=tuple(
                ClassSignals(each["target"], tuple(each["predicted"]), tuple(each["true"]), int(each["right"]), tuple(each["doubted"]))
                for each in record["classes"]
            ),
            step=int(record["step"]),
            epoch=int(record["epoch"]),
            clipped=record["clipped"],
        )


def first_to_last(gradients: Sequence[float]) -> float | None:
    """How the gradients of the first quarter of some layers compare with those of the last; of medians, as one layer may be odd.

    Args:
        gradients: Their sizes, from the input to the output.

    Returns:
        A factor, below 1 where those of the first layers are smaller; `None` where the last have none.
    """
    quarter = max(1, len(gradients) // 4)
    last = median(gradients[-quarter:]) if gradients else 0.0
    return median(gradients[:quarter]) / last if last > 0 else None


def rounded(value: float) -> float:
    """A number with few digits; NaN and infinity become 0, as what is not finite is told elsewhere."""
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else 0.0
