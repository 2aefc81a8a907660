"""What `explain` shows: the columns that matter, mean predictions as they change, single rows, and how good that is."""

from __future__ import annotations

import os
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from nntrain.commands.screens.figures import bar, format_number, format_signed, format_spread, sparkline
from nntrain.commands.screens.output import spelled_out
from nntrain.commands.screens.results import WIDTH, aligned, labelled
from nntrain.data.highlights import Course, Heat, MarkedWords

if TYPE_CHECKING:
    from nntrain.commands.stored.opening import Stored
    from nntrain.insight.columns import Dependence, Importances
    from nntrain.insight.explanation import ExplainedRow, Explanation, Neighborhood, Quality, Share

MOST: Final = 10
"""Columns of a table, at most; the file has all."""
BAR: Final = 20
CURVE: Final = 16
"""Letters of a curve."""
LONGEST: Final = 24
"""Letters of a cell or name."""
SHORTEST: Final = 6
"""The same where it would be too wide."""
HOPS: Final = {0: "itself", 1: "1 edge away"}
ESCAPE: Final = "\x1b["
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
RED: Final = "31"
BLUE: Final = "34"
FAINT: Final = 0.15
STRONG: Final = 0.6
"""Shares of the largest share below which a word is not marked, and above which it is marked twice."""
HIGH: Final = 0.5
"""Rank correlation above which an explanation hardly depends on what was learned."""


def explain_screen(stored: Stored, found: Explanation) -> str:
    """The result as text, without a line break at its end."""
    head = [f"run      {found.run}   {stored.state_words}", f"rows     {found.rows:,} ({found.split})"]
    blocks = ["\n".join(head)]
    if found.importances is not None and found.importances.columns:
        blocks.append(_fitting(partial(_importances, found.importances)))
    if found.dependences:
        blocks.append(_fitting(partial(_dependences, found)))
    blocks += [_fitting(partial(_row, row, found)) for row in found.explained]
    if found.quality is not None:
        blocks.append(_quality(found.quality, found))
    return "\n\n".join(blocks)


def _fitting(make: Callable[[int], str]) -> str:
    """A block whose names and cells have as many letters as let it fit the screen; the fewest where nothing does."""
    for longest in range(LONGEST, SHORTEST, -2):
        found = make(longest)
        if all(len(COLOUR.sub("", line)) <= WIDTH for line in found.splitlines()):
            return found
    return make(SHORTEST)


def _filled(text: str) -> str:
    """Sentences, broken where the screen ends."""
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _importances(found: Importances, longest: int) -> str:
    shown, widest = found.columns[:MOST], max((each.mean for each in found.columns), default=0.0)
    told = (
        f"columns that matter: how much worse {found.metric} {format_number(found.value)} gets when one is shuffled, "
        f"mean ± standard deviation of {found.shuffles} times"
    )
    lines = [
        [
            f"  {_cut(each.column, longest)}",
            f"{format_number(each.mean)} ± {format_spread(each.spread, 1)}",
            bar(each.mean / widest if widest > 0 else 0.0, BAR),
        ]
        for each in shown
    ]
    return "\n".join([_filled(told), _table(lines), *_more(len(found.columns) - len(shown))])


def _more(count: int) -> list[str]:
    return [f"  and {count} more: --json"] if count > 0 else []


def _table(lines: Sequence[Sequence[str]]) -> str:
    """Names at the left, numbers at the right, bars behind them."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "   ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:-1], widths[1:-1], strict=True)), line[-1]]
        ).rstrip()
        for line in lines
    )


def _dependences(found: Explanation, longest: int) -> str:
    """Of each column the curve of the mean answer: of two classes that of the second, of more that which moves the most."""
    shown = found.dependences[:MOST]
    outputs = list(shown[0].means)
    only = outputs[-1] if len(outputs) == 1 or (found.is_probability and len(outputs) == 2) else None
    what = "mean probability of the class in brackets" if found.is_probability else "mean of the value in brackets"
    what = what if only is None else f"mean probability of {_cut(only)}" if found.is_probability else f"mean {_cut(only)}"
    lines = [[f"  {_cut(each.column, longest)}", *_curve(each, only, longest)] for each in shown]
    return "\n".join([_filled(f"{what}, were all rows to have one value of a column"), aligned(lines, gap=3, left=3)])


def _curve(each: Dependence, only: str | None, longest: int) -> list[str]:
    output = only or max(each.means, key=lambda name: max(each.means[name]) - min(each.means[name]))
    means, named = each.means[output], "" if only else f" ({_cut(output, longest)})"
    if each.is_ordered:
        ends = f"{_value(each.values[0], longest)} … {_value(each.values[-1], longest)}"
        low, high = format_number(means[0]), format_number(means[-1])
        return [ends, f"{low} … {high}  {sparkline(means, CURVE)}{named}"]
    ranked = sorted(zip(means, each.values, strict=True), key=lambda pair: -pair[0])
    first, last = ranked[0], ranked[-1]
    told = f"{_value(last[1], longest)} {format_number(last[0])} … {_value(first[1], longest)} {format_number(first[0])}"
    return [f"{len(each.values)} values", f"{told}{named}"]


def _value(value: float | str, longest: int) -> str:
    return _cut(value, longest) if isinstance(value, str) else f"{value:.4g}"


def _cut(text: str, longest: int = LONGEST) -> str:
    """A name or a cell on one line, however many it has, and without commands to the terminal."""
    text = spelled_out(" ".join(text.split()))
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _marked(share: Share) -> list[str]:
    """The words of a text, or the steps of a sequence, with what they contribute; a picture is a file."""
    match share.highlight:
        case MarkedWords(words, shares):
            return list(_wrapped([f"{_cut(share.column)}:", *_words(words, shares)]))
        case Heat(by_step=steps) if len(steps) > 1:
            return [f"  {_cut(share.column)} by step   {sparkline([abs(step) for step in steps], WIDTH // 2)}"]
        case Course(shares=steps) if len(steps) > 1 and any(steps):
            return [f"  {_cut(share.column)} by row   {sparkline([abs(step) for step in steps], WIDTH // 2)}"]
        case _:
            return []


def _wrapped(words: Iterable[str]) -> Iterator[str]:
    """Lines of words that fit the screen; colours take no room."""
    line, room = " ", WIDTH - 1
    for word in words:
        length = len(COLOUR.sub("", word)) + 1
        if length > room and line.strip():
            yield line
            line, room = " ", WIDTH - 1
        line, room = f"{line} {word}", room - length
    yield line


def _words(words: Sequence[str], shares: Sequence[float]) -> Iterator[str]:
    """Words in colour where stdout has some, those that tell most with a sign for and against elsewhere."""
    largest = max(map(abs, shares), default=0.0)
    for word, share in zip(words, shares, strict=True):
        strength = share / largest if largest > 0 else 0.0
        if abs(strength) < FAINT:
            yield spelled_out(word)
        elif has_colours():
            yield f"{ESCAPE}{RED if strength > 0 else BLUE}{';1' if abs(strength) > STRONG else ''}m{spelled_out(word)}{ESCAPE}0m"
        else:
            sign = "+" if strength > 0 else "-"
            yield f"[{spelled_out(word)}{sign * (2 if abs(strength) > STRONG else 1)}]"


def has_colours() -> bool:
    """Whether stdout is a terminal that shows colours (`NO_COLOR` and `TERM=dumb` say that it does not)."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _examples(row: ExplainedRow, told: str, longest: int) -> str:
    """The training rows that are nearest to a row."""
    lines = [[f"  {_cut(each.place, longest)}", _cell(each.answer, longest), format_number(each.distance)] for each in row.examples]
    return "\n".join([told, aligned([["  nearest training rows", "answer", "distance"], *lines], gap=3)])


def _row(row: ExplainedRow, found: Explanation, longest: int) -> str:
    what = f"probability of {_cut(row.output)}" if found.is_probability else _cut(row.output, 2 * LONGEST)
    told = f"row {row.number} ({row.place})   {what} {format_number(row.answer)}"
    if row.examples:
        return _examples(row, _filled(told), longest)
    is_whole = len(row.shares) == 1 and row.shares[0].highlight is not None and row.around is None
    marked = [line for share in row.shares[:MOST] for line in _marked(share)]
    missed = (
        [] if row.completeness is None else [f"  the shares miss the difference of both answers by {format_spread(row.completeness, 1)}"]
    )
    head = _filled(f"{told}; {format_number(row.neutral)} of a row that says nothing")
    nodes = [] if row.around is None else _nodes(row.around, longest)
    told = [] if row.around is None else ["  by column, of all nodes together"]
    return "\n".join([head, *told, *([] if is_whole else _shares(row, longest)), *nodes, *marked, *missed])


def _shares(row: ExplainedRow, longest: int) -> list[str]:
    """The columns with the largest shares; cells where there are some."""
    shown, has_cells = row.shares[:MOST], any(share.cell is not None for share in row.shares)
    widest = max((abs(share.share) for share in shown), default=0.0)
    lines = [
        [
            f"  {_cut(share.column, longest)}",
            *([_cell(share.cell, longest)] if has_cells else []),
            format_signed(share.share),
            bar(abs(share.share) / widest if widest > 0 else 0.0, BAR),
        ]
        for share in shown
    ]
    rest = sum(share.share for share in row.shares[MOST:])
    return [_table(lines), *([f"  and {len(row.shares) - MOST} more, together {format_signed(rest)}"] if len(row.shares) > MOST else [])]


def _nodes(found: Neighborhood, longest: int) -> list[str]:
    """The nodes with the largest shares, and how far away they are."""
    ranked = sorted(found.nodes, key=lambda node: -abs(node.share))
    shown = ranked[:MOST]
    widest = max((abs(node.share) for node in shown), default=0.0)
    lines = [
        [
            f"  {_cut(node.place, longest)}",
            "" if node.hops is None else HOPS.get(node.hops, f"{node.hops} edges away"),
            format_signed(node.share),
            bar(abs(node.share) / widest if widest > 0 else 0.0, BAR),
        ]
        for node in shown
    ]
    rest = sum(node.share for node in ranked[MOST:])
    more = [f"  and {len(ranked) - MOST} more nodes, together {format_signed(rest)}"] if len(ranked) > MOST else []
    return ["  by node, with all that it has", _table(lines), *more]


def _cell(cell: str | None, longest: int) -> str:
    return "-" if cell is None else _cut(cell, longest)


def _quality(quality: Quality, found: Explanation) -> str:
    return labelled([("quality", "\n".join(_judged(quality, found)))])


def _judged(quality: Quality, found: Explanation) -> Iterator[str]:
    yield f"of {found.method}, on {quality.rows} rows"
    if quality.completeness is not None:
        yield f"completeness: the shares of a row miss its answer by {format_spread(quality.completeness, 1)} at most"
    cut = quality.deletion
    areas = f"{format_number(cut.area)}, in random order {format_number(cut.random_area)}"
    if cut.is_probability:
        yield f"deletion: mean probability {areas} (low is good)"
    else:
        yield f"deletion: the answer moves by {areas} (high is good)"
    if not cut.is_better:
        yield "no better than chance: don't trust these shares"
    if quality.randomisation is None:
        return
    correlation = quality.randomisation.correlation
    yield f"randomisation: correlation with untrained networks {correlation:.2f} (0 is best)"
    if abs(correlation) > HIGH:
        yield "that is high: the shares show the rows rather than what was learned; another method may tell more"
