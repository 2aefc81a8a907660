"""The names that a pickle of tensors may use, and what each makes: descriptions, never objects of another module. Torch-free."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, cast

from nntrain.weights.stored import Storage, StoredTensor


class UnfitError(Exception):
    """A pickle holds something that no file of tensors does; the message names it."""


class Name(str):
    """A name of the table below, as it stands on the stack. A type of its own, so that no text of the pickle can pass for it."""

    __slots__ = ()


PersistentId = Callable[[object], Storage]
"""Makes a storage of what stands for it in a pickle."""

STORAGES: Final = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128",
}
"""torch's names of typed storages, which tell the format of their numbers."""

LARGEST_KEY: Final = 2**53
MOST_AXES: Final = 64
"""Axes that a tensor may have, as in torch."""


def find_global(module: str, name: str) -> Name:
    """Look a name up. Raises `UnfitError` for any that is not in the table."""
    full = f"{module}.{name}"
    if full in CONSTRUCTORS or (module in {"torch", "torch.cuda"} and name in STORAGES):
        return Name(full)
    raise UnfitError(f"its pickle asks for {full[:200]}")


def load_storage(told: object) -> Storage:
    """A storage of what torch writes for it. Raises `UnfitError`.

    Args:
        told: `("storage", its type, its key, the device it was on, its length)`, in older files also `None` for the part that is meant.
    """
    parts = cast("tuple[object, ...]", told) if isinstance(told, tuple) else ()
    if len(parts) == 6 and parts[5] is None:
        parts = parts[:5]
    if len(parts) != 5 or parts[0] != "storage":
        raise UnfitError("a reference that is no storage of numbers")
    kind, key, length = parts[1], parts[2], parts[4]
    dtype = STORAGES.get(kind.rpartition(".")[2]) if isinstance(kind, Name) else None
    if dtype is None:
        raise UnfitError("a storage without a format of its numbers")
    if type(key) is not str or not _is_count(length):
        raise UnfitError("a storage whose key is no text, or whose length is no number")
    return Storage(dtype, key, cast("int", length))


def build_state(target: object, state: object) -> None:
    """What BUILD may do: nothing but drop the versions that torch hangs on a state dict. Raises `UnfitError`."""
    if not isinstance(state, dict):
        raise UnfitError(f"BUILD with {type(state).__name__} for a state")
    if not isinstance(target, OrderedDict):
        raise UnfitError(f"BUILD of {type(target).__name__}")


def _ordered_dict(arguments: tuple[object, ...]) -> OrderedDict[object, object]:
    """`OrderedDict()`, or as Python 2 has it with a list of pairs."""
    made: OrderedDict[object, object] = OrderedDict()
    if not arguments:
        return made
    pairs = arguments[0]
    if len(arguments) != 1 or not isinstance(pairs, list):
        raise UnfitError("an OrderedDict of something else than pairs")
    held = cast("list[object]", pairs)
    for pair in held:
        items = tuple(cast("list[object]", pair)) if isinstance(pair, list | tuple) else ()
        if len(items) != 2 or not is_key(items[0]):
            raise UnfitError("an OrderedDict of something else than pairs")
        if items[0] in made:
            raise UnfitError(f"the key {str(items[0])[:100]!r} twice in an OrderedDict")
        made[items[0]] = items[1]
    held[:] = [None]  # one that is used again, which costs its length for a few bytes each time, is refused as no pairs
    return made


def is_key(value: object) -> bool:
    """Whether a dict may have this key: a text, or a whole number of a size at which no two have one hash."""
    return type(value) is str or (type(value) is int and abs(value) < LARGEST_KEY)


def _tensor_v2(arguments: tuple[object, ...]) -> StoredTensor:
    """`_rebuild_tensor_v2(storage, offset, shape, stride, requires_grad, backward_hooks, metadata)`."""
    if len(arguments) not in {6, 7} or not _are_hooks(arguments[5]) or (len(arguments) == 7 and arguments[6] not in (None, {})):
        raise UnfitError("a tensor with something else than storage, offset, shape and strides")
    return _tensor(arguments[:4])


def _tensor(arguments: tuple[object, ...]) -> StoredTensor:
    """`_rebuild_tensor(storage, offset, shape, stride)`."""
    if len(arguments) != 4:
        raise UnfitError("a tensor with something else than storage, offset, shape and strides")
    storage, offset, shape, stride = arguments
    if not isinstance(storage, Storage) or not _is_count(offset):
        raise UnfitError("a tensor without a storage, or with an offset that is no place in it")
    sizes, steps = _counts(shape), _counts(stride)
    if len(sizes) != len(steps):
        raise UnfitError(f"a tensor of {len(sizes)} axes with {len(steps)} strides")
    tensor = StoredTensor(storage, cast("int", offset), sizes, steps)
    end = tensor.offset + (1 + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True)) if tensor.size else 0)
    if end > storage.length or tensor.size > storage.length:
        told = f"offset {tensor.offset:,}, shape {list(sizes)}, strides {list(steps)}"
        raise UnfitError(f"a tensor ({told[:200]}) that reaches beyond its storage of {storage.length:,} numbers")
    return tensor


def _parameter(arguments: tuple[object, ...]) -> StoredTensor:
    """`_rebuild_parameter(tensor, requires_grad, backward_hooks)`."""
    if len(arguments) != 3 or not isinstance(arguments[0], StoredTensor) or not _are_hooks(arguments[2]):
        raise UnfitError("a parameter of something else than a tensor")
    return arguments[0]


def _are_hooks(value: object) -> bool:
    """Whether these are the backward hooks of a tensor that has none."""
    return value is None or (isinstance(value, OrderedDict) and not value)


def _counts(value: object) -> tuple[int, ...]:
    counts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (-1,)
    if len(counts) > MOST_AXES or not all(_is_count(count) for count in counts):
        raise UnfitError("a tensor whose shape or strides are no sizes")
    return cast("tuple[int, ...]", counts)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


CONSTRUCTORS: Final[dict[str, Callable[[tuple[object, ...]], object]]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch._utils._rebuild_tensor_v2": _tensor_v2,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
}
"""All that a pickle may call, by its full name."""
