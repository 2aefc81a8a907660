"""The perceptron: nothing but the output layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from nntrain.architectures.family import Family
from nntrain.layers.shape import Flatten

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec


class Perceptron(Family):
    """One linear layer from the inputs to the output (Rosenblatt 1958); an image or series is flattened first.

    With `loss: perceptron`, `optimizer: {type: sgd, lr: 1}` and `data.batch_size: 1` a step is Rosenblatt's rule; with the default loss it
    is linear or logistic regression.
    """

    type: Literal["perceptron"] = "perceptron"

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        return [Flatten()] if spec.of_one.rank > 1 else []
