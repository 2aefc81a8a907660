"""Which runs `nntrain runs` lists, in which order, and what it tells of each. Torch-free."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, cast

from nntrain.commands.command_line.requirements import named_number
from nntrain.errors import NNTrainError, UsageError
from nntrain.nearest import nearest
from nntrain.runs import Run

Value = str | float | bool | None
"""Of a run, as a cell of the table shows it; several tags are one text."""

BAR: Final = "validation.accuracy=0.9"
"""An example of what `--min` and `--max` take."""

_UNITS: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_AGE: Final = re.compile(r"(\d+(?:\.\d+)?)([mhdw])")
_CONDITION: Final = re.compile(r"([^=!<>]+?)(!?=)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Query:
    """What the command line asks for."""

    where: tuple[str, ...] = ()
    """`NAME=VALUE` or `NAME!=VALUE`; all must hold."""
    minimum: tuple[str, ...] = ()
    maximum: tuple[str, ...] = ()
    """`NAME=NUMBER`, as of `nntrain eval`."""
    since: str | None = None
    """Age that a run has at most: `7d`."""
    sort: str | None = None
    """A metric, or another figure; the best comes last, where the newest is otherwise."""
    columns: tuple[str, ...] = ()
    """What is shown in place of the usual columns."""

    @property
    def names(self) -> list[str]:
        """All that is asked of the runs."""
        conditions = [split_condition(text)[0] for text in self.where]
        bars = [
            named_number(option, text, BAR)[0] for option, texts in (("--min", self.minimum), ("--max", self.maximum)) for text in texts
        ]
        return [*conditions, *bars, *([self.sort] if self.sort else []), *self.columns]


class RunFacts:
    """All that can be asked of one run: its facts, its metrics, the settings of its config. Read when first asked for."""

    def __init__(self, run: Run, summary: Mapping[str, Any], known: Mapping[str, Value]) -> None:
        """Know a run.

        Args:
            run: The run.
            summary: Its `summary.json`, empty where it has none.
            known: Facts by name.
        """
        self.run, self.summary, self.known = run, summary, known

    def value(self, name: str) -> Value:
        """What a run has under a name; `None` where it has nothing."""
        if name in self.known:
            return self.known[name]
        if name in self.metrics:
            return self.metrics[name]
        return self.settings.get(name)

    def has(self, name: str) -> bool:
        """Whether a run has that name; its config is read only where nothing else has it."""
        return name in self.known or name in self.metrics or name in self.settings

    @cached_property
    def metrics(self) -> dict[str, float | None]:
        """By full name: of the best state, of the last one (`last.validation.loss`), of the test rows."""
        found: dict[str, float | None] = {}
        for part, prefix in (("best", ""), ("last", "last."), ("test", "test.")):
            values: object = self.summary.get(part)
            if isinstance(values, dict):
                numbers = cast("dict[str, object]", values).items()
                known = {name: finite(value) for name, value in numbers if name not in ("epoch", "step")}
                found |= {f"{prefix}{name}": None if value is None else float(value) for name, value in known.items()}
        return found

    @cached_property
    def settings(self) -> dict[str, Value]:
        """The settings of the resolved config by path: `optimizer.lr`. None where it can't be read."""
        from nntrain.config.loading import load

        try:
            return dict(_flat("", load(self.run.path / "resolved.yaml").tree))
        except NNTrainError:
            return {}


def finite(value: object) -> float | None:
    """A finite number, as every JSON reader and the table take it; `None` for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer beyond all floats
        return None


def _flat(path: str, tree: object) -> list[tuple[str, Value]]:
    """Single values of a tree by path; `optimizer` itself is its type."""
    if isinstance(tree, dict):
        pairs = [pair for key, inner in cast("dict[str, object]", tree).items() for pair in _flat(f"{path}.{key}" if path else key, inner)]
        kind = cast("dict[str, object]", tree).get("type")
        return [*pairs, *([(path, kind)] if path and isinstance(kind, str) else [])]
    if isinstance(tree, list):
        return [(path, ", ".join(map(str, cast("list[object]", tree))))]
    return [(path, tree if isinstance(tree, str | float | int | bool) or tree is None else str(tree))]


@dataclass(frozen=True)
class Selection:
    """A query, after a look at what the runs have."""

    query: Query
    now: float
    oldest: float = field(init=False)

    def __post_init__(self) -> None:
        """Read the age. Raises `UsageError` where it is none."""
        object.__setattr__(self, "oldest", -math.inf if self.query.since is None else self.now - seconds_of(self.query.since))

    def chosen(self, facts: Sequence[RunFacts]) -> list[RunFacts]:
        """The runs that are asked for, in their order.

        Raises:
            UsageError: A name that no run has, or that runs are not ranked by.
        """
        recent = [each for each in facts if float(each.known["started"] or 0.0) >= self.oldest]
        for name in self.query.names:
            _check_known(name, recent or facts)
        tests = self._tests()
        found = [each for each in recent if all(test(each) for test in tests)]
        return found if self.query.sort is None else _sorted(found, self.query.sort)

    def _tests(self) -> list[Callable[[RunFacts], bool]]:
        tests: list[Callable[[RunFacts], bool]] = []
        for text in self.query.where:
            name, is_wanted, value = split_condition(text)
            tests.append(lambda each, name=name, wanted=is_wanted, value=value: _is_equal(name, each.value(name), value) is wanted)
        for option, sign, texts in (("--min", 1, self.query.minimum), ("--max", -1, self.query.maximum)):
            for text in texts:
                name, bar = named_number(option, text, BAR)
                tests.append(lambda each, name=name, sign=sign, bar=bar: _reaches(each.value(name), bar, sign))
        return tests


def seconds_of(age: str) -> float:
    """Seconds of `90m`, `12h`, `7d`, `2w`. Raises `UsageError` for another text."""
    found = _AGE.fullmatch(age)
    if found is None:
        raise UsageError(f"--since {age}: no age", "a number and m, h, d or w: --since 7d")
    return float(found[1]) * _UNITS[found[2]]


def split_condition(text: str) -> tuple[str, bool, str]:
    """Name, whether it is to be equal, and value. Raises `UsageError` for another text."""
    found = _CONDITION.fullmatch(text)
    if found is None:
        raise UsageError(f"--where {text!r}: no condition", "NAME=VALUE or NAME!=VALUE; of numbers --min NAME=VALUE, --max NAME=VALUE")
    return found[1].strip(), found[2] == "=", found[3].strip()


def _is_equal(name: str, found: Value, wanted: str) -> bool:
    """Whether a value is the one that a text writes; of the tags whether that is one of them."""
    if name == "tags":
        return wanted in str(found).split(", ")
    if found is None or isinstance(found, bool):
        return wanted == ("null" if found is None else str(found).lower())
    if isinstance(found, str):
        return wanted == found
    try:
        return found == float(wanted)
    except ValueError:
        return False


def _reaches(found: Value, bar: float, sign: int) -> bool:
    return isinstance(found, int | float) and not isinstance(found, bool) and sign * (found - bar) >= 0


def _check_known(name: str, facts: Sequence[RunFacts]) -> None:
    if any(each.has(name) for each in facts) or not facts:
        return
    known = list(dict.fromkeys(key for each in facts for key in (*each.known, *each.metrics)))
    settings = list(dict.fromkeys(key for each in facts for key in each.settings))
    near = nearest(name, [*known, *settings])
    raise UsageError(
        f"no run has {name!r}", f"nearest: {near[0]}" if near else f"there are {', '.join(known)} and settings such as optimizer.lr"
    )


def _sorted(facts: Sequence[RunFacts], name: str) -> list[RunFacts]:
    """The best at the end; runs without a figure first.

    Raises:
        UsageError: Runs are not ranked by it.
    """
    if name.startswith("test."):
        validation = f"validation.{name.partition('.')[2]}"
        hint = f"--sort {validation}; to see it: --columns {validation},{name}"
        raise UsageError(f"runs are not ranked by {name}: whoever chooses by test rows no longer knows how good the chosen one is", hint)
    sign = -1 if _falls(facts, name) else 1

    def key(each: RunFacts) -> tuple[int, float, str]:
        value = each.value(name)
        if value is None:
            return 0, 0.0, ""
        return (1, sign * float(value), "") if isinstance(value, int | float) else (2, 0.0, value)

    return sorted(facts, key=key)


def _falls(facts: Sequence[RunFacts], name: str) -> bool:
    """Whether less of it is better, so that the least comes last."""
    metric = name.removeprefix("last.").partition(".")[2]
    if not any(name in each.metrics for each in facts):
        return False
    directions = [each.summary.get("directions") for each in facts]
    told = [cast("dict[str, object]", each).get(metric) for each in directions if isinstance(each, dict)]
    return "min" in told or metric.endswith("loss")
