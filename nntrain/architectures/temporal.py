"""Convolutional networks over time: causal ones, ones in front of recurrent layers, and ones over the words of a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from nntrain.architectures.family import Family
from nntrain.architectures.sequences import StepPool, embedded, pooled
from nntrain.errors import SpecError
from nntrain.layers.activation import ReLU
from nntrain.layers.composite import Branches, Residual
from nntrain.layers.convolution import Conv1d
from nntrain.layers.global_pooling import GlobalMaxPool
from nntrain.layers.recurrent import GRU
from nntrain.layers.regularizing import dropouts, norms
from nntrain.layers.requirements import need_known

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec


class TCN(Family):
    """Temporal convolutional network (Bai et al. 2018): residual blocks of two causal convolutions, the dilation doubled in each block.

    No step sees a later one. A step sees `1 + 2 (kernel_size - 1) (2^n - 1)` steps with n blocks: its own and those before. Weights are
    normed as in the paper, but for a network with `regularization.norm` (`layer` or `rms`), which stands before each activation; dropout
    stands after each. A block that changes the width has a 1x1 convolution as shortcut.
    """

    main: ClassVar[str | None] = "channels"

    type: Literal["tcn"] = "tcn"
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64, 64, 64)
    """Filters of each block; as many blocks as there are numbers."""
    kernel_size: PositiveInt = 3
    """Steps that one filter sees."""
    dim: PositiveInt | None = None
    """Numbers that a token of a text becomes. Default: 128; a series has numbers already."""
    pool: StepPool | None = "auto"
    """How the steps become one row of numbers; `null` keeps them. `auto` keeps them where every target that hangs here has a value for
    each step, and takes the `last` one elsewhere."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers = list(embedded(spec, self.dim))
        width = layers[0].out_spec(spec).size("feature") if layers else spec.size("feature")
        for index, channels in enumerate(self.channels):
            inner = [*self._convolution(context, channels, 2**index), *self._convolution(context, channels, 2**index)]
            shortcut = () if width == channels else (Conv1d(out_channels=channels, kernel_size=1),)
            layers += [Residual(layers=tuple(inner), shortcut=shortcut), ReLU()]
            width = channels
        return [*layers, *pooled(context, self.pool)]

    def _convolution(self, context: Context, channels: int, dilation: int) -> Sequence[Layer]:
        convolution = Conv1d(
            out_channels=channels,
            kernel_size=self.kernel_size,
            padding="causal",
            dilation=dilation,
            weight_norm=context.norm is None,
        )
        return [convolution, *norms(context), ReLU(), *dropouts(context)]


class ConvRNN(Family):
    """Convolutions along time that shorten the sequence, then bidirectional `gru` layers, as for speech (Amodei et al. 2016).

    Norm stands before and dropout after the activation of each convolution; dropout also between the recurrent layers and behind them.
    """

    main: ClassVar[str | None] = "hidden_size"

    type: Literal["conv_rnn"] = "conv_rnn"
    channels: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (64, 64)
    """Filters of each convolution."""
    kernel_size: PositiveInt = 5
    """Steps that one filter sees."""
    stride: PositiveInt = 2
    """Steps that go in for each that comes out of all convolutions: the product of their strides, which are its prime factors, one a
    convolution from the first on, and 1."""
    hidden_size: PositiveInt = 128
    """Features of the recurrent state in each direction."""
    num_layers: PositiveInt = 1
    """Recurrent layers on top of one another."""
    bidirectional: bool = True
    """Whether a second pass reads each row from its end."""
    dim: PositiveInt | None = None
    """Numbers that a token of a text becomes. Default: 128; a series has numbers already."""
    pool: StepPool | None = "auto"
    """How the steps become one row of numbers; `null` keeps them. `auto` keeps them where every target that hangs here has a value for
    each step or is a sequence, and takes the `last` one elsewhere."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        layers = list(embedded(spec, self.dim))
        for width, stride in zip(self.channels, self._strides(), strict=True):
            convolution = Conv1d(out_channels=width, kernel_size=self.kernel_size, stride=stride, padding="same")
            layers += [convolution, *norms(context), ReLU(), *dropouts(context)]
        between = context.dropout if context.dropout is not None and self.num_layers > 1 else 0.0
        cell = GRU(hidden_size=self.hidden_size, num_layers=self.num_layers, bidirectional=self.bidirectional, dropout=between)
        return [*layers, cell, *pooled(context, self.pool), *dropouts(context)]

    def _strides(self) -> list[int]:
        """The stride of each convolution. Raises `SpecError`: there are too few of them."""
        need_known(stride=self.stride)
        factors: list[int] = []
        rest, factor = self.stride, 2
        while rest > 1:
            while rest % factor == 0:
                factors.append(factor)
                rest //= factor
            factor += 1
        if len(factors) > len(self.channels):
            product = " x ".join(map(str, factors))
            raise SpecError(
                f"has the stride {self.stride} = {product}, and {len(self.channels)} convolutions",
                hint=f"channels: a number for each of {len(factors)} convolutions, or a smaller stride",
            )
        return [*factors, *[1] * (len(self.channels) - len(factors))]


class TextCNN(Family):
    """Convolutions of several widths over the words of a sentence, the largest value of each filter in one row (Kim 2014).

    Dropout stands before the output layer, 0.5 in the paper; norm before each activation. A sentence that is shorter than a filter counts
    as followed by zeros.
    """

    main: ClassVar[str | None] = "filters"

    type: Literal["textcnn"] = "textcnn"
    filters: PositiveInt = 100
    """Filters of each width."""
    widths: Annotated[tuple[PositiveInt, ...], Field(min_length=1)] = (3, 4, 5)
    """Words, or steps of a series, that filters see: so many sets of filters side by side."""
    dim: PositiveInt | None = None
    """Numbers that a token of a text becomes, 300 in the paper. Default: 128; a series has numbers already."""

    def expand(self, context: Context, spec: Spec) -> Sequence[Layer]:
        branches = [self._branch(context, width) for width in self.widths]
        side_by_side = branches[0] if len(branches) == 1 else (Branches(of=tuple(branches)),)
        return [*embedded(spec, self.dim), *side_by_side, *dropouts(context)]

    def _branch(self, context: Context, width: int) -> tuple[Layer, ...]:
        return (Conv1d(out_channels=self.filters, kernel_size=width), *norms(context), ReLU(), GlobalMaxPool())
