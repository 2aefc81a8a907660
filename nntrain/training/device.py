"""Where and in which number format a run computes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Literal

import torch
from torch import Tensor

PrecisionName = Literal["auto", "float32", "bfloat16", "float16"]


def resolve_device(name: str) -> torch.device:
    """The device that `training.device` names.

    Raises:
        ConfigError: It is not there. There is no silent fall back to another one.
    """
    raise NotImplementedError


def use_threads(threads: int | None) -> int:
    """Set the number of CPU threads (`None`: leave torch's choice) and return it."""
    raise NotImplementedError


class Precision:
    """The number format of the forward and backward pass, with the loss scaling that float16 needs."""

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        raise NotImplementedError

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled (float16), so that a step may be skipped."""
        raise NotImplementedError

    def autocast(self) -> AbstractContextManager[Any]:
        """Context of a forward pass."""
        raise NotImplementedError

    def backward(self, loss: Tensor) -> None:
        """Backward pass of a (scaled) loss."""
        raise NotImplementedError

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the gradients to their true size, before they are measured or clipped."""
        raise NotImplementedError

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Update the weights; returns whether it took place (float16 scaling skips it where gradients overflowed)."""
        raise NotImplementedError

    def state(self) -> dict[str, Any]:
        """State of the scaling, as a plain tree."""
        raise NotImplementedError

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        raise NotImplementedError


def resolve_precision(name: PrecisionName, device: torch.device) -> Precision:
    """The precision that `training.precision` names; `auto` is float32.

    Raises:
        ConfigError: The device can't compute in it.
    """
    raise NotImplementedError
