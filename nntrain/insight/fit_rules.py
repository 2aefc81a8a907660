"""Rules about how well a network fits its rows: too well, not well enough, with too much to spare. Pure functions."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Final

from nntrain.insight.findings import Facts, Finding, Override, Story
from nntrain.wording import percent

RISE: Final = 0.1
"""Rise of validation.loss since its lowest, as a part of that, from which it is no noise: reports of healthy runs differ by 1 to 5 %."""
NOISE: Final = 2.0
"""The same in terms of what reports differ by, of two one after another: the lowest of a noisy curve is luck."""
RISE_STOPPED: Final = 0.25
"""The same where early stopping keeps the best state: it waits for a rise before it stops."""
FALL: Final = 0.1
"""Fall of train.loss over the same reports."""
LEAST_AFTER: Final = 3
"""Reports after the lowest that show a rise."""
STRONG: Final = 0.5
"""Rise from which a little dropout is not enough."""
FULL_DROPOUT: Final = 0.5
UNDERFIT: Final = 0.1
"""Part of the way from the trivial prediction to a perfect one, on the rows that it was trained on."""
ENDS: Final = ("converged", "early_stopping", "max_epochs", "max_steps")
"""Why a run stops that had the time that it was meant to have."""
SPARE: Final = 0.7
"""Share of units that are off for every row in a network that has learned: it would do as well without them."""


def overfitting(story: Story) -> Finding | None:
    """validation.loss rises while train.loss falls."""
    train, validation = story.values("train.loss"), story.values("validation.loss")
    if len(validation) < LEAST_AFTER + 2 or not train or story.facts.is_scale_free:
        return None
    lowest = min(range(len(validation)), key=lambda place: validation[place])
    end = min(validation[-LEAST_AFTER:])  # of the last few the lowest: one bad report is none
    if len(validation) - 1 - lowest < LEAST_AFTER or validation[lowest] <= 0 or train[lowest] <= 0:
        return None
    rise, fall = end / validation[lowest] - 1, 1 - train[-1] / train[lowest]
    noise = median(abs(after - before) for before, after in pairwise(validation)) / median(validation)
    lasting = min(median(validation[max(0, place - 1) : place + 2]) for place in range(len(validation)))  # one good report is luck
    if end / lasting - 1 < max(RISE_STOPPED if story.facts.stops_early else RISE, NOISE * noise) or fall < FALL:
        return None
    sentence = f"overfitting since epoch {max(1, story.epochs[lowest])} (gap {percent(rise)})"
    evidence = (
        f"validation.loss {validation[lowest]:.4g} in epoch {max(1, story.epochs[lowest])}, {validation[-1]:.4g} at the end; "
        f"train.loss {train[lowest]:.4g}, then {train[-1]:.4g}; {story.facts.num_parameters:,} parameters, {story.facts.train_rows:,} rows"
    )
    return Finding("overfitting", sentence, evidence, _held_back(story.facts, rise))


def _held_back(facts: Facts, rise: float) -> tuple[Override, ...]:
    """What holds a network back: dropout, else weight decay; where that is not enough, an end before it knows the rows by heart."""
    stop: Override = () if facts.stops_early else ("training.early_stopping.monitor=validation.loss", "training.early_stopping.patience=10")
    dropout = float(facts.regularization.get("dropout", 0.0))
    found: list[Override] = []
    if dropout < FULL_DROPOUT:
        more = FULL_DROPOUT if rise >= STRONG or dropout >= 0.2 else 0.2
        found.append((f"regularization.dropout={more}", *(stop if rise >= STRONG else ())))
    decay = float(facts.regularization.get("weight_decay", 0.0))
    heavier = f"regularization.weight_decay={0.01 if decay == 0 else min(10 * decay, 1.0):g}"
    found += [(heavier, *(stop if rise >= STRONG else ())), stop]
    return tuple(each for each in found if each)


def underfitting(story: Story) -> Finding | None:
    """In the end the network is hardly better than the trivial prediction, on the rows that it was trained on."""
    gain, facts = story.gain(), story.facts
    has_ended = story.stop_reason in ENDS and len(story.steps) >= LEAST_AFTER
    if not has_ended or gain is None or gain > UNDERFIT or any(target.is_weighted for target in facts.targets):
        return None
    metric = facts.monitor.partition(".")[2]
    values, base = story.values(f"train.{metric}"), facts.baseline[f"train.{metric}"]
    best = max(values) if facts.direction == "max" else min(values)
    sentence = f"underfitting: train.{metric} is {best:.4g} at best, and the trivial prediction has {base:.4g}"
    evidence = f"{facts.num_parameters:,} parameters, {facts.train_rows:,} rows, {story.steps[-1]:,} steps"
    return Finding("underfitting", sentence, evidence, _freed(facts))


def _freed(facts: Facts) -> tuple[Override, ...]:
    """What holds the network back, else a wider one, else more steps."""
    found: list[Override] = []
    if float(facts.regularization.get("dropout", 0.0)) > 0.2:
        found.append(("regularization.dropout=null",))
    if float(facts.regularization.get("weight_decay", 0.0)) > 0.1:
        found.append(("regularization.weight_decay=null",))
    if facts.widths and max(facts.widths) < 64:
        found.append((f"architecture.hidden={','.join(['256'] * max(2, len(facts.widths)))}",))
    if facts.max_epochs is not None:
        found.append((f"training.max_epochs={3 * facts.max_epochs}",))
    return tuple(found)


def unused_units(story: Story) -> Finding | None:
    """Most units of a layer are off for every row, though the network has learned."""
    facts, last = story.facts, story.last
    if last is None or story.stop_reason is None or story.learned is None or story.learned < 0.5 or not facts.widths:
        return None
    units = [unit for unit in last.units if unit.kind == "relu"]
    off = [unit for unit in units if unit.share >= SPARE]
    if not off or len(units) != len(facts.widths):
        return None
    used = [max(8, round(width * (1 - unit.share) * 2)) for width, unit in zip(facts.widths, units, strict=True)]
    widths = [min(width, use) if unit.share >= SPARE else width for width, use, unit in zip(facts.widths, used, units, strict=True)]
    sentence = f"{percent(off[0].share)} of the units of {off[0].name} are 0 for every row: fewer would do"
    evidence = ", ".join(f"{unit.name} {percent(unit.share)} of {unit.units}" for unit in units)
    return Finding("unused_units", sentence, evidence, ((f"architecture.hidden={','.join(map(str, widths))}",),))
