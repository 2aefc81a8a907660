"""Rules about the learning rate, its schedule and the number of steps. Pure functions."""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean, median
from typing import Final

from nntrain.insight.findings import Finding, Override, Story
from nntrain.insight.rates import higher_rate, lower_rate, rate_text
from nntrain.wording import number_of, percent

BLOWN_UP: Final = 1.1
"""A loss of this many times the initial one in the first reports is no noise: the first steps went too far."""
FAR_STEP: Final = 0.02
"""Part of their size by which a first step of SGD moves the weights: 20 times what is healthy (`rates.HEALTHY`)."""
NOISY: Final = 1.5
"""The same of the loss while training, which dropout makes larger."""
STUCK: Final = 0.1
"""A run that is rid of less than this part of its initial loss has learned next to nothing."""
HALF: Final = 0.5
"""One that is rid of less than this part has learned little."""
SWINGS: Final = 0.1
"""How much the train loss changes from report to report, as a part of itself, over the last half of a run. With adamw on digits: at 1e-3
0.07 (nearly all of it falls), at 0.1 0.14 to 0.25."""
LARGE_SWINGS: Final = 0.25
"""The same for a rate that is not above the optimizer's default: small batches swing too."""
UPS: Final = 0.6
"""Sum of the rises over the sum of the falls, over the last half: 0.1 at a good rate on digits, 0.98 at a hundred times that."""
ON_ITS_WAY: Final = 0.25
"""Fall of the loss from the third quarter of a run to the last, as a part of it, of a run that learns in spite of its swings: 26 to 64 % in
five of six runs on 150 molecules at the published rate, less than 14 % on digits at a hundred times the good one."""
SMALL: Final = 0.03
"""Part of the initial loss below which swings are those of a network that has learned everything."""
SLOW: Final = 1e-4
"""Steps that move weights by less than this part of their size are a tenth of what is healthy, or less (`rates.HEALTHY`)."""
SHORT: Final = 3e-4
"""The same where the loss has hardly moved at all."""
MOVED: Final = 0.1
"""Part of their size by which weights have moved at most, if all steps went one way, where the rate alone keeps them from learning."""
LOST: Final = 1e3
"""Times that a rate is below the optimizer's default where it alone is why weights keep all of their bits."""
TINY_UPDATE: Final = 1e-5
"""Steps that move weights by less are a hundredth of what is healthy."""
LARGE_UPDATE: Final = 1e-2
"""Those that move them by more are ten times that. Networks that learn all of digits have up to 2e-2, so that it takes a loss which goes
up and down beside it to call them too large."""
RESTLESS: Final = 0.03
"""Change of train.loss from report to report, as a part of itself, that such steps are told from."""
STEADY: Final = 0.9
"""Share of the reports in which the loss falls, of a run whose rate could be higher: no noise of too long a step shows."""
FALLING: Final = 0.1
"""Fall of both losses over the last fifth of a run, as a part of them, from which more epochs would surely pay."""
LEAST_REPORTS: Final = 8
"""Reports that tell a swing from a fall."""
FEW_STEPS: Final = 10
"""Steps of an epoch below which batches are large for the number of rows."""
ENOUGH_STEPS: Final = 1_000
"""A run of so many steps had enough of them, whatever the length of its epochs."""
FAR: Final = 3.0
"""Initial loss in terms of ln K, which a network that knows nothing has; torch's initial weights give 1.0 to 1.3."""


def lowered(story: Story) -> tuple[Override, ...]:
    """A lower learning rate to try."""
    facts = story.facts
    return ((f"optimizer.lr={rate_text(lower_rate(facts.lr, facts.default_lr, _first_update(story)))}",),)


def too_high(story: Story) -> Finding | None:
    """The first steps went so far that nothing is learned, or the loss goes up as often as down."""
    facts, update = story.facts, story.update
    if facts.lr < facts.default_lr / 10 and update is not None and update <= SLOW:
        return None  # what changes then are the running statistics of batch norms
    return _blown_up(story) or _far_steps(story) or _swings(story)


def _far_steps(story: Story) -> Finding | None:
    first = _first_update(story)
    if first is None or first < FAR_STEP or story.learned is None or story.learned > STUCK:
        return None
    sentence = f"the learning rate is too high: the first step moved the weights by {percent(first)} of their size, and nothing is learned"
    evidence = f"lr {story.facts.lr:g}; about 0.1 % is healthy; train.loss {min(story.values('train.loss')):.4g} at best"
    return Finding("learning_rate_too_high", sentence, evidence, lowered(story))


def _first_update(story: Story) -> float | None:
    """How far the first step moves the weights, as a part of their size, where the rate alone says how far."""
    if story.facts.scales_gradients or not story.signals:
        return None
    known = [layer.update for layer in story.signals[0].layers if layer.update]
    return median(known) if known else None


def _blown_up(story: Story) -> Finding | None:
    begin, learned = story.initial_loss, story.learned
    if begin is None or learned is None or learned > STUCK:
        return None
    running = [value for each in story.metrics[:3] if (value := each.get("train.running_loss")) is not None and value > NOISY * begin]
    losses = [value for value in (*story.values("train.loss")[:3], *running) if value > BLOWN_UP * begin]
    if not losses:
        return None
    sentence = f"the learning rate is too high: the loss went up to {max(losses):.4g} from {begin:.4g}, and has learned nothing since"
    evidence = f"lr {story.facts.lr:g}; train.loss {begin:.4g} before the first step, {min(story.values('train.loss')):.4g} at best"
    return Finding("learning_rate_too_high", sentence, evidence, lowered(story))


def _swings(story: Story) -> Finding | None:
    losses, begin = story.values("train.loss"), story.initial_loss
    if story.facts.is_scale_free:
        return None
    if len(losses) < LEAST_REPORTS or begin is None or min(losses) < 0:
        return None
    swing = _swing(losses, begin)
    if swing < (SWINGS if story.facts.lr > story.facts.default_lr else LARGE_SWINGS):
        return None
    sentence = f"the learning rate is too high: train.loss changes by {percent(swing)} from report to report, up as often as down"
    evidence = f"lr {story.facts.lr:g}; train.loss {', '.join(f'{loss:.3g}' for loss in losses[-6:])}"
    return Finding("learning_rate_too_high", sentence, evidence, lowered(story))


def _swing(losses: list[float], begin: float) -> float:
    """How much a loss changes from report to report over the last half, as a part of itself; 0 where it still falls, or is small.

    Args:
        losses: Of each report.
        begin: The loss before the first step.
    """
    late = losses[len(losses) // 2 :]
    level = fmean(late)
    ups = sum(max(0.0, after - before) for before, after in pairwise(late))
    downs = sum(max(0.0, before - after) for before, after in pairwise(late))
    if level < SMALL * begin or level <= 0 or ups < UPS * downs:
        return 0.0
    if fmean(late[len(late) // 2 :]) < (1 - ON_ITS_WAY) * fmean(late[: len(late) // 2]):
        return 0.0
    return median(abs(after - before) for before, after in pairwise(late)) / level


def too_low(story: Story) -> Finding | None:
    """The steps are so short that the loss is still near where it began: it falls slowly but steadily, or has hardly moved."""
    losses, update, learned = story.values("train.loss"), story.update, story.learned
    if update is None or learned is None or len(losses) < 3 or learned > HALF or update > SHORT:
        return None
    if update == 0:
        return _changes_nothing(story, losses)
    if story.stop_reason is None and len(losses) < LEAST_REPORTS:
        return None
    gain = story.gain()
    if story.facts.starts_trained and (gain is None or gain > STUCK):
        return None  # it may have begun where it should end
    return _creeps(story, losses, update) or _stands_still(story, losses, update)


def _creeps(story: Story, losses: list[float], update: float) -> Finding | None:
    falls = sum(after <= before for before, after in pairwise(losses)) / (len(losses) - 1)
    if falls < STEADY or update > SLOW:
        return None
    begin = story.initial_loss or losses[0]
    sentence = (
        f"the learning rate is too low: train.loss falls steadily and is still {percent(losses[-1] / begin)} of what it was at the start"
    )
    evidence = f"lr {story.facts.lr:g}; a step moves the weights by {update:.1g} of their size, about 0.001 is healthy"
    return Finding("learning_rate_too_low", sentence, evidence, _raised(story, update))


def _changes_nothing(story: Story, losses: list[float]) -> Finding | None:
    """No weight has moved by a bit. A schedule that ends at 0, or frozen layers, are no fault of the rate; one far below the default is."""
    if len(set(losses)) > 1 or story.facts.lr * LOST > story.facts.default_lr:
        return None
    sentence = "the learning rate is too low: no step changes a weight, as its last digit is larger than what the rate makes of a gradient"
    return Finding(
        "learning_rate_too_low", sentence, f"lr {story.facts.lr:g}; train.loss {losses[0]:.4g} in all reports", _raised(story, 0.0)
    )


def _stands_still(story: Story, losses: list[float], update: float) -> Finding | None:
    begin, steps = story.initial_loss, story.steps[-1]
    if begin is None or min(losses) < (1 - STUCK) * begin or update * steps > MOVED:
        return None
    left = percent(min(losses) / begin)
    sentence = f"the learning rate is too low: a step moves the weights by {update:.1g} of their size, and {left} of train.loss are left"
    far = f"{percent(update * steps, 2)} in {steps:,} steps at most"
    loss = f"train.loss {begin:.4g} before the first step, {min(losses):.4g} at best"
    evidence = f"lr {story.facts.lr:g}; {far}, about 0.1 % in one is healthy; {loss}"
    return Finding("learning_rate_too_low", sentence, evidence, _raised(story, update))


def _raised(story: Story, update: float) -> tuple[Override, ...]:
    """A higher learning rate to try, where a step moves the weights by `update` of their size."""
    return ((f"optimizer.lr={rate_text(higher_rate(story.facts.lr, story.facts.default_lr, update))}",),)


def update_ratio(story: Story) -> Finding | None:
    """Steps are far longer or shorter, beside the weights, than where training goes well, and little is learned."""
    losses, update, learned, begin = story.values("train.loss"), story.update, story.learned, story.initial_loss
    if update is None or learned is None or begin is None or learned > HALF or len(losses) < LEAST_REPORTS or story.facts.is_scale_free:
        return None
    swing = _swing(losses, begin)
    if update > LARGE_UPDATE and swing > RESTLESS:
        why, overrides = f"and train.loss changes by {percent(swing)} from report to report, up as often as down", lowered(story)
    elif 0 < update < TINY_UPDATE and not story.facts.starts_trained:
        why, overrides = f"and train.loss is still {percent(min(losses) / begin)} of what it was at the start", _raised(story, update)
    else:
        return None
    sentence = f"a step moves the weights by {update:.1g} of their size, where about 0.001 is healthy, {why}"
    layers = ", ".join(f"{layer.name} {layer.update:.1g}" for layer in story.hidden[:6] if layer.update is not None)
    return Finding("update_ratio", sentence, f"lr {story.facts.lr:g}; {layers}", overrides)


def still_falling(story: Story) -> Finding | None:
    """A limit has ended a run whose losses were still falling."""
    facts, train, validation = story.facts, story.values("train.loss"), story.values("validation.loss")
    if story.stop_reason not in ("max_epochs", "max_steps") or facts.scheduler != "constant" or len(train) < 5:
        return None
    falls = [_late_fall(values) for values in (train, validation) if values]
    if not falls or min(falls) < FALLING or (validation and min(validation) < min(validation[-2:])):
        return None
    sentence = f"train.loss was still falling at the end, by {percent(falls[0])} over the last fifth"
    evidence = f"train.loss {', '.join(f'{value:.3g}' for value in train[-5:])}"
    doubled: list[Override] = []
    if story.stop_reason == "max_epochs" and facts.max_epochs is not None:
        doubled.append((f"training.max_epochs={2 * facts.max_epochs}",))
    elif facts.max_steps is not None:
        doubled.append((f"training.max_steps={2 * facts.max_steps}",))
    return Finding("still_falling", sentence, evidence, tuple(doubled))


def _late_fall(values: list[float]) -> float:
    """Fall over the last fifth, of means over a few reports at both ends, as a part of what was there."""
    fifth = max(2, len(values) // 5)
    before, after = fmean(values[-2 * fifth : -fifth] or values[:1]), fmean(values[-fifth:])
    return (before - after) / before if before > 0 else 0.0


def plateau(story: Story) -> Finding | None:
    """At a constant rate the loss stands still, but for noise that a falling rate would take away."""
    losses, begin, facts = story.values("train.loss"), story.initial_loss, story.facts
    if facts.scheduler != "constant" or story.stop_reason not in ("max_epochs", "max_steps") or begin is None:
        return None
    if len(losses) < 3 * LEAST_REPORTS or not facts.total_steps:
        return None
    third = len(losses) // 3
    late, middle = losses[-third:], losses[-2 * third : -third]
    noise = fmean(abs(after - before) for before, after in pairwise(late))
    level, gain = fmean(late), fmean(middle) - fmean(late)
    if level < SMALL * begin or gain > 0.02 * level or noise < 0.03 * level:
        return None
    sentence = f"train.loss has stood still for a third of the run, but for changes of {percent(noise / level)} between reports"
    evidence = f"lr constant at {facts.lr:g}; mean of train.loss {fmean(middle):.4g} in the middle third, {level:.4g} in the last"
    return Finding("plateau", sentence, evidence, (("scheduler=cosine", "scheduler.warmup_fraction=0.05"),))


def few_steps(story: Story) -> Finding | None:
    """An epoch has few steps, the run too, and too little was learned."""
    facts, learned = story.facts, story.learned
    rows = facts.batch_size
    if facts.compares_rows or facts.steps_per_epoch >= FEW_STEPS or story.stop_reason not in ("max_epochs", "max_steps") or not story.steps:
        return None
    if story.steps[-1] >= ENOUGH_STEPS or learned is None or learned > HALF or facts.train_rows < 4 * FEW_STEPS:
        return None
    smaller = 2 ** max(2, int(math.log2(max(facts.train_rows / 20, 4))))
    if smaller >= rows:
        return None
    steps = number_of(facts.steps_per_epoch, "step")
    sentence = f"an epoch has only {steps} of {rows:,} rows, and the run had {story.steps[-1]:,}"
    evidence = f"{facts.train_rows:,} training rows; train.loss {story.values('train.loss')[-1]:.4g} at the end"
    return Finding("few_steps", sentence, evidence, ((f"data.batch_size={smaller}",),))


def initial_loss(story: Story) -> Finding | None:
    """A network that has seen nothing is far from guessing: its first outputs are huge."""
    begin, facts = story.initial_loss, story.facts
    if begin is None or not facts.single_target or len(facts.targets) != 1:
        return None
    [target] = facts.targets
    guess = math.log(len(target.classes))
    if not target.is_scored_by_entropy or target.is_weighted or begin < FAR * guess:
        return None
    sentence = f"the loss before the first step is {begin:.3g}, and guessing has {guess:.3g}: the first outputs are huge"
    evidence = f"ln {len(target.classes)} is {guess:.3g}"
    anew: tuple[Override, ...] = (("architecture.initializer=null",),) if facts.initializes else ()
    return Finding("initial_loss", sentence, evidence, (*anew, ("regularization.norm=batch",), ("regularization.norm=layer",)))
