"""Multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.layers.activation import ReLU
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Linear
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.settings import AnyActivation
from nntrain.layers.shape import Flatten

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.specs import Spec


class MLP(Family):
    """Fully connected layers, each followed by an activation; an image or series is flattened first.

    With `hidden: []` nothing but the output layer is left: linear or logistic regression.
    """

    main: ClassVar[str | None] = "hidden"

    type: Literal["mlp"] = "mlp"
    hidden: tuple[PositiveInt, ...] = (256, 256)
    """Width of each hidden layer."""
    activation: AnyActivation = ReLU()
    """Activation after each hidden layer."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers: list[Layer] = [Flatten()] if spec.of_one.rank > 1 else []
        for width in self.hidden:
            layers += [Linear(out_features=width), *norms(context), self.activation, *dropouts(context)]
        return layers
