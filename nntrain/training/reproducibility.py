"""Random states, and the facts on which bit-equal results depend."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch (all devices)."""
    raise NotImplementedError


def use_determinism(deterministic: bool) -> None:
    """Only allow algorithms that give the same bits each time."""
    raise NotImplementedError


def rng_state() -> dict[str, Any]:
    """States of all global generators, as ints and tensors."""
    raise NotImplementedError


def restore_rng(state: Mapping[str, Any]) -> None:
    """Take back what `rng_state` gave."""
    raise NotImplementedError


def exactness_facts(device: torch.device) -> dict[str, str | int | bool]:
    """What must be equal for two runs to give the same bits: torch, device, threads, CPU capability."""
    raise NotImplementedError


def differing_facts(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each fact that is no longer the same."""
    raise NotImplementedError
