"""The trial of learning rates: the range test of `nntrain.insight.rate_range` on real batches, from the initial weights."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from nntrain.commands.preparing.measuring import Steps
from nntrain.commands.screens.figures import format_number, sparkline
from nntrain.commands.trials.findings import TrialResult, why_no_loss
from nntrain.commands.trials.rate_settings import Sweep
from nntrain.insight.rate_range import DECADES, RateAdvice, Stop, advise, smoothed, sweep_rates
from nntrain.training.divergence import FoundDivergenceError
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job

MOST_STEPS: Final = 100
FEWEST_STEPS: Final = 30
ENOUGH_STEPS: Final = 60
"""With fewer steps rates are tried in a narrower range, as neighbours would be too far apart."""
MOST_S: Final = 20.0
"""Seconds that a sweep may take; of slow steps it has fewer."""
FAR: Final = 3.0
"""Times that a rate may lie outside the good range, whose ends are not sharp, without a warning."""
CURVE_WIDTH: Final = 64


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep has seen."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    """By step, finite."""
    configured: float
    advice: RateAdvice | None
    is_broken: bool = False
    """Whether it ended in NaN or infinity."""


def why_no_sweep(job: Job) -> str | None:
    """Why rates can't be tried; `None` where they can."""
    optimizer = job.blueprint.experiment.optimizer
    assert optimizer is not None
    if (why := why_no_loss(job)) is not None:
        return why
    if optimizer.needs_closure:
        return f"{optimizer.type} finds the length of each step itself"
    return "each node has an optimizer with a rate of its own" if optimizer.joins else None


def sweep(job: Job, step_s: float) -> Swept:
    """Steps whose rate grows from one to the next, until the loss has risen far.

    Where it still falls in the end, rates from there on are tried once more.

    Args:
        job: What is to be trained; the steps are taken by objects of their own.
        step_s: About what a step takes.
    """
    optimizer = job.blueprint.experiment.optimizer
    assert optimizer is not None
    count = max(FEWEST_STEPS, min(MOST_STEPS, int(MOST_S / max(step_s, 1e-9))))
    found = _swept(job, optimizer.lr, optimizer.lr, count)
    if found.advice is None or not found.advice.is_open:
        return found
    beyond = _swept(job, optimizer.lr, found.rates[-1], count)
    return found if beyond.advice is None or beyond.advice.suggested is None else beyond


def _swept(job: Job, configured: float, middle: float, count: int) -> Swept:
    """One sweep around a rate."""
    from nntrain.commands.preparing.from_config import assembled

    rates = sweep_rates(middle, count, DECADES if count >= ENOUGH_STEPS else DECADES - 1)
    assembly = assembled(job)
    session = replace(assembly.session, schedule=Sweep(configured=configured, rates=tuple(rates)), ema=None, thawing=None, static=None)
    steps = Steps(replace(assembly, session=session))
    losses: list[float] = []
    stop, started, is_broken = Stop(), time.monotonic(), False
    try:
        while len(losses) < count and time.monotonic() - started < 2 * MOST_S:
            steps.take(steps.rows())
            loss = assembly.progress.running.take()
            is_over = stop.is_over(loss)
            if loss is None:
                is_broken = True
            else:
                losses.append(loss)
            if is_over:
                break
    except FoundDivergenceError:
        is_broken = True
    rates = rates[: len(losses)]
    return Swept(tuple(rates), tuple(losses), configured, advise(rates, losses), is_broken)


def told_sweep(swept: Swept) -> TrialResult:
    """A sweep in words, with its curve."""
    advice, configured = swept.advice, swept.configured
    facts = {"rates": list(swept.rates), "losses": list(swept.losses), "configured": configured}
    if advice is None:
        steps = number_of(len(swept.losses), "step")
        why = f"the loss was not finite after {steps}" if swept.is_broken else f"{steps} say too little"
        return TrialResult("rate", f"no rate can be told: {why}", facts, is_warning=True)
    lines = _curve(swept)
    if advice.suggested is None:
        lines.insert(0, "no fall of the loss stands out from its noise: nothing is suggested")
        return TrialResult("rate", "\n".join(lines), {**facts, "suggested": None}, is_warning=False)
    holds = advice.holds(configured)
    where = "inside" if holds else "below" if configured < advice.low else "above"
    words = f"the configured {_short(configured)} lies {where} the good range, {_short(advice.low)} to {_short(advice.high)}"
    lines = [f"optimizer.lr={_short(advice.suggested)} is suggested; {words}", *lines]
    if advice.is_open:
        lines.append("the loss was still falling at the end: larger rates may do as well")
    facts |= {"suggested": advice.suggested, "low": advice.low, "high": advice.high, "inside": holds}
    is_far = not advice.low / FAR <= configured <= advice.high * FAR
    return TrialResult("rate", "\n".join(lines), facts, is_warning=is_far)


def _short(rate: float) -> str:
    """`3e-3`, as people write it; two digits where one does not say it."""
    mantissa, _, power = f"{rate:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(power)}"


def _curve(swept: Swept) -> list[str]:
    """The smoothed loss as a line of blocks, and below it the rates of its ends and a mark at the configured one."""
    curve = _clipped(smoothed(swept.losses))
    drawn = sparkline(curve, CURVE_WIDTH)
    first, last, mark = _short(swept.rates[0]), _short(swept.rates[-1]), f"^{_short(swept.configured)}"
    share = math.log(swept.configured / swept.rates[0]) / math.log(swept.rates[-1] / swept.rates[0])
    place = round(share * (len(drawn) - 1))
    below = first.ljust(len(drawn) - len(last)) + last
    if len(first) < place < len(drawn) - len(last) - len(mark):
        below = below[:place] + mark + below[place + len(mark) :]
    return [f"loss from {format_number(curve[0])} down to {format_number(min(curve))}, by rate:", drawn, below]


def _clipped(curve: list[float]) -> list[float]:
    """Values above the first by more than the whole fall are drawn as if they were that: else what matters were a flat line."""
    top = curve[0] + 0.5 * (max(curve[0], min(curve)) - min(curve))
    return [min(value, max(top, curve[0])) for value in curve]
