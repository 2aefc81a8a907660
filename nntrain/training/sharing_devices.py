"""Where each of several processes computes."""

from __future__ import annotations

import torch

from nntrain.errors import ConfigError, Problem
from nntrain.training.device import resolve_device
from nntrain.training.place import Place


def own_device(name: str, place: Place) -> torch.device:
    """The device of one process: a CUDA device of its own where `training.device` says `cuda`, or `auto` finds some; else the CPU.

    Raises:
        ConfigError: There is none for it, or the config names a single one.
    """
    device = resolve_device(name)
    if device.type == "cpu":
        return device
    if name not in ("auto", "cuda"):
        raise _error(f"{name} is one device, and {place.local_size} processes of this machine need one each", "fix:  device: auto")
    count = torch.cuda.device_count()
    if place.local_size > count:
        found = f"this machine has {count} CUDA device{'s' if count > 1 else ''}, and {place.local_size} processes are to train on it"
        raise _error(found, f"--processes {count}, or device: cpu")
    return torch.device("cuda", place.local_rank)


def _error(message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(("training", "device"), message, hint)])
