"""The multilayer perceptron with better defaults for tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.layers.encodings import OneHotEncoding
from nntrain.layers.layer import Layer
from nntrain.layers.ntk import NTKHead, NTKLinear
from nntrain.layers.number_embedding import PeriodicEncoding
from nntrain.layers.parametric import Parametric
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.scaling import LayerScale
from nntrain.layers.settings import AnyActivation
from nntrain.layers.shape import Flatten
from nntrain.layers.smooth_activation import SELU, Mish

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.encoding import Encoding
    from nntrain.specs import Spec


class RealMLP(Family):
    """RealMLP (Holzmüller, Grinsztajn, Steinwart, 2024): an mlp for tables.

    Numbers become waves (`periodic` with 16 frequencies, phase and keep_input), unless `inputs` says otherwise; a node says so itself, as
    `encode`. Each input has a learned factor (layer_scale). Layers divide by the root of their inputs and begin with the first training
    rows (ntk_linear), the output layer too where the whole network is this; activations act in a learned part (parametric). Beside it
    stand in the authors' defaults: `regularization.dropout` 0.15, weight decay 0.02 on all but `*.bias`, both by flat_cos, adamw with betas
    [0.9, 0.95], and a rate of 0.04 for classes and 0.2 for numbers, 6 times as much for `*.scale`, a tenth for `*.bias`, `*.amount` and the
    waves; scheduler `coslog`; numbers scaled by their quartiles and clipped; `label_smoothing` 0.1 of classes, none where log loss or AUC
    is the goal. The example `realmlp.yaml` has them all.
    """

    main: ClassVar[str | None] = "hidden"

    type: Literal["realmlp"] = "realmlp"
    hidden: tuple[PositiveInt, ...] = (256, 256, 256)
    """Width of each hidden layer."""
    activation: AnyActivation | None = None
    """Activation after each hidden layer. Default: mish where every target is a number, else selu."""
    variant: Literal["td", "td_s"] = "td"
    """`td`, or the simpler `td_s`: numbers stay numbers, all categories become one-hot, layers begin at random and the output layer with
    zeros, activations are plain."""

    def head(self, output: Spec) -> Layer:
        return NTKHead(output=output, init="data" if self.variant == "td" else "zeros")

    def implied(self) -> tuple[Encoding, ...]:
        waves = PeriodicEncoding(dim=4, num_frequencies=16, sigma=0.1, activation="none", phase=True, keep_input=True)
        return (waves,) if self.variant == "td" else (OneHotEncoding(),)

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers: list[Layer] = [Flatten()] if spec.of_one.rank > 1 else []
        layers.append(LayerScale())
        activation = self.activation or (Mish() if context.is_of_numbers else SELU())
        for width in self.hidden:
            linear = NTKLinear(out_features=width, init="data" if self.variant == "td" else "normal")
            acting = Parametric(activation=activation) if self.variant == "td" else activation
            layers += [linear, *norms(context), acting, *dropouts(context)]
        return layers
