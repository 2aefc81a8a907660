"""Which tensors of a file become which parameters: by name and shape, after renaming. Torch-free."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, cast

from nntrain.errors import Problem, YamlPath
from nntrain.nearest import nearest
from nntrain.parameter_names import near_names

LEAST: Final = 0.9
"""Share of the numbers of the body that must be loaded: a network that is mostly random is not what was asked for."""

SHOWN: Final = 3
"""Names that a message lists."""

Shape = tuple[object, ...]
"""Sizes; one that is no `int` is not known yet, and fits any."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The parameters of our network."""

    shapes: Mapping[str, Shape]
    """By full name, each parameter once."""
    head: Collection[str] = ()
    """Names of those in the layers that make the output: they may be new."""
    fresh: Collection[str] = ()
    """Names of those that are always new: adapters."""
    second_names: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Further names of tied parameters."""

    @property
    def body(self) -> list[str]:
        """Names of all others."""
        return [name for name in self.shapes if name not in self.head and name not in self.fresh]


@dataclass(frozen=True, slots=True)
class Matching:
    """What is loaded, and what is not."""

    loaded: Mapping[str, str]
    """Our name to that in the file."""
    missing: Sequence[str]
    """Parameters of the body that the file has not."""
    mismatched: Mapping[str, str]
    """Parameters of the body of another shape there, in words."""
    head: Mapping[str, str]
    """Parameters of the head that stay new, and why."""
    unused: Sequence[str]
    """Tensors of the file that nothing takes, averages of norms aside."""
    loaded_numbers: int
    body_numbers: int
    """Numbers of the body that are loaded, and all of them, as far as their sizes are known."""

    @property
    def share(self) -> float:
        """Share of the body that is loaded."""
        return self.loaded_numbers / self.body_numbers if self.body_numbers else 1.0

    def lines(self) -> list[str]:
        """The report, for the screen."""
        lines = [f"{len(self.loaded):,} tensors; {self.share:.0%} of the body ({self.loaded_numbers:,} of {self.body_numbers:,} numbers)"]
        lines += [f"not in it, and new: {_listed(self.missing)}"] if self.missing else []
        lines += [f"of another shape, and new: {_listed([f'{name} ({why})' for name, why in self.mismatched.items()])}"]
        lines = lines if self.mismatched else lines[:-1]
        lines += [f"the head is new: {why} ({_listed(names)})" for why, names in _by_reason(self.head).items()]
        lines += [f"not used: {_listed(self.unused)}"] if self.unused else []
        return lines

    def record(self) -> dict[str, object]:
        """The same as a tree for a file."""
        return {
            "loaded": dict(self.loaded),
            "missing": list(self.missing),
            "mismatched": dict(self.mismatched),
            "new_head": dict(self.head),
            "unused": list(self.unused),
            "loaded_numbers": self.loaded_numbers,
            "body_numbers": self.body_numbers,
        }


def match(wanted: Wanted, theirs: Mapping[str, tuple[int, ...]], renaming: Mapping[str, str], other_heads: Mapping[str, str]) -> Matching:
    """Pair parameters with tensors.

    Args:
        wanted: Our parameters.
        theirs: Shapes of the file's tensors by name.
        renaming: Patterns of our names to what they are called there.
        other_heads: Parameters of the head that have another meaning there, and why: they stay new.
    """
    loaded: dict[str, str] = {}
    mismatched: dict[str, str] = {}
    head: dict[str, str] = {}
    missing: list[str] = []
    for name, shape in wanted.shapes.items():
        names = [renamed(each, renaming) for each in (name, *wanted.second_names.get(name, ()))]
        found = next((each for each in names if each in theirs), None)
        why = None if found is None else _difference(shape, theirs[found])
        if name in wanted.head and (found is None or why is not None or name in other_heads):
            head[name] = other_heads.get(name) or (f"other shapes: {why}" if why is not None else "not in it")
        elif found is not None and why is None:
            loaded[name] = found
        elif name not in wanted.fresh:
            if why is None:
                missing.append(name)
            else:
                mismatched[name] = why
    counts = {name: _numbers(wanted.shapes[name]) for name in wanted.body}
    taken = {*loaded.values()}
    return Matching(
        loaded,
        missing,
        mismatched,
        head,
        [name for name in theirs if name not in taken and name.rpartition(".")[2] not in (*STATISTICS, *PLACES)],
        sum(counts[name] for name in loaded if name in counts),
        sum(counts.values()),
    )


STATISTICS: Final = frozenset({"running_mean", "running_var", "num_batches_tracked"})
"""What batch norms keep beside their parameters, in torch's names."""


PLACES: Final = frozenset({"edges", "counts"})
"""What `ple` keeps of the first training rows of the run that is started from: the weights behind it stand for these bins."""


def renamed(name: str, renaming: Mapping[str, str]) -> str:
    """What a parameter is called in the file, by the first pattern that fits: a name stands for everything below it too."""
    for ours, theirs in renaming.items():
        found = _fit(ours, name)
        if found is None:
            continue
        stars, rest = found
        given = iter(stars)
        return re.sub(r"\*", lambda _, given=given: next(given), theirs) + rest
    return name


def _fit(pattern: str, name: str) -> tuple[list[str], str] | None:
    """What stands for each `*` of a pattern, and what is left behind it; `None` where it doesn't fit."""
    form = "(.*?)".join(re.escape(part) for part in pattern.split("*"))
    whole = re.fullmatch(form, name)
    if whole is not None:
        return list(whole.groups()), ""
    below = re.fullmatch(rf"{form}(\..+)", name)
    return None if below is None else (list(below.groups()[:-1]), below.groups()[-1])


def renaming_problems(renaming: Mapping[str, str], wanted: Wanted, theirs: Mapping[str, object], path: YamlPath) -> Iterator[Problem]:
    """Lines of a `map` that rename nothing, or to what is not there."""
    used: Counter[str] = Counter()
    reached: Counter[str] = Counter()
    every = [*wanted.shapes, *(second for names in wanted.second_names.values() for second in names)]
    for name in every:
        ours = next((pattern for pattern in renaming if _fit(pattern, name) is not None), None)
        if ours is not None:
            used[ours] += 1
            reached[ours] += renaming[ours].count("*") <= ours.count("*") and renamed(name, renaming) in theirs
    for ours, name in renaming.items():
        if name.count("*") > ours.count("*"):
            yield Problem((*path, ours), f"{name!r} has more * than {ours!r}: what is to stand for it?", "fix:  as many * on both sides")
        elif not used[ours]:
            near = ", ".join(near_names(ours, every))
            yield Problem((*path, ours), f"{ours!r} matches no parameter that an earlier line has not", f"near names: {near}", on_key=True)
        elif not reached[ours]:
            near = ", ".join(near_names(name.strip("*."), theirs))
            yield Problem((*path, ours), f"{name!r} names nothing that is there", f"near names: {near}")


def too_few(found: Matching, wanted: Wanted, theirs: Mapping[str, tuple[int, ...]], what: str, path: YamlPath) -> Problem | None:
    """What is wrong where too little of the body is loaded; with the nearest names, and a line that mends it."""
    if found.share >= LEAST:
        return None
    told = f"{found.loaded_numbers:,} of {found.body_numbers:,} numbers"
    lines = [f"holds {found.share:.0%} of the body ({told}), and at least {LEAST:.0%} are needed"]
    lines += [f"not there: {_listed(found.missing)}"] if found.missing else []
    lines += [f"of another shape: {_listed([f'{name} ({why})' for name, why in found.mismatched.items()])}"] if found.mismatched else []
    lines += [f"there, and not used: {_listed(found.unused)}"] if found.unused else []
    line = suggestion(found, wanted, theirs)
    return Problem(path, f"{what} " + "; ".join(lines), None if line is None else f"fix:  map: {line}")


def suggestion(found: Matching, wanted: Wanted, theirs: Mapping[str, tuple[int, ...]]) -> str | None:
    """A line of `map` that renames what is missing: a prefix that all names have or lack, else the first parameter of the same shape.

    The second only where each missing parameter has one of its shape: to another network no names lead.
    """
    missing = [name for name in found.missing if name not in wanted.head]
    free = {name: theirs[name] for name in found.unused}
    for ours, name in _prefixes(missing, list(free)):
        reached = [each for each in missing if renamed(each, {ours: name}) in free]
        if 2 * len(reached) > len(missing):
            return f'{{"{ours}": "{name}"}}'
    same = {
        ours: [name for name, shape in free.items() if _difference(wanted.shapes[ours], shape) is None and _leaf(name) == _leaf(ours)]
        for ours in missing
    }
    if not missing or found.mismatched or not all(same.values()):
        return None
    ours, others = next(iter(same.items()))
    near = nearest(ours, others, cutoff=0.3, within=1) or others
    return f"{{{ours.rpartition('.')[0]}: {near[0].rpartition('.')[0]}}}"


def _prefixes(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Renamings that add or take away what stands before all names."""
    for name in ours[:SHOWN]:
        for other in theirs:
            if other.endswith(f".{name}"):
                yield "*", other[: -len(name)] + "*"
            elif name.endswith(f".{other}"):
                yield name[: -len(other)] + "*", "*"


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]


def _difference(ours: Shape, theirs: tuple[int, ...]) -> str | None:
    """How two shapes differ, as far as ours is known; `None` where they don't."""
    if len(ours) == len(theirs) and all(not isinstance(a, int) or a == b for a, b in zip(ours, theirs, strict=True)):
        return None
    return f"{list(theirs)} there, {_text(ours)} here"


def _text(shape: Shape) -> str:
    return "[" + ", ".join(str(size) for size in shape) + "]"


def _numbers(shape: Shape) -> int:
    """Numbers of a tensor; none while its sizes are not known."""
    return math.prod(cast("tuple[int, ...]", shape)) if all(isinstance(size, int) for size in shape) else 0


def _by_reason(head: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, why in head.items():
        found.setdefault(why, []).append(name)
    return found


def _listed(names: Sequence[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more:,} more" if more > 0 else "")
