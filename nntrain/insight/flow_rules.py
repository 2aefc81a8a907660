"""Rules about what flows through a network: gradients by layer, units that no longer learn, how far weights move. Pure functions."""

from __future__ import annotations

from typing import Final

from nntrain.insight.findings import Facts, Finding, Override, Story
from nntrain.insight.rate_rules import HALF, STUCK, lowered
from nntrain.insight.rates import rate_text
from nntrain.insight.signals import UnitSignals, first_to_last
from nntrain.wording import percent

VANISHED: Final = 1e-5
"""Gradients of the first layer over those of the last. 20 sigmoid layers begin at 1e-17, 20 ReLU layers with torch's initial weights at
1e-7 and learn nothing; 8 layers that do learn have 1e-3 and more (both measured on digits)."""
EXPLODED: Final = 100.0
"""Gradients over the weights that they are of, after some steps, where most of the loss is still there. Networks that learn have below 1;
weights of 5 times the usual size give 1e3 and more (12 layers on digits)."""
FEW_LAYERS: Final = 4
"""A network of fewer weight layers has no depth to blame."""
DEAD: Final = 0.9
"""Share of the units of a layer that are 0 for every row: what is left can't carry much. Healthy layers on digits have 0 to 0.2, and up
to 0.7 in networks that are wider than they need be."""
SATURATED_SHARE: Final = 0.5
"""Share of the outputs of a layer where the slope is below 4 % of the steepest; healthy layers have a few hundredths (Glorot, Bengio 2010,
section 3, see the same in networks that don't learn)."""
CLIPPED: Final = 0.9
"""Share of steps whose gradients are clipped above which the bound sets the length of nearly every step."""
SMALL_BATCH: Final = 16
"""Rows of a batch from which a batch norm knows mean and variance well enough (Wu, He 2018: the error grows below 16)."""


def vanishing(story: Story) -> Finding | None:
    """Gradients get smaller from the last layer to the first, and nothing is learned."""
    layers = story.hidden
    ratio = first_to_last([layer.gradient for layer in layers]) if len(layers) >= FEW_LAYERS else None
    if ratio is None or ratio > VANISHED or not _learns_nothing(story) or _units_off(story):
        return None
    first, last = layers[0], layers[-1]
    sentence = f"gradients vanish: those of {first.name} are {_times(1 / max(ratio, 1e-30))} smaller than those of {last.name}"
    evidence = f"root mean square {first.gradient:.2g} in {first.name}, {last.gradient:.2g} in {last.name}; {_learned_words(story)}"
    return Finding("vanishing_gradients", sentence, evidence, _flowing(story.facts))


def exploding(story: Story) -> Finding | None:
    """Gradients are huge beside the weights, and nothing is learned."""
    if not story.hidden or not _learns_little(story):
        return None
    sizes = {layer.name: layer.gradient / layer.weight for layer in story.hidden if layer.weight > 0}
    worst = max(sizes, key=lambda name: sizes[name], default=None)
    if worst is None or sizes[worst] < EXPLODED:
        return None
    sentence = f"gradients explode: those of {worst} are {_times(sizes[worst])} larger than its weights"
    layers = ", ".join(f"{layer.name} {layer.gradient:.2g} and {layer.weight:.2g}" for layer in story.hidden[:4])
    evidence = f"root mean squares of gradients and weights: {layers}; {_learned_words(story)}"
    facts = story.facts
    clip: tuple[Override, ...] = () if "clip_norm" in facts.regularization else (("regularization.clip_norm=1.0",),)
    anew: tuple[Override, ...] = (("architecture.initializer=null",),) if facts.initializes else ()
    return Finding("exploding_gradients", sentence, evidence, (*anew, *_normed(facts), *clip))


def dead_units(story: Story) -> Finding | None:
    """Units of a ReLU are 0 for every row, and so learn nothing more."""
    found = _units_off(story)
    last = story.last
    if found is None or last is None or not _may_not_learn(story):
        return None
    began = next((unit.share for unit in story.signals[0].units if unit.name == found.name), 0.0)
    was_so = began >= DEAD and story.signals[0].step == 0
    when = "from the start" if was_so else f"after {last.step:,} steps"
    sentence = f"{percent(found.share)} of the units of {found.name} are 0 for every row, {when}"
    shares = ", ".join(f"{unit.name} {percent(unit.share)}" for unit in last.units if unit.kind == "relu")
    evidence = "; ".join(words for words in (f"{last.rows} training rows: {shares}", _learned_words(story)) if words)
    leaky = _activation(story.facts, ("relu", "relu6"), "leaky_relu")
    anew: tuple[Override, ...] = (("architecture.initializer=null",),) if story.facts.initializes else ()
    return Finding("dead_units", sentence, evidence, (*anew, *leaky) if was_so else (*lowered(story), *leaky))


def saturated_units(story: Story) -> Finding | None:
    """Outputs of sigmoids or tanhs lie where these are flat."""
    last = story.last
    if last is None or not _learns_little(story):
        return None
    units = [unit for unit in last.units if unit.kind != "relu" and unit.share >= SATURATED_SHARE]
    if not units:
        return None
    worst = max(units, key=lambda unit: unit.share)
    sentence = f"{percent(worst.share)} of the outputs of {worst.name} lie where {worst.kind} is flat"
    evidence = f"after {last.step:,} steps; {_learned_words(story)}"
    begins = story.signals[0].step == 0 and any(unit.kind != "relu" and unit.share >= SATURATED_SHARE for unit in story.signals[0].units)
    anew: tuple[Override, ...] = (("architecture.initializer=null",),) if begins and story.facts.initializes else ()
    return Finding("saturated_units", sentence, evidence, (*anew, *_normed(story.facts), *lowered(story)))


def alike_units(story: Story) -> Finding | None:
    """All units of a hidden layer have the same weights, so that they stay one unit."""
    layers = story.hidden[:-1]
    found = [layer for layer in layers if layer.is_alike]
    if not found or not _may_not_learn(story):
        return None
    last = story.last
    assert last is not None
    sentence = f"all units of {found[0].name} have the same weights, and so learn the same"
    evidence = f"in {len(found)} of {len(layers)} hidden layers after {last.step:,} steps: they began alike"
    anew: tuple[Override, ...] = (("architecture.initializer=null",),) if story.facts.initializes else ()
    return Finding("alike_units", sentence, evidence, (*anew, ("architecture.initializer=glorot_uniform",)))


def clipping(story: Story) -> Finding | None:
    """Nearly every step is clipped, so that `clip_norm` and not the gradient says how long it is."""
    shares = [signals.clipped for signals in story.signals if signals.clipped is not None]
    limit = story.facts.regularization.get("clip_norm")
    if limit is None or len(shares) < 2 or min(shares[-2:]) < CLIPPED or story.facts.optimizer not in ("sgd", "asgd"):
        return None  # what scales gradients itself takes steps of the same length whatever the norm is
    sentence = f"the gradients of {percent(shares[-1])} of the steps are clipped: regularization.clip_norm decides how long steps are"
    evidence = f"clip_norm {limit:g}; share of clipped steps {', '.join(map(percent, shares[-5:]))}"
    return Finding("clipped_steps", sentence, evidence, ((f"regularization.clip_norm={rate_text(10 * float(limit))}",),))


def small_batch_norm(story: Story) -> Finding | None:
    """A batch norm has few rows to know mean and variance from."""
    facts = story.facts
    rows = min(facts.micro_batch, facts.train_rows)
    if not facts.normed or rows >= SMALL_BATCH or story.epochs == []:
        return None
    sentence = f"batch norms see {rows} rows at a time, too few for a mean and a variance"
    evidence = f"{len(facts.normed)} batch norms, the first is {facts.normed[0]}; data.batch_size {facts.micro_batch}"
    overrides: tuple[Override, ...] = (("data.batch_size=32",), ("regularization.norm=layer",), ("regularization.norm=group",))
    return Finding("small_batch_norm", sentence, evidence, overrides if facts.train_rows > 2 * 32 else overrides[1:])


def _learns_nothing(story: Story) -> bool:
    return story.learned is not None and story.learned < STUCK


def _learns_little(story: Story) -> bool:
    return story.learned is not None and story.learned < HALF


def _may_not_learn(story: Story) -> bool:
    """Whether little is learned, or no loss says it."""
    return _learns_little(story) or story.facts.has_rivals


def _learned_words(story: Story) -> str:
    losses, begin = story.values("train.loss"), story.initial_loss
    return f"train.loss {begin:.4g} before the first step, {min(losses):.4g} at best" if losses and begin is not None else ""


def _units_off(story: Story) -> UnitSignals | None:
    """The layer of which most units are off, where nearly all are."""
    units = [] if story.last is None else [unit for unit in story.last.units if unit.kind == "relu" and unit.share >= DEAD]
    return max(units, key=lambda unit: unit.share, default=None)


def _flowing(facts: Facts) -> tuple[Override, ...]:
    """What lets gradients through: a norm between the layers, else an activation that is steep somewhere."""
    return (*_normed(facts), *_activation(facts, ("sigmoid", "tanh"), "relu"), ("architecture.initializer=he_normal",))


def _normed(facts: Facts) -> tuple[Override, ...]:
    if "norm" in facts.regularization:
        return ()
    kinds = ("batch", "layer") if facts.micro_batch >= SMALL_BATCH else ("layer", "batch")
    return tuple((f"regularization.norm={kind}",) for kind in kinds)


def _activation(facts: Facts, kinds: tuple[str, ...], instead: str) -> tuple[Override, ...]:
    paths = [path for kind in kinds for path in facts.activations.get(kind, ())]
    return (tuple(f"{path}={instead}" for path in paths),) if paths else ()


def _times(ratio: float) -> str:
    return f"{ratio:,.0f} times" if ratio < 1e6 else f"{ratio:.0e} times".replace("e+0", "e").replace("e+", "e")
