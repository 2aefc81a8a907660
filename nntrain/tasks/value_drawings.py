"""Drawings of answers that are numbers, forecasts or texts, beside the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from nntrain.data.exhibits import Words
from nntrain.tasks.drawings import Answers, Band, Drawing, Histogram, Line, Lines, Points, Samples
from nntrain.wording import short_number

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

MOST_POINTS: Final = 700
"""Points of a cloud; of more, evenly chosen ones."""
MOST_COLUMNS: Final = 4
"""Columns of a forecast that have drawings."""
SHOWN: Final = 8
"""Texts that are shown."""
_SAME: Final = 1e-12


def listed(values: Array) -> list[float]:
    """As plain numbers."""
    return cast("list[float]", values.tolist())


def errors(answers: Answers) -> Array:
    """Predicted less true, float64 `[N, …]`."""
    return answers.predicted.double().numpy() - answers.truth.double().numpy()


def value_misses(answers: Answers) -> Array:
    """The mean absolute error of each row, float64 `[N]`; values of several columns count in parts of their spread."""
    found = np.abs(errors(answers))
    if answers.truth.ndim > 1 and answers.truth.shape[-1] == len(answers.columns):
        found = found / _spread(answers.truth.double().numpy())
    return found.reshape(len(found), -1).mean(axis=1)


def _spread(truth: Array) -> Array:
    """The standard deviation of each column."""
    return np.maximum(truth.reshape(-1, truth.shape[-1]).std(axis=0), _SAME)


def value_drawings(answers: Answers) -> Iterator[Drawing]:
    """True against predicted, and what is left: one value a row."""
    truth, predicted = answers.truth.double().numpy().reshape(-1), answers.predicted.double().numpy().reshape(-1)
    some = np.unique(np.linspace(0, len(truth) - 1, MOST_POINTS).round().astype(np.int64))
    left = predicted - truth
    name = answers.target.name
    shown = "" if len(some) == len(truth) else f" {len(some):,} of {len(truth):,} are drawn."
    shown = f"{_held(answers)}{shown}"
    half, most = np.quantile(np.abs(left), [0.5, 0.9])
    yield Points(
        "True against predicted",
        f"Half of the predictions are off by at most {short_number(half)}, nine of ten by at most {short_number(most)}.{shown}",
        f"true {name}",
        f"predicted {name}",
        listed(truth[some]),
        listed(predicted[some]),
        "diagonal",
    )
    yield Points(
        "Residuals",
        f"Predicted less true is {short_number(left.mean())} on average: {_leaning(left)}.",
        f"predicted {name}",
        "predicted less true",
        listed(predicted[some]),
        listed(left[some]),
        "zero",
    )
    low, high = np.quantile(left, [0.005, 0.995])
    if high - low > _SAME * max(1, abs(high)):
        counts, edges = np.histogram(left.clip(low, high), bins=30)
        told = f"The middle 99 % lie between {short_number(low)} and {short_number(high)}; what lies beyond is counted at the ends."
        yield Histogram("How residuals are spread", told, tuple(listed(edges)), tuple(cast("list[int]", counts.tolist())))


def _held(answers: Answers) -> str:
    """How many true values lie between the limits that the network gives."""
    if answers.interval is None:
        return ""
    truth = answers.truth.double()
    is_in = (answers.interval.low.double() <= truth) & (truth <= answers.interval.high.double())
    return f" {100 * float(is_in.double().mean()):.1f} % of the true values lie between the limits that it gives."


def value_doubts(answers: Answers) -> Array | None:
    """How far apart the limits are that each answer has, float64 `[N]`."""
    if answers.interval is None:
        return None
    wide = (answers.interval.high.double() - answers.interval.low.double()).numpy()
    return wide.reshape(len(wide), -1).mean(axis=1)


def _leaning(left: Array) -> str:
    mean, noise = left.mean(), left.std() / np.sqrt(len(left))
    return "no more than chance" if abs(mean) <= 2 * noise else "too high" if mean > 0 else "too low"


def forecast_drawings(answers: Answers) -> Iterator[Drawing]:
    """A window of which half are forecast better, the worst one, and how the error grows with the steps ahead."""
    truth = answers.truth.double().numpy()
    truth = truth if truth.ndim == 3 else truth.reshape(len(truth), -1, 1)
    left = np.abs(errors(answers)).reshape(truth.shape)
    names = answers.columns or (answers.target.name,)
    by_step = (left / _spread(truth)).mean(axis=(0, 2))
    steps = list(range(1, truth.shape[1] + 1))
    if len(steps) > 1:
        yield Lines(
            "Error by step ahead",
            f"From {by_step[0]:.3g} one step ahead to {by_step[-1]:.3g} after {len(steps)} steps.",
            "steps ahead",
            "mean error, in standard deviations",
            (Line("mean absolute error", steps, listed(by_step)),),
        )
    for column, name in list(enumerate(names))[:MOST_COLUMNS]:
        order = np.argsort(left[:, :, column].mean(axis=1), kind="stable")
        middle = "A window in the middle" if len(truth) > 1 else "The only window"
        chosen = {middle: order[len(order) // 2], "The worst window": order[-1]}
        for title, row in list(chosen.items())[: 2 if len(names) == 1 < len(truth) else 1]:
            yield _window(f"{title}: {name}", answers, int(row), column, steps)


def _window(title: str, answers: Answers, row: int, column: int, steps: list[int]) -> Lines:
    told, said = (listed(values[row].double().numpy().reshape(len(steps), -1)[:, column]) for values in (answers.truth, answers.predicted))
    mean = float(np.abs(np.array(told) - np.array(said)).mean())
    lines = (Line("true", steps, told), Line("forecast", steps, said, is_dashed=True))
    words, band = f"Off by {short_number(mean)} on average.", None
    if answers.interval is not None:
        low, high = (
            listed(end[row].double().numpy().reshape(len(steps), -1)[:, column]) for end in (answers.interval.low, answers.interval.high)
        )
        band = Band(steps, low, high)
        inside = sum(bottom <= value <= top for bottom, value, top in zip(low, told, high, strict=True))
        words += f" {inside} of {len(steps)} true values lie in the band that the network gives."
    return Lines(title, words, "steps ahead", "", lines, band=band, with_points=len(steps) <= 12)


def text_drawings(answers: Answers) -> Iterator[Drawing]:
    """Texts that were written, or spelled out of a sound, beside the true ones."""
    to_text = answers.target.to_text
    if to_text is None:
        return
    rows = np.unique(np.linspace(0, len(answers) - 1, SHOWN).round().astype(np.int64))
    said, true = _tokens(answers.predicted.numpy()[rows]), _tokens(answers.truth.numpy()[rows])
    yield _samples("Texts", "Rows evenly chosen from all.", to_text, true, said, "written by the network")


def _tokens(rows: Array) -> list[list[int]]:
    """The tokens of rows `[N, L]` that are padded with -1."""
    return [[token for token in row if token >= 0] for row in cast("list[list[int]]", rows.astype(np.int64).tolist())]


def _samples(
    title: str, told: str, to_text: Callable[[Sequence[int]], str], true: list[list[int]], said: list[list[int]], head: str
) -> Samples:
    rows = tuple((Words(to_text(one), is_long=True), Words(to_text(other), is_long=True)) for one, other in zip(true, said, strict=True))
    return Samples(title, told, ("true", head), rows)


def next_token_drawings(answers: Answers) -> Iterator[Drawing]:
    """Of some stretches of text the true next tokens beside the likeliest ones."""
    to_text = answers.target.to_text
    if to_text is None or answers.rows is None:
        return
    of = answers.rows.numpy()
    rows = np.unique(of)[np.unique(np.linspace(0, len(np.unique(of)) - 1, SHOWN // 2).round().astype(np.int64))]
    true = [cast("list[int]", answers.truth.numpy()[of == row].astype(np.int64).tolist()) for row in rows]
    said = [cast("list[int]", answers.predicted.numpy()[of == row].argmax(axis=1).tolist()) for row in rows]
    told = "Each token on the right is the likeliest one behind the true text up to there."
    yield _samples("Next tokens", told, to_text, true, said, "likeliest")
