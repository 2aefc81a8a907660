"""Linear layers whose products oneDNN computes, in place of the BLAS that torch was built with.

MKL, the BLAS of torch's own builds, uses AVX-512 on processors of Intel alone. oneDNN, which torch uses for convolutions, uses it wherever
it is, and was 1.5 to 2.2 times as fast on an AMD EPYC with AVX-512. Torch has no public setting for it: without the operator that is called
here, and with versions of torch that were not tried, linear layers are computed as torch does by itself.
"""

from __future__ import annotations

from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear
from torch.overrides import TorchFunctionMode

from nntrain.modules.known_torch import IS_KNOWN

LEAST: Final = 2**21
"""Multiplications from which a product is faster so, forward and backward; smaller ones are computed as ever."""

IS_THERE: Final = IS_KNOWN and torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
"""Whether this torch can do it."""

_core: Any = torch._C  # pyright: ignore[reportPrivateUsage]
_PLAIN: Final = (Tensor, nn.Parameter)


class OneDnnLinear(TorchFunctionMode):
    """While active, `torch.nn.functional.linear` of large float32 tensors of the CPU is computed by oneDNN, and so are its gradients.

    Whether it is depends on shapes alone, so that a run computes the same each time.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run a function."""
        if func is linear and not kwargs and _is_large(args):
            x, weight, bias = (*args, None) if len(args) == 2 else args
            rows = x.reshape(-1, x.shape[-1])
            wants_gradient = torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in (x, weight, bias))
            found = cast("Tensor", _Linear.apply(rows, weight, bias)) if wants_gradient else _product(rows, weight, bias)
            return found.view(*x.shape[:-1], len(weight))
        return func(*args, **(kwargs or {}))


def _is_large(args: tuple[Any, ...]) -> bool:
    """Whether these are plain float32 tensors of the CPU, and many, outside of the transforms of `torch.func`."""
    x, weight = args[:2]
    if not all(type(each) in _PLAIN and each.dtype == torch.float32 and each.device.type == "cpu" for each in args if each is not None):
        return False
    is_many = x.layout == weight.layout == torch.strided and weight.dim() == 2 and x.numel() * len(weight) >= LEAST
    return is_many and _core._functorch.peek_interpreter_stack() is None


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Rows `[B, F]` times weights `[O, F]`, transposed, with biases `[O]` added: `[B, O]`."""
    return cast("Tensor", torch.ops.mkldnn._linear_pointwise.default(x, weight, bias, "none", [], ""))


class _Linear(torch.autograd.Function):
    """A linear layer of rows `[B, F]` and its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> tuple[Tensor | None, ...]:
        slope = cast("Tensor", grad_outputs[0])
        x, weight = cast("tuple[Tensor, Tensor]", ctx.saved_tensors)
        product = _plain_product if torch.is_grad_enabled() else _product  # gradients of gradients are torch's own
        wanted = cast("tuple[bool, bool, bool]", ctx.needs_input_grad)
        return (
            product(slope, weight.t()) if wanted[0] else None,
            product(slope.t(), x.t()) if wanted[1] else None,
            slope.sum(0) if wanted[2] else None,
        )


def _plain_product(x: Tensor, weight: Tensor) -> Tensor:
    return x @ weight.t()
