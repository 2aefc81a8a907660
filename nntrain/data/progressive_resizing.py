"""Training images that are small at first and grow: by how much, as a function of how much of the run is over. Torch-free."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Final

from pydantic import Field, PositiveInt, model_validator

from nntrain.schema import StrictModel

_ROUNDING: Final = 1e-9
"""What a size may be below a whole number and still be meant as it."""


class ProgressiveResizing(StrictModel):
    """Training on smaller images at first, which takes less time a step (Howard 2018; the options and defaults are those of Composer)."""

    main: ClassVar[str | None] = "initial_scale"

    initial_scale: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Height and width at the start, as a fraction of the full ones."""
    delay_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Fraction of the run at whose start images stay as small; then they grow evenly."""
    finetune_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Fraction of the run at whose end they have their full size."""
    size_increment: PositiveInt = 4
    """Height and width are multiples of this number until they are the full ones: 32 for a network that halves them five times."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"initial_scale": value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    @model_validator(mode="after")
    def _fractions_fit(self) -> ProgressiveResizing:
        if self.delay_fraction + self.finetune_fraction > 1 + _ROUNDING:
            raise ValueError(
                f"delay_fraction {self.delay_fraction:g} and finetune_fraction {self.finetune_fraction:g} are more than the run"
            )
        return self

    @property
    def growing(self) -> float:
        """Fraction of the run over which images grow."""
        return max(0.0, 1 - self.delay_fraction - self.finetune_fraction)

    def size(self, full: tuple[int, int], elapsed: float) -> tuple[int, int]:
        """Height and width once a fraction of the run, in [0, 1], is over."""
        if elapsed >= 1 - self.finetune_fraction - _ROUNDING:
            return full
        grown = 0.0 if elapsed < self.delay_fraction else (elapsed - self.delay_fraction) / self.growing
        scale = self.initial_scale + (1 - self.initial_scale) * grown
        height, width = (self._aligned(size, scale) for size in full)
        return height, width

    def _aligned(self, size: int, scale: float) -> int:
        step = self.size_increment
        return min(size, max(step, math.floor(scale * size / step + _ROUNDING) * step))

    def changes(self, full: tuple[int, int]) -> list[float]:
        """Fractions of the run from which on height or width are others than before; the first is 0."""
        scales = {multiple * self.size_increment / size for size in full for multiple in range(1, size // self.size_increment + 1)}
        grown = ((scale - self.initial_scale) / (1 - self.initial_scale) for scale in scales if self.initial_scale < scale < 1)
        return sorted({0.0, 1.0, self.delay_fraction, *(self.delay_fraction + part * self.growing for part in grown)})
