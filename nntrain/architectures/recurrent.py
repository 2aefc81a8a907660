"""Recurrent networks over texts and series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.sequences import StepPool, embedded, pooled
from nntrain.layers.recurrent import GRU, LSTM, RNN, Recurrent
from nntrain.layers.regularizing import dropouts

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec

LayerClass = type[Recurrent]


class RecurrentNetwork(Family):
    """An embedding of a text, recurrent layers, and one row of what they end with.

    Dropout stands between the recurrent layers and before the output layer (Zaremba et al. 2014), never within the recurrence.
    """

    main: ClassVar[str | None] = "hidden_size"
    layer: ClassVar[LayerClass]

    hidden_size: PositiveInt = 128
    """Features of the state in each direction."""
    num_layers: PositiveInt = 1
    """Recurrent layers on top of one another."""
    bidirectional: bool = False
    """Whether a second pass reads each row from its end; it can neither carry a state nor predict the next step."""
    dim: PositiveInt | None = None
    """Numbers that a token of a text becomes. Default: 128; a series has numbers already."""
    pool: StepPool | None = "auto"
    """How the steps become one row of numbers; `null` keeps them. `auto` keeps them where every target that hangs here has a value for
    each step, and takes the `last` one elsewhere."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        shared = {"hidden_size": self.hidden_size, "num_layers": self.num_layers, "bidirectional": self.bidirectional}
        between = {"dropout": context.dropout} if context.dropout is not None and self.num_layers > 1 else {}
        cell = self.layer.parse({**shared, **between, **self._options()})
        return [*embedded(spec, self.dim), cell, *pooled(context, self.pool), *dropouts(context)]

    def _options(self) -> dict[str, Any]:
        """Options that the layer has alone."""
        return {}


class RNNNetwork(RecurrentNetwork):
    """Elman network over a text or a series: an embedding of the text, `rnn` layers, one row of what they end with.

    Dropout stands between the recurrent layers and before the output layer (Zaremba et al. 2014), never within the recurrence.
    """

    layer: ClassVar[LayerClass] = RNN

    type: Literal["rnn"] = "rnn"
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    """What each step ends in."""

    def _options(self) -> dict[str, Any]:
        return {"nonlinearity": self.nonlinearity}


class LSTMNetwork(RecurrentNetwork):
    """Long short-term memory over a text or a series: an embedding of the text, `lstm` layers, one row of what they end with.

    Dropout stands between the recurrent layers and before the output layer (Zaremba et al. 2014), never within the recurrence. Among
    layers, `lstm` is the layer alone.
    """

    layer: ClassVar[LayerClass] = LSTM

    type: Literal["lstm"] = "lstm"


class GRUNetwork(RecurrentNetwork):
    """Gated recurrent units over a text or a series: an embedding of the text, `gru` layers, one row of what they end with.

    Dropout stands between the recurrent layers and before the output layer (Zaremba et al. 2014), never within the recurrence. Among
    layers, `gru` is the layer alone.
    """

    layer: ClassVar[LayerClass] = GRU

    type: Literal["gru"] = "gru"
