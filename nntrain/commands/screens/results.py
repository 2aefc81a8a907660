"""What a finished run shows: why it stopped, its metrics beside the baseline's, the confusion matrix, and what to do next."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from nntrain.commands.screens.figures import format_number, format_seconds, format_spread
from nntrain.metrics.metric import Table

if TYPE_CHECKING:
    from nntrain.data.fitted import FittedFields
    from nntrain.training.baselines import Baseline

WIDTH: Final = 80
LABEL_WIDTH: Final = 9
MAX_LINES: Final = 12
"""Metrics of all splits together, above which each split is a column."""
MAX_CLASSES: Final = 10
"""A larger confusion matrix is no longer readable on a screen."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Rows counted by true and predicted class."""

    split: str
    """Whose rows: `test`, `validation`."""
    classes: tuple[str, ...]
    """K names."""
    counts: Sequence[Sequence[int]]
    """`[K, K]`: true class, then predicted class."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What is told at the end of a run."""

    stop_reason: str
    best_at: str | None
    """Where the best state was: `epoch 34`; `None` where there is none."""
    seconds: float
    metrics: Mapping[str, float | None]
    """Of the best state, by full name; shown are those of validation and test rows, where there are any."""
    baseline_name: str
    """What the trivial prediction does: `always the mean`."""
    baseline: Mapping[str, float | None]
    """Its metrics, under the same names."""
    simple: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict[str, "Mapping[str, float | None]"])
    """Metrics of simple models by the head of their column."""
    simple_seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """What each of them took to be fitted and measured, by the same head; told beside the time of the run."""
    better: str | None = None
    """What to say where one of them is better than the network."""
    confusions: Sequence[Confusion] = ()
    advice: tuple[str, ...] = ()
    """What to change, most important first."""
    next: tuple[str, ...] = ()
    """Commands that make sense now."""


def best_above(ours: float | None, theirs: Mapping[str, float | None], direction: str) -> str | None:
    """Which of some others is the best in a metric, and better than ours; `None` where none is."""
    sign = 1 if direction == "max" else -1
    known = {name: sign * value for name, value in theirs.items() if value is not None}
    if ours is None or not known:
        return None
    name = max(known, key=lambda each: known[each])
    return name if known[name] > sign * ours else None


def better_line(
    ours: Mapping[str, float | None],
    seconds: float | None,
    simple: Mapping[str, Baseline],
    names: Sequence[str],
    directions: Mapping[str, str],
) -> str | None:
    """Which simple model is better than the network, with figures and times; `None` where none is.

    Args:
        ours: Metrics of the network by full name.
        seconds: What it took; `None` where no times are to be told, so that the line is the same for every run of the same bits.
        simple: Simple models, which have no loss.
        names: Full names of metrics; the first that both have decides.
        directions: Which way each metric is better, by its name without the split.
    """
    for name in names:
        direction = directions.get(name.partition(".")[2])
        theirs = {word: each.metrics.get(name) for word, each in simple.items()}
        if direction is None or ours.get(name) is None or all(value is None for value in theirs.values()):
            continue
        found = best_above(ours[name], theirs, direction)
        if found is None:
            return None
        best = simple[found]
        figures = f"{name} {format_number(best.metrics[name])} against {format_number(ours[name])}"
        verb = "is" if best.head.endswith(("linear", "logistic")) else "are"
        times = "" if seconds is None else f", in {format_seconds(best.seconds)} against {format_seconds(seconds)}"
        return f"{best.head} {verb} better than this network on this table: {figures}{times}"
    return None


def result_screen(summary: Summary) -> str:
    """The end of `fit` as text, without a line break at its end."""
    held_out = [name for name in summary.metrics if name.startswith(("validation.", "test."))]
    others = [*summary.simple.values(), summary.baseline]
    rows = {name: (summary.metrics[name], *(other.get(name) for other in others)) for name in held_out or summary.metrics}
    blocks = [_stopped(summary)]
    if not held_out:
        blocks.append("no rows were held out: these figures are of the rows that it was trained on")
    if len(rows) > MAX_LINES:
        blocks.append(_by_split(summary, held_out))
    elif rows:
        columns = ("this run", *summary.simple, summary.baseline_name)
        blocks.append(result_table(rows, columns, _times(summary, columns)))
    if summary.better is not None:
        blocks += textwrap.wrap(summary.better, WIDTH, break_long_words=False, break_on_hyphens=False)
    blocks += [f"\n{confusion_table(confusion)}\n" for confusion in summary.confusions]
    rows = [(label, "\n".join(lines)) for label, lines in (("advice", summary.advice), ("next", summary.next)) if lines]
    if rows:
        blocks += [] if summary.confusions else [""]
        blocks.append(labelled(rows))
    return "\n".join(blocks)


def advice_text(sentence: str, override: str | None) -> str:
    """A sentence of the diagnosis and what to change; that has a line of its own where it doesn't fit, so that it can be copied."""
    if override is None:
        return sentence
    line = f"{sentence}: {override}"
    return line if len(line) <= WIDTH - LABEL_WIDTH else f"{sentence}:\n  {override}"


def _by_split(summary: Summary, names: Sequence[str]) -> str:
    """Many metrics in half the lines: a column for each split; what they are compared with is of the last one."""
    splits = list(dict.fromkeys(name.partition(".")[0] for name in names or summary.metrics))
    metrics = dict.fromkeys(name.partition(".")[2] for name in names or summary.metrics)
    others = {**summary.simple, summary.baseline_name: summary.baseline}
    rows = {
        metric: [
            *(summary.metrics.get(f"{split}.{metric}") for split in splits),
            *(other.get(f"{splits[-1]}.{metric}") for other in others.values()),
        ]
        for metric in metrics
    }
    columns = (*splits, *others)
    return result_table(rows, columns, _times(summary, columns))


def _times(summary: Summary, columns: Sequence[str]) -> Sequence[str]:
    """The line of the table that tells what each of its columns took, where simple models stand beside the network."""
    if not summary.simple_seconds:
        return ()
    ours = [format_seconds(summary.seconds), *[""] * (len(columns) - len(summary.simple) - 2)]  # once, where it has several columns
    return ("time", *ours, *(format_seconds(summary.simple_seconds[head]) for head in summary.simple), "-")


def _stopped(summary: Summary) -> str:
    text = "stopped".ljust(LABEL_WIDTH) + summary.stop_reason
    if summary.best_at is not None:
        text += f": best at {summary.best_at}"
    seconds = format_seconds(summary.seconds)
    return text + seconds.rjust(max(len(seconds) + 3, WIDTH - len(text)))


def result_table(rows: Mapping[str, Sequence[float | None]], columns: Sequence[str], last: Sequence[str] = ()) -> str:
    """Metrics by name, one column each for this run and what it is compared with; four significant digits. `last` stands below.

    Where that is too wide for the screen, the heads have a line for each word.
    """
    lines = [[name, *map(format_number, values)] for name, values in rows.items()] + ([[*last]] if last else [])
    table = aligned([["", *columns], *lines], gap=3)
    if max(map(len, table.splitlines())) <= WIDTH:
        return table
    words = [column.split(" ") for column in columns]
    height = max(map(len, words))
    heads = [["", *(each[line + len(each) - height] if line + len(each) >= height else "" for each in words)] for line in range(height)]
    return aligned([*heads, *lines], gap=3)


def spread_text(mean: float | None, sd: float | None) -> str:
    """`0.9931 ± 0.0021`: two digits of the standard deviation; the mean alone where there is none."""
    return format_number(mean) if mean is None or sd is None else f"{format_number(mean)} ± {format_spread(sd, 2)}"


def confusions(fields: FittedFields, tables: Mapping[str, Table], split: str) -> list[Confusion]:
    """The confusion matrices of a split that fit on a screen; tables are named `confusion_matrix`, or `<target>.confusion_matrix`."""
    found: list[Confusion] = []
    for name, target in fields.targets.items():
        counts = tables.get(f"{name}.confusion_matrix" if len(fields.targets) > 1 else "confusion_matrix")
        if isinstance(counts, list) and len(target.classes) <= MAX_CLASSES:
            found.append(Confusion(split if len(fields.targets) == 1 else f"{split} ({name})", target.classes, counts))
    return found


def confusion_table(confusion: Confusion) -> str:
    """A confusion matrix: a row for each true class, a column for each predicted one; long names are cut where they don't fit."""
    names, counts = confusion.classes, [[f"{count:,}" for count in row] for row in confusion.counts]
    digits = max(len(cell) for row in counts for cell in row)
    label = min(max(map(len, names)), max(WIDTH - (digits + 2) * len(names), 8))
    cell = max((WIDTH - label) // len(names) - 2, digits)
    lines = [
        ["", *(shortened(name, cell) for name in names)],
        *([shortened(name, label), *row] for name, row in zip(names, counts, strict=True)),
    ]
    return f"{confusion.split} rows by true class (down) and predicted class (across)\n{aligned(lines, gap=2)}"


def shortened(text: str, width: int) -> str:
    """A text, or what of it fits into so many letters."""
    return text if len(text) <= width else text[: width - 1] + "…"


def aligned(lines: Sequence[Sequence[str]], gap: int, left: int = 1, *, last_left: bool = False) -> str:
    """Cells in columns; the first `left` columns begin at the left, and so may the last; the others end at the right.

    A cell stays on its line: names of classes, columns and folders may have line breaks.
    """
    lines = [[" ".join(cell.splitlines()) for cell in line] for line in lines]
    begins = {*range(left), *([len(lines[0]) - 1] if last_left else [])}
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        (cell.ljust(width) if index in begins else cell.rjust(width) for index, (cell, width) in enumerate(zip(line, widths, strict=True)))
        for line in lines
    )
    return "\n".join((" " * gap).join(cells).rstrip() for cells in padded)


def labelled(rows: Sequence[tuple[str, str]]) -> str:
    """Labels and what they stand for; each line of a text has its own line, and one that is too long for the screen goes on below."""
    width = max([LABEL_WIDTH, *(len(label) + 1 for label, _ in rows)])
    lines: list[str] = []
    for label, value in rows:
        parts = [part for line in value.splitlines() for part in _wrap(line, WIDTH - width)] or [""]
        lines += [f"{name + ' ':<{width}}{part}".rstrip() for name, part in zip([label, *[""] * len(parts)], parts, strict=False)]
    return "\n".join(lines)


def _wrap(line: str, width: int) -> list[str]:
    return textwrap.wrap(line, width, break_long_words=False, break_on_hyphens=False) or [""]
