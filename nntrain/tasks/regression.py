"""A number, or a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.task import Decoded, Target, Task, weighted_mean

if TYPE_CHECKING:
    from torch import Tensor


class Regression(Task):
    """A value (a number target) or F values (a vector target)."""

    field_types: ClassVar[frozenset[str]] = frozenset({"number", "vector"})

    type: Literal["regression"] = "regression"

    def kind(self, target: Target) -> TargetKind:
        return "values"

    def needs(self, target: Target) -> Spec:
        return Spec(VECTOR, (1,)) if target.spec.rank == 0 else Spec(VECTOR, target.spec.sizes)

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("mse", "mae")

    def metrics(self, target: Target) -> tuple[str, ...]:
        return ("rmse", "mae", "r2")

    def predict(self, output: Tensor, target: Target) -> Tensor:
        return output.float().reshape(len(output)) if target.spec.rank == 0 else output.float()

    def decode(self, prediction: Tensor, classes: Sequence[str]) -> Decoded:
        return Decoded(tuple(cast("list[Any]", prediction.tolist())))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """The mean of the training rows."""
        return weighted_mean(encoded, weights)

    def baseline_name(self) -> str:
        return "always the mean"
