"""Seeded mutations of configs: of their trees, and of their text and bytes."""

# pyright: reportUnknownVariableType=false, reportUnknownArgumentType=false
# Trees of any kind are changed in any way.

# ruff: noqa: E501

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import yaml

Path = tuple[str | int, ...]

VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2, 3.5, 0.5, -0.0, 1e-300, 1e308, -1e308, float("nan"), float("inf"), -float("inf"),
    2**31, 2**63, -(2**63), 10**15, 10**19, 10**25, "", " ", "null", "~", "no", "1e-5", "1_000", "0x1F", "012", "=in", "=in//0", "=9007199254740992*2",
    "=" + "(" * 99 + "1" + ")" * 99, "=a", "{a}", "${env:PATH}", "${env:NOT_SET_ANYWHERE}", "${env:", "*", "?", "a/b", "../..", "/etc/passwd", "/dev/zero", "/dev/tty",
    "os:system", "subprocess:Popen", "relu", "linear", "mlp", "adam", "category", "image", "full", "auto",
    "caf\u00e9", "\u4e2d\u6587", "\U0001f600", "\u202eabc", "\u200b", "e\u0301", "\ufeff", "\\", "'", '"', "\n", "a\nb", "x" * 10_000,
    [], {}, [[]], [{}], [None], {"": None}, {"type": None}, {"type": "os:system"}, {"type": ["relu"]}, {"type": {"type": "relu"}},
    [1, "a", None, {}], [0] * 500, {str(key): key for key in range(200)}, {"extends": "x.yaml"}, ["relu"] * 50,
    {"repeat": {"times": 10**6, "layers": ["relu"]}}, {"repeat": {"for": {"c": [1, 2]}, "layers": [{"linear": "=c"}]}},
    {"linear": 10**9}, {"conv2d": {"out_channels": 10**6, "kernel_size": 10**6}}, {"residual": ["relu"]}, {"branches": [["relu"], []]},
)  # fmt: skip


def mutated(text: str, others: Sequence[str], seed: int) -> bytes:
    """A config with one to three mutations, most of them of its tree."""
    draw = random.Random(seed)
    if draw.random() < 0.75:
        try:
            tree = yaml.safe_load(text)
            for _ in range(draw.choice([1, 1, 1, 2, 3])):
                tree = draw.choice(TREE_CHANGES)(tree, others, draw)
            text = yaml.safe_dump(tree, allow_unicode=True, sort_keys=False, default_flow_style=draw.random() < 0.3)
        except RecursionError:
            pass
        if draw.random() < 0.9:
            return text.encode("utf-8", "surrogatepass")
    content = text.encode("utf-8", "surrogatepass")
    for _ in range(draw.choice([1, 1, 1, 2])):
        content = draw.choice(TEXT_CHANGES)(content, draw)
    return content


def _places(tree: Any, path: Path = ()) -> Iterator[Path]:
    yield path
    entries: Any = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, item in entries:
        yield from _places(item, (*path, key))


def _at(tree: Any, path: Path) -> Any:
    for part in path:
        tree = tree[part]
    return tree


def _put(tree: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    _at(tree, path[:-1])[path[-1]] = value
    return tree


def _place(tree: Any, draw: random.Random) -> Path:
    found = [path for path in _places(tree) if path] or [()]
    return draw.choice(found)


def _another_value(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    return _put(tree, _place(tree, draw), copy.deepcopy(draw.choice(VALUES)))


def _near_value(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    """Another number or name where one stands."""
    path = _place(tree, draw)
    value = _at(tree, path)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _put(
            tree,
            path,
            draw.choice([value * 2, value + 1, -value, value / 3, value * 10, 0, 1, 1_000_003, float(value), str(value), [value]]),
        )
    if isinstance(value, str):
        words = [str(_at(tree, place)) for place in _places(tree) if isinstance(_at(tree, place), str)]
        return _put(tree, path, draw.choice([*words, value.upper(), value[:-1], f"{value}_", f"{value}\u0301", None]))
    return tree


def _of_another_place(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    return _put(tree, _place(tree, draw), copy.deepcopy(_at(tree, _place(tree, draw))))


def _of_another_config(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    other = yaml.safe_load(draw.choice(others))
    return _put(tree, _place(tree, draw), _at(other, _place(other, draw)))


def _section_of_another(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    other = yaml.safe_load(draw.choice(others))
    if not isinstance(tree, dict) or not isinstance(other, dict):
        return tree
    key: Any = draw.choice(list(other))
    return {**tree, key: other[key]}


def _without(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    path = _place(tree, draw)
    if path:
        del _at(tree, path[:-1])[path[-1]]
    return tree


def _other_key(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    mappings = [path for path in _places(tree) if isinstance(_at(tree, path), dict) and _at(tree, path)]
    if not mappings:
        return tree
    mapping = _at(tree, draw.choice(mappings))
    key: Any = draw.choice(list(mapping))
    value = mapping.pop(key)
    near = str(key)[:-1] + draw.choice("abexyz_.")
    mapping[
        draw.choice([near, str(key).upper(), 5, None, True, 1.5, "", f"{key} ", "type", "\U0001f600", "<<", "__class__", "x" * 300])
    ] = value
    return tree


def _in_a_list(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    path = _place(tree, draw)
    return _put(tree, path, [_at(tree, path)] * draw.choice([1, 1, 2, 30]))


def _in_a_mapping(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    path = _place(tree, draw)
    return _put(tree, path, {draw.choice(["type", "layers", "x", "nodes", "value", "sequential"]): _at(tree, path)})


def _deep(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    path = _place(tree, draw)
    value = _at(tree, path)
    for _ in range(draw.choice([5, 40, 97, 150])):
        value = [value] if draw.random() < 0.5 else {draw.choice(["layers", "residual", "a"]): value}
    return _put(tree, path, value)


def _more_keys(tree: Any, others: Sequence[str], draw: random.Random) -> Any:
    mappings = [path for path in _places(tree) if isinstance(_at(tree, path), dict)]
    if mappings:
        mapping = _at(tree, draw.choice(mappings))
        mapping[
            draw.choice(["blocks", "variables", "layers", "nodes", "heads", "window", "type", "with", "extends", "fields", "init", "share"])
        ] = copy.deepcopy(draw.choice(VALUES))
    return tree


TREE_CHANGES: Final[tuple[Callable[[Any, Sequence[str], random.Random], Any], ...]] = (
    _another_value, _another_value, _near_value, _near_value, _near_value, _of_another_place, _of_another_config, _section_of_another, _section_of_another,
    _without, _other_key, _in_a_list, _in_a_mapping, _deep, _more_keys,
)  # fmt: skip


def _lines(content: bytes, change: Callable[[list[bytes]], None]) -> bytes:
    lines = content.splitlines(keepends=True) or [b""]
    change(lines)
    return b"".join(lines)


def _line_twice(content: bytes, draw: random.Random) -> bytes:
    def change(lines: list[bytes]) -> None:
        lines.insert(draw.randrange(len(lines) + 1), draw.choice(lines))

    return _lines(content, change)


def _line_out(content: bytes, draw: random.Random) -> bytes:
    return _lines(content, lambda lines: lines.__delitem__(draw.randrange(len(lines))))


def _shuffled(content: bytes, draw: random.Random) -> bytes:
    return _lines(content, draw.shuffle)


def _indented(content: bytes, draw: random.Random) -> bytes:
    def change(lines: list[bytes]) -> None:
        place = draw.randrange(len(lines))
        lines[place] = draw.choice([b" ", b"\t", b"   ", b"- ", b"? ", b"", b"# "]) + lines[place].lstrip()

    return _lines(content, change)


def _put_in(content: bytes, draw: random.Random) -> bytes:
    piece = draw.choice(
        [bytes([draw.randrange(256)]), b"\0", b"\xff\xfe", b"\xef\xbb\xbf", "\U0001f600".encode(), b"\xed\xa0\x80", b"\t", b"\r", b"\x1b[31m",
         b": ", b"- ", b"{", b"}", b"[", b"]", b"&a ", b"*a", b"!!python/object/apply:os.system ", b"!!binary ", b"---\n", b"...\n", b"%YAML 1.1\n",
         b"'", b'"', b"|\n", b"<<: ", b"#", b"\xe2\x80\xa8", b"\xc2\x85", b"[" * 200, b"- " * 200, b"9" * 5000, b"a: " * 50, b"=", b"${env:"]
    )  # fmt: skip
    place = draw.randrange(len(content) + 1)
    return content[:place] + piece + content[place:]


def _flipped(content: bytes, draw: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(draw.choice([1, 1, 5, 50])):
        if changed:
            changed[draw.randrange(len(changed))] = draw.randrange(256)
    return bytes(changed)


def _cut(content: bytes, draw: random.Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _taken_out(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[start + draw.choice([1, 2, 10, 100]) :]


def _other_encoding(content: bytes, draw: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    return text.encode(draw.choice(["utf-16", "utf-16-le", "utf-8-sig", "utf-32", "latin-1", "cp037"]), "replace")


TEXT_CHANGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    _line_twice, _line_out, _shuffled, _indented, _put_in, _put_in, _put_in, _flipped, _cut, _taken_out, _other_encoding,
)  # fmt: skip
