"""Transformers that write a text: of what they were given, or of a text that they read first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.architectures.transformer import Transformer
from nntrain.layers.activation import ReLU
from nntrain.layers.attention import MultiheadAttention
from nntrain.layers.initialization import Normal
from nntrain.layers.settings import AnyFeedforwardActivation
from nntrain.specs import TEACHER, TOKENS

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.initializer import Initializer
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Program, Value
    from nntrain.layers.scope import Scope
    from nntrain.specs import Spec

MEMORY: Final = "memory"
"""Name under which the decoder reads what the encoder made of the source."""


class WritingTransformer(Transformer):
    """What transformers that write a text share."""

    main: ClassVar[str | None] = "dim"
    drops_hidden: ClassVar[bool] = True

    num_layers: PositiveInt = 3
    """Blocks."""
    activation: AnyFeedforwardActivation = ReLU()
    """Activation of the feedforward layers; of a gated one, such as `swiglu`, the layer before it is twice as wide."""
    positions: Literal["learned", "sinusoidal", "rotary"] | None = "sinusoidal"
    """How steps know their place: by vectors that are added, learned or of sines, by turning queries and keys, or (`null`) not at all."""
    tie: bool | dict[str, str] | None = None
    """Whether the output layer has the weights of the embedding of what is written; or parameters that are one, by their full names."""

    @property
    def is_causal(self) -> bool:
        return False

    def initial(self) -> Mapping[str, Initializer]:
        return {"embedding": Normal(std=0.02)}

    def writing(self, scope: Scope, memory: Value, num_layers: int) -> Value:
        """Add the decoder, which looks at the steps of `memory`.

        Raises:
            UnplacedError: No target, or more than one, is written here; the problem is noted.
        """
        ports = [port for port, spec in scope.draft.ports.items() if spec.axes == TOKENS and port.removeprefix(TEACHER) in scope.needs]
        if len(ports) != 1:
            raise scope.fail(
                "writes a text, and no target that hangs here is one that it is taught",
                "fix:  data.fields: {TARGET: {type: text, role: target}}, whose task is seq2seq",
            )
        [told] = scope.read(ports)
        inner = replace(scope, own_points={**(scope.own_points or {}), MEMORY: memory})
        return inner.sequence(self._decoder(scope.context, told.spec, num_layers), told)

    def _decoder(self, context: Context, spec: Spec, num_layers: int) -> Sequence[Layer]:
        heads, turns = self._heads(context), self.positions == "rotary"
        blocks = [
            layer
            for _ in range(num_layers)
            for layer in self._residuals(
                context,
                [MultiheadAttention(**heads, causal=True, rotary=turns)],
                [MultiheadAttention(**heads, memory=MEMORY)],
                self._feedforward(context),
            )
        ]
        end = (self._norm(context),) if self.norm_first else ()
        return [*self._entrance(context, spec), *blocks, *end]

    def tied(self, program: Program) -> Mapping[str, str]:
        if isinstance(self.tie, dict):
            return self.tie
        embeddings = [step.name for step in program.steps if step.layer.type == "embedding"]
        return {"head.weight": f"{embeddings[-1]}.weight"} if self.tie else {}


class EncoderDecoder(WritingTransformer):
    """Transformer that reads a sequence and writes a text (Vaswani et al. 2017): the task seq2seq, as for translation.

    The encoder sees the whole source; the decoder sees what was written so far and, in each block, the encoder's steps. While it trains
    it is told the true beginning of each target, a step behind. Dropout stands as in `transformer_encoder`.
    """

    type: Literal["encoder_decoder"] = "encoder_decoder"
    num_layers: PositiveInt = 3
    """Blocks of the encoder."""
    num_decoder_layers: PositiveInt | None = None
    """Blocks of the decoder. Default: `num_layers`."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        return self._stack(context, spec)

    def place(self, scope: Scope, value: Value) -> Value:
        return self.writing(scope, super().place(scope, value), self.num_decoder_layers or self.num_layers)


class TransformerDecoder(WritingTransformer):
    """The decoder alone: writes a text of the steps that a node gives it [B, T, dim], as a caption of what a network sees in an image.

    In a node, `{from: photo_features, transformer_decoder: {dim: 64}}`. See `encoder_decoder`.
    """

    type: Literal["transformer_decoder"] = "transformer_decoder"

    def place(self, scope: Scope, value: Value) -> Value:
        return self.writing(scope, value, self.num_layers)
