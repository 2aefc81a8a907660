"""What the rest of a config asks of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

NormKind = Literal["batch", "layer", "group", "instance", "rms"]
"""Which numbers share a mean and a variance: those of the batch, of a row's features, of a group of channels, of a channel; or the
root mean square of a row's features alone."""


@dataclass(frozen=True, slots=True)
class Context:
    """What `regularization` asks of the architecture; families place it as their paper does."""

    dropout: float | None = None
    norm: NormKind | None = None
    stochastic_depth: float | None = None
    is_of_numbers: bool = False
    """Whether every target that may hang on what is made is of numbers, none of classes."""
    keeps_steps: bool = False
    """Whether every target that may hang on what is made has a value for each step, so that a family keeps the steps of a sequence."""
