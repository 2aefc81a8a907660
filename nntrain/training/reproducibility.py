"""Random states, and the facts on which bit-equal results depend."""

from __future__ import annotations

import os
import random
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
import torch

from nntrain.training.device import preserved_tf32
from nntrain.training.distributed import joined

_WORKSPACE: Final = "CUBLAS_WORKSPACE_CONFIG"
_ALONE: Final = "1"
"""How many processes a run has whose facts don't say it."""


def seed_everything(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch (all devices)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def use_determinism(deterministic: bool) -> None:
    """Only allow algorithms that give the same bits each time. To be called before the device is first used."""
    if deterministic:
        os.environ.setdefault(_WORKSPACE, ":4096:8")  # cuBLAS asks for it, and reads it once
        torch.backends.cudnn.benchmark = False
    _allow_only(deterministic)


def _allow_only(deterministic: bool, *, warn_only: bool = False) -> None:
    """Tell torch where it doesn't know: its own function loads the compiler, which takes as long as torch itself."""
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if (deterministic, warn_only) != before:
        torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


@contextmanager
def preserved_globals() -> Generator[None]:
    """Context after which the process is as it was: random states, threads, which algorithms torch allows, and how CUDA rounds factors.

    For calls from Python, whose own random numbers a training run must not touch.
    """
    state, threads = rng_state(), torch.get_num_threads()
    deterministic, warns_only = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    benchmark, workspace = torch.backends.cudnn.benchmark, os.environ.get(_WORKSPACE)
    try:
        with preserved_tf32():
            yield
    finally:
        restore_rng(state)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        _allow_only(deterministic, warn_only=warns_only)
        torch.backends.cudnn.benchmark = benchmark
        if workspace is None:
            os.environ.pop(_WORKSPACE, None)


def rng_state() -> dict[str, Any]:
    """States of all global generators, as ints and tensors."""
    version, words, gauss = random.getstate()
    numpy_state = np.random.get_state(legacy=False)
    return {
        "python": {"version": version, "words": torch.from_numpy(np.array(words, dtype=np.int64)), "gauss": gauss},
        "numpy": {
            "bit_generator": numpy_state["bit_generator"],
            "key": torch.from_numpy(numpy_state["state"]["key"].astype(np.int64)),
            "position": int(numpy_state["state"]["pos"]),
            "has_gauss": int(numpy_state["has_gauss"]),
            "gauss": float(numpy_state["gauss"]),
        },
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        "mps": torch.mps.get_rng_state() if torch.backends.mps.is_available() else None,
    }


def restore_rng(state: Mapping[str, Any]) -> None:
    """Take back what `rng_state` gave; a device that is not here is passed over (the facts below tell)."""
    OwnNumbers(state).restore(state["torch"])


class OwnNumbers:
    """What `rng_state` gave, in the form in which it is taken back: for whoever does that often."""

    def __init__(self, state: Mapping[str, Any]) -> None:
        python, numpy_state = state["python"], state["numpy"]
        self._python = python["version"], tuple(python["words"].tolist()), python["gauss"]
        key = numpy_state["key"].numpy().astype(np.uint32)
        self._numpy = numpy_state["bit_generator"], key, numpy_state["position"], numpy_state["has_gauss"], numpy_state["gauss"]
        self._cuda: Sequence[torch.Tensor] = state["cuda"]
        self._mps: torch.Tensor | None = state["mps"]

    def restore(self, of_torch: torch.Tensor) -> None:
        """Take it back, with this as the state of torch's generator."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        torch.set_rng_state(of_torch)
        if self._cuda:
            for index, saved in enumerate(self._cuda[: torch.cuda.device_count()]):
                torch.cuda.set_rng_state(saved, index)
        if self._mps is not None and torch.backends.mps.is_available():
            torch.mps.set_rng_state(self._mps)


def exactness_facts(device: torch.device) -> dict[str, str | int | bool]:
    """What must be equal for two runs to give the same bits: torch, device, threads, CPU capability."""
    facts: dict[str, str | int | bool] = {
        "torch": torch.__version__,
        "numpy": np.__version__,
        "device": device.type,
        "threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
    }
    ranks = joined()
    if ranks is not None:
        facts["processes"] = ranks.words
    if device.type == "cuda":
        facts |= {"gpu": torch.cuda.get_device_name(device), "cudnn": torch.backends.cudnn.version() or 0}
    return facts


def differing_facts(saved: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One line for each fact that is no longer the same."""
    names = [*saved, *(name for name in now if name not in saved)]
    pairs = [(name, *(facts.get(name, _ALONE if name == "processes" else None) for facts in (saved, now))) for name in names]
    return [f"{name}: was {before}, is {after}" for name, before, after in pairs if before != after]
