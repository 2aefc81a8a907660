"""FT-Transformer: the fields of a row are the steps of a transformer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from nntrain.architectures.family import Family
from nntrain.layers.activation import ReLU
from nntrain.layers.attention import MultiheadAttention
from nntrain.layers.class_token import ClassToken
from nntrain.layers.composite import Residual
from nntrain.layers.dropout import Dropout
from nntrain.layers.encodings import EmbeddingEncoding
from nntrain.layers.field_tokens import FieldTokens
from nntrain.layers.gating import GLU, ReGLU
from nntrain.layers.global_pooling import Pool
from nntrain.layers.initialization import Uniform
from nntrain.layers.linear import Linear
from nntrain.layers.number_embedding import LinearEmbeddingEncoding
from nntrain.layers.regularizing import dropouts, named_norm
from nntrain.layers.settings import AnyFeedforwardActivation

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.encoding import Encoding
    from nntrain.layers.initializer import Initializer
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec


class FTTransformer(Family):
    """FT-Transformer (Gorishniy, Rubachev, Khrulkov, Babenko, 2021, section 3.3): fields become vectors, and attend to one another.

    Numbers are encoded by `linear_embedding`, categories by `embedding`, unless `inputs` says otherwise (with `dim` numbers each). A class
    token stands before them, whose end is read. Norms stand first in a block, but for the very first one, which is left out; the norm is
    `regularization.norm`: `layer` (the default) or `rms`. `regularization.dropout` stands in the feedforward layers: 0.1 in the authors'
    defaults, with AdamW, rate 1e-4 and decay 1e-5. The cost grows with the square of the number of columns.
    """

    main: ClassVar[str | None] = "dim"

    type: Literal["ft_transformer"] = "ft_transformer"
    dim: PositiveInt = 192
    """Numbers of a field all through the network."""
    num_layers: PositiveInt = 3
    """Blocks."""
    num_heads: PositiveInt = 8
    """Heads of attention, each of `dim / num_heads` numbers."""
    dim_feedforward: PositiveInt | None = None
    """Features of the hidden layer of a block. Default: 4/3 of `dim`."""
    activation: AnyFeedforwardActivation = ReGLU()
    """Activation of that layer; of a gated one the layer before it is twice as wide."""
    attention_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2
    """Dropout of the weights of attention."""
    residual_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Dropout of what attention and feedforward layers add."""

    def implied(self) -> tuple[Encoding, ...]:
        return (LinearEmbeddingEncoding(dim=self.dim), EmbeddingEncoding(dim=self.dim))

    def initial(self) -> Mapping[str, Initializer]:
        bound = Uniform(bound=self.dim**-0.5)
        return {"class_token": bound, "embedding": bound}

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        norm = context.norm or "layer"
        ending = (Dropout(p=self.residual_dropout),) if self.residual_dropout else ()
        layers: list[Layer] = [FieldTokens(dim=self.dim), ClassToken()]
        for place in range(self.num_layers):
            attention = MultiheadAttention(num_heads=self.num_heads, dropout=self.attention_dropout)
            first = () if place == 0 else (named_norm(norm),)
            layers.append(Residual(layers=(*first, attention, *ending)))
            layers.append(Residual(layers=(named_norm(norm), *self._feedforward(context), *ending)))
        return [*layers, Pool(how="first"), named_norm(norm), ReLU()]

    def _feedforward(self, context: Context) -> tuple[Layer, ...]:
        hidden = self.dim_feedforward or int(self.dim * 4 / 3)
        widened = 2 * hidden if isinstance(self.activation, GLU) else hidden
        return (Linear(out_features=widened), self.activation, *dropouts(context), Linear(out_features=self.dim))
