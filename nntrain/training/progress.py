"""Where a run stands: position, counters and the rules that watch metrics. Saved whole, so that a resumed run goes on exactly."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, get_args

import torch
from torch import Tensor

from nntrain.losses.loss import Part
from nntrain.modules.metrics import accumulator, finite
from nntrain.training.early_stopping import BestStates, Converge, EarlyStopping, PlateauRule
from nntrain.training.objective import PartName
from nntrain.training.plan import Plan, StopReason

_NEVER: Final = 2**62
"""A step that no run comes to."""
_NOTHING: Final = 1e-30
"""Losses give rows that don't count a weight just above 0; sums of such weights stay below this."""


def count_of(state: Mapping[str, Any], name: str) -> int:
    """A count of a saved state. Raises `LookupError` where it is missing, `ValueError` where it is none."""
    value = state[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name}: {value!r} is no count")
    return value


class Sums(NamedTuple):
    """What a mean over steps is made of."""

    sum: float | Tensor
    weight: float | Tensor
    factor: float


@dataclass(slots=True)
class RunningLoss:
    """Mean loss of the steps since it was last taken: each part's sum over its weight, as over one batch of all their rows.

    The sums of steps on an accelerator stay there. On a CPU they are plain numbers: to read one costs less than to add two tensors.
    """

    parts: dict[PartName, Sums] = field(default_factory=dict[PartName, Sums])

    def add(self, parts: Mapping[PartName, Part]) -> None:
        """Count one step; no synchronisation."""
        for name, (total, weight, factor) in parts.items():
            if total.device.type == "cpu":
                self.count(name, total.item(), weight.item(), factor)
            else:
                kind = accumulator(total.device)  # as plain numbers have it
                self.count(name, total.to(kind), weight.to(kind), factor)

    def count(self, name: PartName, total: float | Tensor, weight: float | Tensor, factor: float) -> None:
        """Count the sum and the weight of a part of the loss of one step."""
        before = self.parts.get(name)
        self.parts[name] = Sums(total, weight, factor) if before is None else Sums(before.sum + total, before.weight + weight, factor)

    def take(self) -> float | None:
        """Mean since the last call (`None` if there was no step, or it is not finite), and start anew."""
        found = self.mean()
        self.parts = {}
        return found

    @property
    def is_here(self) -> bool:
        """Whether to read it waits for no accelerator."""
        return not any(isinstance(total, Tensor) for total, _, _ in self.parts.values())

    def mean(self) -> float | None:
        """The same without starting anew."""
        found = [(factor, float(total), float(weight)) for total, weight, factor in self.parts.values()]
        if not found or any(weight < _NOTHING for _, _, weight in found):
            return None
        return finite(sum(factor * (total / weight) for factor, total, weight in found))

    def state(self) -> list[dict[str, Any]]:
        """The sums, as a plain tree."""
        return [
            {"output": output, "loss": loss, "sum": float(total), "weight": float(weight), "factor": factor}
            for (output, loss), (total, weight, factor) in self.parts.items()
        ]

    @classmethod
    def restored(cls, state: Any) -> RunningLoss:
        """Undo `state`. Raises `LookupError`, `TypeError` or `ValueError` where it is something else."""
        numbers = {(part["output"], part["loss"]): [float(part[key]) for key in ("sum", "weight", "factor")] for part in state}
        return cls({name: Sums(*each) for name, each in numbers.items()})


@dataclass(slots=True)
class Clipping:
    """How often gradients were clipped since that was last asked for. What steps on an accelerator add up stays there until then."""

    steps: int = 0
    clipped: int | Tensor = 0

    def add(self, is_clipped: bool | Tensor) -> None:
        """Count a step; a scalar on an accelerator is not read."""
        self.steps += 1
        self.clipped = self.clipped + is_clipped

    def take(self) -> float | None:
        """Share of the steps, and start anew; `None` where there was none that could be."""
        found = int(self.clipped) / self.steps if self.steps else None
        self.steps = self.clipped = 0
        return found


@dataclass(slots=True)
class FirstBad:
    """The first step that was not finite, kept on the device. Never saved: a state with such a step isn't."""

    step: Tensor | None = None

    def add(self, step: int, values: Tensor) -> Tensor:
        """Look at the values of a step, without synchronisation; a scalar bool that says whether this or an earlier step was bad."""
        found = torch.where(values.isfinite().all(), _NEVER, step)
        self.step = found if self.step is None else torch.minimum(self.step, found)
        return self.step < _NEVER

    def read(self) -> int | None:
        """The step, from 0; `None` if there was none. Synchronises."""
        step = _NEVER if self.step is None else int(self.step)
        return step if step < _NEVER else None


class Recent(NamedTuple):
    """A step that was looked at while it was taken."""

    step: int
    """From 0."""
    loss: float
    norm: float | None
    """Norm of all gradients together, before clipping; `None` where the optimizer takes the step as a whole."""


@dataclass(slots=True)
class Progress:
    """The position in a run. Complete and consistent at every yield of the loop."""

    stopping: EarlyStopping
    """Knows the best state so far; with a patience it also stops the run."""
    converge: Converge | None = None
    plateau: PlateauRule | None = None
    """Lowers the learning rate where the schedule watches a metric."""
    soup: BestStates | None = None
    """The states whose weights may be averaged in the end, where they are."""
    epoch: int = 0
    """Epochs that are complete."""
    step: int = 0
    """Steps that are complete."""
    step_in_epoch: int = 0
    skipped: int = 0
    """Steps whose update float16 scaling skipped: they don't advance the schedule."""
    owed_rate: float | None = None
    """Learning rate of the last step, where the evaluation after it was cut short: its report comes first when the run goes on."""
    elapsed_s: float = 0.0
    stop_reason: StopReason | None = None
    running: RunningLoss = field(default_factory=RunningLoss)
    clipping: Clipping = field(default_factory=Clipping)
    first_bad: FirstBad = field(default_factory=FirstBad)
    recent: deque[Recent] = field(default_factory=lambda: deque(maxlen=4))
    """The last steps, on a CPU: what led to a divergence. Never saved."""

    def advance(self, steps_per_epoch: int) -> None:
        """Count a finished step."""
        self.step += 1
        self.step_in_epoch += 1
        if self.step_in_epoch == steps_per_epoch:
            self.epoch, self.step_in_epoch = self.epoch + 1, 0

    def settle(self, steps_per_epoch: int) -> None:
        """Begin the next epoch where this one has no step left: it was longer before (a run that goes on anyway, with larger batches)."""
        if self.step_in_epoch >= steps_per_epoch:
            self.epoch, self.step_in_epoch = self.epoch + 1, 0

    def judge(self, plan: Plan, metrics: Mapping[str, float | None], limit: StopReason | None) -> bool:
        """Let every rule see a report; sets `stop_reason` and returns whether this state is the best so far.

        Reached beats converged beats early stopping beats a limit: the most telling reason is kept.
        """
        verdict = self.stopping.update(metrics.get(plan.best.monitor), self.epoch, self.step)
        if self.soup is not None:
            self.soup.update(metrics.get(plan.best.monitor), self.epoch, self.step)
        settings = plan.settings
        if self.plateau is not None:
            self.plateau.update(metrics.get(self.plateau.monitor))
        stands_still = (
            self.converge is not None and settings.converge is not None and self.converge.update(metrics.get(settings.converge.monitor))
        )
        if plan.is_reached(metrics):
            self.stop_reason = "reached"
        elif stands_still:
            self.stop_reason = "converged"
        elif verdict.should_stop:
            self.stop_reason = "early_stopping"
        else:
            self.stop_reason = limit
        return verdict.is_best

    @property
    def kept_steps(self) -> frozenset[int]:
        """Steps whose states are not to be lost: that of the best one, and those that may be averaged."""
        best = () if self.stopping.best is None else (self.stopping.best.step,)
        return frozenset((*best, *(() if self.soup is None else self.soup.steps)))

    def state(self) -> dict[str, Any]:
        """Everything, as a plain tree."""
        soup = {} if self.soup is None else {"soup": self.soup.state()}
        return {
            **soup,
            "epoch": self.epoch,
            "step": self.step,
            "step_in_epoch": self.step_in_epoch,
            "skipped": self.skipped,
            "owed_rate": self.owed_rate,
            "elapsed_s": self.elapsed_s,
            "stop_reason": self.stop_reason,
            "stopping": self.stopping.state(),
            "converge": self.converge.state() if self.converge is not None else None,
            "plateau": self.plateau.state() if self.plateau is not None else None,
            "running": self.running.state(),
            "clipping": [self.clipping.steps, int(self.clipping.clipped)],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave.

        Raises:
            LookupError, TypeError, ValueError: It is not what `state` gives.
        """
        self.epoch, self.step, self.step_in_epoch = (count_of(state, name) for name in ("epoch", "step", "step_in_epoch"))
        self.skipped, self.elapsed_s, self.stop_reason = count_of(state, "skipped"), float(state["elapsed_s"]), state["stop_reason"]
        self.owed_rate = None if state["owed_rate"] is None else float(state["owed_rate"])
        if self.stop_reason not in (None, *get_args(StopReason)):
            raise ValueError(f"stop_reason: {self.stop_reason!r}")
        self.stopping.restore(state["stopping"])
        if self.converge is not None and state["converge"] is not None:
            self.converge.restore(state["converge"])
        if self.plateau is not None:
            self.plateau.restore(state["plateau"])
        if self.soup is not None:
            self.soup.restore(state.get("soup", []))  # a run that went without until now has none
        self.running = RunningLoss.restored(state["running"])
        steps, clipped = state.get("clipping", (0, 0))  # states of older versions have none
        self.clipping = Clipping(int(steps), int(clipped))
