"""What layers ask of the tensor they get, in the words of their errors."""

from __future__ import annotations

from typing import cast

from nntrain.errors import SpecError
from nntrain.specs import IMAGE, NODES, SEQUENCE, VECTOR, Spec, Unknown

EMBED = "put embedding before it"
"""What an index needs before a layer that computes with numbers."""


def need_known(**options: object) -> None:
    """Refuse an option whose number only the data tells: some shapes can't be told without it.

    Raises:
        SpecError: One of them is `=in` or `=out` of a size that is not known yet.
    """
    for name, option in options.items():
        for size in cast("tuple[object, ...]", option) if isinstance(option, tuple) else (option,):
            if isinstance(size, tuple):
                need_known(**{name: cast("tuple[object, ...]", size)})
            if isinstance(size, Unknown):
                raise SpecError(f"needs a number for {name}, and gets {size}, which only the data tells", hint="write the number")


def need_numbers(spec: Spec) -> None:
    """Refuse an index: its numbers are names.

    Raises:
        SpecError: It is one.
    """
    if spec.kind == "index":
        raise SpecError(f"needs numbers and gets {spec.describe()}", hint=EMBED)


def need_features(spec: Spec) -> None:
    """Refuse what has no feature axis at its end: `[B, F]` and `[B, T, F]` have one, an image has none.

    Raises:
        SpecError: It has none, or is an index.
    """
    need_numbers(spec)
    if not spec.axes or spec.axes[-1] != "feature":
        raise SpecError(f"needs one row of numbers per example and gets {spec.describe()}", hint="put flatten before it")


def need_row(spec: Spec, *, or_nodes: bool = False) -> None:
    """Refuse what is no row of numbers for each example, or, where they are taken too, for each node.

    Raises:
        SpecError: It is none.
    """
    need_features(spec)
    if (spec.of_one if or_nodes else spec).axes != VECTOR:
        raise SpecError(f"needs one row of numbers per example and gets {spec.describe()}", one_row_hint(spec))


def need_channels(spec: Spec) -> None:
    """Refuse what has neither features nor channels: a single value.

    Raises:
        SpecError: It has neither, or is an index.
    """
    need_numbers(spec)
    if channel_axis(spec) not in spec.axes:
        raise SpecError(f"needs features or channels and gets {spec.describe()}")


def channel_axis(spec: Spec) -> str:
    """The axis that layers widen and merges join: `channel` of an image, `feature` of everything else."""
    return "channel" if "channel" in spec.axes else "feature"


def one_row_hint(spec: Spec) -> str:
    """How to make one row of numbers of a tensor."""
    if spec.axes == SEQUENCE:
        return "one row per example: put `pool: last` (or mean, max) after it"
    if spec.axes == NODES:
        return "one row per graph: put `pool: mean` (or sum, max) after it"
    if spec.axes == IMAGE:
        return "put flatten or global_avg_pool after it"
    return EMBED if spec.kind == "index" else "put flatten after it"


def divisors_hint(option: str, count: int) -> str:
    """The numbers that an option may have so that it divides a count."""
    divisors = [n for n in range(1, count + 1) if count % n == 0]
    both = " both" if option == "groups" else f" {count}"
    return f"{option} divides{both}: " + ", ".join(map(str, divisors[:12])) + (" …" if len(divisors) > 12 else "")
