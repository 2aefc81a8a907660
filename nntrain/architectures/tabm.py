"""TabM: many networks in one, for tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.layers.activation import ReLU
from nntrain.layers.encodings import OneHotEncoding
from nntrain.layers.ensemble import Ensemble, EnsembleLinear
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Linear
from nntrain.layers.number_embedding import PiecewiseLinearEncoding
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.settings import AnyActivation

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.encoding import Encoding
    from nntrain.specs import Spec


class TabM(Family):
    """TabM with piecewise-linear embeddings (Gorishniy, Kotelnikov, Babenko, 2025): k multilayer perceptrons with common weights.

    Each member scales the row by numbers of its own and has its own output layer, of the full variant in every layer scales and offsets
    too; they are trained side by side, and the mean of what they predict is the answer. Numbers are encoded by `ple` with 16 numbers each,
    categories one-hot, unless `inputs` says otherwise. The paper has dropout 0.1, AdamW with rate 2e-3 and decay 3e-4, and numbers with
    `normalize: quantile`.
    """

    main: ClassVar[str | None] = "hidden"

    type: Literal["tabm"] = "tabm"
    hidden: tuple[PositiveInt, ...] = (512, 512)
    """Width of each hidden layer."""
    k: PositiveInt = 32
    """Members."""
    variant: Literal["mini", "full"] = "mini"
    """`mini`: members differ by the scales of the row and their output layers. `full`: in each layer they scale what goes in and out and
    add an offset too (`ensemble_linear`)."""
    activation: AnyActivation = ReLU()
    """Activation after each hidden layer."""
    ensemble_init: Literal["random_signs", "normal"] = "normal"
    """How the scales of the members begin: `normal` for numbers that are encoded, `random_signs` (-1 or 1) for numbers as they are."""

    def implied(self) -> tuple[Encoding, ...]:
        return (PiecewiseLinearEncoding(dim=16), OneHotEncoding())

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers: list[Layer] = [Ensemble(k=self.k, init=self.ensemble_init)]
        for place, width in enumerate(self.hidden):
            linear = Linear(out_features=width) if self.variant == "mini" else EnsembleLinear(out_features=width, scale_inputs=place > 0)
            layers += [linear, *norms(context), self.activation, *dropouts(context)]
        return layers
