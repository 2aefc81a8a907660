"""Notes the operations of some work below autograd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode  # pyright: ignore[reportMissingTypeStubs]

_BLIND: Final = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""What operations are marked with that look at values, or make tensors whose size hangs on values."""

_WITH_AUTOGRAD: Final = {"mkldnn_rnn_layer"}
"""Operations that keep something for their backward pass only where autograd is on."""

MADE_OF_SHAPES: Final = (
    "ones",
    "zeros",
    "full",
    "ones_like",
    "zeros_like",
    "full_like",
    "new_ones",
    "new_zeros",
    "new_full",
    "scalar_tensor",
)
"""Operations whose results hang on the shapes of what they are given at most."""


class Slot(NamedTuple):
    """The place of a tensor among those of a recording."""

    number: int


class Operation(NamedTuple):
    """One call of an operator."""

    function: Any
    arguments: tuple[Any, ...]
    options: dict[str, Any]
    results: tuple[Slot | None, ...]
    is_tuple: bool
    """Whether it gives several tensors, `results` in their order."""


def slots_in(tree: Any) -> list[Slot]:
    """All slots in the arguments of an operation."""
    if isinstance(tree, Slot):
        return [tree]
    if isinstance(tree, tuple | list):
        return [slot for item in cast("Sequence[Any]", tree) for slot in slots_in(item)]
    return [slot for item in cast("dict[str, Any]", tree).values() for slot in slots_in(item)] if isinstance(tree, dict) else []


def filled_in(tree: Any, values: Mapping[Slot, Any]) -> Any:
    """Arguments with what stands for their slots."""
    if isinstance(tree, Slot):
        return values[tree]
    if isinstance(tree, tuple | list):
        found = [filled_in(item, values) for item in cast("Sequence[Any]", tree)]
        return found if isinstance(tree, list) else tuple(found)
    if isinstance(tree, dict):
        return {key: filled_in(item, values) for key, item in cast("dict[str, Any]", tree).items()}
    return tree


def changed_by(operation: Operation) -> list[Slot]:
    """What an operation changes in place."""
    named = zip(operation.function._schema.arguments, operation.arguments, strict=False)
    pairs = [*named, *((argument, operation.options.get(argument.name)) for argument in operation.function._schema.arguments)]
    return [
        slot for argument, value in pairs if argument.alias_info is not None and argument.alias_info.is_write for slot in slots_in(value)
    ]


def _takes_places(function: Any, arguments: Sequence[Any]) -> bool:
    """Whether an operation takes values by their places, as many whatever the values are; a mask takes others each time."""
    if str(function) != "aten.index.Tensor":
        return False
    return all(place is None or place.dtype not in (torch.bool, torch.uint8) for place in arguments[1])


class Unread(TorchFunctionMode):
    """Ends a recording where values are taken out of torch, which no operator tells."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function. Raises `NotStaticError`."""
        if func in _READING:
            raise NotStaticError(f"{func.__name__} looks at values")
        return func(*args, **(kwargs or {}))


_READING: Final[set[Any]] = {Tensor.tolist, Tensor.numpy, Tensor.__array__}


class NotStaticError(Exception):
    """A step that can't be recorded: it looks at values, or uses tensors that have no memory of their own."""


class Recorder(TorchDispatchMode):
    """Notes every operator below autograd while it is active.

    Tensors are told apart by the storage that they show: autograd hands the same values to the backward pass in other objects. No tensor
    is held, which would keep autograd from handing gradients over without a copy, and no memory: a weak reference to a storage keeps its
    number from being given to another one, while what it held is freed as in any step.
    """

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Leave torch's compiler alone, whose import takes as long as that of all the rest of torch."""
        return False

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[Operation] = []
        self.given: dict[Slot, Tensor] = {}
        """Tensors that no operation has made."""
        self.made: dict[Slot, Tensor] = {}
        """Tensors whose values hang on shapes alone."""
        self._slots: dict[tuple[Any, ...], Slot] = {}
        self.bytes = 0
        """The size of all tensors that were seen."""
        self.asks_autograd = False
        """Whether an operation gives less where autograd is off."""
        self._storages: list[StorageWeakRef] = []

    def slot(self, tensor: Tensor) -> Slot | None:
        """The place of a tensor that was seen, else `None`."""
        return self._slots.get(self._key(tensor))

    def give(self, tensor: Tensor) -> Slot:
        """Take note of a tensor that is there before."""
        found = self._new(tensor)
        self.given.setdefault(found, tensor.detach())
        return found

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note and run an operation. Raises `NotStaticError`."""
        if not _BLIND.isdisjoint(func.tags) and not _takes_places(func, args):
            raise NotStaticError(f"{func} looks at values")
        self.asks_autograd |= func.overloadpacket.__name__ in _WITH_AUTOGRAD
        arguments, options = self._noted(args), self._noted(kwargs or {})
        found: Any = func(*args, **(kwargs or {}))
        is_tuple = isinstance(found, tuple | list)
        results = cast("Sequence[Any]", found if is_tuple else (found,))
        slots = tuple(self._new(result) if isinstance(result, Tensor) else None for result in results)
        if func.overloadpacket.__name__ in MADE_OF_SHAPES and slots[0] is not None:
            self.made[slots[0]] = found.detach()
        self.operations.append(Operation(func, arguments, options, slots, is_tuple))
        return found

    def _noted(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            found = self.slot(value)
            return self.give(value) if found is None else found
        if isinstance(value, tuple | list):
            noted = [self._noted(item) for item in cast("Sequence[Any]", value)]
            return noted if isinstance(value, list) else tuple(noted)
        if isinstance(value, dict):
            return {key: self._noted(item) for key, item in cast("dict[str, Any]", value).items()}
        if isinstance(value, torch.Generator):
            raise NotStaticError("draws from a generator of its own")
        return value

    def _new(self, tensor: Tensor) -> Slot:
        key = self._key(tensor)
        if key not in self._slots:
            self._storages.append(StorageWeakRef(tensor.untyped_storage()))
            self.bytes += tensor.numel() * tensor.itemsize
            self._slots[key] = Slot(len(self._slots))
        return self._slots[key]

    @staticmethod
    def _key(tensor: Tensor) -> tuple[Any, ...]:
        if tensor.layout != torch.strided or type(tensor) not in (Tensor, nn.Parameter):
            raise NotStaticError(f"{type(tensor).__name__} of layout {tensor.layout}")
        return (tensor.untyped_storage()._cdata, tensor.storage_offset(), tensor.size(), tensor.stride(), tensor.dtype)  # pyright: ignore[reportPrivateUsage]
