"""The diagnosis: from a run as plain data to what is wrong with it, most important first. Pure, and cheap enough for every look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from nntrain.insight import class_rules, fit_rules, flow_rules, pace_rules, rate_rules
from nntrain.insight.findings import Finding, Story
from nntrain.insight.leak_rules import FIRST


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that can be wrong."""

    read: Callable[[Story], Finding | None]
    ends: bool = False
    """Whether a network with this fault learns so little that what comes after says nothing more of it."""


RULES: Final = (
    Rule(flow_rules.alike_units, ends=True),
    Rule(rate_rules.too_high, ends=True),
    Rule(flow_rules.vanishing, ends=True),
    Rule(flow_rules.exploding, ends=True),
    Rule(flow_rules.dead_units, ends=True),
    Rule(flow_rules.saturated_units, ends=True),
    Rule(rate_rules.too_low, ends=True),
    Rule(class_rules.collapse, ends=True),
    Rule(rate_rules.few_steps, ends=True),
    Rule(fit_rules.overfitting),
    Rule(class_rules.imbalance),
    Rule(flow_rules.small_batch_norm),
    Rule(flow_rules.clipping),
    Rule(pace_rules.data_bound),
    Rule(fit_rules.underfitting, ends=True),
    Rule(rate_rules.initial_loss),
    Rule(rate_rules.plateau),
    Rule(rate_rules.still_falling),
    Rule(class_rules.label_noise),
    Rule(fit_rules.unused_units),
)
"""In the order in which they are told: first what makes the data useless, then what keeps a network from learning, then the rest."""


def diagnose(story: Story) -> Iterator[Finding]:
    """What is wrong, most important first; lazily, as while a run goes on only the first is told."""
    yield from (leak for leak in story.leaks if leak.name in FIRST)
    for rule in RULES:
        found = rule.read(story)
        if found is not None:
            yield found
            if rule.ends:
                return
    yield from (leak for leak in story.leaks if leak.name not in FIRST)
