"""Optimizers for steps over all rows: they compare one step's gradients with those of the step before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.optimizers.groups import ParameterGroup, with_rates
from nntrain.optimizers.optimizer import Beside, Optimizer

if TYPE_CHECKING:
    import torch


class Rprop(Optimizer):
    """Reads only the gradient's sign: a weight's step grows while it stays, and shrinks when it turns (Riedmiller and Braun, 1993)."""

    type: Literal["rprop"] = "rprop"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "none"
    full_batch: ClassVar[bool] = True
    lr: PositiveFloat = 1e-2
    """Size of the first step of every weight."""
    etas: tuple[Annotated[float, Field(gt=0, lt=1)], Annotated[float, Field(gt=1)]] = (0.5, 1.2)
    """Factors of a weight's step where the sign turns, and where it stays."""
    step_sizes: tuple[PositiveFloat, PositiveFloat] = (1e-6, 50.0)
    """Smallest and largest step."""

    @model_validator(mode="after")
    def _sizes_are_in_order(self) -> Rprop:
        if self.step_sizes[0] >= self.step_sizes[1]:
            raise PydanticCustomError("step_sizes", "step_sizes needs the smallest step first, then the largest")
        return self

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.Rprop(with_rates(groups, self.lr), lr=self.lr, etas=self.etas, step_sizes=self.step_sizes)


class LBFGS(Optimizer):
    """Limited-memory BFGS (Liu and Nocedal, 1989): a quasi-Newton method for small networks, with all rows in each step.

    A step evaluates the loss up to `max_eval` times on the same rows. It has neither weight decay nor groups, and nothing may change
    its gradients or weights from outside: no clipping, no gradient noise, no max_norm, no float16.
    """

    type: Literal["lbfgs"] = "lbfgs"
    decay: ClassVar[Literal["weights", "gradient", "none"]] = "none"
    full_batch: ClassVar[bool] = True
    needs_closure: ClassVar[bool] = True
    lr: PositiveFloat = 1.0
    """Length of a move relative to the quasi-Newton step; the first guess of the line search."""
    max_iter: PositiveInt = 20
    """Moves of a step."""
    max_eval: PositiveInt | None = None
    """Evaluations of the loss in a step; default: 1.25 * max_iter."""
    tolerance_grad: PositiveFloat = 1e-7
    """Largest gradient at which a step ends early."""
    tolerance_change: PositiveFloat = 1e-9
    """Change of loss or weights at which a step ends early."""
    history_size: PositiveInt = 100
    """Moves that are remembered; each is a copy of all weights, twice."""
    line_search_fn: Literal["strong_wolfe"] | None = None
    """How the length of a move is found; null takes `lr` as it is."""

    def problems(self, beside: Beside) -> Iterator[Problem]:
        yield from super().problems(beside)
        for name in ("groups", "layer_decay"):
            if getattr(self, name):
                yield Problem(
                    ("optimizer", name), "has no effect: lbfgs moves all parameters together, at one rate", "remove it", on_key=True
                )

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        import torch

        return torch.optim.LBFGS(
            with_rates(groups, self.lr),
            lr=self.lr,
            max_iter=self.max_iter,
            max_eval=self.max_eval,
            tolerance_grad=self.tolerance_grad,
            tolerance_change=self.tolerance_change,
            history_size=self.history_size,
            line_search_fn=self.line_search_fn,
        )
