"""Transformers over texts and series: blocks of attention and a feedforward layer, written out as residuals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import PositiveFloat, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.architectures.family import Family
from nntrain.architectures.pretrained import Pretrained, filled, need_norm, taken
from nntrain.architectures.sequences import StepPool, pooled
from nntrain.errors import SpecError
from nntrain.layers.composite import Residual
from nntrain.layers.dropout import Dropout
from nntrain.layers.gating import GLU
from nntrain.layers.initialization import Normal, Zeros
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Head, Linear
from nntrain.layers.settings import AnyFeedforwardActivation
from nntrain.layers.smooth_activation import GELU
from nntrain.layers.starting import Starting
from nntrain.layers.windows import need_sequence
from nntrain.specs import TOKENS, Spec

if TYPE_CHECKING:
    from pathlib import Path

    from nntrain.layers.context import Context
    from nntrain.layers.initializer import Initializer
    from nntrain.layers.norm import Norm
    from nntrain.layers.program import Program


class Transformer(Family):
    """What transformers share: tokens or steps become vectors that know their place, then blocks, and the norm behind them."""

    dim: PositiveInt = 128
    """Numbers of a step all through the network."""
    num_layers: PositiveInt = 4
    """Blocks."""
    num_heads: PositiveInt = 4
    """Heads of attention, each of `dim / num_heads` numbers."""
    num_kv_heads: PositiveInt | None = None
    """Heads of keys and values, each shared by a group of query heads. Default: `num_heads`."""
    dim_feedforward: PositiveInt | None = None
    """Features of the hidden layer of a block. Default: 4 times `dim`."""
    activation: AnyFeedforwardActivation = GELU()
    """Activation of that layer; of a gated one, such as `swiglu`, the layer before it is twice as wide."""
    num_experts: PositiveInt | None = None
    """Feedforward layers in each block, of which a step uses `top_k`: see `mixture_of_experts`. Default: one, which every step uses."""
    top_k: PositiveInt | None = None
    """How many of `num_experts` a step uses. Default: 2."""
    norm_first: bool = True
    """Whether each residual begins with its norm (and one more stands at the end), or a norm follows each sum, as in the first paper."""
    positions: Literal["learned", "sinusoidal", "rotary"] | None
    """How steps know their place: by vectors that are added, learned or of sines, by turning queries and keys, or (`null`) not at all."""
    max_length: PositiveInt | None = None
    """Steps for which `learned` has vectors: required where lengths differ by row, else the length of the sequence."""
    bias: bool = True
    """Whether linear layers and layer norms have offsets."""
    norm_eps: PositiveFloat | None = None
    """Added to the variance in norms, against division by zero. Default: that of the norm by itself."""

    drops_hidden: ClassVar[bool]
    """Whether dropout stands behind the activation of the feedforward layer too."""

    @model_validator(mode="after")
    def _options_are_read(self) -> Self:
        if self.max_length is not None and self.positions != "learned":
            raise PydanticCustomError("length_of_no_vectors", "max_length has no effect without positions: learned", {})
        if self.top_k is not None and self.num_experts is None:
            raise PydanticCustomError("choice_of_one", "top_k has no effect without num_experts", {})
        return self

    @property
    def is_causal(self) -> bool:
        raise NotImplementedError

    @property
    def _drops_hidden(self) -> bool:
        return self.drops_hidden

    def _stack(self, context: Context, spec: Spec) -> Sequence[Layer]:
        """Everything up to what is made of the steps."""
        end = (self._norm(context),) if self.norm_first else ()
        blocks = [layer for _ in range(self.num_layers) for layer in self._block(context)]
        return [*self._entrance(context, spec), *blocks, *end]

    def _entrance(self, context: Context, spec: Spec) -> Sequence[Layer]:
        """Vectors of the tokens or steps, with their place."""
        from nntrain.layers.embedding import Embedding
        from nntrain.layers.position import PositionEmbedding
        from nntrain.layers.scaling import Scale

        is_text = spec.axes == TOKENS and spec.kind == "index"
        if not is_text:
            need_sequence(spec)
        layers: list[Layer] = [Embedding(dim=self.dim) if is_text else Linear(out_features=self.dim, bias=self.bias)]
        if is_text and self.positions == "sinusoidal":  # waves of size 1 would hide vectors of size 0.02
            layers.append(Scale(factor=math.sqrt(self.dim)))
        if self.positions in {"learned", "sinusoidal"}:
            layers.append(PositionEmbedding.parse({"kind": self.positions, "max_length": self.max_length}))
        return [*layers, *_dropouts(context)]

    def _block(self, context: Context) -> Sequence[Layer]:
        from nntrain.layers.attention import MultiheadAttention

        attention = MultiheadAttention(**self._heads(context), causal=self.is_causal, rotary=self.positions == "rotary")
        return self._residuals(context, [attention], self._feedforward(context))

    def _heads(self, context: Context) -> dict[str, Any]:
        """Options that all attention has."""
        counts = {"num_heads": self.num_heads, "num_kv_heads": self.num_kv_heads}
        return {**counts, "dropout": context.dropout or 0.0, "bias": self.bias}

    def _residuals(self, context: Context, *parts: Sequence[Layer]) -> Sequence[Layer]:
        """Each part added to what it gets, with a norm before or behind."""
        parts = tuple((*part, *_dropouts(context)) for part in parts)
        if self.norm_first:
            return [Residual(layers=(self._norm(context), *part)) for part in parts]
        return [layer for part in parts for layer in (Residual(layers=tuple(part)), self._norm(context))]

    def _feedforward(self, context: Context) -> Sequence[Layer]:
        width = self.dim_feedforward or 4 * self.dim
        if self.num_experts is not None:
            from nntrain.layers.experts import MixtureOfExperts

            top_k = min(2, self.num_experts) if self.top_k is None else self.top_k
            experts = MixtureOfExperts(num_experts=self.num_experts, top_k=top_k, hidden=width, activation=self.activation, bias=self.bias)
            return [experts]
        gates = 2 if isinstance(self.activation, GLU) else 1
        hidden = _dropouts(context) if self._drops_hidden else ()
        return [Linear(out_features=gates * width, bias=self.bias), self.activation, *hidden, self._projection()]

    def _projection(self) -> Layer:
        """The linear layer that ends a feedforward residual."""
        return Linear(out_features=self.dim, bias=self.bias)

    def _norm(self, context: Context) -> Norm:
        from nntrain.layers.normalization import LayerNorm, RMSNorm

        eps: dict[str, Any] = {} if self.norm_eps is None else {"eps": self.norm_eps}
        if context.norm == "rms":
            return RMSNorm(**eps)
        if context.norm in {None, "layer"}:
            return LayerNorm(bias=self.bias, **eps)
        raise SpecError(f"has a norm of each step by itself, and regularization.norm says {context.norm}", hint="layer or rms")


class PooledTransformer(Transformer):
    """A transformer over one sequence, whose steps may become one row."""

    pool: StepPool | None = "auto"
    """How the steps become one row of numbers; `null` keeps them. `auto` keeps them where every target that hangs here has a value for
    each step."""
    pretrained: Pretrained | None = None
    """A folder of a trained network, as Hugging Face writes it: `pretrained: models/minilm`. Its sizes and weights are taken, without its
    head; the text it reads needs its tokens: `tokenizer: {type: pretrained, path: models/minilm}`. Weights are read when a run begins:
    afterwards the run needs the folder no more."""

    @property
    def reduction(self) -> StepPool:
        """The pool of `auto` where one row of numbers is wanted."""
        raise NotImplementedError

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        pool = self.reduction if self.pool == "auto" and not context.keeps_steps else self.pool
        return [*self._stack(context, spec), *pooled(context, pool)]

    def located(self, folder: Path) -> Self:
        """With the sizes of the trained network, where one is named. Raises `SpecError` and `CheckpointError`."""
        return self if self.pretrained is None else filled(self, self.pretrained, folder)

    def _stack(self, context: Context, spec: Spec) -> Sequence[Layer]:
        from nntrain.weights.hub_names import part_names

        layers = super()._stack(context, spec)
        if self.pretrained is None:
            return layers
        if spec.axes != TOKENS or spec.kind != "index":
            raise SpecError(f"has learned texts ({self.pretrained.path}), and gets {spec.describe()}", hint="name a text: from: TEXT")
        need_norm(self.pretrained, context.norm, "layer")
        return taken(layers, self.pretrained, part_names(self.type, [self.num_layers]))


class TransformerEncoder(PooledTransformer):
    """Transformer encoder (Vaswani et al. 2017; BERT) over a text or a series: every step sees all steps of its row.

    A text is embedded, a series projected to `dim`. Dropout stands where the paper and torch's `TransformerEncoderLayer` have it: behind
    the positions, in the weights of attention, behind each hidden activation, and at the end of each residual. The norm is
    `regularization.norm`: `layer` (the default) or `rms`. Embeddings begin at normal(0.02); everything else as torch's layers.
    """

    main: ClassVar[str | None] = "dim"
    drops_hidden: ClassVar[bool] = True

    type: Literal["transformer_encoder"] = "transformer_encoder"
    positions: Literal["learned", "sinusoidal", "rotary"] | None = "sinusoidal"
    """How steps know their place: by vectors that are added, learned or of sines, by turning queries and keys, or (`null`) not at all."""
    causal: bool = False
    """Whether a step sees only itself and earlier ones."""
    embedding_norm: bool = False
    """Whether a norm follows the positions, and no dropout the hidden activations: as in BERT (Devlin et al. 2019)."""

    @property
    def is_causal(self) -> bool:
        return self.causal

    @property
    def _drops_hidden(self) -> bool:
        return not self.embedding_norm

    def _entrance(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers = list(super()._entrance(context, spec))
        if self.embedding_norm:
            layers.insert(len(layers) - len(_dropouts(context)), self._norm(context))
        return layers

    @property
    def reduction(self) -> StepPool:
        return "mean"

    def initial(self) -> Mapping[str, Initializer]:
        return {"embedding": Normal(std=0.02)}


class GPT(PooledTransformer):
    """Causal transformer (GPT-2, Radford et al. 2019) over a text or a series: a step sees itself and earlier ones.

    Norms stand first, positions are learned. Dropout stands behind the positions, in the weights of attention, and at the end of each
    residual. Weights begin at normal(0.02), those that end a residual at 0.02 / sqrt(2 num_layers), offsets at 0. The output layer has no
    offset, and its weights are those of the embedding (`tie`). `pool: auto` takes the last step where one row of numbers is wanted.
    """

    main: ClassVar[str | None] = "dim"
    drops_hidden: ClassVar[bool] = False

    type: Literal["gpt"] = "gpt"
    positions: Literal["learned", "sinusoidal", "rotary"] | None = "learned"
    """How steps know their place: by vectors that are added, learned or of sines, by turning queries and keys, or (`null`) not at all."""
    tie: bool | dict[str, str] | None = None
    """Whether the output layer has the weights of the embedding; or parameters that are one, by their full names. Default: where the
    network predicts one of its own tokens at each step."""

    @property
    def is_causal(self) -> bool:
        return True

    @property
    def reduction(self) -> StepPool:
        return "last"

    def head(self, output: Spec) -> Layer:
        return Head.of(output, bias=False)

    def initial(self) -> Mapping[str, Initializer]:
        weights = Normal(std=0.02)
        wide = ("embedding", "linear", "multihead_attention", "mixture_of_experts")
        return {
            **dict.fromkeys(("*.out_proj.weight", "*.down.weight"), self._small()),
            **dict.fromkeys(wide, weights),
            "*.bias": Zeros(),
            "*.in_proj_bias": Zeros(),
        }

    def _small(self) -> Initializer:
        """Of weights that end a residual: all of them together are to add as much as one would."""
        return Normal(std=0.02 / math.sqrt(2 * self.num_layers))

    def _projection(self) -> Layer:
        return Starting(layers=(super()._projection(),), initial={"linear": self._small()})

    def tied(self, program: Program) -> Mapping[str, str]:
        if isinstance(self.tie, dict):
            return self.tie
        embedding = next((f"{step.name}.weight" for step in program.steps if step.layer.type == "embedding" and step.stage == "body"), None)
        pair = {"head.weight": embedding or "embedding_1.weight"}
        shapes = program.named_shapes
        fits = "time" in next(iter(program.outputs.values())).spec.axes and shapes.get("head.weight") == shapes.get(embedding or "")
        return pair if self.tie or (self.tie is None and fits) else {}


def _dropouts(context: Context) -> tuple[Layer, ...]:
    return () if context.dropout is None else (Dropout(p=context.dropout),)
