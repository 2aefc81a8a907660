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

    name: str
    """Of what it finds."""
    read: Callable[[Story], Finding | None]
    ends: bool = False
    """Whether a network with this fault learns so little that what comes after says nothing more of it."""


RULES: Final = (
    Rule("alike_units", flow_rules.alike_units, ends=True),
    Rule("learning_rate_too_high", rate_rules.too_high, ends=True),
    Rule("vanishing_gradients", flow_rules.vanishing, ends=True),
    Rule("exploding_gradients", flow_rules.exploding, ends=True),
    Rule("dead_units", flow_rules.dead_units, ends=True),
    Rule("saturated_units", flow_rules.saturated_units, ends=True),
    Rule("learning_rate_too_low", rate_rules.too_low, ends=True),
    Rule("update_ratio", rate_rules.update_ratio, ends=True),
    Rule("class_collapse", class_rules.collapse, ends=True),
    Rule("few_steps", rate_rules.few_steps, ends=True),
    Rule("overfitting", fit_rules.overfitting),
    Rule("class_imbalance", class_rules.imbalance),
    Rule("small_batch_norm", flow_rules.small_batch_norm),
    Rule("clipped_steps", flow_rules.clipping),
    Rule("data_bound", pace_rules.data_bound),
    Rule("underfitting", fit_rules.underfitting, ends=True),
    Rule("initial_loss", rate_rules.initial_loss),
    Rule("plateau", rate_rules.plateau),
    Rule("still_falling", rate_rules.still_falling),
    Rule("label_noise", class_rules.label_noise),
    Rule("unused_units", fit_rules.unused_units),
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
