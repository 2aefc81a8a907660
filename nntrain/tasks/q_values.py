"""What each of some actions is worth, learned by acting."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, cast

from nntrain.losses.links import Link
from nntrain.losses.loss import TargetKind
from nntrain.specs import VECTOR, Spec
from nntrain.tasks.task import Decoded, Target, Task

if TYPE_CHECKING:
    from torch import Tensor


class QValues(Task):
    """What each action of a category target is worth: the return that is to be expected after it. Predicted is the best action.

    The rows don't say what actions are worth, so that a protocol has to find out by acting: `training.protocol: dqn`.
    """

    field_types: ClassVar[frozenset[str]] = frozenset({"category"})
    supervised: ClassVar[bool] = False
    protocol: ClassVar[str | None] = "dqn"

    type: Literal["q_values"] = "q_values"

    def kind(self, target: Target) -> TargetKind:
        return "values"

    def needs(self, target: Target, link: Link) -> Spec:
        """A value for each action, `[B, K]`."""
        size = target.spec.classes
        assert size is not None
        return Spec(VECTOR, (size,))

    def losses(self, target: Target) -> tuple[str, ...]:
        return ("smooth_l1", "huber", "mse", "mae", "log_cosh")

    def metrics(self, target: Target) -> tuple[str, ...]:
        """None: what counts is what the actions bring, which the protocol measures."""
        return ()

    def predict(self, output: Tensor, target: Target, link: Link, lengths: Tensor | None = None) -> Tensor:
        """The values, `[B, K]`."""
        return output.float()

    def decode(self, prediction: Tensor, target: Target, threshold: float | None = None) -> Decoded:
        """The action that is worth most."""
        best = cast("list[int]", prediction.argmax(dim=1).tolist())
        return Decoded(tuple(target.classes[index] for index in best))

    def baseline(self, encoded: Tensor, target: Target, weights: Tensor | None) -> Tensor:
        """Nothing is worth anything."""
        import torch

        return torch.zeros(1, len(target.classes), dtype=torch.float64)

    def baseline_name(self) -> str:
        return "all actions alike"
