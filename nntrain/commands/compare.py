"""`nntrain compare`: finished runs beside one another, as a table for a screen, a paper or a spreadsheet. Torch-free."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Final, Literal, cast

from nntrain.commands.figures import format_seconds
from nntrain.commands.output import emit, tell
from nntrain.commands.results import aligned, spread_text
from nntrain.config.loading import load
from nntrain.config.resolving import differences
from nntrain.errors import CheckpointError, RequirementError, UsageError, render_path
from nntrain.nearest import nearest
from nntrain.runs import Run, all_runs, find_run, is_finished, runs_root

Form = Literal["text", "markdown", "latex", "csv", "json"]

FORMS: Final[tuple[Form, ...]] = ("text", "markdown", "latex", "csv", "json")
NO_POSITION: Final = frozenset({"epoch", "step"})
VARIES: Final = (("seed",), ("data", "split", "seed"), ("data", "split", "fold"))
"""Settings in which runs of one config may differ."""
COSTS: Final = ("parameters", "epochs", "steps", "seconds")
"""Figures that every run has; less is better."""
ROUNDING: Final = 1e-12
"""Share of a value by which a difference may miss what is allowed: 0.95 - 0.94 is more than 0.01 as binary numbers are."""


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
        found = [_value(summary, name) for summary in self.summaries]
        return [value for value in found if value is not None]

    def text(self, name: str) -> str:
        """Mean, and standard deviation over several runs."""
        values = self.values(name)
        return "-" if not values else spread_text(fmean(values), stdev(values) if len(values) > 1 else None)


def _value(summary: Mapping[str, Any], name: str) -> float | None:
    part, _, rest = name.partition(".")
    if part in {"test", "last"}:
        value = summary.get(part, {}).get(rest)
    else:
        value = summary.get("best", {}).get(name) if rest else summary.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def run(
    arguments: Sequence[str], *, runs: Path | None, by: str | None, form: str | None, tolerance: Sequence[str], html: Path | None = None
) -> int:
    """Print the table, and fail where the first run is worse than the second by more than a tolerance.

    Args:
        arguments: Runs; with `by`, folders of runs.
        runs: The runs folder.
        by: `config` makes one row of all finished runs of one config.
        form: `text`, `markdown`, `latex`, `csv` or `json`; `None` is `text`.
        tolerance: `metric=value` each.
        html: File for a page with curves and settings too.

    Raises:
        UsageError: No such form, no runs, or a metric that they don't have.
        CheckpointError: A run is not finished.
        RequirementError: The first run is worse than the second by more than a tolerance, or the metric is undefined.
    """
    if form not in (None, *FORMS):
        raise UsageError(f"no format {form!r}", f"one of: {', '.join(FORMS)}")
    if by not in (None, "config"):
        raise UsageError(f"can't compare by {by!r}", "--by config makes one row of all finished runs of a config")
    root = runs_root(runs)
    rows = _by_config(arguments, root) if by is not None else [_row(find_run(argument, root)) for argument in arguments]
    if not rows:
        raise UsageError("compare takes runs", f"nntrain compare {root.as_posix()}/NAME/0001 {root.as_posix()}/NAME/0002")
    bars = [_bar(text) for text in tolerance]
    if bars and len(rows) != 2:
        raise UsageError(f"--tolerance compares two runs, got {len(rows)}", "nntrain compare NEW OLD --tolerance test.accuracy=0.01")
    missed = [line for name, value in bars if (line := _missed(rows[0], rows[1], name, value)) is not None]
    if any(name.startswith("test.") for name, _ in bars) and rows[0].tested_on != rows[1].tested_on:
        tell(f"{rows[0].name} and {rows[1].name} were tested on different rows")
    emit(_render(rows, form or "text"))
    if html is not None:
        _write_page([find_run(argument, root) for argument in arguments], html, by)
    if missed:
        raise RequirementError("\n".join(missed))
    return 0


def _write_page(found: Sequence[Run], path: Path, by: str | None) -> None:
    """Write a page about runs. Raises `UsageError` for less than two, or a file in the way."""
    from nntrain.commands.compare_page import compared_page, owner_of_all
    from nntrain.commands.report import check_free, write_page
    from nntrain.insight.report.page import render

    if by is not None or len(found) < 2:
        raise UsageError("--html compares two or more runs one by one", "nntrain compare RUN RUN --html page.html")
    check_free(path, owner_of_all(found))
    write_page(path, render(compared_page(found)))
    tell(f"wrote    {path.as_posix()}")


def _by_config(arguments: Sequence[str], root: Path) -> list[Row]:
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
        return _row(runs[0])
    rows = [_row(each) for each in runs]
    varied = [name for row in rows for name in row.varied] + _varied(runs)
    summaries = tuple(each for row in rows for each in row.summaries)
    tested_on = frozenset(each for row in rows for each in row.tested_on)
    return Row(runs[0].path.parent.as_posix(), summaries, tuple(dict.fromkeys(varied)), tested_on, sum(row.wall_s for row in rows))


def _varied(runs: Sequence[Run]) -> list[str]:
    first, *others = [load(each.path / "resolved.yaml").tree for each in runs]
    return [render_path(path) for other in others for path, _, _ in differences(first, other)]


def _row(found: Run) -> Row:
    """A run as a row. Raises `CheckpointError` where it isn't finished."""
    if not is_finished(found):
        raise CheckpointError(f"{found.name} is not finished", f"go on with it: nntrain fit --resume {found.name}")
    summary = _summary(found)
    members = [Run(Path(str(each["run"]))) for each in summary.get("members", [])]
    wall_s = _value(summary, "seconds") or 0.0
    whole = [Run(found.path / "members" / member.path.name) for member in members]
    if not whole:
        return Row(found.name, (summary,), (), _tested_on([found]), wall_s)
    summaries = tuple(_summary(member) for member in whole)
    return Row(found.name, summaries, tuple(dict.fromkeys(_varied(whole))), _tested_on(whole), wall_s)


def _summary(run: Run) -> dict[str, Any]:
    """What a run has measured. Raises `CheckpointError` where parts are missing or of another type."""
    summary = run.read_json("summary.json")
    wrong = [name for name in ("best", "last", "test", "directions") if not isinstance(summary.get(name), dict)]
    wrong += [] if isinstance(summary.get("monitor"), str) else ["monitor"]
    members: object = summary.get("members", [])
    is_list = isinstance(members, list) and all(isinstance(each, dict) and "run" in each for each in cast("list[object]", members))
    wrong += [] if is_list else ["members"]
    if wrong:
        raise CheckpointError(f"{run.name}/summary.json: damaged ({', '.join(wrong)} missing, or of another type)")
    return summary


def _tested_on(runs: Sequence[Run]) -> frozenset[str]:
    found: list[object] = []
    for run in runs:
        fingerprints: object = run.read_json("data.json").get("fingerprints", {})
        if not isinstance(fingerprints, dict):
            raise CheckpointError(f"{run.name}/data.json: damaged (fingerprints are no mapping)")
        found.append(cast("dict[str, object]", fingerprints).get("test"))
    return frozenset(each for each in found if isinstance(each, str))


def _render(rows: Sequence[Row], form: Form) -> str:
    if form == "json":
        names = _metrics(rows)
        return json.dumps({"rows": [_as_json(row, names) for row in rows]}, indent=1)
    if form == "csv":
        return _as_csv(rows)
    head, cells = _table(rows)
    caption = _caption(rows)
    if form == "markdown":
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *cells]
        return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", caption])
    if form == "latex":
        return _as_latex(head, cells, caption)
    return f"{aligned([head, *cells], gap=3)}\n{caption}"


def _table(rows: Sequence[Row]) -> tuple[list[str], list[list[str]]]:
    """Head and cells: what decides on the validation rows, at the best and at the last state, the same on the test rows, and the cost."""
    monitors = list(dict.fromkeys(row.monitor for row in rows))
    columns: dict[str, str] = {}
    for name in monitors:
        columns |= {f"{name} (best)": name, f"{name} (last)": f"last.{name}"}
        columns |= {f"test.{name.partition('.')[2]}": f"test.{name.partition('.')[2]}"}
    shown = {title: name for title, name in columns.items() if any(row.values(name) for row in rows)}
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


def _caption(rows: Sequence[Row]) -> str:
    """What the spread is over, and that the best state was chosen on the validation rows."""
    several = [row for row in rows if len(row.summaries) > 1]
    told = ["best: the state that was best on the validation rows; last: the one that training ended with"]
    if several:
        varied = ", ".join(dict.fromkeys(name for row in several for name in row.varied)) or "nothing"
        told.insert(0, f"mean ± standard deviation over n runs, which differ in: {varied}")
    return "; ".join(told)


def _metrics(rows: Sequence[Row]) -> list[str]:
    """Every figure that a run has, by full name."""
    names: dict[str, None] = {}
    for row in rows:
        for summary in row.summaries:
            names |= dict.fromkeys(name for name in summary.get("best", {}) if name not in NO_POSITION)
            names |= dict.fromkeys(f"last.{name}" for name in summary.get("last", {}) if name not in NO_POSITION)
            names |= dict.fromkeys(f"test.{name}" for name in summary.get("test", {}))
    return [*names, *COSTS]


def _as_json(row: Row, names: Sequence[str]) -> dict[str, Any]:
    figures = {name: row.values(name) for name in names}
    return {
        "run": row.name,
        "runs": [summary["run"] for summary in row.summaries],
        "varied": list(row.varied),
        "mean": {name: fmean(values) for name, values in figures.items() if values},
        "sd": {name: stdev(values) for name, values in figures.items() if len(values) > 1},
    }


def _as_csv(rows: Sequence[Row]) -> str:
    """One line a run (a member is one), all figures."""
    text = io.StringIO()
    names = _metrics(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "run", *names])
    for row in rows:
        writer.writerows([row.name, summary["run"], *(_value(summary, name) for name in names)] for summary in row.summaries)
    return text.getvalue().rstrip("\n")


def _as_latex(head: Sequence[str], cells: Sequence[Sequence[str]], caption: str) -> str:
    """A tabular in the style of booktabs."""

    def line(texts: Sequence[str]) -> str:
        return " & ".join(_escaped(text) for text in texts) + r" \\"

    body = [line(head), r"\midrule", *(line(row) for row in cells)]
    columns = "l" + "r" * (len(head) - 1)
    return "\n".join([f"% {caption}", rf"\begin{{tabular}}{{{columns}}}", r"\toprule", *body, r"\bottomrule", r"\end{tabular}"])


def _escaped(text: str) -> str:
    for char in "&%$#_":
        text = text.replace(char, f"\\{char}")
    return text.replace("±", r"$\pm$")


def _bar(text: str) -> tuple[str, float]:
    name, _, value = (part.strip() for part in text.rpartition("="))
    try:
        allowed = float(value)
    except ValueError:
        allowed = math.nan
    if not name or not math.isfinite(allowed):
        raise UsageError(f"--tolerance needs metric=value, got {text!r}", "example: --tolerance test.accuracy=0.01")
    if allowed < 0:
        raise UsageError(f"--tolerance {text}: the value says how much worse is allowed, so it is 0 or more")
    return name, allowed


def _missed(new: Row, old: Row, name: str, allowed: float) -> str | None:
    """What to say where the new run is worse than the old one by more than is allowed, or where that can't be known.

    Raises:
        UsageError: It is no metric of both, or one of which it is not known which way is better.
    """
    common = [each for each in _metrics([new]) if each in _metrics([old])]
    if name not in common:
        near = nearest(name, common)
        raise UsageError(
            f"--tolerance {name}: not a metric of both runs. They have: {', '.join(common)}", f"nearest: {near[0]}" if near else None
        )
    direction = "min" if name in COSTS else _direction(new, name)
    if direction is None:
        raise UsageError(f"--tolerance {name}: which way is better is not known", "a metric of the runs, by its full name: test.accuracy")
    for row in (new, old):
        undefined = len(row.summaries) - len(row.values(name))
        if undefined:
            of = f" in {undefined} of its {len(row.summaries)} runs" if len(row.summaries) > 1 else ""
            return f"{name} of {row.name} is undefined{of}; --tolerance allows {allowed:g}"
    ours, theirs = fmean(new.values(name)), fmean(old.values(name))
    worse = theirs - ours if direction == "max" else ours - theirs
    if worse <= allowed + ROUNDING * max(abs(ours), abs(theirs)):
        return None
    return f"{name} is {worse:.4g} worse than in {old.name}, and {allowed:g} is allowed: {new.text(name)} against {old.text(name)}"


def _direction(row: Row, name: str) -> str | None:
    return row.summaries[0].get("directions", {}).get(name.removeprefix("last.").partition(".")[2])
