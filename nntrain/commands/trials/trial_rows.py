"""Trials of the first steps: are 8 rows learned by heart, is the first loss that of a network that knows nothing, do gradients flow?"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.preparing.measuring import Steps
from nntrain.commands.screens.figures import format_number, sparkline
from nntrain.commands.trials.findings import TrialResult, why_no_loss
from nntrain.commands.trials.rate_settings import at_rate
from nntrain.insight.gradients import watched_gradients
from nntrain.insight.signals import first_to_last
from nntrain.training.divergence import FoundDivergenceError
from nntrain.training.evaluation import fit_baseline
from nntrain.training.fading import drops
from nntrain.training.objective import total
from nntrain.wording import number_of

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.batches import Batch

ROWS: Final = 8
MOST_STEPS: Final = 200
MOST_S: Final = 5.0
FEWEST_STEPS: Final = 20
"""Steps that are taken however long they take, up to some times these seconds."""
PATIENCE: Final = 4
BY_HEART: Final = 0.01
"""Share of the first loss at which nothing is left to be seen."""
LEARNED: Final = 0.1
"""Share of it at which the rows count as learned."""
FALLING: Final = 0.7
FAR: Final = 2.0
"""Times that the first loss may be larger, or smaller, than that of a network that knows nothing."""
LARGEST_RATIO: Final = 1e3
"""Times that the gradients of the first layers may be larger or smaller than those of the last."""
MOST_NAMES: Final = 4
UNLIKE_KINDS: Final = frozenset({"probability", "log_prob", "capsule"})
"""Outputs for which 0 does not stand for knowing nothing."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of steps on the same few rows."""

    rows: int
    losses: tuple[float, ...]
    """Before each step."""
    lr: float
    is_broken: bool
    """Whether they ended in NaN or infinity."""

    @property
    def is_learned(self) -> bool:
        """Whether next to nothing of the first loss is left; a loss that goes below 0 has none to be compared with."""
        return bool(self.losses) and self.losses[-1] <= max(LEARNED * self.losses[0], 0.0) and not self.is_broken

    @property
    def is_falling(self) -> bool:
        """Whether a good part of the first loss is gone."""
        return bool(self.losses) and self.losses[-1] < FALLING * self.losses[0] and not self.is_broken

    def told(self) -> str:
        """`loss 2.310 -> 0.003000 in 60 steps`."""
        if not self.losses:
            return "the first loss is not finite"
        return f"loss {format_number(self.losses[0])} -> {format_number(self.losses[-1])} in {number_of(len(self.losses) - 1, 'step')}"


def try_rows(job: Job, suggested: float | None) -> TrialResult:
    """Learn 8 training rows by heart, at the configured rate; where that fails, at the one that the range test suggests too."""
    why = why_no_loss(job)
    if why is not None:
        return TrialResult("rows", f"not tried: {why}")
    optimizer = job.blueprint.experiment.optimizer
    assert optimizer is not None
    found = _overfit(job, None)
    other = None
    if (
        not (found.is_learned or found.is_falling)
        and suggested is not None
        and not optimizer.joins
        and not 0.5 < suggested / optimizer.lr < 2
    ):
        other = _overfit(job, suggested)
    facts = {"rows": found.rows, "steps": max(0, len(found.losses) - 1), "learned": found.is_learned, "lr": found.lr}
    facts |= {"first_loss": found.losses[0] if found.losses else None, "last_loss": found.losses[-1] if found.losses else None}
    return TrialResult("rows", _verdict(found, other), facts, is_warning=not (found.is_learned or found.is_falling))


def _verdict(found: Learned, other: Learned | None) -> str:
    rows = number_of(found.rows, "row")
    if found.is_learned:
        return f"{rows} learned by heart: {found.told()} (without regularization)"
    if found.is_broken:
        told = f"{rows} not learned: NaN or infinity ({found.told()}): a lower optimizer.lr, or regularization.clip_norm=1.0"
    elif found.is_falling:
        told = f"{rows} not learned by heart yet, but on the way: {found.told()}"
    else:
        told = (
            f"{rows} not learned: {found.told()}. What can't learn so few rows learns no more from all of them: "
            "look at optimizer.lr, at the loss, and at how the fields reach the network (nntrain show)"
        )
    if other is None:
        return told
    way = "they are" if other.is_learned else "they are on the way" if other.is_falling else "neither are they"
    return f"{told}\nwith optimizer.lr={other.lr:g}, which the range test suggests, {way}: {other.told()}"


def _overfit(job: Job, lr: float | None) -> Learned:
    """Steps on the first rows of the first step, until nothing of the loss is left, or time or steps are over."""
    from nntrain.commands.preparing.from_config import assembled

    assembly = _undisturbed(assembled(_unregularized(job)), lr)
    steps = Steps(assembly)
    batches = (_few(assembly, steps.rows()[0]),)
    rate = float(assembly.session.optimizer.param_groups[0]["initial_lr"]) if lr is None else lr
    losses: list[float] = []
    started = time.monotonic()

    def goes_on() -> bool:
        seconds = time.monotonic() - started
        return len(losses) < 2 or seconds < MOST_S or (len(losses) <= FEWEST_STEPS and seconds < PATIENCE * MOST_S)

    try:
        while len(losses) <= MOST_STEPS and goes_on():
            steps.take(batches)
            loss = assembly.progress.running.take()
            if loss is None:
                return Learned(len(batches[0]), tuple(losses), rate, is_broken=True)
            losses.append(loss)
            if loss <= BY_HEART * losses[0] and len(losses) > 1:
                break
    except FoundDivergenceError:
        return Learned(len(batches[0]), tuple(losses), rate, is_broken=True)
    return Learned(len(batches[0]), tuple(losses), rate, is_broken=False)


def _few(assembly: Assembly, batch: Batch) -> Batch:
    """The first rows of a batch; all of one that was put together by class, or whose rows are compared."""
    is_whole = assembly.session.by_class is not None or assembly.session.objective.compared_rows is not None
    return batch if is_whole or len(batch) <= ROWS else batch.cut((0, ROWS, len(batch)))[0]


def _unregularized(job: Job) -> Job:
    """The same network, without what keeps it from learning rows by heart; clipping and norms stay."""
    experiment = job.blueprint.experiment
    off = ("weight_decay", "l1", "max_norm", "label_smoothing", "mixup", "cutmix", "gradient_noise", "noise", "ema", "swa", "scheduler")
    regularization = experiment.regularization.model_copy(update=dict.fromkeys(off))
    return replace(job, blueprint=replace(job.blueprint, experiment=experiment.model_copy(update={"regularization": regularization})))


def _undisturbed(assembly: Assembly, lr: float | None) -> Assembly:
    """The same objects without dropout, augmentation and noise, at a rate that stays."""
    session = assembly.session
    for module, attribute, _ in drops(session.network):
        setattr(module, attribute, 0.0)
    still = replace(session, augmenter=None, mixer=None, input_noise=None, growing=None, thawing=None, accumulate=1, static=None)
    return replace(assembly, session=replace(still, schedule=at_rate(lr, session)))


def try_first_step(job: Job) -> list[TrialResult]:
    """The loss before the first step, and the gradients of the first step, as the config has them."""
    from nntrain.commands.preparing.from_config import assembled

    assembly = assembled(job)
    assembly = replace(assembly, session=replace(assembly.session, static=None))
    steps = Steps(assembly)
    batches = steps.rows()
    why = why_no_loss(job)
    loss = TrialResult("loss", f"not judged: {why}") if why is not None else _first_loss(job, assembly, batches[0])
    return [loss, _gradients(steps, batches)]


def _first_loss(job: Job, assembly: Assembly, batch: Batch) -> TrialResult:
    """The loss of the first rows beside the same with outputs of 0: equal chances, the mean of standardised numbers."""
    import torch

    session = assembly.session
    objective = session.objective
    with torch.no_grad(), session.precision.autocast():
        outputs, _ = session.network(objective.inputs(batch), None)
        found = float(total(objective.parts(outputs, batch)))
        nothing = _knowing_nothing(job, outputs, batch, assembly)
    facts = {"loss": found if math.isfinite(found) else None, "uninformed": nothing}
    if not math.isfinite(found):
        return TrialResult("loss", f"{found}: the network gives numbers that the loss can't read", facts, is_warning=True)
    if nothing is None or nothing <= 0:
        return TrialResult("loss", f"{format_number(found)}; what it is without any knowledge is not known of this loss", facts)
    told = f"{format_number(found)}; a network that knows nothing has {format_number(nothing)}{_formula(job, nothing)}"
    told += _of_shares(job, assembly, nothing)
    if found > FAR * nothing:
        told += (
            ". Far above: it begins with strong opinions. Check the scale of inputs and of the initial weights (architecture.initializer)"
        )
        return TrialResult("loss", told, facts, is_warning=True)
    if found * FAR < nothing and not job.blueprint.starts_trained:
        told += ". Far below, before any step: does an input hold the target?"
        return TrialResult("loss", told, facts, is_warning=True)
    return TrialResult("loss", told, facts)


def _knowing_nothing(job: Job, outputs: Mapping[str, Tensor], batch: Batch, assembly: Assembly) -> float | None:
    """The loss of outputs of 0; `None` where 0 is none that a network could give."""
    import torch

    program = job.blueprint.program
    if any(value.spec.kind in UNLIKE_KINDS for value in program.outputs.values()):
        return None
    names = set(program.outputs)
    zeros = {name: torch.zeros_like(value) if name in names else value for name, value in outputs.items()}
    found = float(total(assembly.session.objective.parts(zeros, batch)))
    return found if math.isfinite(found) else None


def _formula(job: Job, nothing: float) -> str:
    """Where the number comes from, where it is a known one."""
    [(_, plan), *others] = job.blueprint.targets.items()
    count = len(job.prepared.fields.targets[plan.target.name].classes)
    if others or count < 2 or not math.isclose(nothing, math.log(count), rel_tol=0.01):
        return ""
    return f" (ln {count:,})"


def _of_shares(job: Job, assembly: Assembly, nothing: float) -> str:
    """What the shares of the classes alone bring, where that is another number."""
    import torch

    objective = assembly.session.objective
    [(name, target), *others] = objective.targets.items()
    plan = job.blueprint.targets[name]
    is_entropy = len(plan.losses) == 1 and plan.losses[0].is_entropy
    if others or target.unit_axis is not None or not is_entropy or assembly.class_weights[name]:
        return ""
    shares = fit_baseline(objective, assembly.session.splits.train)[name].double().flatten()
    if plan.kind in ("labels", "values"):  # which have a share each
        return ""
    if plan.kind == "binary":
        shares = torch.stack([shares[0], 1 - shares[0]])
    entropy = -sum(share * math.log(share) for share in cast("list[float]", shares.tolist()) if share > 0)
    return "" if math.isclose(entropy, nothing, rel_tol=0.05) else f", one that knows the shares of the classes {format_number(entropy)}"


def _gradients(steps: Steps, batches: tuple[Batch, ...]) -> TrialResult:
    """The sizes of the first step's gradients; a second step is taken where layers have none, as those behind zeros have none at first."""
    network = steps.assembly.session.network
    try:
        with watched_gradients(network) as sizes:
            steps.take(batches)
        first = sizes.by_layer()
        silent = {layer for layer, size in first.items() if size == 0}
        if silent:
            with watched_gradients(network) as later:
                steps.take(steps.rows())
            silent &= {layer for layer, size in later.by_layer().items() if size == 0}
    except FoundDivergenceError as error:
        return TrialResult("gradients", f"the first steps are not finite: {error.finding.found}", {}, is_warning=True)
    matrices = {name.rpartition(".")[0] or name for name, value in network.named_parameters() if value.ndim > 1}
    flowing = {layer: size for layer, size in first.items() if size > 0 and layer in matrices}
    return _told_gradients(flowing, sorted(silent), first)


def _told_gradients(flowing: dict[str, float], silent: list[str], first: Mapping[str, float]) -> TrialResult:
    facts: dict[str, Any] = {"layers": dict(first), "silent": silent}
    lines: list[str] = []
    is_bad = bool(silent)
    if flowing:
        least, most = min(flowing, key=flowing.__getitem__), max(flowing, key=flowing.__getitem__)
        facts["ratio"] = flowing[most] / flowing[least]
        lines.append(f"rms {flowing[least]:.1e} ({least}) to {flowing[most]:.1e} ({most})")
        sizes = list(flowing.values())
        lines += [f"by layer {sparkline([math.log10(size) for size in sizes], 48)}"] if len(sizes) > 2 else []
        slope = first_to_last(sizes)
        if slope is not None and not 1 / LARGEST_RATIO < slope < LARGEST_RATIO:
            is_bad = True
            lines.append(_uneven(slope))
    else:
        lines.append("no weight of a layer has any in the first step")
    if silent:
        more = f" and {len(silent) - MOST_NAMES} more" if len(silent) > MOST_NAMES else ""
        lines.append(f"none in two steps, so that they do not learn: {', '.join(silent[:MOST_NAMES])}{more}")
    return TrialResult("gradients", "\n".join(lines), facts, is_warning=is_bad)


def _uneven(slope: float) -> str:
    """What it means that the gradients of the first layers are so many times those of the last."""
    if slope < 1:
        return f"those of the first layers are {1 / slope:,.0f} times smaller than of the last: they vanish; try norms or residuals"
    return f"those of the first layers are {slope:,.0f} times larger than of the last: they explode; regularization.clip_norm=1.0"
