"""Recurrent layers: all steps come out; `pool` makes one vector of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.layer import Layer, Need
from nntrain.layers.windows import need_sequence
from nntrain.specs import SEQUENCE, Size, Spec, known, times

if TYPE_CHECKING:
    from torch import nn


class LSTM(Layer):
    """Long short-term memory: [B, T, F] -> [B, T, hidden_size], twice as many features if bidirectional; zeros beyond a row's length.

    Initialised as torch's, with the forget gate's bias at 1 (torch adds two biases, `bias_ih` and `bias_hh`: together they are 1).
    """

    main: ClassVar[str | None] = "hidden_size"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths", "state"})

    type: Literal["lstm"] = "lstm"
    hidden_size: PositiveInt
    """Features of the state in each direction."""
    num_layers: PositiveInt = 1
    """Layers on top of one another."""
    bidirectional: bool = False
    """Whether a second pass reads each row from its end; both halves are joined at each step. It carries no state."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of features set to zero between the layers, in training."""

    @model_validator(mode="after")
    def _dropout_has_a_place(self) -> Self:
        if self.dropout and self.num_layers == 1:
            raise PydanticCustomError(
                "dropout_without_place", "dropout acts between the layers of lstm, and num_layers is 1: put dropout after it, in the list"
            )
        return self

    @property
    def directions(self) -> int:
        """Passes over a row."""
        return 2 if self.bidirectional else 1

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        return Spec(SEQUENCE, (spec.size("time"), times(self.hidden_size, self.directions)), directions=self.directions)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        shapes: dict[str, tuple[Size, ...]] = {}
        gates = times(self.hidden_size, 4)
        for direction in ("ahead", "back")[: self.directions]:
            for layer in range(self.num_layers):
                features = times(self.hidden_size, self.directions) if layer else spec.size("feature")
                prefix, number = (f"{direction}.{layer}.", 0) if self.bidirectional else ("", layer)
                shapes |= {
                    f"{prefix}weight_ih_l{number}": (gates, features),
                    f"{prefix}weight_hh_l{number}": (gates, self.hidden_size),
                    f"{prefix}bias_ih_l{number}": (gates,),
                    f"{prefix}bias_hh_l{number}": (gates,),
                }
        return shapes

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.recurrent import BidirectionalLSTM, StatefulLSTM

        module = BidirectionalLSTM if self.bidirectional else StatefulLSTM
        return module(known(spec.size("feature")), self.hidden_size, self.num_layers, self.dropout)
