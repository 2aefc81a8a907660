"""State as files can hold it: any tree of plain values and tensors becomes a table of tensors and a JSON skeleton, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import torch
from torch import Tensor

from nntrain.errors import CheckpointError
from nntrain.training.torch_version import check_version

check_version(torch.__version__)  # every way to weights and back leads through here

Tree = Any
"""`None`, bool, int, float, str, Tensor, and dicts, lists and tuples of them."""

Json = Any

_COUNTERS: Final = {"step", "mu_product"}
"""Scalars that torch keeps on the CPU unless a fused kernel reads them."""


_PLAIN: Final = frozenset({int, str, bool, type(None)})
"""Types of values that JSON holds as they are."""


def flatten(tree: Tree) -> tuple[dict[str, Tensor], Json]:
    """Take the tensors out of a tree: a table by place in the tree (`head.weight/exp_avg`), and a skeleton that names them.

    The table holds the tensors themselves, not copies: it is good until the next step. One that stands in several places is one entry.
    """
    table = _Table({}, {})
    return table.tensors, _encode(tree, "", table)


@dataclass(frozen=True, slots=True)
class _Table:
    tensors: dict[str, Tensor]
    names: dict[tuple[Any, ...], str]
    """Name of each piece of memory as it was read, which finds ties."""

    def add(self, tensor: Tensor, place: str) -> str:
        identity = (tensor.device, tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride())
        if tensor.numel() and identity in self.names:
            return self.names[identity]
        name, count = place, 1
        while name in self.tensors:
            count += 1
            name = f"{place}~{count}"
        self.tensors[name] = tensor
        self.names[identity] = name
        return name


def _encode(value: Tree, place: str, table: _Table) -> Json:
    if isinstance(value, Tensor):
        return {"@tensor": table.add(value.detach(), place or "value")}
    below = f"{place}/" if place else ""
    if isinstance(value, dict):
        items = cast("dict[Any, Tree]", value)
        if all(isinstance(key, str) and not key.startswith("@") for key in items):
            return {key: _encode(item, f"{below}{key}", table) for key, item in items.items()}
        return {"@dict": [[_encode(key, place, table), _encode(item, f"{below}{key}", table)] for key, item in items.items()]}
    if isinstance(value, list | tuple):
        if _are_plain(cast("Sequence[Any]", value)):
            return list(cast("list[Any]", value)) if isinstance(value, list) else {"@tuple": list(cast("tuple[Any, ...]", value))}
        encoded = [_encode(item, f"{below}{index}", table) for index, item in enumerate(cast("Sequence[Tree]", value))]
        return encoded if isinstance(value, list) else {"@tuple": encoded}
    if isinstance(value, float) and not math.isfinite(value):
        return {"@float": str(value)}
    assert value is None or isinstance(value, bool | int | float | str), f"{place}: no state: {type(value).__name__}"
    return value


def _are_plain(values: Sequence[Any]) -> bool:
    """Whether JSON holds all values as they are; asked of long lists of numbers, so without a call for each."""
    types = set(map(type, values))
    return _PLAIN.issuperset(types) or (types == {float} and all(map(math.isfinite, values)))


def unflatten(tensors: Mapping[str, Tensor], skeleton: Json) -> Tree:
    """Undo `flatten`.

    Raises:
        ValueError: The skeleton is none, or names a tensor that is not in the table.
    """
    if isinstance(skeleton, list):
        return [unflatten(tensors, item) for item in cast("list[Json]", skeleton)]
    if not isinstance(skeleton, dict):
        return skeleton
    items = cast("dict[str, Json]", skeleton)
    tag = next((key for key in items if key.startswith("@")), None)
    if tag is None:
        return {key: unflatten(tensors, item) for key, item in items.items()}
    content = items[tag]
    if tag == "@tensor" and content in tensors:
        return tensors[content]
    if tag == "@float":
        return float(content)
    if tag == "@tuple":
        return tuple(unflatten(tensors, item) for item in content)
    if tag == "@dict":
        return {unflatten(tensors, key): unflatten(tensors, item) for key, item in content}
    raise ValueError(f"no tensor {content!r}" if tag == "@tensor" else f"unknown mark {tag!r}")


def copied(tree: Tree) -> Tree:
    """The same tree with tensors of its own, on the CPU: later steps leave it alone. Ties are kept."""
    return _copied(tree, _Table({}, {}), {})


def _copied(value: Tree, table: _Table, made: dict[str, Tensor]) -> Tree:
    if isinstance(value, Tensor):
        name = table.add(value.detach(), str(len(table.tensors)))
        if name not in made:
            made[name] = value.detach().to("cpu", copy=True)
        return made[name]
    if isinstance(value, dict):
        return {key: _copied(item, table, made) for key, item in cast("dict[Any, Tree]", value).items()}
    if isinstance(value, list | tuple):
        items = cast("Sequence[Tree]", value)
        copies = list(items) if _are_plain(items) else [_copied(item, table, made) for item in items]
        return copies if isinstance(value, list) else tuple(copies)
    return value


def optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """State of an optimizer by parameter name. Options are not state: they come from the config."""
    return {name: dict(optimizer.state[parameter]) for name, parameter, _ in _named(optimizer) if optimizer.state.get(parameter)}


def restore_into(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Give an optimizer back what `optimizer_state` gave, in the memory layout of the live parameters.

    A fused kernel walks a parameter and its moments in memory order, so moments whose strides differ from the parameter's
    (channels-last) would be added to the wrong weights, without a word.

    Raises:
        CheckpointError: Another set of parameters, or other shapes; every difference is named.
    """
    live = {name: (parameter, group) for name, parameter, group in _named(optimizer)}
    lines = [f"{name}: is saved, and the optimizer has no such parameter" for name in saved if name not in live]
    total = sum(parameter.numel() for parameter, _ in live.values())
    for name, (parameter, _) in live.items():
        for key, value in saved.get(name, {}).items():
            if isinstance(value, Tensor) and value.ndim and not _fits(value.shape, parameter.shape, total):
                lines.append(f"{name}: {key} is saved as {list(value.shape)}, and the parameter is {list(parameter.shape)}")
    _refuse("optimizer", lines)
    optimizer.state.clear()
    for name, (parameter, group) in live.items():
        if name in saved:
            on_device = group.get("fused") or isinstance(optimizer, torch.optim.ASGD)
            counter_device = parameter.device if on_device else torch.device("cpu")
            optimizer.state[parameter] = {key: _restored(key, value, parameter, counter_device) for key, value in saved[name].items()}


def restore_network(network: torch.nn.Module, saved: Mapping[str, Tensor]) -> None:
    """Copy saved weights and buffers into a network, whose tensors keep their memory layout.

    Raises:
        CheckpointError: Another set of names, or other shapes; every difference is named.
    """
    live = network.state_dict()
    lines = [f"{name}: is not saved" for name in live if name not in saved]
    lines += [f"{name}: is saved, and the network has no such tensor" for name in saved if name not in live]
    for name in live:
        if name in saved and type_and_shape(saved[name]) != type_and_shape(live[name]):
            lines.append(f"{name}: saved as {type_and_shape(saved[name])}, and is {type_and_shape(live[name])} here")
    _refuse("network", lines)
    with torch.no_grad():
        for name, value in live.items():
            fill(value, saved[name])


def whole(tensor: Tensor) -> Tensor:
    """A tensor, or all of one that is shared out over several processes, which all call it."""
    shared: Any = tensor
    return shared.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def piece(tensor: Tensor) -> Tensor:
    """A tensor, or the piece of this process of one that is shared out over several."""
    shared: Any = tensor
    return shared.to_local() if hasattr(tensor, "to_local") else tensor


def fill(tensor: Tensor, value: Tensor) -> None:
    """Copy a value into a tensor; into one that is shared out over several processes the piece of this one."""
    shared: Any = tensor
    if not hasattr(tensor, "to_local"):
        tensor.copy_(value)
        return
    mesh = shared.device_mesh
    chunks, rank = value.chunk(mesh.size()), mesh.get_local_rank()
    if rank < len(chunks):
        shared.to_local().copy_(chunks[rank])


def _named(optimizer: torch.optim.Optimizer) -> Iterator[tuple[str, Tensor, dict[str, Any]]]:
    for group in optimizer.param_groups:
        for name, parameter in zip(group["param_names"], group["params"], strict=True):
            yield name, parameter, group


def _fits(shape: torch.Size, parameter: torch.Size, total: int) -> bool:
    """Whether state of this shape may belong to a parameter: of its shape, of its rows or columns alone, or of all parameters in a row."""
    if shape == (total,):
        return True
    return len(shape) == len(parameter) and all(size in (1, full) for size, full in zip(shape, parameter, strict=True))


def _restored(key: str, value: Any, parameter: Tensor, counter_device: torch.device) -> Any:
    if isinstance(value, list):
        return [_restored(key, item, parameter, counter_device) for item in cast("list[Any]", value)]
    if not isinstance(value, Tensor):
        return value
    if key in _COUNTERS:
        return value.to(counter_device, copy=True)
    if value.shape == parameter.shape:
        made = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False)
        fill(made, value)
        return made
    return value.to(parameter.device, copy=True)


def _refuse(what: str, lines: Sequence[str]) -> None:
    if lines:
        raise CheckpointError(f"the checkpoint does not fit the {what}:\n   " + "\n   ".join(lines))


def type_and_shape(tensor: Tensor) -> str:
    """A tensor in messages: `float32 [2, 3]`."""
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
