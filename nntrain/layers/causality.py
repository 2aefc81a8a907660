"""What a causal network promises: no step is made of later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from nntrain.errors import Problem

if TYPE_CHECKING:
    from nntrain.layers.program import Step


def check_causal(steps: Sequence[Step]) -> Iterator[Problem]:
    """Norms over time before or behind a causal layer: later steps would reach earlier ones through their statistics."""
    causal = [step for step in steps if step.layer.is_causal and "time" in step.spec.axes]
    sources = {step.name: {value.step for value in step.inputs if value.step is not None} for step in steps}
    for step in steps:  # each after those that it reads
        sources[step.name] |= {further for name in sources[step.name] for further in sources[name]}
    for norm in steps:
        if not norm.layer.mixes_steps or "time" not in norm.spec.axes:
            continue
        other = next((step for step in causal if step.name in sources[norm.name] or norm.name in sources[step.name]), None)
        if other is not None:
            yield Problem(
                norm.path,
                f"{norm.layer.type} takes its statistics over time, so that later steps reach earlier ones, and {other.name} is causal",
                "fix:  layer_norm or rms_norm, which take each step by itself, or weight_norm: true in the convolution",
            )
