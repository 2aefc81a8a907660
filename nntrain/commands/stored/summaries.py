"""What a run has measured, its `summary.json`, as other commands read it: one that is damaged or forged is told in words. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard, cast

from nntrain.errors import CheckpointError
from nntrain.runs import Run


def read_summary(run: Run) -> dict[str, Any]:
    """All that a run has measured, without what has no value.

    Raises:
        CheckpointError: It is missing or damaged, or a part is of another type than a run writes.
    """
    found = {name: value for name, value in run.read_json("summary.json").items() if value is not None}
    wrong = [name for name, is_right in _PARTS.items() if name in found and not is_right(found[name])]
    if wrong:
        raise damaged(run, wrong)
    return found


def damaged(run: Run, names: list[str]) -> CheckpointError:
    """The error of a summary whose parts are not what a run writes."""
    return CheckpointError(f"{run.name}/summary.json: damaged ({', '.join(names)} missing, or of another type)")


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str)


def _is_number(value: object) -> TypeGuard[float]:
    """Whether it is a number that a float can hold, NaN and infinity among them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and _is_number(value) and value >= 0


def _has(value: object, is_right: Callable[[object], bool]) -> bool:
    return isinstance(value, dict) and all(map(is_right, cast("dict[str, object]", value).values()))


def _is_figures(value: object) -> TypeGuard[dict[str, float | None]]:
    return _has(value, lambda inner: inner is None or _is_number(inner))


def _is_state(value: object) -> TypeGuard[dict[str, float | None]]:
    """Whether it is a state's figures beside its place, if it has one."""
    return _is_figures(value) and all(value.get(name) is None or _is_count(value[name]) for name in ("epoch", "step"))


def _is_members(value: object) -> TypeGuard[list[dict[str, Any]]]:
    return isinstance(value, list) and all(isinstance(each, dict) and "run" in each for each in cast("list[object]", value))


_PARTS: Final[Mapping[str, Callable[[object], bool]]] = {
    **dict.fromkeys(("monitor", "stop_reason"), _is_text),
    **dict.fromkeys(("epochs", "steps", "parameters", "test_looks"), _is_count),
    "seconds": _is_number,
    "directions": lambda value: _has(value, lambda inner: inner in ("min", "max")),
    **dict.fromkeys(("best", "last"), _is_state),
    **dict.fromkeys(("test", "baseline"), _is_figures),
    **dict.fromkeys(("baselines", "sd"), lambda value: _has(value, _is_figures)),
    "members": _is_members,
}
"""Parts that others read, with what they must be where they are there; older versions of nntrain wrote fewer."""
