"""The trial of the user's own layers: are their gradients those of what they compute?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from nntrain.commands.trials.findings import TrialResult
from nntrain.insight.gradient_check import check_gradients
from nntrain.specs import Spec

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.commands.preparing.jobs import Job
    from nntrain.layers.program import Step

ROWS: Final = 2
LENGTH: Final = 3
"""Steps of a row, or nodes, where their number varies."""
GIVEN: Final = frozenset({"lengths", "side_lengths"})
"""What a layer may need beside its inputs, and does without where all rows are of one length."""


def try_own_layers(job: Job) -> list[TrialResult]:
    """Check the layers that come from plug-ins, each with the sizes that it has in this network; none where all layers are ours."""
    own = [step for step in job.blueprint.program.steps if not type(step.layer).__module__.startswith("nntrain.") and step.shares is None]
    if not own:
        return []
    told: list[str] = []
    results: dict[str, str | None] = {}
    for step in own:
        why = _why_not(step)
        fault = None if why is not None else _check(step)
        verdict = f"not checked: {why}" if why is not None else "gradients agree with differences" if fault is None else fault
        told.append(f"{step.name} ({step.layer.type}): {verdict}")
        results[step.name] = verdict if why is not None or fault is not None else None
    is_wrong = any(verdict is not None and not verdict.startswith("not checked") for verdict in results.values())
    return [TrialResult("gradcheck", "\n".join(told), {"layers": results}, is_warning=is_wrong)]


def _why_not(step: Step) -> str | None:
    """Why a layer can't be tried by itself."""
    others = sorted(step.layer.needs - GIVEN)
    if others:
        return f"it needs {', '.join(others)}, which only a whole network gives"
    return None


def _check(step: Step) -> str | None:
    """What does not agree, or why it can't be looked at; `None` where all agrees."""
    import torch

    specs = [value.spec for value in step.inputs]
    names = ["the input", *(f"side input {place}" for place in range(1, len(specs)))]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        try:
            return check_gradients(step.layer.build(*specs), [_drawn(spec) for spec in specs], names)
        except Exception as error:  # the user's own code may raise anything
            return f"it can't be run in float64: {type(error).__name__}: {error}"


def _drawn(spec: Spec) -> Tensor:
    """Random rows of a tensor, float64 or indices."""
    import torch

    sizes: list[Any] = [size if isinstance(size, int) else LENGTH for size in spec.sizes]
    shape = sizes if spec.is_packed else [ROWS, *sizes]
    if spec.kind == "index":
        return torch.randint(spec.classes if isinstance(spec.classes, int) else 2, shape)
    return torch.randn(shape, dtype=torch.float64)
