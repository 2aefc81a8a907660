"""Several optimizers as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


class JointOptimizer(torch.optim.Optimizer):
    """Optimizers of different parameters that step together. Their groups and state are one list and one table, which all of them share."""

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        super().__init__([tensor for group in groups for tensor in group["params"]], {})
        self.param_groups = groups
        self.state: defaultdict[Tensor, Any] = defaultdict(dict)
        self._optimizers = tuple(optimizers)
        for optimizer in self._optimizers:
            optimizer.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move all parameters."""
        assert closure is None
        for optimizer in self._optimizers:
            optimizer.step()
