"""`rearrange`: axes split, merged and put in another order, written as in einops (Rogozhnikov 2022)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import field_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_numbers
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, VOLUME, Size, Spec, compute

if TYPE_CHECKING:
    from torch import nn

AXES: Final = {1: VECTOR, 2: SEQUENCE, 3: IMAGE, 4: VOLUME}
"""What comes out, by its number of axes."""

ALONE: Final = "1"
"""The name of an axis of size 1 that the other side does not have."""

_SIDE: Final = re.compile(r"\(([^()]*)\)|([^\s()]+)")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)*")
_EXAMPLE: Final = 'such as  "c h w -> (h w) c"'

Side = tuple[tuple[str, ...], ...]
"""The axes of a tensor; each the names of the parts that it is made of."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern whose numbers have names."""

    before: Side
    after: Side
    sizes: Mapping[str, int]
    """Sizes of the parts that were written as numbers, but for a 1 on one side alone, which is called `1`."""

    def __str__(self) -> str:
        """As einops takes it: with the batch axis, which no name of ours can be."""
        return " -> ".join("batch_axis " + " ".join(f"({' '.join(parts)})" for parts in side) for side in (self.before, self.after))


class Rearrange(Layer):
    """Splits, merges and reorders axes: `"c (h 6) (w 6) -> (h w) (6 6 c)"` cuts an image [B, C, H, W] into patches [B, N, F].

    Names stand for axes (the batch is left out), in the order in which they come: a row of numbers [F], a sequence [T, F], an image
    [C, H, W], a volume [C, D, H, W]; what comes out is the one of these with as many axes. `(h 6)` splits an axis into parts
    (the last varies fastest) or merges parts; a number is a part of that size, and equal numbers stand for each other in order. A 1 on
    one side alone makes or drops an axis: `"t f -> 1 t f"` makes an image of a sequence.
    """

    main: ClassVar[str | None] = "pattern"

    type: Literal["rearrange"] = "rearrange"
    pattern: str
    """Axes before and after, written as in einops."""

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        read_pattern(value)
        return value

    @property
    def looks_ahead(self) -> bool:
        """Whether it does more than arrange the features of each step."""
        pattern = read_pattern(self.pattern)
        steps = pattern.before[0]
        return len(steps) > 1 or steps != pattern.after[0] or len(pattern.after) != len(SEQUENCE)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        pattern = read_pattern(self.pattern)
        if spec.is_packed:
            raise SpecError(f"arranges the axes of a row, and gets {spec.describe()}, which have none but their features")
        if len(pattern.before) != spec.rank:
            raise SpecError(f"by {self.pattern!r} takes {len(pattern.before)} axes, and gets {spec.describe()}")
        sizes: dict[str, Size] = {ALONE: 1, **pattern.sizes}
        for parts, size in zip(pattern.before, spec.sizes, strict=True):
            self._split(parts, size, sizes, spec)
        ragged = [(parts, place) for place, parts in enumerate(pattern.after) if any(sizes[part] == RAGGED for part in parts)]
        if any(len(parts) > 1 or place != 0 or len(pattern.after) != len(SEQUENCE) for parts, place in ragged):
            raise SpecError(
                f"by {self.pattern!r} moves or merges the steps of {spec.describe()}, whose number differs by row", hint="pool it first"
            )
        return Spec(AXES[len(pattern.after)], tuple(_product([sizes[part] for part in parts]) for parts in pattern.after))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from einops.layers.torch import Rearrange as EinopsRearrange

        pattern = read_pattern(self.pattern)
        return EinopsRearrange(str(pattern), **pattern.sizes)

    def _split(self, parts: Sequence[str], size: Size, sizes: dict[str, Size], spec: Spec) -> None:
        """Find the sizes of the parts of an axis."""
        open_parts = [part for part in parts if part not in sizes]
        if len(parts) > 1 and size == RAGGED:
            raise SpecError(f"by {self.pattern!r} splits the steps of {spec.describe()}, whose number differs by row", hint="pool it first")
        if len(open_parts) > 1:
            raise SpecError(
                f"by {self.pattern!r} splits an axis into {' and '.join(open_parts)}, and can't tell how", hint="write a number"
            )
        product = math.prod(known for part in parts if isinstance(known := sizes.get(part), int))
        if isinstance(size, int) and (size % product if open_parts else size != product):
            raise SpecError(f"by {self.pattern!r} splits {size} into ({_written(parts, sizes)}), and gets {spec.describe()}")
        for part in open_parts:
            sizes[part] = compute(partial(_share, product), size)


def read_pattern(text: str) -> Pattern:
    """Read `"c (h 6) -> h (6 c)"`.

    Raises:
        PydanticCustomError: It is none.
    """
    before, arrow, after = text.partition("->")
    if not arrow:
        raise _wrong(text, "has no ->")
    sizes: dict[str, int] = {}
    sides = [_read_side(side, text, sizes) for side in (before, after)]
    sides = _with_ones_alone(sides, sizes)
    names = [Counter(part for parts in side for part in parts if part != ALONE) for side in sides]
    for found in names:
        twice = [_told(name, sizes) for name, count in found.items() if count > 1]
        if twice:
            raise _wrong(text, f"names {twice[0]} twice on one side")
    lost = [_told(name, sizes) for name in {**names[0], **names[1]} if name not in names[0] or name not in names[1]]
    if lost:
        raise _wrong(text, f"has {lost[0]} on one side only")
    for side in sides:
        if len(side) not in AXES:
            raise _wrong(text, f"has {len(side)} axes on one side; a tensor has 1 to 4 without the batch")
    return Pattern(sides[0], sides[1], sizes)


def _with_ones_alone(sides: Sequence[Side], sizes: dict[str, int]) -> list[Side]:
    """The sides with each 1 that stands on one of them alone under its own name; it leaves `sizes`."""
    names = [{part for parts in side for part in parts} for side in sides]
    alone = {name for name in names[0] ^ names[1] if sizes.get(name) == 1}
    for name in alone:
        del sizes[name]
    return [tuple(tuple(ALONE if part in alone else part for part in parts) for parts in side) for side in sides]


def _read_side(side: str, text: str, sizes: dict[str, int]) -> Side:
    if _SIDE.sub("", side).strip():
        raise _wrong(text, "has a bracket without its other one")
    counts: Counter[str] = Counter()
    axes: list[tuple[str, ...]] = []
    for match in _SIDE.finditer(side):
        parts = tuple(_read_part(part, text, sizes, counts) for part in (match[2] or match[1]).split())
        if not parts:
            raise _wrong(text, "has empty brackets")
        axes.append(parts)
    return tuple(axes)


def _read_part(part: str, text: str, sizes: dict[str, int], counts: Counter[str]) -> str:
    """A name as it is; a number by a name of its own: the second 6 of a side is `n6x2`."""
    if part.isdecimal() and int(part) > 0:
        counts[part] += 1
        name = f"n{int(part)}x{counts[part]}"
        sizes[name] = int(part)
        return name
    if not _NAME.fullmatch(part):
        raise _wrong(text, f"has {part!r}, which is neither the name of an axis nor a number")
    return part


def _told(name: str, sizes: Mapping[str, int]) -> str:
    return str(sizes.get(name, name))


def _written(parts: Sequence[str], sizes: Mapping[str, Size]) -> str:
    return " ".join(str(sizes.get(part, part)) for part in parts)


def _product(sizes: Sequence[Size]) -> Size:
    return sizes[0] if len(sizes) == 1 else compute(lambda *known: math.prod(known), *sizes)


def _share(product: int, whole: int) -> int:
    return whole // product


def _wrong(text: str, what: str) -> PydanticCustomError:
    return PydanticCustomError("no_pattern", "{text} {what}; " + _EXAMPLE, {"text": repr(text), "what": what})
