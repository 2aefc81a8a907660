"""Rules about the time that a run takes. Pure functions."""

from __future__ import annotations

import math
from typing import Final

from nntrain.insight.findings import Facts, Finding, Override, Story
from nntrain.wording import number_of, percent

WAITING: Final = 0.5
"""Share of the time in which steps wait for their rows, from which rows and not the network decide how long a run takes."""
LONG_S: Final = 10.0
"""Seconds that it has waited then: of a shorter run nobody gains by another way of reading, which takes a start of its own."""
FEW_EPOCHS: Final = 3
"""A run of fewer epochs gains little by keeping in memory what it has read."""


def data_bound(story: Story) -> Finding | None:
    """Steps wait for their rows most of the time, and there is a way to have these sooner."""
    rows = story.facts.rows
    share = story.waited_s / story.seconds if story.seconds > 0 else 0.0
    if share < WAITING or story.waited_s < LONG_S or not (rows.streamed or rows.augmented):
        return None
    if rows.streamed:
        what = f"{_listed(rows.streamed)} of each batch are read anew when it comes"
    else:
        what = f"data.fields.{rows.augmented[0]}.augment changes each of them anew"
    sentence = f"steps wait for their rows {percent(share)} of the time: {what}"
    evidence = f"{story.waited_s:.3g} of {story.seconds:.3g} s; data.workers {rows.workers}, {number_of(rows.cores, 'core')}"
    return Finding("data_bound", sentence, evidence, tuple(_sooner(story.facts, share)))


def _sooner(facts: Facts, share: float) -> list[Override]:
    """Rows in memory where all of them fit there and are read often, else more processes that read ahead."""
    rows = facts.rows
    if not rows.streamed:
        return []
    found: list[Override] = []
    waited = share / max(1 - share, 1e-3)  # what a step waits for, in terms of the time that it computes
    needed = math.ceil(rows.workers * (1 + waited) if rows.workers else waited)
    if (workers := min(rows.cores, max(needed, rows.workers + 1))) > rows.workers:
        found.append((f"data.workers={workers}",))
    kept: Override = ("data.streaming=false", *(("data.workers=0",) if rows.workers else ()))
    if rows.fit_in_memory:
        is_read_often = facts.total_steps >= FEW_EPOCHS * facts.steps_per_epoch
        found = [kept, *found] if is_read_often else [*found, kept]
    return found


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more fields"
