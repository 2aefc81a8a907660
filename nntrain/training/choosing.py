"""What `auto` stands for in `training`: number format, memory layout, products, compiling.

Fixed rules; what they say is decided once a run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, cast

import torch

from nntrain.errors import ConfigError, Problem
from nntrain.layers.program import Program, Step
from nntrain.modules.products import IS_THERE
from nntrain.training.device import has_fast_bfloat16, has_slow_blas, has_tf32, has_tiles
from nntrain.training.settings import TrainingSettings

WIDE: Final = 16
"""Channels of the widest 2-d convolution from which pixels that lie together pay: 1.2 to 1.8 times as fast on a CPU with tiles, from 16
channels on; on one without there was nothing to gain in float32."""
LARGE: Final = 128
"""Inputs and outputs of a layer from which bfloat16 was faster, 1.3 to 2.6 times. Attention over many short rows was slower in it."""
_OTHERWISE: Final = frozenset({"multihead_attention", "cross_attention"})


@dataclass(frozen=True, slots=True)
class Choice:
    """What a run computes with."""

    settings: TrainingSettings
    """The training section, with what `auto` stands for."""
    reasons: tuple[str, ...]
    """What was chosen where the config leaves it open, and why."""


def choose(settings: TrainingSettings, program: Program, device: torch.device) -> Choice:
    """Settle what `training` leaves open.

    Args:
        settings: The training section.
        program: The network, all sizes known.
        device: Where it runs.

    Raises:
        ConfigError: tf32 on a device that has none, or oneDNN where it computes no products.
    """
    precision, layout, compiles, matmul = settings.precision, settings.channels_last, settings.compile, settings.matmul
    reasons: list[str] = []
    if precision == "tf32" and not has_tf32(device):
        message = f"tf32 is what a GPU with tensor cores has, and this is {device}"
        raise ConfigError([Problem(("training", "precision"), message, "fix:  precision: float32")])
    if precision == "auto":
        precision = "tf32" if has_tf32(device) else "float32"
        reasons += ["tf32 (tensor cores)"] if precision == "tf32" else []
    if layout == "auto":
        layout = program.widest_convolution >= WIDE and _likes_pixels_together(precision, device)
        reasons += [f"channels_last ({program.widest_convolution} channels)"] if layout else []
    if compiles == "auto":
        compiles = False
    if matmul == "onednn" and (device.type != "cpu" or not IS_THERE):
        message = f"onednn computes products on a CPU, and this is {device}"
        if device.type == "cpu":
            message = f"onednn was not tried with torch {torch.__version__}"
        raise ConfigError([Problem(("training", "matmul"), message, "fix:  matmul: auto")])
    if matmul == "auto":
        is_faster = has_slow_blas(device) and IS_THERE and program.largest_linear >= LARGE**2 and precision == "float32"
        matmul = "onednn" if is_faster and not compiles else "blas"
        reasons += ["matmul: onednn (this BLAS leaves AVX-512 unused)"] if matmul == "onednn" else []
    if settings.precision == "auto" and precision == "float32" and has_fast_bfloat16(device) and _is_large(program):
        reasons.append("bfloat16 is probably faster here, with fewer digits: fit --tune measures it")
    return Choice(
        settings.model_copy(update={"precision": precision, "compile": compiles, "channels_last": layout, "matmul": matmul}), tuple(reasons)
    )


def _likes_pixels_together(precision: str, device: torch.device) -> bool:
    """Whether convolutions are faster so: products of 16 bits where the device has them, and on a CPU with tiles those of float32 too."""
    return has_tiles(device) or (precision in {"bfloat16", "float16"} and has_fast_bfloat16(device))


def _is_large(program: Program) -> bool:
    """Whether bfloat16 probably pays for a network."""
    return any(map(_has_large_product, program.steps)) and not any(step.layer.type in _OTHERWISE for step in program.steps)


def _has_large_product(step: Step) -> bool:
    if "embedding" in step.layer.type:  # whose weights are picked, not multiplied
        return False
    shapes = [shape for shape in step.parameter_shapes.values() if len(shape) > 1 and all(isinstance(size, int) for size in shape)]
    return any(min(shape[0], math.prod(shape[1:])) >= LARGE for shape in cast("list[tuple[int, ...]]", shapes))
