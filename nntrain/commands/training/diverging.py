"""A divergence in the words of the config: which layer, what the likely cause is and what shows it, what to type."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from nntrain.commands.preparing.going_on import fit_command
from nntrain.data.fields.number import Number
from nntrain.errors import DivergedError, render_path
from nntrain.insight.rates import lower_rate, rate_text
from nntrain.layers.program import Step
from nntrain.runs import MEMBERS
from nntrain.specs import CATEGORY_BLOCK, NUMBER_BLOCK, blocks
from nntrain.training.divergence import Divergence, FoundDivergenceError
from nntrain.training.tracing import Peak, Unmeasured

if TYPE_CHECKING:
    from nntrain.commands.preparing.jobs import Job
    from nntrain.runs import Run

HUGE: Final = 1e4
"""Inputs and targets beyond this were not scaled: a standardised column of a million rows can't reach it."""
HEAVY: Final = 1e3
"""Weights beyond this have run away: initial ones are of the size of 1."""
GROWTH: Final = 10.0
"""A loss that is this many times the smallest of the last steps was growing."""
DEEP: Final = 1e8
"""What layers make of ordinary inputs grows from layer to layer where it gets beyond this."""
FITTING: Final = ("optimizer.", "regularization.clip_norm", "training.")
"""Settings that may change while weights and fields stay."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a step is likely not finite."""

    words: str
    remedies: tuple[str, ...]
    """Overrides to be typed, the likeliest to help first."""


def explained(error: FoundDivergenceError, job: Job, run: Run) -> DivergedError:
    """The error as a person reads it: place, cause with what shows it, the last good checkpoint, and the remedy to type."""
    from nntrain.commands.stored.opening import needed_of
    from nntrain.training import checkpoint

    finding = error.finding
    newest = checkpoint.newest(run.checkpoints, needed_of(run)).path
    cause = _Reader(finding, job).cause()
    name = shlex.quote(run.name)
    path = job.config.document.path
    config = shlex.quote(path.as_posix()) if path is not None else "CONFIG"
    remedy = cause.remedies[0] if "=" in cause.remedies[0] else None
    lines = [("member", run.name)] if run.path.parent.name == MEMBERS else []
    lines += [("first in", _Words(job).place(finding))] if finding.trace.place is not None or finding.state is not None else []
    lines.append(("cause", cause.words))
    lines += [("last steps", _history(finding))] if finding.recent else []
    lines.append(("kept", "nothing was saved before" if newest is None else f"the last good state is {newest.as_posix()}"))
    lines.append(("try", " or ".join(cause.remedies)))
    if remedy is not None:
        lines.append(("anew", fit_command(f"{config} {remedy}")))
        if newest is not None and remedy.startswith(FITTING):
            lines.append(("from there", fit_command(f"--resume {name} {remedy} --resume-anyway")))
    message = f"diverged in epoch {finding.epoch + 1}, step {finding.step + 1}: {finding.found}"
    return DivergedError(message, "\n   ".join(f"{label:<12}{text}" for label, text in lines))


def unmeasured_words(part: str, rows: Unmeasured | None, step: int) -> str:
    """Why a split has no loss after a step; such an evaluation is never the best, and counts against the patience."""
    if rows is None:
        return f"{part}.loss is not finite after step {step:,}, though the network's outputs are: the loss of them overflows"
    which = f"row {rows.first + 1:,}" if rows.count == 1 else f"{rows.count:,} rows, the first is row {rows.first + 1:,}"
    return f"{part}.loss is not finite after step {step:,}: the network's outputs are not for {which}. Look for huge values there"


def _history(finding: Divergence) -> str:
    """`loss 2.3, 1e+12, nan; gradient norm 3.1, 1e+20, nan`."""
    losses = ", ".join(f"{step.loss:.3g}" for step in finding.recent)
    norms = ", ".join(f"{step.norm:.3g}" for step in finding.recent if step.norm is not None)
    return f"loss {losses}" + (f"; gradient norm {norms}" if norms else "")


class _Words:
    """Names of the run's parts as the config has them."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.columns = blocks(job.prepared.fields.inputs)

    def place(self, finding: Divergence) -> str:
        """What is not finite first."""
        place = finding.trace.place
        if place is None:
            return self.layer_of(finding.state or "")
        if place.kind == "input":
            peak = finding.trace.inputs[place.name]
            return f"{self.field(place.name, peak)}, {self.row(peak)}"
        if place.kind == "target":
            return f"the target {place.name}, {self.row(finding.trace.targets[place.name])}"
        if place.kind in {"loss", "gradient of loss"}:
            target = self.job.blueprint.program.auxiliary[place.name].target if place.name not in self.job.blueprint.targets else place.name
            names = "+".join(loss.type for loss in self.job.blueprint.targets[target].losses)
            return f"{'the gradient of ' if place.kind != 'loss' else ''}the loss ({names} of {place.name})"
        return f"{'' if place.kind == 'layer' else 'the gradient of '}{self.layer(place.name)}"

    def layer_of(self, state: str) -> str:
        """`weights of hidden.2.weight` with the layer that they belong to."""
        kind, _, name = state.rpartition(" of ")
        name = name.partition(" (")[0]
        step = self._step(name)
        return state if step is None else f"{kind} of {self.layer(name)}"

    def layer(self, name: str) -> str:
        """`layers[3] linear (hidden.2), fit.yaml:12`, from the name of a module or parameter."""
        step = self._step(name)
        if step is None:
            return name
        document = self.job.config.document
        where = render_path(document.shown(step.path)).removeprefix("architecture.")
        inner = name if name != step.name else step.name
        described = f"{step.layer.type} ({inner})"
        told = described if step.note is not None or where == "architecture" else f"{where} {described}"
        mark = document.locate(step.path)
        return f"{told}, {mark}" if document.path is not None else told

    def field(self, name: str, peak: Peak) -> str:
        """An input field by its tensor, a column of a block by its own name."""
        return f"the input {self.field_name(name, peak)}"

    def field_name(self, name: str, peak: Peak) -> str:
        """The same, the name alone."""
        if name in (NUMBER_BLOCK, CATEGORY_BLOCK) and peak.column is not None:
            return self.columns[name][peak.column]
        return name

    def row(self, peak: Peak) -> str:
        """Rows are counted from 1."""
        return f"row {peak.row + 1:,}"

    def _step(self, name: str) -> Step | None:
        found = [step for step in self.job.blueprint.program.steps if name == step.name or name.startswith(f"{step.name}.")]
        return max(found, key=lambda step: len(step.name), default=None)


class _Reader:
    """Finds the likeliest cause. The rules are tried from the surest to the vaguest."""

    def __init__(self, finding: Divergence, job: Job) -> None:
        self.finding, self.job, self.seen = finding, job, finding.trace
        self.words = _Words(job)

    def cause(self) -> Cause:
        """The first rule that fits."""
        rows = (self._bad_rows, self._huge_inputs, self._huge_targets)
        rules = (*rows, self._state, self._half, self._rate, self._depth, self._loss, self._layer)
        return next((cause for rule in rules if (cause := rule()) is not None), None) or self._unknown()

    def _bad_rows(self) -> Cause | None:
        place = self.seen.place
        if place is None or place.kind not in {"input", "target"}:
            return None
        peak = (self.seen.inputs if place.kind == "input" else self.seen.targets)[place.name]
        name = self.words.field_name(place.name, peak)
        return Cause(
            f"{name} is {peak.value:g} in {self.words.row(peak)} of the data that reaches the network",
            (f"data.fields.{name}.normalize=standard",),
        )

    def _huge_inputs(self) -> Cause | None:
        name, peak = max(self.seen.inputs.items(), key=lambda item: abs(item[1].value), default=(None, None))
        if name is None or peak is None or abs(peak.value) < HUGE:
            return None
        column = self.words.field_name(name, peak)
        return Cause(f"the input {column} has huge values: {peak.value:.3g} in {self.words.row(peak)}", self._scaled(column, peak.value))

    def _huge_targets(self) -> Cause | None:
        name, peak = max(self.seen.targets.items(), key=lambda item: abs(item[1].value), default=(None, None))
        if name is None or peak is None or abs(peak.value) < HUGE:
            return None
        return Cause(f"the target {name} has huge values: {peak.value:.3g} in {self.words.row(peak)}", self._scaled(name, peak.value))

    def _scaled(self, name: str, value: float) -> tuple[str, ...]:
        field = next((field.plan.field for field in self.job.prepared.fields.fields if field.name == name), None)
        if getattr(field, "normalize", "standard") == "none":
            return (f"data.fields.{name}.normalize=standard",)
        if isinstance(field, Number):
            limit = "0,100" if value > 0 else "-100,0"
            return (
                f"data.fields.{name}.normalize=standard",
                f"data.fields.{name}.clip=LOW,HIGH with its sensible limits (such as {limit})",
            )
        return (f"data.fields.{name}.normalize=standard",)

    def _half(self) -> Cause | None:
        if self.job.blueprint.training.precision != "float16" or self._has_run_away():
            return None
        place = self.seen.place
        if not self.finding.is_scale_exhausted and (place is None or place.kind not in {"layer", "loss"}):
            return None
        largest = max((size for size in self.seen.layers.values() if math.isfinite(size)), default=0.0)
        what = f"float16 ends at 65,504, and layers give up to {largest:.3g}"
        return Cause(what, ("training.precision=bfloat16", "training.precision=float32"))

    def _has_run_away(self) -> bool:
        losses = [step.loss for step in self.finding.recent if math.isfinite(step.loss)]
        grown = len(losses) > 1 and losses[-1] > GROWTH * max(min(losses[:-1]), 1e-12)
        return self.finding.step > 0 and (not self.seen.weight < HEAVY or grown)

    def _rate(self) -> Cause | None:
        if not self._has_run_away():
            return None
        size = f"the largest weight is {self.seen.weight:.3g}" if math.isfinite(self.seen.weight) else "weights are not finite"
        return Cause(f"the learning rate is too high: at lr {self.finding.lr:g} {size}", self._lower())

    def _lower(self) -> tuple[str, ...]:
        optimizer = self.job.blueprint.experiment.optimizer
        assert optimizer is not None
        rates = {
            name: rate_text(lower_rate(part.lr, float(type(part).model_fields["lr"].default))) for name, part in optimizer.parts.items()
        }
        lower = (f"optimizer.{name}.lr={lr}" if name else f"optimizer.lr={lr}" for name, lr in rates.items())
        clip = () if self.job.blueprint.experiment.regularization.clip_norm is not None else ("regularization.clip_norm=1.0",)
        return (*lower, *clip)

    def _depth(self) -> Cause | None:
        sizes = [(name, size) for name, size in self.seen.layers.items() if math.isfinite(size)]
        if not sizes or max(size for _, size in sizes) < DEEP:
            return None
        last = max(sizes, key=lambda item: item[1])
        first = sizes[0]
        grown = f"values grow from layer to layer: up to {first[1]:.3g} after {first[0]}, {last[1]:.3g} after {last[0]}"
        norm = ("regularization.norm=layer",) if self.job.blueprint.experiment.regularization.norm is None else ()
        return Cause(grown, (*norm, "architecture.initializer=xavier_normal", *self._lower()))

    def _loss(self) -> Cause | None:
        place = self.seen.place
        if place is None or place.kind not in {"loss", "gradient of loss"}:
            return None
        size = max(self.seen.outputs.values(), default=0.0)
        what = "the gradient of the loss overflows" if place.kind != "loss" else "the loss overflows or divides by zero"
        return Cause(
            f"{what}: the outputs of the network are finite, up to {size:.3g}", (*self._lower(), "another loss: nntrain list losses")
        )

    def _layer(self) -> Cause | None:
        place = self.seen.place
        if place is None or place.kind in {"input", "target", "loss", "gradient of loss"}:
            return None
        if place.kind == "layer":
            how = "a 0/0, a logarithm or root of 0, or an overflow"
            words = f"this layer makes nan or inf of finite values (up to {self.seen.read:.3g}): {how}"
        else:
            words = "its derivative is infinite where its output is finite: a root, a norm or a quotient at 0"
        return Cause(words, ("another layer or activation there", *self._lower()))

    def _state(self) -> Cause | None:
        if self.finding.state is None:
            return None
        if self.finding.state.startswith("the optimizer's"):
            return Cause(
                "gradients so large that what the optimizer keeps of them overflows", ("regularization.clip_norm=1.0", *self._lower())
            )
        if self.finding.state.startswith("running statistics"):
            largest = max((size for size in self.seen.layers.values() if math.isfinite(size)), default=0.0)
            return Cause(f"the variance of values up to {largest:.3g} overflows", ("regularization.clip_norm=1.0", *self._lower()))
        return None

    def _unknown(self) -> Cause:
        return Cause("the learning rate, most often", self._lower())
