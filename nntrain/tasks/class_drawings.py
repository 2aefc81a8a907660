"""Drawings of answers that are classes or labels: what is taken for what, how well they are told apart, how sure is sure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np

from nntrain.tasks.drawings import Answers, Bars, Counts, Drawing, Line, Lines
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array

MOST_CLASSES: Final = 10
"""Classes that have a curve each."""
MOST_CELLS: Final = 30
"""Classes of a confusion matrix that is drawn whole; of more the commonest confusions are told."""
MOST_POINTS: Final = 200
"""Points of a curve."""
BINS: Final = 10


def shares_of(answers: Answers) -> Array:
    """Probabilities of all classes, float64 `[N, K]`; of two classes both."""
    predicted = answers.predicted.double().numpy()
    return np.stack([1 - predicted, predicted], axis=1) if predicted.ndim == 1 else predicted


def taken(answers: Answers) -> Array:
    """The class that each answer is taken for, int64 `[N]`."""
    shares = shares_of(answers)
    if shares.shape[1] == 2 and answers.threshold is not None:
        return (shares[:, 1] > answers.threshold).astype(np.int64)
    return shares.argmax(axis=1)


def names_of(answers: Answers, count: int) -> tuple[str, ...]:
    """Names of the classes, or their numbers."""
    return answers.target.classes if len(answers.target.classes) == count else tuple(map(str, range(count)))


def share_right(answers: Answers) -> float:
    """Share of the answers that are right; pixels count each."""
    is_right = taken(answers) == answers.truth.long().numpy()
    return float(np.average(is_right, weights=None if answers.counts is None else answers.counts.numpy()))


def class_drawings(answers: Answers) -> Iterator[Drawing]:
    """Confusion matrix, ROC, precision and recall, reliability; of pixels and steps the matrix alone."""
    yield confusion(answers)
    if answers.counts is not None:
        return
    truth, shares = answers.truth.long().numpy(), shares_of(answers)
    names = names_of(answers, shares.shape[1])
    if len(names) <= MOST_CLASSES:
        shown = [1] if len(names) == 2 else range(len(names))
        yield from _curves([(names[index], truth == index, shares[:, index]) for index in shown])
    yield reliability(truth, shares)


def label_drawings(answers: Answers) -> Iterator[Drawing]:
    """ROC, precision and recall of the labels, each for itself."""
    truth, shares = answers.truth.numpy() > 0.5, answers.predicted.double().numpy()
    names = names_of(answers, shares.shape[1])
    if len(names) <= MOST_CLASSES:
        yield from _curves([(name, truth[:, index], shares[:, index]) for index, name in enumerate(names)])


def confusion(answers: Answers) -> Drawing:
    """Who is taken for whom; of very many classes the commonest confusions."""
    truth, found = answers.truth.long().numpy(), taken(answers)
    names = names_of(answers, shares_of(answers).shape[1])
    weights = None if answers.counts is None else answers.counts.numpy()
    flat = np.bincount(truth * len(names) + found, weights=weights, minlength=len(names) ** 2)
    matrix = flat.reshape(len(names), len(names)).round().astype(np.int64)
    counts: list[list[int]] = matrix.tolist()
    wrong = [(count, names[i], names[j]) for i, row in enumerate(counts) for j, count in enumerate(row) if count and i != j]
    worst = sorted(wrong, reverse=True)[:BINS]
    unit = "pixels" if answers.counts is not None else "units" if answers.rows is not None else "rows"
    told = f"{int(matrix.trace()):,} of {int(matrix.sum()):,} {unit} are right."
    if worst:
        told += f" Most often {worst[0][1]} is taken for {worst[0][2]}: {number_of(worst[0][0], 'time')}."
    if len(names) > MOST_CELLS and worst:
        labels = tuple(f"{true} taken for {other}" for _, true, other in worst)
        return Bars("Commonest confusions", told, labels, tuple(float(count) for count, _, _ in worst))
    return Counts("Confusion matrix", told, names, tuple(map(tuple, counts)))


def _curves(named: list[tuple[str, Array, Array]]) -> Iterator[Drawing]:
    """ROC, and precision against recall, of some classes against all others; those without rows, or without others, are left out."""
    usable = [(name, is_true, share) for name, is_true, share in named if 0 < is_true.sum() < len(is_true)]
    if not usable:
        return
    of = "" if len(usable) > 1 else f" of {usable[0][0]}"
    ranked = [(name, *_ranked(is_true, share)) for name, is_true, share in usable]
    roc = [(name, _roc(hits, false)) for name, hits, false in ranked]
    yield Lines(
        f"ROC{of}",
        f"{_range('Area under the curve', [area for _, (_, _, area) in roc])}; 0.5 is chance, 1 is perfect.",
        "share of the others taken for it",
        "share of its rows found",
        tuple(Line(f"{name} ({area:.3f})", *_thinned(x, y)) for name, (x, y, area) in roc),
        is_diagonal=True,
    )
    found = [(name, _precision(hits, false)) for name, hits, false in ranked]
    yield Lines(
        f"Precision and recall{of}",
        f"{_range('Average precision', [area for _, (_, _, area) in found])}; 1 is perfect, the share of its rows is chance.",
        "recall: share of its rows found",
        "precision: share that is right",
        tuple(Line(f"{name} ({area:.3f})", *_thinned(x, y)) for name, (x, y, area) in found),
    )


def _range(what: str, areas: list[float]) -> str:
    return f"{what} {areas[0]:.3f}" if len(areas) == 1 else f"{what} from {min(areas):.3f} to {max(areas):.3f}"


def _ranked(is_true: Array, share: Array) -> tuple[Array, Array]:
    """How many of a class and of the others have at least each of the different shares, the highest first; both begin with 0."""
    order = np.argsort(-share, kind="stable")
    last = np.append(np.flatnonzero(np.diff(share[order])), len(order) - 1)
    hits = np.cumsum(is_true[order])[last]
    return np.append(0, hits), np.append(0, last + 1 - hits)


def _roc(hits: Array, false: Array) -> tuple[Array, Array, float]:
    x, y = false / false[-1], hits / hits[-1]
    return x, y, float(((x[1:] - x[:-1]) * (y[1:] + y[:-1]) / 2).sum())


def _precision(hits: Array, false: Array) -> tuple[Array, Array, float]:
    recall, precision = hits[1:] / hits[-1], hits[1:] / (hits[1:] + false[1:])
    return recall, precision, float((np.diff(recall, prepend=0) * precision).sum())


def _thinned(x: Array, y: Array) -> tuple[list[float], list[float]]:
    """At most so many points, evenly along the way, both ends among them."""
    if len(x) > MOST_POINTS:
        way = np.append(0, np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)) + 1e-12))
        found: Array = np.searchsorted(way, np.linspace(0, float(way[-1]), MOST_POINTS))
        places = np.unique(found.clip(0, len(x) - 1))
        x, y = x[places], y[places]
    return cast("list[float]", x.tolist()), cast("list[float]", y.tolist())


def reliability(truth: Array, shares: Array) -> Lines:
    """How often answers are right that the network is so sure of; of two classes how often the second one is true."""
    is_binary = shares.shape[1] == 2
    sure = shares[:, 1] if is_binary else shares.max(axis=1)
    is_right = (truth == 1) if is_binary else shares.argmax(axis=1) == truth
    place = np.minimum((sure * BINS).astype(np.int64), BINS - 1)
    count = np.bincount(place, minlength=BINS)
    there = count > 0
    mean: Callable[[Any], Array] = lambda values: np.bincount(place, weights=values, minlength=BINS)[there] / count[there]  # noqa: E731
    x, y = mean(sure), mean(is_right)
    error = float((np.abs(x - y) * count[there]).sum() / count.sum())
    return Lines(
        "Reliability",
        f"Said and true chances differ by {100 * error:.2g} percentage points on average (expected calibration error, {BINS} bins).",
        "probability that the network gives",
        "share that is true",
        (Line("this network", cast("list[float]", x.tolist()), cast("list[float]", y.tolist())),),
        is_diagonal=True,
        with_points=True,
    )


def class_misses(answers: Answers) -> Array:
    """How little of its probability each answer gives to what is true, float64 `[N]`."""
    shares, truth = shares_of(answers), answers.truth.long().numpy()
    return 1 - shares[np.arange(len(shares)), truth]


def class_doubts(answers: Answers) -> Array:
    """How close the second likeliest class comes to the likeliest, float64 `[N]`: 1 for a tie."""
    shares = np.sort(shares_of(answers), axis=1)
    return 1 - (shares[:, -1] - shares[:, -2])


def label_misses(answers: Answers) -> Array:
    """How much probability is given to labels wrongly, or withheld, summed over the labels, float64 `[N]`."""
    return np.abs(answers.predicted.double().numpy() - answers.truth.double().numpy()).sum(axis=1)
