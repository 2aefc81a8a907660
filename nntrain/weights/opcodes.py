"""A pickle as a list of instructions for tensors, read by a machine that knows no others.

Python's own reader imports and calls what a pickle names. This one has a table of the few names that tensors need; each stands for a
function below, any other is an error, and nothing is ever imported or called by a name that was read. What it makes is plain: dicts,
lists, tuples, strings, numbers, and descriptions of tensors (`StoredTensor`). Torch-free.

Instructions: Python's `pickletools`; what torch writes with them: `torch.serialization`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, cast

from nntrain.errors import CheckpointError
from nntrain.weights.rebuilding import CONSTRUCTORS, PersistentId, UnfitError, build_state, find_global, is_key, load_storage
from nntrain.weights.stored import damaged, refused

LARGEST: Final = 16 * 2**20
"""Bytes of a pickle that are read: names and shapes of some 100,000 tensors. Each may become an object of a hundred bytes."""

INTEGER_BYTES: Final = 16
"""Bytes of the longest whole number; the one that marks torch's older files has 10."""

NAMES: Final = {
    ord("i"): "INST",
    ord("o"): "OBJ",
    0x81: "NEWOBJ",
    0x92: "NEWOBJ_EX",
    0x82: "EXT1",
    0x83: "EXT2",
    0x84: "EXT4",
    0x96: "BYTEARRAY8",
    0x97: "NEXT_BUFFER",
    0x98: "READONLY_BUFFER",
    0x8F: "EMPTY_SET",
    0x90: "ADDITEMS",
    0x91: "FROZENSET",
    ord("B"): "BINBYTES",
    ord("C"): "SHORT_BINBYTES",
    0x8E: "BINBYTES8",
    ord("2"): "DUP",
    ord("P"): "PERSID",
    ord("S"): "STRING",
    ord("V"): "UNICODE",
    ord("I"): "INT",
    ord("L"): "LONG",
    ord("F"): "FLOAT",
    ord("g"): "GET",
    ord("p"): "PUT",
}
"""Instructions that no file of tensors has, for messages. Those that only the oldest, textual pickles have are among them."""


class Unpickled(NamedTuple):
    """What a pickle holds, and the byte behind it."""

    value: object
    end: int


class _Mark:
    """Where on the stack a list of values begins."""


_MARK: Final = _Mark()


def unpickle(data: bytes, path: Path, start: int = 0, *, persistent: PersistentId | None = None) -> Unpickled:
    """Read one pickle.

    Args:
        data: The file's first bytes, or the whole pickle.
        path: The file, for messages.
        start: Where the pickle begins.
        persistent: Makes a storage of what stands for it; `None` where the pickle may hold none.

    Raises:
        CheckpointError: It is cut off, or asks for anything but tensors and plain values: with the name of what was found.
    """
    return _Machine(data, path, start, persistent or load_storage).run()


class _Machine:
    """The stack, the memo and the position of one pickle."""

    def __init__(self, data: bytes, path: Path, start: int, persistent: PersistentId) -> None:
        self.data, self.path, self.position, self.persistent = data, path, start, persistent
        self.limit = start + LARGEST
        self.stack: list[object] = []
        self.memo: dict[int, object] = {}

    def run(self) -> Unpickled:
        """Follow the instructions up to the last."""
        while True:
            at = self.position
            if at > self.limit:
                raise refused(self.path, f"its pickle has more than {LARGEST:,} bytes")
            opcode = self._take(1)[0]
            if opcode == _STOP:
                return Unpickled(self._last(at), self.position)
            action = _ACTIONS.get(opcode)
            if action is None:
                raise self._unknown(opcode, at)
            try:
                action(self)
            except UnfitError as error:
                raise refused(self.path, f"{error} at byte {at:,}") from None

    def _last(self, at: int) -> object:
        if len(self.stack) != 1 or self.stack[0] is _MARK:
            raise refused(self.path, f"its pickle ends at byte {at:,} with {len(self.stack)} values, not with one")
        return self.stack[0]

    def _unknown(self, opcode: int, at: int) -> CheckpointError:
        name = NAMES.get(opcode, f"0x{opcode:02x}")
        if opcode == ord("i"):
            try:
                name += f" {self._line()}.{self._line()}"
            except UnfitError as error:
                name += f" of {error}"
        return refused(self.path, f"its pickle has the instruction {name} at byte {at:,}")

    # -- bytes

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self.data):
            missing = end - len(self.data)
            raise damaged(self.path, f"its pickle ends at byte {len(self.data):,}, {missing:,} bytes before the value that is read there")
        found = self.data[self.position : end]
        self.position = end
        return found

    def _line(self) -> str:
        end = self.data.find(b"\n", self.position, self.position + 1000)
        if end < 0:
            raise damaged(self.path, f"its pickle ends within a name at byte {self.position:,}")
        return self._text(self._take(end + 1 - self.position)[:-1])

    def _number(self, form: str) -> int:
        return int(struct.unpack(form, self._take(struct.calcsize(form)))[0])

    def _text(self, raw: bytes) -> str:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise UnfitError(f"a text that is not UTF-8 ({raw[:20]!r})") from None

    # -- stack

    def pop(self) -> object:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnfitError("an instruction without the value that it needs")
        return self.stack.pop()

    def top(self) -> object:
        if not self.stack or self.stack[-1] is _MARK:
            raise UnfitError("an instruction without the value that it needs")
        return self.stack[-1]

    def pop_mark(self) -> list[object]:
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                found = self.stack[place + 1 :]
                del self.stack[place:]
                return found
        raise UnfitError("an instruction without the mark that it needs")

    def pop_many(self, count: int) -> tuple[object, ...]:
        return tuple([self.pop() for _ in range(count)][::-1])

    def discard(self) -> None:
        if not self.stack:
            raise UnfitError("POP of an empty stack")
        self.stack.pop()

    # -- values

    def protocol(self) -> None:
        version = self._number("<B")
        if version not in {2, 3, 4, 5}:
            raise UnfitError(f"a pickle of version {version}")

    def frame(self) -> None:
        self._number("<Q")

    def integer(self, form: str) -> None:
        self.stack.append(self._number(form))

    def long_integer(self, form: str) -> None:
        count = self._number(form)
        if not 0 <= count <= INTEGER_BYTES:
            raise UnfitError(f"a whole number of {count:,} bytes")
        self.stack.append(int.from_bytes(self._take(count), "little", signed=True))

    def float_number(self) -> None:
        self.stack.append(float(struct.unpack(">d", self._take(8))[0]))

    def text(self, form: str) -> None:
        self.stack.append(self._text(self._take(self._number(form))))

    def memorize(self, place: int) -> None:
        if place in self.memo:
            raise UnfitError(f"a second value under the number {place} of the memo")
        self.memo[place] = self.top()

    def put(self, form: str) -> None:
        self.memorize(self._number(form))

    def get(self, form: str) -> None:
        place = self._number(form)
        if place not in self.memo:
            raise UnfitError(f"a value under the number {place} of the memo, which holds none")
        self.stack.append(self.memo[place])

    def append(self) -> None:
        self._extend([self.pop()])

    def appends(self) -> None:
        self._extend(self.pop_mark())

    def _extend(self, values: list[object]) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise UnfitError(f"an APPEND to {type(target).__name__}")
        cast("list[object]", target).extend(values)

    def set_item(self) -> None:
        self._update(list(self.pop_many(2)))

    def set_items(self) -> None:
        self._update(self.pop_mark())

    def _update(self, items: list[object]) -> None:
        target = self.top()
        if not isinstance(target, dict):
            raise UnfitError(f"a SETITEM of {type(target).__name__}")
        _fill(cast("dict[object, object]", target), items)

    def global_name(self) -> None:
        module = self._line()
        self.stack.append(find_global(module, self._line()))

    def stack_global(self) -> None:
        module, name = self.pop_many(2)
        if not (isinstance(module, str) and isinstance(name, str)):
            raise UnfitError(f"STACK_GLOBAL of {type(module).__name__} and {type(name).__name__}, not of two texts")
        self.stack.append(find_global(module, name))

    def reduce(self) -> None:
        function, arguments = self.pop_many(2)
        if not isinstance(arguments, tuple):
            raise UnfitError(f"REDUCE with {type(arguments).__name__} for its arguments")
        construct = CONSTRUCTORS.get(function) if isinstance(function, str) and type(function) is not str else None
        if construct is None:
            raise UnfitError(f"REDUCE on {_described(function)}")
        self.stack.append(construct(cast("tuple[object, ...]", arguments)))

    def build(self) -> None:
        target, state = self.pop_many(2)
        build_state(target, state)
        self.stack.append(target)

    def load_persistent(self) -> None:
        self.stack.append(self.persistent(self.pop()))


def _fill(target: dict[object, object], items: list[object]) -> dict[object, object]:
    """Add keys and values in turn. A key is a text or a whole number: others (deep tuples) could take long to look up."""
    if len(items) % 2:
        raise UnfitError("a SETITEMS of a key without a value")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if not is_key(key):
            raise UnfitError("a dict with a huge number as key" if type(key) is int else f"a dict with a key of type {type(key).__name__}")
        if key in target:
            raise UnfitError(f"the key {str(key)[:100]!r} twice in a dict")
        target[key] = value
    return target


def _described(value: object) -> str:
    return f"{value}" if isinstance(value, str) and type(value) is not str else f"a value of type {type(value).__name__}"


def _push(value: object) -> Callable[[_Machine], None]:
    return lambda machine: machine.stack.append(value)


_STOP: Final = ord(".")

_ACTIONS: Final[dict[int, Callable[[_Machine], None]]] = {
    0x80: _Machine.protocol,
    0x95: _Machine.frame,
    ord("("): _push(_MARK),
    ord("0"): _Machine.discard,
    ord("1"): lambda machine: machine.pop_mark().clear(),
    ord("N"): _push(None),
    0x88: _push(True),
    0x89: _push(False),
    ord("J"): lambda machine: machine.integer("<i"),
    ord("K"): lambda machine: machine.integer("<B"),
    ord("M"): lambda machine: machine.integer("<H"),
    0x8A: lambda machine: machine.long_integer("<B"),
    0x8B: lambda machine: machine.long_integer("<i"),
    ord("G"): _Machine.float_number,
    ord("X"): lambda machine: machine.text("<I"),
    0x8C: lambda machine: machine.text("<B"),
    0x8D: lambda machine: machine.text("<Q"),
    ord("T"): lambda machine: machine.text("<I"),
    ord("U"): lambda machine: machine.text("<B"),
    ord("}"): lambda machine: machine.stack.append({}),
    ord("]"): lambda machine: machine.stack.append([]),
    ord(")"): _push(()),
    ord("d"): lambda machine: machine.stack.append(_fill({}, machine.pop_mark())),
    ord("l"): lambda machine: machine.stack.append(machine.pop_mark()),
    ord("t"): lambda machine: machine.stack.append(tuple(machine.pop_mark())),
    0x85: lambda machine: machine.stack.append(machine.pop_many(1)),
    0x86: lambda machine: machine.stack.append(machine.pop_many(2)),
    0x87: lambda machine: machine.stack.append(machine.pop_many(3)),
    ord("a"): _Machine.append,
    ord("e"): _Machine.appends,
    ord("s"): _Machine.set_item,
    ord("u"): _Machine.set_items,
    ord("q"): lambda machine: machine.put("<B"),
    ord("r"): lambda machine: machine.put("<I"),
    0x94: lambda machine: machine.memorize(len(machine.memo)),
    ord("h"): lambda machine: machine.get("<B"),
    ord("j"): lambda machine: machine.get("<I"),
    ord("c"): _Machine.global_name,
    0x93: _Machine.stack_global,
    ord("R"): _Machine.reduce,
    ord("b"): _Machine.build,
    ord("Q"): _Machine.load_persistent,
}
