"""`nntrain compare`: finished runs beside one another, as a table for a screen, a paper or a spreadsheet. Torch-free."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from nntrain.commands.command_line.requirements import named_number
from nntrain.commands.judging.compared_rows import (
    COSTS,
    Row,
    caption_of,
    direction_of,
    metrics_of,
    row_of,
    rows_by_config,
    table_of,
    value_of,
)
from nntrain.commands.judging.compared_settings import Differences, differences_of, labels_of
from nntrain.commands.screens.output import emit, tell
from nntrain.commands.screens.pages import check_free, write_page
from nntrain.commands.screens.results import WIDTH, aligned
from nntrain.commands.stored.opening import record_of
from nntrain.errors import RequirementError, UsageError
from nntrain.nearest import nearest
from nntrain.runs import Run, find_whole_run, runs_root

if TYPE_CHECKING:
    from nntrain.commands.judging.pairing import Measured, Pair, Unpaired

Form = Literal["text", "markdown", "latex", "csv", "json"]

FORMS: Final[tuple[Form, ...]] = ("text", "markdown", "latex", "csv", "json")
SPLITS: Final[tuple[Measured, ...]] = ("validation", "test")
"""Rows that runs are paired on."""
ROUNDING: Final = 1e-12
"""Share of a value by which a difference may miss what is allowed: 0.95 - 0.94 is more than 0.01 as binary numbers are."""


@dataclass(frozen=True, slots=True)
class CompareWish:
    """What is to be told of runs, and how."""

    by: str | None = None
    """`config` makes one row of all finished runs of one config."""
    form: str | None = None
    """`text`, `markdown`, `latex`, `csv` or `json`; `None` is `text`."""
    tolerance: tuple[str, ...] = ()
    """`metric=value` each."""
    paired: bool = False
    """Whether the first run is paired with each of the others."""
    split: str | None = None
    """The rows that they are paired on; `None` for the validation rows."""
    html: Path | None = None
    """Page to write too."""

    def __post_init__(self) -> None:
        """Raises `UsageError` for what does not go together."""
        if self.form not in (None, *FORMS):
            raise UsageError(f"no format {self.form!r}", f"one of: {', '.join(FORMS)}")
        if self.by not in (None, "config"):
            raise UsageError(f"can't compare by {self.by!r}", "--by config makes one row of all finished runs of a config")
        if self.split is not None and not self.paired:
            raise UsageError("--split has no effect without --paired", "add --paired")
        if self.split not in (None, *SPLITS):
            raise UsageError(f"runs are not paired on {self.split} rows", f"--split {' or '.join(SPLITS)}")
        if self.by is not None and (self.paired or self.html is not None):
            raise UsageError("--paired and --html compare two or more runs one by one", "leave --by out")


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of some runs beside one another."""

    runs: tuple[Run, ...]
    """The named runs; none with `--by`."""
    rows: tuple[Row, ...]
    differences: Differences | None
    """Of two or more named runs."""
    pairs: tuple[Pair | Unpaired, ...]
    """The first of two or more beside the others, where that is asked for."""


def run(arguments: Sequence[str], wish: CompareWish, *, runs: Path | None) -> int:
    """Print the table, and fail where the first run is worse than the second by more than a tolerance.

    Args:
        arguments: Runs; with `by`, folders of runs.
        wish: What is asked for.
        runs: The runs folder.

    Raises:
        UsageError: No runs, a metric that they don't have, runs that can't be paired, or a file of somebody's is in the way.
        CheckpointError: A run is not finished, or damaged.
        RequirementError: The first run is worse than the second by more than a tolerance, or the metric is undefined.
        ResourceError: The page can't be written.
    """
    told = _told(arguments, wish, runs_root(runs))
    rows = told.rows
    bars = [_allowed(text) for text in wish.tolerance]
    if bars and len(rows) != 2:
        raise UsageError(f"--tolerance compares two runs, got {len(rows)}", "nntrain compare NEW OLD --tolerance test.accuracy=0.01")
    missed = [line for name, value in bars if (line := _missed(rows[0], rows[1], name, value)) is not None]
    if any(name.startswith("test.") for name, _ in bars) and rows[0].tested_on != rows[1].tested_on:
        tell(f"{rows[0].name} and {rows[1].name} were tested on different rows")
    emit(_render(told, cast("Form", wish.form or "text"), with_pairs=wish.paired))
    if wish.html is not None:
        _write_page(told, wish.html)
    if missed:
        raise RequirementError("\n".join(missed))
    return 0


def _told(arguments: Sequence[str], wish: CompareWish, root: Path) -> Told:
    if wish.by is not None:
        rows = rows_by_config(arguments, root)
        found: list[Run] = []
    else:
        found = [find_whole_run(argument, root) for argument in arguments]
        rows = [row_of(each) for each in found]
    if not rows:
        raise UsageError("compare takes runs", f"nntrain compare {root.as_posix()}/NAME/0001 {root.as_posix()}/NAME/0002")
    if (wish.paired or wish.html is not None) and len(found) < 2:
        raise UsageError("--paired and --html compare two or more runs", "nntrain compare NEW OLD --paired")
    if wish.html is not None:
        check_free(wish.html, owner_of_all(found))
    pairs = _pairs(found, rows, wish) if wish.paired or wish.html is not None else ()
    return Told(tuple(found), tuple(rows), differences_of(found) if len(found) > 1 else None, pairs)


def owner_of_all(runs: Sequence[Run]) -> str:
    """What a page of these runs, in this order, is known by."""
    return sha256(" ".join(str(record_of(run).get("id", "")) for run in runs).encode()).hexdigest()


def _pairs(found: Sequence[Run], rows: Sequence[Row], wish: CompareWish) -> tuple[Pair | Unpaired, ...]:
    """The first run beside the others. Raises `UsageError` where that is asked for, and possible with none of them."""
    from nntrain.commands.judging.pairing import Unpaired, pairs_of

    split = cast("Measured", wish.split or "validation")
    pairs = tuple(pairs_of(found, labels_of(found), rows[0].summaries[0]["directions"], rows[0].monitor, split))
    failed = [pair for pair in pairs if isinstance(pair, Unpaired)]
    if wish.paired and len(failed) == len(pairs):
        raise UsageError(failed[0].why, failed[0].hint)
    return pairs


def _write_page(told: Told, path: Path) -> None:
    from nntrain.commands.judging.compare_page import compared_page
    from nntrain.insight.report.page import render

    page = compared_page(told.runs, told.rows, told.differences, told.pairs, owner_of_all(told.runs))
    write_page(path, render(page))
    tell(f"wrote    {path.as_posix()}")


def _render(told: Told, form: Form, *, with_pairs: bool) -> str:
    rows = told.rows
    if form == "json":
        return json.dumps(_json(told), indent=1)
    if form == "csv":
        return _as_csv(rows)
    head, cells = table_of(rows)
    caption = caption_of(rows)
    if form == "latex":
        return _as_latex(head, cells, caption)
    pairs = _told_pairs(told.pairs) if with_pairs else []
    if form == "markdown":
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *cells]
        return "\n".join([*("| " + " | ".join(line) + " |" for line in lines), "", caption, *pairs])
    differing = [] if told.differences is None else ["", told.differences.screen()]
    return "\n".join([_as_text(head, cells), *caption.split("; "), *differing, *pairs])


def _as_text(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table for a screen: a line for each run, or a column for each where only that fits."""
    upright, lying = aligned([head, *cells], gap=3), aligned([*zip(head, *cells, strict=True)], gap=3)

    def fits(table: str) -> bool:
        return max(map(len, table.splitlines())) <= WIDTH

    return lying if fits(lying) and not fits(upright) else upright


def _told_pairs(pairs: Sequence[Pair | Unpaired]) -> list[str]:
    from nntrain.commands.judging.pairing import CAPTION, Pair

    blocks = [(pair.title, *pair.sentences()) if isinstance(pair, Pair) else (pair.why,) for pair in pairs]
    lines = [*(line for block in blocks for line in ("", *block)), "", CAPTION]
    return [part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent="  ") or [""]]


def _json(told: Told) -> dict[str, Any]:
    names = metrics_of(told.rows)
    found: dict[str, Any] = {"rows": [_as_json(row, names) for row in told.rows]}
    found |= {} if told.differences is None else {"differences": told.differences.as_json()}
    return found | ({"paired": [pair.as_json() for pair in told.pairs]} if told.pairs else {})


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
    names = metrics_of(rows)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["row", "run", *names])
    for row in rows:
        writer.writerows([row.name, summary["run"], *(value_of(summary, name) for name in names)] for summary in row.summaries)
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


def _allowed(text: str) -> tuple[str, float]:
    name, allowed = named_number("--tolerance", text, "test.accuracy=0.01")
    if allowed < 0:
        raise UsageError(f"--tolerance {text}: the value says how much worse is allowed, so it is 0 or more")
    return name, allowed


def _missed(new: Row, old: Row, name: str, allowed: float) -> str | None:
    """What to say where the new run is worse than the old one by more than is allowed, or where that can't be known.

    Raises:
        UsageError: It is no metric of both, or one of which it is not known which way is better.
    """
    common = [each for each in metrics_of([new]) if each in metrics_of([old])]
    if name not in common:
        near = nearest(name, common)
        raise UsageError(
            f"--tolerance {name}: not a metric of both runs. They have: {', '.join(common)}", f"nearest: {near[0]}" if near else None
        )
    direction = "min" if name in COSTS else direction_of(new, name)
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
