"""NaN and infinity: found before they can reach a checkpoint, and named by step and layer."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import torch
from torch import Tensor

from nntrain.data.batches import Batch
from nntrain.errors import DivergedError
from nntrain.training.progress import Progress, Recent
from nntrain.training.session import Session, TrainingProtocol
from nntrain.training.state import piece

if TYPE_CHECKING:
    from nntrain.training.tracing import Trace

HINT = "try a lower optimizer.lr (a tenth), regularization.clip_norm=1.0, a warm-up, or look for huge values in the data"


_FEW: Final = 2**18
"""Numbers that are put side by side: for so few it takes less than a look at each tensor."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """All that is known about a divergence."""

    epoch: int
    """From 0, as `step`."""
    step: int
    found: str
    """`the loss is nan, the gradient norm nan`."""
    trace: Trace
    recent: tuple[Recent, ...]
    """The last steps, this one included where its loss is known."""
    lr: float
    """Learning rate of the step."""
    state: str | None = None
    """What of the saved state is not finite, where it was found there: `weights of body.0.weight`, `exp_avg_sq of body.0.weight`."""
    is_scale_exhausted: bool = False
    """Whether float16 gradients overflow at every scale."""


class FoundDivergenceError(DivergedError):
    """A divergence as the loop tells it; whoever knows the config says it in its words."""

    def __init__(self, finding: Divergence) -> None:
        self.finding = finding
        self.member: int | None = None
        """The place of the run that diverged, among several that are trained at once."""
        place = f"; first in {finding.trace.place}" if finding.trace.place is not None else ""
        super().__init__(f"diverged in epoch {finding.epoch + 1}, step {finding.step + 1}: {finding.found}{place}", HINT)


@contextmanager
def named(member: int) -> Generator[None]:
    """Context that says of a divergence which of several runs it is of."""
    try:
        yield
    except FoundDivergenceError as error:
        error.member = member
        raise


def check_step(session: Session, progress: Progress, batches: Sequence[Batch], loss: Tensor, norm: Tensor) -> None:
    """Refuse a step whose loss or gradients are not finite, before its update. On a CPU reading them costs nothing.

    Raises:
        DivergedError: With epoch, step, the first layer concerned and what to try.
    """
    value, size = loss.item(), norm.item()
    progress.recent.append(Recent(progress.step, value, size))
    if math.isfinite(value) and (math.isfinite(size) or session.precision.scales):
        return
    raise _diverged(session, progress, f"the loss is {value:g}, the gradient norm {size:g}", _traced(session, batches))


def check_applied(session: Session, progress: Progress, batches: Sequence[Batch], loss: Tensor) -> None:
    """The same for a step that has moved the weights already: by its loss alone, on a CPU. `check_state` looks at the weights later.

    Raises:
        DivergedError: As `check_step`.
    """
    if session.device.type != "cpu":
        return
    progress.recent.append(Recent(progress.step, loss.item(), None))
    if not math.isfinite(loss.item()):
        raise _diverged(session, progress, f"the loss is {loss.item():g}", _traced(session, batches))


def watch_step(session: Session, progress: Progress, loss: Tensor, norm: Tensor) -> None:
    """Note on an accelerator whether a step is finite; `check_state` reads it later, since reading it here would wait for the step.

    From a bad step on a fused optimizer leaves the weights as they were before it, so that the step can be run again.
    """
    if session.precision.scales:
        norm = torch.zeros_like(norm)  # gradients that overflow are no fault: the scaling skips the step
    is_bad = progress.first_bad.add(progress.step, torch.stack([loss.detach(), norm]))
    if session.optimizer.defaults.get("fused") and not session.precision.scales:
        cast("Any", session.optimizer).found_inf = is_bad.float()


def check_scaling(session: Session, progress: Progress, batches: Sequence[Batch]) -> None:
    """Refuse to go on when step after step is skipped because its float16 gradients overflow, whatever the scale.

    Raises:
        DivergedError: The scale is so small that it can't be the reason.
    """
    if session.precision.is_exhausted:
        raise _diverged(session, progress, "the float16 gradients overflow at every scale", _traced(session, batches))


def are_finite(values: Sequence[Tensor]) -> bool:
    """Whether all numbers of some tensors on a CPU are surely finite, by their norm: it takes a look at all of them in one go.

    No where they are so large that their squares are not, or so many that it would take memory to put them side by side.
    """
    if sum(value.numel() for value in values) > _FEW:
        return False
    norm = cast("Tensor", torch.linalg.vector_norm(torch.cat([value.detach().reshape(-1) for value in values])))
    return math.isfinite(norm.item())


def check_state(session: Session, protocol: TrainingProtocol, progress: Progress) -> None:
    """Refuse a state that is not finite, and steps that `watch_step` found to be so, before anything is measured or saved.

    All that a checkpoint holds is looked at: weights, running statistics, the optimizer's state, averaged weights.

    Raises:
        DivergedError: Naming what is not finite; of a step that was watched, the step and the first layer concerned.
    """
    bad_step = progress.first_bad.read()
    pieces = ((name, piece(value.detach())) for name, value in saved_tensors(session))
    saved = [(name, value) for name, value in pieces if value.numel()]
    if bad_step is None and saved[0][1].device.type == "cpu" and are_finite([value for _, value in saved]):
        return
    device = saved[0][1].device
    # NaN is both the least and the greatest of its tensor: one pass, a ninth of what isfinite costs. Read at once: one wait for the device.
    ends = [torch.stack(torch.aminmax(value)).to(device, torch.float64 if device.type != "mps" else torch.float32) for _, value in saved]
    finite = torch.isfinite(torch.stack(ends)).all(dim=1)
    if bad_step is None and bool(finite.all()):
        return
    bad = [name for (name, _), is_finite in zip(saved, finite, strict=True) if not is_finite]
    step = progress.step - 1 if bad_step is None else bad_step
    epoch, start = divmod(step, protocol.steps_per_epoch(session))
    # The weights that a watched step broke are lost where the optimizer has no fused kernel; its rows tell what they can.
    found = _traced(session, next(protocol.batches(session, epoch, start)))
    if bad_step is not None and not bad:
        words = "the loss or the gradients are not finite"
    else:
        words = f"not finite: {', '.join(bad[:3])}{f' and {len(bad) - 3} more' if len(bad) > 3 else ''}"
    if bad_step is None or (bad and found.place is not None and found.place.kind not in {"input", "target"}):
        found.place = None
    raise _diverged(session, progress, words, found, at=(epoch, step), state=bad[0] if bad else None)


def saved_tensors(session: Session) -> Iterator[tuple[str, Tensor]]:
    """Everything of a checkpoint that holds numbers with a point, by what it is: `weights of body.0.weight`."""
    for name, value in session.network.named_parameters():
        yield f"weights of {name}", value
    for name, value in session.network.named_buffers():
        if value.is_floating_point():
            yield f"running statistics of {name.rpartition('.')[0]} ({name.rpartition('.')[2]})", value
    for group in session.optimizer.param_groups:
        for name, parameter in zip(group["param_names"], group["params"], strict=True):
            for key, state in session.optimizer.state.get(parameter, {}).items():
                for value in cast("Sequence[Any]", state) if isinstance(state, list | tuple) else (state,):
                    if isinstance(value, Tensor) and value.is_floating_point():
                        yield f"the optimizer's {key} of {name}", value
    if session.ema is not None:
        yield from session.ema.named()


def _diverged(
    session: Session,
    progress: Progress,
    found: str,
    seen: Trace,
    *,
    at: tuple[int, int] | None = None,
    state: str | None = None,
) -> FoundDivergenceError:
    epoch, step = (progress.epoch, progress.step) if at is None else at
    lr = float(session.optimizer.param_groups[0]["lr"])
    return FoundDivergenceError(Divergence(epoch, step, found, seen, tuple(progress.recent), lr, state, session.precision.is_exhausted))


def _traced(session: Session, batches: Sequence[Batch]) -> Trace:
    """Where in the network it begins: that is loaded when it is asked for."""
    from nntrain.training.tracing import trace

    return trace(session, batches)
