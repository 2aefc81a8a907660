"""State as files can hold it: any tree of plain values and tensors becomes a table of tensors and a JSON skeleton, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

Tree = Any
"""`None`, bool, int, float, str, Tensor, and dicts, lists and tuples of them."""

Json = Any


def flatten(tree: Tree) -> tuple[dict[str, Tensor], Json]:
    """Take the tensors out of a tree: a table with one entry a storage, and a skeleton that names them."""
    raise NotImplementedError


def unflatten(tensors: Mapping[str, Tensor], skeleton: Json) -> Tree:
    """Undo `flatten`."""
    raise NotImplementedError


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """State of an optimizer by parameter name. Options are not state: they come from the config."""
    raise NotImplementedError


def restore_into(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Give an optimizer back what `optimizer_state` gave, in the memory layout of the live parameters.

    Raises:
        CheckpointError: Another set of parameters, or other shapes; every difference is named.
    """
    raise NotImplementedError


def restore_network(network: torch.nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Copy saved weights and buffers into a network.

    Raises:
        CheckpointError: Another set of names, or other shapes; every difference is named.
    """
    raise NotImplementedError
