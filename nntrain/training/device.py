"""Where and in which number format a run computes."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any, Final

import torch
from torch import Tensor

from nntrain.errors import ConfigError, Problem
from nntrain.modules.products import IS_THERE, OneDnnLinear
from nntrain.training.settings import MatmulName, PrecisionName

_DTYPES: Final = {
    "auto": torch.float32,
    "tf32": torch.float32,
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}

_SMALLEST_SCALE: Final = 2.0**-14
"""Below this a float16 gradient that fits at all would vanish: gradients are not too large, they are not finite."""


def resolve_device(name: str) -> torch.device:
    """The device that `training.device` names; `auto` is cuda where there is one, else cpu.

    Raises:
        ConfigError: It is not there. There is no silent fall back to another one.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    missing = _missing(device)
    if missing is not None:
        raise ConfigError([Problem(("training", "device"), f"{name} is not here: {missing}", "fix:  device: auto")])
    return device


def _missing(device: torch.device) -> str | None:
    if device.type == "cuda":
        if not torch.backends.cuda.is_built():
            return f"this torch ({torch.__version__}) is built without CUDA"
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            return "torch finds no CUDA device" if count == 0 else f"torch finds cuda:0 to cuda:{count - 1}"
    if device.type == "mps" and not torch.backends.mps.is_available():
        return "it needs a Mac with Apple silicon"
    return None


def use_threads(threads: int | None) -> int:
    """Set the number of CPU threads (`None`: leave torch's choice) and return it."""
    if threads is not None:
        torch.set_num_threads(threads)
    return torch.get_num_threads()


def use_tf32(name: PrecisionName, device: torch.device) -> None:
    """Let CUDA round the factors of products to tf32, or not: settings of the process, which other devices don't read.

    cuDNN, which computes convolutions and recurrent layers, has one of its own, and rounds where nobody says anything.
    """
    if device.type == "cuda":
        torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
        torch.backends.cudnn.allow_tf32 = name == "tf32"


@contextmanager
def preserved_tf32() -> Generator[None]:
    """Context after which CUDA rounds as before. Settings of torch's newer kind, which keep the others from being read, don't come back."""
    before = None
    if torch.cuda.is_available():  # elsewhere nothing reads it
        with suppress(RuntimeError):
            before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        if before is not None:
            torch.set_float32_matmul_precision(before[0])
            torch.backends.cudnn.allow_tf32 = before[1]


def draws(device: torch.device) -> list[Tensor]:
    """Where the generators stand that steps draw from: torch's on the CPU, and that of a CUDA device. Nothing is waited for."""
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if device.type == "cuda" else [])]


def restore_draws(states: Sequence[Tensor], device: torch.device) -> None:
    """Take back what `draws` gave."""
    torch.set_rng_state(states[0])
    if device.type == "cuda":
        torch.cuda.set_rng_state(states[1], device)


def has_tf32(device: torch.device) -> bool:
    """Whether a device multiplies in tf32: CUDA from compute capability 8 on."""
    return device.type == "cuda" and torch.cuda.get_device_capability(device)[0] >= 8


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether products in bfloat16 are instructions of the device's own; where they are emulated they are slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and any(torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16", "arm_bf16"))


def has_tiles(device: torch.device) -> bool:
    """Whether a CPU multiplies matrices by tiles (AMX)."""
    return device.type == "cpu" and bool(torch.cpu.get_capabilities().get("amx_tile"))


def has_slow_blas(device: torch.device) -> bool:
    """Whether the BLAS of torch leaves half of a CPU's speed unused: MKL uses AVX-512 on processors of Intel alone."""
    if device.type != "cpu" or not torch.backends.mkl.is_available():
        return False
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_f")) and str(found.get("cpu_name")).startswith("AMD")


class Precision:
    """The number format of the forward and backward pass, with the loss scaling that float16 needs, and what computes products."""

    def __init__(self, device: torch.device, dtype: torch.dtype, linears: OneDnnLinear | None = None) -> None:
        self._device_type = device.type
        self._dtype = dtype
        self._linears = linears
        self._scaler = torch.amp.GradScaler(device.type) if dtype == torch.float16 else None

    @property
    def name(self) -> str:
        """`float32`, `bfloat16` or `float16`."""
        return str(self._dtype).removeprefix("torch.")

    @property
    def matmul(self) -> MatmulName:
        """What computes large products of linear layers."""
        return "blas" if self._linears is None else "onednn"

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled (float16), so that a step may be skipped."""
        return self._scaler is not None

    @property
    def is_exhausted(self) -> bool:
        """Whether so many steps were skipped that a smaller scale can't help."""
        return self._scaler is not None and self._scaler.get_scale() < _SMALLEST_SCALE

    def autocast(self) -> AbstractContextManager[Any]:
        """Context of a forward pass."""
        if self._linears is not None:
            return self._linears
        if self._dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self._device_type, dtype=self._dtype)

    def backward(self, loss: Tensor) -> None:
        """Backward pass of a (scaled) loss."""
        if self._scaler is not None:
            loss = self._scaler.scale(loss)
        loss.backward()

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Bring the gradients to their true size, before they are measured or clipped."""
        if self._scaler is not None:
            self._scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> bool:
        """Update the weights; returns whether it took place (float16 scaling skips it where gradients overflowed)."""
        if self._scaler is None:
            optimizer.step()
            return True
        before = self._scaler.get_scale()
        self._scaler.step(optimizer)
        self._scaler.update()
        return self._scaler.get_scale() >= before

    def state(self) -> dict[str, Any]:
        """State of the scaling, as a plain tree."""
        if self._scaler is None:
            return {}
        saved = self._scaler.state_dict()
        return {"scale": saved["scale"], "growth_tracker": saved["_growth_tracker"]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""
        if self._scaler is not None:
            saved = {"scale": state["scale"], "_growth_tracker": state["growth_tracker"]}
            self._scaler.load_state_dict({**self._scaler.state_dict(), **saved})


def resolve_precision(name: PrecisionName, device: torch.device, matmul: MatmulName = "blas") -> Precision:
    """The precision that `training.precision` names. `auto` and, where the device has none, `tf32` are float32.

    Args:
        name: The number format.
        device: Where it is computed in.
        matmul: What computes products on a CPU; without oneDNN, that is BLAS.

    Raises:
        ConfigError: The device can't compute in it.
    """
    dtype = _DTYPES[name]
    if dtype == torch.bfloat16 and device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        found = f"{torch.cuda.get_device_name(device)} has no bfloat16"
        raise ConfigError([Problem(("training", "precision"), found, "fix:  precision: float16")])
    uses_onednn = matmul == "onednn" and IS_THERE and device.type == "cpu" and dtype == torch.float32
    return Precision(device, dtype, OneDnnLinear() if uses_onednn else None)
