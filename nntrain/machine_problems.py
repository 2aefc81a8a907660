"""Settings that only say how a machine computes, where they have no effect or can't be had. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator

from nntrain.config.experiment import Experiment
from nntrain.errors import Problem
from nntrain.fading_effects import drops
from nntrain.layers.program import Program
from nntrain.protocols.protocol import Supervised
from nntrain.training.settings import TrainingSettings


def machine_problems(experiment: Experiment, training: TrainingSettings, program: Program) -> Iterator[Problem]:
    """A memory layout without a convolution, products of another kind than oneDNN's, and networks that can't be compiled once for all."""
    if training.channels_last is True and not program.widest_convolution:
        message = "has no effect: the network has no 2-d convolution"
        yield Problem(("training", "channels_last"), message, "fix:  channels_last: auto", on_key=True)
    if training.matmul == "onednn" and (obstacle := _matmul_obstacle(training, program)) is not None:
        yield Problem(("training", "matmul"), f"has no effect: {obstacle}", "fix:  matmul: auto", on_key=True)
    if training.compile is True:
        yield from compile_problems(experiment, training, program)


def _matmul_obstacle(training: TrainingSettings, program: Program) -> str | None:
    """Why no product is computed by oneDNN instead of BLAS."""
    if training.precision not in {"auto", "float32"}:
        return f"products in {training.precision} are not computed by BLAS"
    if training.compile is True:
        return "compiled networks have products of their own"
    return None if program.largest_linear else "the network has no linear layer"


def compile_problems(experiment: Experiment, training: TrainingSettings, program: Program) -> Iterator[Problem]:
    """Why a network can't be compiled once for all its steps."""
    instead = "fix:  compile: false"
    ragged = next((name for name, spec in program.inputs.items() if spec.is_ragged or spec.is_packed), None)
    if ragged is not None:
        message = f"would compile each length anew, and {ragged} has rows of different lengths"
        yield Problem(("training", "compile"), message, instead)
    if experiment.regularization.scheduler is not None and drops(program):
        message = "would compile each step anew, as regularization.scheduler changes dropout from step to step"
        yield Problem(("training", "compile"), message, instead)
    if experiment.data.lanes is not None:
        yield Problem(("training", "compile"), "does not go with data.batch.carry_state, whose state it can't carry", instead)
    if training.protocol is not None and not isinstance(training.protocol, Supervised):
        message = f"has no effect: {training.protocol.type} runs the network in other ways than one forward pass a step"
        yield Problem(("training", "compile"), message, instead)
    if training.on_oom == "halve":
        yield Problem(("training", "compile"), "does not go with on_oom: halve, as each number of rows is compiled anew", instead)
