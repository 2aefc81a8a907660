"""What `fit` draws again and again at the end of a terminal: where it stands, its metrics, its memory, and what it should be told.

Nothing wraps: what does not fit into the width is left out or cut, the less important first. Loads rich.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from nntrain.commands.screens.figures import bar, format_bytes, format_clock, format_number, sparkline

if TYPE_CHECKING:
    from nntrain.commands.screens.display import Evaluation, Position

GAP: Final = "   "
INDENT: Final = "  "
ADVICE: Final = "advice   "
MOST_ADVICE: Final = 3
"""Lines that an advice may have."""
MOST_METRICS: Final = 6
OTHER_LINES: Final = 10
"""Lines of a screen that the table of metrics leaves to the rest."""
LINES_BELOW: Final = 2
"""Lines below the members: memory, and one that stays empty."""
EPOCHS: Final = 7
BEST: Final = 21
WIDE: Final = 60
"""Columns from which bars are long."""
CURVE_WIDTH: Final = 16
LEAST_CURVE: Final = 4
NAME_WIDTH: Final = 24
LEAST_NAME: Final = 8
CELL: Final = 12
SPLITS: Final = ("train", "validation")
HIDDEN: Final = "running_loss"
"""A metric that is shown while it is added up, beside the step."""


@dataclass(frozen=True, slots=True)
class Screen:
    """What there is to draw on."""

    width: int
    height: int
    draws: bool
    """Whether it can show blocks."""


def of_total(total: int | None) -> str:
    """`/100`, or nothing where there is no total."""
    return f"/{total}" if total is not None else ""


def live_view(
    position: Position | None,
    evaluation: Evaluation | None,
    curves: Mapping[str, Sequence[float | None]],
    advice: str | None,
    screen: Screen,
) -> Text:
    """All lines.

    Args:
        position: Where the run stands; `None` before the first step.
        evaluation: The last one; `None` before it.
        curves: The values of each metric by full name, one an evaluation.
        advice: What the run should be told now.
        screen: What they are drawn on.
    """
    lines: list[Text] = []
    if position is not None:
        lines += _position(position, screen)
    if evaluation is not None:
        lines += _table(evaluation, curves, screen)
        lines += _members(evaluation, screen, screen.height - len(lines) - LINES_BELOW)
    if position is not None:
        lines += _machine(position, screen)
    if advice is not None:
        lines += _advice(advice, screen)
    for line in lines:
        line.truncate(screen.width, overflow="ellipsis")
    return Text("\n", no_wrap=True, overflow="ellipsis").join(lines)


def _advice(advice: str, screen: Screen) -> list[Text]:
    """What the run should be told, on some lines of its own: what to change often stands at the end."""
    wide = screen.width - len(ADVICE)
    parts = textwrap.wrap(advice, max(wide, LEAST_NAME), max_lines=MOST_ADVICE, placeholder=" …", break_on_hyphens=False)
    labels = [ADVICE, *[" " * len(ADVICE)] * (len(parts) - 1)]
    return [Text(label, style="yellow").append(part, style="default") for label, part in zip(labels, parts, strict=True)]


def _joined(parts: Sequence[tuple[str, str]], width: int) -> Text:
    """Texts with their styles, one after another as far as they fit."""
    line = Text()
    for text, style in parts:
        gap = GAP if line else ""
        if line and len(line) + len(gap) + len(text) > width:
            break
        line.append(gap).append(text, style=style)
    return line


def _position(position: Position, screen: Screen) -> list[Text]:
    long = 20 if screen.width >= WIDE else 10
    left = f"{format_clock(position.seconds_left)} left" if position.seconds_left is not None else ""
    rate = f"{position.rows_per_s:,.0f} rows/s" if position.rows_per_s > 0 else ""
    head = f"epoch {position.epoch}{of_total(position.max_epochs)}"
    within = f"step {position.step_in_epoch:,}{of_total(position.steps_per_epoch)}" if position.steps_per_epoch > 1 else ""
    start = max(len(head), len(within))
    loss = [(f"loss {format_number(position.loss)}", "")] if position.loss is not None else []
    rest = [(text, style) for text, style in ((left, ""), (rate, "dim")) if text]
    if not position.total_steps:
        return [_joined([(head, ""), (f"step {position.step:,}", ""), *rest, *loss], screen.width)]
    lines = [_bar(head.ljust(start), position.step / position.total_steps, long, rest, screen)]
    if within:
        lines.append(_bar(within.ljust(start), position.step_in_epoch / position.steps_per_epoch, long, loss, screen))
    return lines


def _bar(head: str, fraction: float, long: int, rest: Sequence[tuple[str, str]], screen: Screen) -> Text:
    line = Text(f"{head} ").append(bar(fraction, long), style="green").append(f" {min(fraction, 1):>4.0%}")
    tail = _joined(rest, screen.width - len(line) - len(GAP))
    return line.append(GAP).append_text(tail) if tail and len(line) + len(GAP) + len(tail) <= screen.width else line


def _table(evaluation: Evaluation, curves: Mapping[str, Sequence[float | None]], screen: Screen) -> list[Text]:
    """Metrics by split, the one that decides marked and with its best value."""
    names, left_out = _shown(evaluation, max(1, min(MOST_METRICS, screen.height - OTHER_LINES)))
    splits = [split for split in SPLITS if any(f"{split}.{name}" in evaluation.metrics for name in names)]
    splits = splits if screen.width >= CELL * len(splits) + LEAST_NAME else splits[-1:]
    decides = evaluation.monitor.partition(".")[2]
    room = max(LEAST_NAME, min(NAME_WIDTH, screen.width - CELL * len(splits) - len(INDENT)))
    first = min(room, max(len(name) for name in (*names, left_out))) + len(INDENT)
    lines = [Text(" " * first + "".join(f"{split:>{CELL}}" for split in splits), style="dim")]
    for name in names:
        marked = name == decides
        cells = (format_number(evaluation.metrics.get(f"{split}.{name}")) for split in splits)
        label = f"{'* ' if marked else INDENT}{name[:room]}".ljust(first)
        line = Text(label + "".join(f"{cell:>{CELL}}" for cell in cells), style="bold" if marked else "")
        key = next((f"{split}.{name}" for split in reversed(splits) if f"{split}.{name}" in curves), None)
        best = evaluation.best_text() if marked else ""
        room_left = screen.width - len(line) - len(GAP)
        beside = len(best) + len(GAP) if best and room_left >= LEAST_CURVE + len(best) + len(GAP) else 0
        free = min(CURVE_WIDTH, room_left - beside) if screen.draws else 0
        if key is not None and free >= LEAST_CURVE:
            line.append(GAP).append(sparkline(curves[key], free), style="cyan")
        lines.append(line)
        if best and len(line) + len(GAP) + len(best) <= screen.width:
            line.append(GAP).append(best, style="green")
        elif best:
            lines.append(Text(f"{INDENT}{best}", style="green"))
    if left_out:
        lines.append(Text(f"{INDENT}{left_out}", style="dim"))
    return [*lines, *([Text(f"{INDENT}{evaluation.told}", style="dim")] if evaluation.told else [])]


def _members(evaluation: Evaluation, screen: Screen, room: int) -> list[Text]:
    """A line for each of the runs that the figures are of, as many as there is room for, with their heads above."""
    found = evaluation.members
    shown = found if len(found) < room else found[: max(0, room - 2)]
    if not shown:
        return []
    words = max(len(line.word) for line in shown) + len(INDENT)
    name = evaluation.monitor if screen.width >= WIDE else evaluation.monitor.partition(".")[2]
    cell = max(CELL, len(name) + len(GAP))
    last = "stopped" if any(each.stopped for each in shown) else ""
    lines = [Text(" " * words + f"{'epoch':>{EPOCHS}}{name:>{cell}}{GAP}{'best':<{BEST}}{last}", style="dim")]
    for each in shown:
        best = "" if each.best_value is None else f"{format_number(each.best_value)} (epoch {each.best_epoch})"
        text = (
            f"{INDENT}{each.word}".ljust(words)
            + f"{each.epoch:>{EPOCHS}}{format_number(each.value):>{cell}}{GAP}{best:<{BEST}}{each.stopped}"
        )
        lines.append(Text(text, style="dim" if each.stopped else ""))
    rest = len(found) - len(shown)
    return [*lines, *([Text(f"{INDENT}and {rest} more", style="dim")] if rest else [])]


def _shown(evaluation: Evaluation, most: int) -> tuple[list[str], str]:
    """Metrics without their split: the loss and the one that decides before all others; and how many are left out, in words."""
    found = dict.fromkeys(name.partition(".")[2] for name in evaluation.metrics)
    names = list(dict.fromkeys([*(name for name in ("loss", evaluation.monitor.partition(".")[2]) if name in found), *found]))
    names = [name for name in names if name != HIDDEN or len(names) == 1]
    rest = len(names) - most
    return names[:most], f"and {rest} more" if rest > 0 else ""


def _machine(position: Position, screen: Screen) -> list[Text]:
    """Memory, and how much of the time goes by waiting for rows."""
    parts: list[tuple[str, str]] = []
    if position.memory_bytes is not None:
        parts.append((f"memory {format_bytes(position.memory_bytes)}", "dim"))
    if position.device_bytes is not None:
        parts.append((f"device {format_bytes(position.device_bytes)}", "dim"))
    if position.wait_fraction is not None:
        parts.append((f"waits for rows {position.wait_fraction:.0%}", "dim"))
    return [_joined(parts, screen.width)] if parts else []
