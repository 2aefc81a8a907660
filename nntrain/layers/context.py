"""What the rest of a config asks of an architecture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Context:
    """What `regularization` asks of the architecture; families place it as their paper does."""

    dropout: float | None = None
    norm: Literal["batch", "layer"] | None = None
