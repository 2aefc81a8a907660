"""Finished runs as rows of a comparison: what they measured, as one run or over several of one config. Torch-free."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final

from nntrain.commands.judging.compared_settings import fingerprints_of
from nntrain.commands.screens.figures import format_seconds
from nntrain.commands.screens.results import spread_text
from nntrain.commands.stored.summaries import damaged, read_summary
from nntrain.config.loading import load
from nntrain.config.resolving import differences
from nntrain.errors import CheckpointError, render_path
from nntrain.runs import Run, all_runs, diverged_part, is_finished

NO_POSITION: Final = frozenset({"epoch", "step"})
VARIES: Final = (("seed",), ("data", "split", "seed"), ("data", "split", "fold"))
"""Settings in which runs of one config may differ."""
COSTS: Final = ("parameters", "epochs", "steps", "seconds")
"""Figures that every run has; less is better."""


@dataclass(frozen=True, slots=True)
class Row:
    """Runs that are shown as one: a single run, or all runs of one config."""

    name: str
    summaries: tuple[Mapping[str, Any], ...]
    """Of each run; those of the members of a run of several."""
    varied: tuple[str, ...]
    """Settings in which they differ."""
    tested_on: frozenset[str] = frozenset()
    """Fingerprints of their test rows."""
    wall_s: float = 0.0
    """Seconds that all of them took together, as `nntrain runs` tells it: members that are trained at once share theirs."""

    @property
    def monitor(self) -> str:
        """The metric that decided which state was the best."""
        return str(self.summaries[0]["monitor"])

    def values(self, name: str) -> list[float]:
        """A metric by full name over the runs: `validation.accuracy`, `last.validation.accuracy`, `test.accuracy`; or `seconds`."""
        found = [value_of(summary, name) for summary in self.summaries]
        return [value for value in found if value is not None]

    def text(self, name: str) -> str:
        """Mean, and standard deviation over several runs."""
        values = self.values(name)
        return "-" if not values else spread_text(fmean(values), stdev(values) if len(values) > 1 else None)


def value_of(summary: Mapping[str, Any], name: str) -> float | None:
    """A figure of a summary by full name; `None` where it has none, or an undefined one."""
    part, _, rest = name.partition(".")
    if part in {"test", "last"}:
        value = summary.get(part, {}).get(rest)
    else:
        value = summary.get("best", {}).get(name) if rest else summary.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def rows_by_config(arguments: Sequence[str], root: Path) -> list[Row]:
    """One row for each config that the named runs, or all runs, have."""
    wanted = [argument.rstrip("/") for argument in arguments]
    found = [run for run in all_runs(root) if not wanted or any(_is_below(run, argument, root) for argument in wanted)]
    groups: dict[str, list[Run]] = {}
    for each in found:
        if is_finished(each):
            groups.setdefault(f"{each.path.parent.name}\n{_meaning(each)}", []).append(each)
    return [_joined(members) for members in groups.values()]


def _is_below(run: Run, argument: str, root: Path) -> bool:
    return run.path.as_posix().startswith((f"{argument}/", f"{(root / argument).as_posix()}/")) or run.path in {
        Path(argument),
        root / argument,
    }


def _meaning(run: Run) -> str:
    """What runs of one config agree in."""
    tree = load(run.path / "resolved.yaml").tree
    for path in VARIES:
        inner: Any = tree
        for part in path[:-1]:
            inner = inner.get(part) or {}
        inner.pop(path[-1], None)
    return json.dumps(tree, sort_keys=True)


def _joined(runs: Sequence[Run]) -> Row:
    if len(runs) == 1:
        return row_of(runs[0])
    rows = [row_of(each) for each in runs]
    varied = [name for row in rows for name in row.varied] + _varied(runs)
    summaries = tuple(each for row in rows for each in row.summaries)
    tested_on = frozenset(each for row in rows for each in row.tested_on)
    return Row(runs[0].path.parent.as_posix(), summaries, tuple(dict.fromkeys(varied)), tested_on, sum(row.wall_s for row in rows))


def _varied(runs: Sequence[Run]) -> list[str]:
    first, *others = [load(each.path / "resolved.yaml").tree for each in runs]
    return [render_path(path) for other in others for path, _, _ in differences(first, other)]


def row_of(found: Run) -> Row:
    """A run as a row. Raises `CheckpointError` where it isn't finished, or has diverged."""
    if not is_finished(found):
        ended = diverged_part(found)
        if ended is not None:
            raise CheckpointError(
                f"{found.name} has no result: {ended.name} diverged", f"{ended.name}/summary.json says why, and what to train anew"
            )
        raise CheckpointError(f"{found.name} is not finished", f"go on with it: nntrain fit --resume {found.name}")
    summary = _summary(found)
    members = [Run(Path(str(each["run"]))) for each in summary.get("members", [])]
    wall_s = value_of(summary, "seconds") or 0.0
    whole = [Run(found.path / "members" / member.path.name) for member in members]
    if not whole:
        return Row(found.name, (summary,), (), _tested_on([found]), wall_s)
    summaries = tuple(_summary(member) for member in whole)
    return Row(found.name, summaries, tuple(dict.fromkeys(_varied(whole))), _tested_on(whole), wall_s)


def _summary(run: Run) -> dict[str, Any]:
    """What a run has measured. Raises `CheckpointError` where parts are missing or of another type."""
    summary = read_summary(run)
    missing = [name for name in ("best", "last", "test", "directions", "monitor") if name not in summary]
    if missing:
        raise damaged(run, missing)
    return summary


def _tested_on(runs: Sequence[Run]) -> frozenset[str]:
    found = [fingerprints_of(run).get("test") for run in runs]
    return frozenset(each for each in found if isinstance(each, str))


def columns_of(rows: Sequence[Row]) -> dict[str, str]:
    """Metrics of a table by title: what decides on the validation rows, at the best and at the last state, the same on the test rows."""
    monitors = list(dict.fromkeys(row.monitor for row in rows))
    columns: dict[str, str] = {}
    for name in monitors:
        columns |= {f"{name} (best)": name, f"{name} (last)": f"last.{name}"}
        columns |= {f"test.{name.partition('.')[2]}": f"test.{name.partition('.')[2]}"}
    return {title: name for title, name in columns.items() if any(row.values(name) for row in rows)}


def table_of(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and cells: the metrics of `columns_of`, and the cost."""
    shown = columns_of(rows)
    head = ["run", "n", *shown, "parameters", "epochs", "time"]
    cells = [
        [
            row.name,
            str(len(row.summaries)),
            *(row.text(name) for name in shown.values()),
            f"{int(fmean(row.values('parameters'))):,}" if row.values("parameters") else "-",
            f"{fmean(row.values('epochs')):.0f}" if row.values("epochs") else "-",
            format_seconds(row.wall_s),
        ]
        for row in rows
    ]
    return head, cells


def caption_of(rows: Sequence[Row]) -> str:
    """What the spread is over, and that the best state was chosen on the validation rows."""
    several = [row for row in rows if len(row.summaries) > 1]
    told = ["best: the state that was best on the validation rows; last: the one that training ended with"]
    if several:
        varied = ", ".join(dict.fromkeys(name for row in several for name in row.varied)) or "nothing"
        told.insert(0, f"mean ± standard deviation over n runs, which differ in: {varied}")
    return "; ".join(told)


def metrics_of(rows: Sequence[Row]) -> list[str]:
    """Every figure that a run has, by full name."""
    names: dict[str, None] = {}
    for row in rows:
        for summary in row.summaries:
            names |= dict.fromkeys(name for name in summary.get("best", {}) if name not in NO_POSITION)
            names |= dict.fromkeys(f"last.{name}" for name in summary.get("last", {}) if name not in NO_POSITION)
            names |= dict.fromkeys(f"test.{name}" for name in summary.get("test", {}))
    return [*names, *COSTS]


def direction_of(row: Row, name: str) -> str | None:
    """`min` or `max`: which way a metric by full name is better; `None` where that is not known."""
    return row.summaries[0].get("directions", {}).get(name.removeprefix("last.").partition(".")[2])
