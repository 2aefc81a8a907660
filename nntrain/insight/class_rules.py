"""Rules about classes: one that is always predicted, one that never is, rows whose label looks wrong. Pure functions."""

from __future__ import annotations

from typing import Final

from nntrain.insight.findings import Finding, Override, Story, Target
from nntrain.insight.rate_rules import lowered
from nntrain.insight.signals import ClassSignals
from nntrain.wording import percent

COLLAPSED: Final = 0.99
"""Share of the rows of which one class is predicted."""
THERE: Final = 0.02
"""Share of the rows that are of other classes, from which they are no rare exception."""
RARE: Final = 0.1
"""Share of the rows of a class that losses and accuracy hardly notice."""
MISSED: Final = 0.5
"""Predictions of a rare class over its rows, below which it is passed over."""
LEAST_ROWS: Final = 5
"""Rows of a class in a look, from which its share says something."""
DOUBTED: Final = 0.01
"""Share of the training rows of which a network that has learned them is sure that their class is another."""
KNOWN: Final = 0.9
"""Share of the rows that it has right, so that its doubts count."""


def collapse(story: Story) -> Finding | None:
    """One class is predicted for nearly every row."""
    for target, seen in _seen(story):
        rows = sum(seen.predicted)
        most = max(range(len(seen.predicted)), key=lambda place: seen.predicted[place])
        others = 1 - target.counts[most] / max(1, sum(target.counts))
        if rows >= 4 * LEAST_ROWS and seen.predicted[most] > COLLAPSED * rows and others >= THERE:
            share = percent(seen.predicted[most] / rows)
            sentence = f"{target.classes[most]!r} is predicted for {share} of the rows, {percent(others)} are others"
            evidence = f"{rows} training rows: {_counts(target, seen)}"
            return Finding("class_collapse", sentence, evidence, (*_weighed(story, target), *lowered(story)))
    return None


def imbalance(story: Story) -> Finding | None:
    """A rare class is seldom predicted."""
    if story.stop_reason is None:
        return None
    for target, seen in _seen(story):
        total = max(1, sum(target.counts))
        for place, count in enumerate(target.counts):
            rows = seen.true[place]
            is_rare = 0 < count < RARE * total and count * len(target.counts) < 0.5 * total
            if is_rare and rows >= LEAST_ROWS and seen.predicted[place] < MISSED * rows and not target.is_weighted:
                sentence = f"{target.classes[place]!r}, {percent(count / total, 1)} of the rows, is predicted too seldom"
                sentence += f": for {seen.predicted[place]} rows where {rows} are of it"
                return Finding("class_imbalance", sentence, f"training rows: {_counts(target, seen)}", _weighed(story, target))
    return None


def label_noise(story: Story) -> Finding | None:
    """A network that has nearly all rows right is sure of another class for a few."""
    if story.stop_reason is None:
        return None
    for target, seen in _seen(story):
        rows = sum(seen.true)
        if rows < 50 or len(seen.doubted) < max(2, DOUBTED * rows) or seen.right < KNOWN * rows or len(seen.doubted) > 0.1 * rows:
            continue
        numbers = ", ".join(f"{row + 1:,}" for row in seen.doubted[:5])
        more = f" and {len(seen.doubted) - 5} more" if len(seen.doubted) > 5 else ""
        sentence = f"labels of {target.name} may be wrong: rows {numbers}{more}"
        evidence = f"of {rows} training rows looked at, {len(seen.doubted)} have another class at more than 95 %"
        smooth: tuple[Override, ...] = (("regularization.label_smoothing=0.1",),)
        return Finding("label_noise", sentence, evidence, () if "label_smoothing" in story.facts.regularization else smooth)
    return None


def _seen(story: Story) -> list[tuple[Target, ClassSignals]]:
    """The targets with what the newest look has seen of them."""
    found = {} if story.last is None else {seen.target: seen for seen in story.last.classes}
    return [(target, found[target.name]) for target in story.facts.targets if target.name in found]


def _weighed(story: Story, target: Target) -> tuple[Override, ...]:
    """Class weights, where classes have different numbers of rows."""
    shares = [count for count in target.counts if count]
    if target.is_weighted or len(shares) < 2 or min(shares) * 2 > max(shares):
        return ()
    place = "loss" if story.facts.single_target else f"loss.{target.name}"
    return ((f"{place}.class_weights=balanced",), (f"{place}.type={target.loss}", f"{place}.class_weights=balanced"))


def _counts(target: Target, seen: ClassSignals) -> str:
    order = sorted(range(len(target.classes)), key=lambda place: -seen.true[place])
    shown = [f"{target.classes[place]} {seen.predicted[place]} predicted, {seen.true[place]} true" for place in order[:4]]
    return "; ".join([*shown, f"{len(order) - 4} more"] if len(order) > 4 else shown)
