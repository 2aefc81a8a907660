"""What each layer says of time is true: whether an earlier step of what comes out changes with a later one of what goes in."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from every_layer import CASES
from layer_cases import Case
from subjects import Subject, compiled, subject_of, tensor
from torch import Tensor

from nntrain.layers.causality import non_causal_step
from nntrain.layers.scope import PROBE

OVER_TIME = [case for case in CASES if case.spec.axes and case.spec.axes[0] == "time"]
MANY = 9600
"""Steps from which the stride of a layer is read."""


@pytest.mark.parametrize("case", OVER_TIME, ids=str)
def test_what_a_layer_says_of_later_steps(case: Case):
    """In training, where norms take the statistics of the batch, but for layers that draw numbers."""
    built = subject_of(case)
    built.module.train(not case.is_random)
    lengths = range(5, 11) if case.spec.is_ragged else (8,)
    assert any(_reaches_back(built, steps) for steps in lengths) == _says(built)


def _says(built: Subject) -> bool:
    """A network without time at its end makes no promise: asked is the layer that takes the time away."""
    if not built.is_program:
        return built.layer.looks_ahead
    program = compiled(built.layer, built.takes)
    if "time" in built.spec.axes:
        return non_causal_step(program, "y") is not None
    return any(step.layer.looks_ahead and "time" in step.inputs[0].spec.axes for step in program.steps)


def _reaches_back(built: Subject, steps: int) -> bool:
    """Whether something at the time of an earlier step changes with the last one, by more than products of other numbers of rows round."""
    x = tensor(built.takes, 3, steps)
    changed = x.clone()
    changed[:, -1] = changed[:, -1] + 1 if x.is_floating_point() else changed[:, -1] % 10 + 1
    outputs = [_out(built, each) for each in (x, changed)]
    if "time" in built.spec.axes:
        stride = _stride(built, steps, outputs[0].shape[1])
        earlier = sum(index * stride < steps - 1 for index in range(outputs[0].shape[1]))
        outputs = [out[:, :earlier] for out in outputs]
    return not torch.allclose(*(out.float() for out in outputs), rtol=1e-5, atol=1e-6)


def _out(built: Subject, x: Tensor) -> Tensor:
    with torch.no_grad():
        return replace(built)(x)


def _stride(built: Subject, steps: int, out_steps: int) -> float:
    """Steps that go in for each that comes out, whatever is lost or added at the ends."""
    if not built.takes.is_ragged or not built.spec.is_ragged:
        return steps / out_steps
    if not built.is_program:
        ratio = MANY / built.layer.out_lengths(MANY)
    else:
        lengths = compiled(built.layer, built.takes).outputs["y"].lengths
        assert lengths is not None
        ratio = max(PROBE) / max(lengths.counts)
    return round(ratio) if ratio > 0.9 else 1 / round(1 / ratio)
