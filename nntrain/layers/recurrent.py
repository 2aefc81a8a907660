"""Recurrent layers: all steps come out; `pool` makes one vector of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.layers.layer import Layer, Need
from nntrain.layers.windows import need_sequence
from nntrain.specs import SEQUENCE, Size, Spec, known, times

if TYPE_CHECKING:
    from torch import nn


class Recurrent(Layer):
    """A cell that reads a row step by step: [B, T, F] -> [B, T, H], zeros beyond a row's length."""

    main: ClassVar[str | None] = "hidden_size"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths", "state"})
    cell: ClassVar[Literal["rnn", "gru", "lstm"]]
    gates: ClassVar[int]
    """Rows of the weights for each feature of the state."""

    hidden_size: PositiveInt
    """Features of the state in each direction."""
    num_layers: PositiveInt = 1
    """Layers on top of one another."""
    bidirectional: bool = False
    """Whether a second pass reads each row from its end; both halves are joined at each step. It carries no state."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of features set to zero between the layers, in training."""
    bias: bool = True
    """Whether to add learned offsets, two of them as torch does: to what comes in and to the state."""

    @model_validator(mode="after")
    def _dropout_has_a_place(self) -> Self:
        if self.dropout and self.num_layers == 1:
            raise PydanticCustomError(
                "dropout_without_place",
                "dropout acts between the layers of {type}, and num_layers is 1: put dropout after it, in the list",
                {"type": self.type},
            )
        return self

    @property
    def directions(self) -> int:
        """Passes over a row."""
        return 2 if self.bidirectional else 1

    @property
    def looks_ahead(self) -> bool:
        """The second pass comes from the end of the row."""
        return self.bidirectional

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        return Spec(SEQUENCE, (spec.size("time"), times(self.hidden_size, self.directions)), directions=self.directions)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        shapes: dict[str, tuple[Size, ...]] = {}
        for direction in ("ahead", "back")[: self.directions]:
            for layer in range(self.num_layers):
                features = times(self.hidden_size, self.directions) if layer else spec.size("feature")
                prefix, number = (f"{direction}.{layer}.", 0) if self.bidirectional else ("", layer)
                shapes |= {f"{prefix}{name}_l{number}": shape for name, shape in self._shapes(features).items()}
        return shapes

    def _shapes(self, features: Size) -> dict[str, tuple[Size, ...]]:
        """Parameters of one layer in one direction, in torch's order."""
        rows = times(self.hidden_size, self.gates)
        weights: dict[str, tuple[Size, ...]] = {"weight_ih": (rows, features), "weight_hh": (rows, self.hidden_size)}
        return {**weights, "bias_ih": (rows,), "bias_hh": (rows,)} if self.bias else weights

    def _options(self) -> dict[str, Any]:
        """Further options of torch's module."""
        return {}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.recurrent import recurrent

        return recurrent(
            self.cell,
            known(spec.size("feature")),
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            bias=self.bias,
            **self._options(),
        )


class RNN(Recurrent):
    """Elman network: [B, T, F] -> [B, T, hidden_size], twice as many features if bidirectional; zeros beyond a row's length.

    h_t = tanh(W x_t + U h_(t-1) + b). It forgets what is more than some ten steps ago; `gru` and `lstm` are made to remember.
    """

    cell: ClassVar[Literal["rnn", "gru", "lstm"]] = "rnn"
    gates: ClassVar[int] = 1

    type: Literal["rnn"] = "rnn"
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    """What each step ends in; `relu` may grow without limit over long rows: clip the gradients."""

    def _options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class GRU(Recurrent):
    """Gated recurrent units (Cho et al. 2014): [B, T, F] -> [B, T, hidden_size], twice as many features if bidirectional.

    Torch's form, in which the reset gate acts on the product of the state with its weights. Zeros beyond a row's length.
    """

    cell: ClassVar[Literal["rnn", "gru", "lstm"]] = "gru"
    gates: ClassVar[int] = 3

    type: Literal["gru"] = "gru"


class LSTM(Recurrent):
    """Long short-term memory: [B, T, F] -> [B, T, hidden_size], twice as many features if bidirectional; zeros beyond a row's length.

    Initialised as torch's, with the forget gate's bias at 1 (torch adds two biases, `bias_ih` and `bias_hh`: together they are 1).
    """

    cell: ClassVar[Literal["rnn", "gru", "lstm"]] = "lstm"
    gates: ClassVar[int] = 4

    type: Literal["lstm"] = "lstm"
