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
Lists = tuple[list[Tensor], ...]
Gradients = list[Tensor] | tuple[Tensor, ...]


def _plain(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function without its decorator, which imports torch's compiler when it is called."""
    return cast("Callable[..., Any]", getattr(function, "__wrapped__", function))


class _Fused(torch.optim.Optimizer):
    """What the fused optimizers share. Parameters are on one device and of one type."""

    _kept: tuple[Any, list[Lists]] | None = None
    """The state of the first parameter, and what was looked up when it had that."""
    grad_scale: Tensor | None = None
    """What loss scaling leaves here: the scale of the gradients."""
    found_inf: Tensor | None = None
    """What loss scaling and the watch for divergence leave here: whether the step is to be left out."""

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
            self._step_of_torch()
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

    def _step_of_torch(self) -> None:
        """With its hooks, which torch puts around a class's step when it makes the first object of just this class."""
        classes = type(self).__mro__
        own = cast("Callable[..., Any]", classes[classes.index(_Fused) + 1].step)
        hooked = torch.optim.Optimizer.profile_hook_step(own)
        (own if getattr(own, "hooked", False) else hooked)(self)

    def move(self, gradients: Gradients) -> None:
        """The same by gradients that are at hand, one for each parameter in the order of the groups; `.grad` stays as it is."""
        kept = None if not IS_KNOWN or self._optimizer_step_pre_hooks or self._optimizer_step_post_hooks else self._known_lists()
        if kept is None:
            parameters = [parameter for group in self.param_groups for parameter in group["params"]]
            before = [parameter.grad for parameter in parameters]
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            self.step()
            for parameter, gradient in zip(parameters, before, strict=True):
                parameter.grad = gradient
            return
        was_on = torch.is_grad_enabled()
        set_grad_mode(False)
        try:
            start = 0
            for group, lists in zip(self.param_groups, kept, strict=True):
                end = start + len(group["params"])
                self._run(group, group["params"], gradients[start:end], lists)
                start = end
        finally:
            set_grad_mode(was_on)

    def _known_lists(self) -> list[Lists] | None:
        """The state's tensors of each group as the kernel takes them, looked up once; `None` where a parameter has no state yet."""
        first = self.state.get(self.param_groups[0]["params"][0])
        if self._kept is None or self._kept[0] is not first:  # one that was loaded is another
            found = [self._lists(group, group["params"]) for group in self.param_groups]
            known = [lists for lists in found if lists is not None]
            self._kept = (first, known) if len(known) == len(found) else None
        return None if self._kept is None else self._kept[1]

    def _move(self, group: Group, moved: list[Tensor], gradients: list[Tensor]) -> None:
        """Move parameters, whether they have a state or not."""
        raise NotImplementedError

    def _lists(self, group: Group, moved: list[Tensor]) -> Lists | None:
        """The state of parameters, a list of tensors for each of its parts; `None` where one has none."""
        raise NotImplementedError

    def _run(self, group: Group, moved: list[Tensor], gradients: Gradients, lists: Lists) -> None:
        """Call the kernel."""
        raise NotImplementedError


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

    def _lists(self, group: Group, moved: list[Tensor]) -> Lists | None:
        buffers = [self.state.get(parameter, {}).get("momentum_buffer") for parameter in moved] if group["momentum"] else []
        return None if any(buffer is None for buffer in buffers) else (buffers,)

    def _run(self, group: Group, moved: list[Tensor], gradients: Gradients, lists: Lists) -> None:
        self._call(group, moved, gradients, lists[0], is_first_step=False)

    def _call(self, group: Group, moved: list[Tensor], gradients: Gradients, buffers: list[Tensor], *, is_first_step: bool) -> None:
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
            grad_scale=self.grad_scale,
            found_inf=self.found_inf,
        )


class _FusedAdam(_Fused):
    """What Adam and AdamW share."""

    kernel: Callable[..., None]

    def _move(self, group: Group, moved: list[Tensor], gradients: list[Tensor]) -> None:
        lists = self._lists(group, moved)
        if lists is None:
            for parameter in moved:
                if not self.state.get(parameter):
                    self._begin(group, parameter)
            lists = self._lists(group, moved)
        assert lists is not None
        self._run(group, moved, gradients, lists)

    def _lists(self, group: Group, moved: list[Tensor]) -> Lists | None:
        states = [self.state.get(parameter, {}) for parameter in moved]
        if not all(states):
            return None
        maxima = [state["max_exp_avg_sq"] for state in states] if group["amsgrad"] else []
        return *([state[name] for state in states] for name in ("exp_avg", "exp_avg_sq")), maxima, [state["step"] for state in states]

    def _run(self, group: Group, moved: list[Tensor], gradients: Gradients, lists: Lists) -> None:
        *moments, steps = lists
        found_inf = self.found_inf
        torch._foreach_add_(steps, 1)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]
        beta1, beta2 = group["betas"]
        type(self).kernel(
            moved,
            gradients,
            *moments,
            steps,
            amsgrad=group["amsgrad"],
            lr=group["lr"],
            beta1=beta1,
            beta2=beta2,
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            maximize=group["maximize"],
            grad_scale=self.grad_scale,
            found_inf=found_inf,
        )
        if found_inf is not None:  # a step that was not taken is not counted
            torch._foreach_sub_(steps, [found_inf] * len(steps))  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]

    def _begin(self, group: Group, parameter: Tensor) -> None:
        """The state before the first step of a parameter."""
        moments = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq") if group["amsgrad"] else ("exp_avg", "exp_avg_sq")
        zeros = {name: torch.zeros_like(parameter, memory_format=torch.preserve_format) for name in moments}
        self.state[parameter] = {"step": torch.zeros((), device=parameter.device), **zeros}


class FusedAdam(_FusedAdam, torch.optim.Adam):
    """torch's Adam."""

    kernel = staticmethod(torch._fused_adam_)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


class FusedAdamW(_FusedAdam, torch.optim.AdamW):
    """torch's AdamW."""

    kernel = staticmethod(torch._fused_adamw_)  # pyright: ignore[reportPrivateUsage, reportPrivateImportUsage]


def is_fused(optimizer: torch.optim.Optimizer) -> bool:
    """Whether it is one of these."""
    return isinstance(optimizer, _Fused)
