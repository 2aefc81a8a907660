"""A network whose parameters, gradients and optimizer state are shared out over several processes (torch's FSDP2).

Each process holds a piece of each parameter, cut along its first axis, and all of a layer's while that layer computes. A checkpoint
has the pieces as they lie, a file for each process; what reads it puts them together, so that any number of processes goes on with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

from torch import Tensor, nn

from nntrain.training.distributed import Ranks
from nntrain.training.shard_files import SHARDED
from nntrain.training.state import Tree, flatten

LEAST: Final = 2**20
"""Parameters of a layer that is gathered by itself; all smaller ones are gathered together."""


def shard(network: nn.Module, ranks: Ranks) -> None:
    """Share a network out, before its optimizer is made. All processes have the same weights then."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import FSDPModule, fully_shard

    mesh = init_device_mesh(ranks.device.type, (ranks.size,))
    names = [name for name, _ in network.named_parameters(remove_duplicate=False)]
    is_tied = len(names) != sum(1 for _ in network.parameters())
    for child in network.children():
        if not is_tied and sum(parameter.numel() for parameter in child.parameters()) >= LEAST:
            fully_shard(child, mesh=mesh)
    fully_shard(network, mesh=mesh)
    for module in network.modules():
        if isinstance(module, FSDPModule):
            module.set_gradient_divide_factor(1.0)  # a loss is divided by the weight of the whole step already
            module.set_force_sum_reduction_for_comms(True)
    ranks.is_sharded = True


def take_apart(network: nn.Module) -> None:
    """Free what a forward pass without a backward one has gathered, so that the network's parameters are the pieces again."""
    from torch.distributed.fsdp import FSDPModule

    for module in network.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def pieces(parts: Mapping[str, Tree]) -> dict[str, Any]:
    """The parts of a checkpoint with the pieces that this process has, and the names of these."""
    found = {name: _local(tree) for name, tree in parts.items()}
    names: dict[str, list[str]] = {}
    for name, tree in parts.items():
        lying = {tensor.data_ptr() for tensor in _sharded(tree) if tensor.numel()}
        names[name] = [key for key, tensor in flatten(found[name])[0].items() if tensor.numel() and tensor.data_ptr() in lying]
    return found | {SHARDED: {name: keys for name, keys in names.items() if next(_sharded(parts[name]), None) is not None}}


def _local(tree: Tree) -> Tree:
    if isinstance(tree, dict):
        return {key: _local(value) for key, value in cast("dict[Any, Tree]", tree).items()}
    if isinstance(tree, list):
        return [_local(value) for value in cast("list[Tree]", tree)]
    if isinstance(tree, tuple):
        return tuple(_local(value) for value in cast("tuple[Tree, ...]", tree))
    return tree.detach().to_local() if hasattr(tree, "to_local") else tree


def _sharded(tree: Tree) -> Iterator[Tensor]:
    if isinstance(tree, dict):
        for value in cast("dict[Any, Tree]", tree).values():
            yield from _sharded(value)
    elif isinstance(tree, list | tuple):
        for value in cast("Sequence[Tree]", tree):
            yield from _sharded(value)
    elif hasattr(tree, "to_local"):
        yield tree.detach().to_local()
