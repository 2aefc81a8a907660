"""A sequence that a network goes on with: what it says of the next step is drawn from, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nntrain.generation.settings import GenerateSettings
from nntrain.generation.stepping import Stepper
from nntrain.layers.program import Program
from nntrain.tasks.task import Task

if TYPE_CHECKING:
    from nntrain.training.device import Precision


@dataclass(frozen=True, slots=True)
class Generator:
    """What goes on with sequences of one field."""

    network: nn.Module
    """In evaluation."""
    program: Program
    task: Task
    field: str
    """The input whose steps are read."""
    target: str
    """The output that tells of the next step."""
    precision: Precision
    longest: int | None = None
    """Steps of the longest row that it was trained on, where rows differ."""

    def steps(self, opening: Tensor, settings: GenerateSettings) -> Iterator[Tensor]:
        """The further steps of sequences that begin with `opening`, `[B, T, …]`, one after another, `[B, …]` each."""
        generator = torch.Generator().manual_seed(settings.seed)
        stepper = Stepper(self.network, self.program, self.field, self.target, self.longest)
        seen, new = opening, opening
        for _ in range(settings.steps):
            with self.precision.autocast():
                output = stepper.advance(new)
            drawn = self.task.draw(output.float(), seen, settings, generator)
            yield drawn
            new = drawn.unsqueeze(1)
            seen = torch.cat([seen, new], dim=1)
