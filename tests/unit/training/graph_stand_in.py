"""A stand-in for the graphs of a CUDA device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def tensors_in(tree: Any) -> list[Tensor]:
    if isinstance(tree, Tensor):
        return [tree]
    items: Any = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, tuple | list) else ()
    return [tensor for item in items for tensor in tensors_in(item)]


@dataclass
class StandIn:
    """Graphs on the CPU: a replay does the work again, and leaves its results where those of the capture were."""

    calls: list[str] = field(default_factory=list[str])
    fails_to: str = ""
    off_by: float = 0.0
    """Added to each scalar by replays."""
    draws: bool = True
    """Whether replays move the generator on."""
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def warm(self, run: Callable[[], object]) -> None:
        self.calls.append("warm")
        run()
        if self.fails_to == "warm":
            raise RuntimeError("called a synchronizing CUDA operation")

    def capture(self, run: Callable[[], T]) -> tuple[Any, T]:
        self.calls.append("capture")
        found = run()
        if self.fails_to == "capture":
            raise RuntimeError("\nCUDA error: operation not permitted when stream is capturing\nFor debugging consider")

        def replayed() -> None:
            self.calls.append("replay")
            before = torch.get_rng_state()
            for place, value in zip(tensors_in(found), tensors_in(run()), strict=True):
                place.copy_(value + self.off_by if value.ndim == 1 and value.dtype == torch.float32 and len(value) == 2 else value)
            if not self.draws:
                torch.set_rng_state(before)

        return SimpleNamespace(replay=replayed), found
