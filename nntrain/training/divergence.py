"""NaN and infinity: found before they can reach a checkpoint, and named by step and layer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from nntrain.data.batches import Batch
from nntrain.errors import DivergedError
from nntrain.training.progress import Progress
from nntrain.training.session import Session, TrainingProtocol


def check_step(session: Session, progress: Progress, batches: Sequence[Batch], loss: Tensor, norm: Tensor) -> None:
    """Refuse a step whose loss or gradients are not finite, before its update. On a CPU reading them costs nothing.

    Raises:
        DivergedError: With epoch, step, the first layer concerned and what to try.
    """
    if math.isfinite(loss.item()) and (math.isfinite(norm.item()) or session.precision.scales):
        return
    where = first_bad_layer(session, batches) or _bad_gradient(session.network)
    raise diverged(progress.epoch, progress.step, f"the loss is {loss.item():g}, the gradient norm {norm.item():g}", where)


def check_applied(session: Session, progress: Progress, batches: Sequence[Batch], loss: Tensor) -> None:
    """The same for a step that has moved the weights already: by its loss alone, on a CPU. `check_weights` looks at the weights later.

    Raises:
        DivergedError: As `check_step`.
    """
    if session.device.type == "cpu" and not math.isfinite(loss.item()):
        raise diverged(progress.epoch, progress.step, f"the loss is {loss.item():g}", first_bad_layer(session, batches))


def watch_step(session: Session, progress: Progress, loss: Tensor, norm: Tensor) -> None:
    """Note on an accelerator whether a step is finite; `check_weights` reads it later, since reading it here would wait for the step.

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
        where = first_bad_layer(session, batches)
        raise diverged(progress.epoch, progress.step, "the float16 gradients overflow at every scale", where)


def check_weights(session: Session, protocol: TrainingProtocol, progress: Progress) -> None:
    """Refuse weights that are not finite, and steps that `watch_step` found to be so, before anything is measured or saved.

    Raises:
        DivergedError: Naming the parameters; of a step that was watched, the step and the first layer concerned.
    """
    bad_step = progress.first_bad.read()
    values = [*session.network.parameters(), *session.network.buffers()]
    finite = torch.stack([torch.isfinite(value).all() for value in values if value.is_floating_point()])
    if bad_step is None and bool(finite.all()):
        return
    names = [name for name, value in session.network.named_parameters() if not bool(torch.isfinite(value).all())]
    found = f"weights are not finite: {', '.join(names[:3]) or 'running statistics'}"
    step = progress.step - 1 if bad_step is None else bad_step
    epoch, start = divmod(step, protocol.steps_per_epoch(session))
    if bad_step is None:
        raise diverged(epoch, step, found, None)
    batches = next(protocol.batches(session, epoch, start))
    where = bad_input(batches) if names else first_bad_layer(session, batches)
    raise diverged(epoch, step, found if names else "the loss or the gradients are not finite", where)


def diverged(epoch: int, step: int, found: str, where: str | None) -> DivergedError:
    """The message of a divergence; epoch and step count from 0."""
    place = f"; first in {where}" if where else ""
    return DivergedError(
        f"diverged in epoch {epoch + 1}, step {step + 1}: {found}{place}",
        "try a lower optimizer.lr (a tenth), regularization.clip_norm=1.0, a warm-up, or look for huge values in the data",
    )


def bad_input(batches: Sequence[Batch]) -> str | None:
    """Name the input field that is not finite."""
    for batch in batches:
        for name, value in batch.inputs.items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                return f"the input {name}"
    return None


def first_bad_layer(session: Session, batches: Sequence[Batch]) -> str | None:
    """Name the first layer whose output is not finite (the batches are run again), or the input field that is not."""
    field = bad_input(batches)
    if field is not None:
        return field
    found: list[str] = []

    def hook(name: str) -> Any:
        def look(module: nn.Module, arguments: object, output: object) -> None:
            values = cast("tuple[object, ...]", output) if isinstance(output, tuple) else (output,)
            if any(isinstance(value, Tensor) and not bool(torch.isfinite(value).all()) for value in values):
                found.append(name)

        return look

    network = session.network
    modules = cast("Iterator[tuple[str, nn.Module]]", network.named_modules())
    leaves = [(name, module) for name, module in modules if name and not list(module.children())]
    handles = [module.register_forward_hook(hook(name)) for name, module in leaves]
    try:
        with torch.no_grad(), session.precision.autocast():
            for batch in batches:
                network(batch.inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _bad_gradient(network: nn.Module) -> str | None:
    for name, parameter in network.named_parameters():
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            return f"the gradient of {name}"
    return None
