"""torch's SGD, Adam and AdamW with one fused kernel a step, called without what surrounds it.

The numbers, the state and its names are torch's. What is left out is what a step of a small network spends most of its time in (profiler
ranges, hooks, sorting by device), and what the first optimizer of a process imports: torch's compiler, which takes as long as the rest of
torch. With another torch than those that were tried, and where somebody has hooked into the step, torch's own step runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from nntrain.modules.known_torch import IS_KNOWN, set_grad_mode

Group = dict[str, Any]


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function without its decorator, which imports torch's compiler when it is called."""
    return cast("Callable[..., Any]", getattr(function, "__wrapped__", function))


class _Fused(torch.optim.Optimizer):
    """What the fused optimizers share. Parameters are on one device and of one type."""

    def add_param_group(self, param_group: Group) -> None:
        """As torch does."""
        _plain(torch.optim.Optimizer.add_param_group)(self, param_group)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Move the weights by their gradients; a closure is evaluated first, as in torch."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if not IS_KNOWN or self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks:
            super().step()
            return loss
        was_on = torch.is_grad_enabled()
        set_grad_mode(False)
        try:
            for group in self.param_groups:
                moved = [parameter for parameter in group["params"] if parameter.grad is not None]
                if moved:
                    self._move(group, moved, [parameter.grad for parameter in moved])
        finally:
            set_grad_mode(was_on)
        return loss

    step.hooked = True  # pyright: ignore[reportFunctionMemberAccess]  # torch wraps a step that is not marked so

    def _move(self, group: Group, moved: list[Tensor], gradients: list[Tensor]) -> None:
        raise NotImplementedError

    def _left(self, name: str) -> Tensor | None:
        """What loss scaling and the watch for divergence leave here: `grad_scale` of the gradients, `found_inf` where they overflow."""
        return cast("Tensor | None", getattr(self, name, None))


class FusedSGD(_Fused, torch.optim.SGD):
    """torch's SGD."""

    def _move(self, group: Group, moved: list[Tensor], gradients: list[Tensor]) -> None:
        if group["momentum"] == 0:
            self._call(group, moved, gradients, [], is_first_step=False)
            return
        buffers = [self.state[parameter].get("momentum_buffer") for parameter in moved]
        new = [place for place, buffer in enumerate(buffers) if buffer is None]
        for place in new:  # the kernel fills them in their first step; those that were frozen until now have it later than others
            buffers[place] = self.state[moved[place]]["momentum_buffer"] = torch.empty_like(gradients[place])
        if new:
            self._call(group, *([part[place] for place in new] for part in (moved, gradients, buffers)), is_first_step=True)
            old = [place for place in range(len(moved)) if place not in new]
            moved, gradients, buffers = ([part[place] for place in old] for part in (moved, gradients, buffers))
        if moved:
            self._call(group, moved, gradients, buffers, is_first_step=False)

    def _call(self, group: Group, moved: list[Tensor], gradients: list[Tensor], buffers: list[Tensor], *, is_first_step: bool) -> None:
        torch._fused_sgd_(  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
            moved,
            gradients,
            buffers,
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=group["lr"],
            dampening=group["dampening"],
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            is_first_step=is_first_step,
            grad_scale=self._left("grad_scale"),
            found_inf=self._left("found_inf"),
        )


class _FusedAdam(_Fused):
    """What Adam and AdamW share."""

    kernel: Callable[..., None]

    def _move(self, group: Group, moved: list[Tensor], gradients: list[Tensor]) -> None:
        states = [self.state[parameter] or self._begin(group, parameter) for parameter in moved]
        steps = [state["step"] for state in states]
        found_inf = self._left("found_inf")
        torch._foreach_add_(steps, 1)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        beta1, beta2 = group["betas"]
        type(self).kernel(
            moved,
            gradients,
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else [],
            steps,
            amsgrad=group["amsgrad"],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
            grad_scale=self._left("grad_scale"),
            found_inf=found_inf,
        )
        if found_inf is not None:  # a step that was not taken is not counted
            torch._foreach_sub_(steps, [found_inf] * len(steps))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

    def _begin(self, group: Group, parameter: Tensor) -> dict[str, Tensor]:
        """The state before the first step of a parameter."""
        moments = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
        zeros = {name: torch.zeros_like(parameter, memory_format=torch.preserve_format) for name in moments}
        self.state[parameter] = {"step": torch.zeros((), device=parameter.device), **zeros}
        return self.state[parameter]


class FusedAdam(_FusedAdam, torch.optim.Adam):
    """torch's Adam."""

    kernel = staticmethod(torch._fused_adam_)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


class FusedAdamW(_FusedAdam, torch.optim.AdamW):
    """torch's AdamW."""

    kernel = staticmethod(torch._fused_adamw_)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
