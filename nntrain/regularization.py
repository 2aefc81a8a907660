"""The `regularization` section: everything that holds a network back from learning its training rows by heart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, model_validator

from nntrain.errors import Problem, YamlPath
from nntrain.layers.activation import Activation
from nntrain.layers.dropout import Dropout
from nntrain.layers.layer import Layer
from nntrain.layers.normalization import BatchNorm, LayerNorm
from nntrain.layers.scope import Context
from nntrain.schema import StrictModel

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

NORMS: Final = (BatchNorm, LayerNorm)
TWICE_HINT: Final = "one of the two: remove this line, or the global setting"


class AveragingSettings(StrictModel):
    """Exponential moving average of the weights: the averaged network is the one that is measured, kept and used."""

    main: ClassVar[str | None] = "decay"

    decay: Annotated[float, Field(gt=0, lt=1)] = 0.999
    """Share of the old average that stays at each step; averages over about 1 / (1 - decay) steps."""

    @model_validator(mode="before")
    @classmethod
    def _from_number(cls, value: object) -> object:
        return {"decay": value} if isinstance(value, int | float) and not isinstance(value, bool) else value


class Regularization(StrictModel):
    """Everything that holds a network back from learning its training rows by heart; what is absent is off."""

    dropout: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Probability of an activation to be zeroed while training: after each activation of the network."""
    norm: Literal["batch", "layer"] | None = None
    """Normalisation before each activation: over the batch, or over the features of each row."""
    weight_decay: NonNegativeFloat | None = None
    """Pull of the weights towards zero, as the optimizer defines it; biases, norms and embeddings are left out."""
    decay_all: bool | None = None
    """Whether weight decay acts on biases, norms and embeddings too."""
    label_smoothing: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Share of the target that is spread evenly over all classes."""
    clip_norm: PositiveFloat | None = None
    """Largest norm of all gradients together; longer ones are scaled down."""
    ema: AveragingSettings | None = None
    """Averaged weights: a decay such as 0.999, or settings."""

    @property
    def context(self) -> Context:
        """The part that architectures place."""
        return Context(self.dropout, self.norm)


class RegularizedActivation(Layer):
    """An activation with what `regularization` places around it."""

    type: Literal["regularized_activation"] = "regularized_activation"
    before: tuple[Layer, ...]
    """Norms."""
    activation: Layer
    """The activation, as it is written."""
    after: tuple[Layer, ...]
    """Dropouts."""

    def place(self, scope: Scope, value: Value) -> Value:
        value = scope.noted("regularization.norm").sequence(self.before, value)
        value = scope.place(self.activation, value)
        return scope.noted("regularization.dropout").sequence(self.after, value)


def norms(context: Context) -> tuple[Layer, ...]:
    """The normalisation that stands before an activation; none if it is off."""
    return {None: (), "batch": (BatchNorm(),), "layer": (LayerNorm(),)}[context.norm]


def dropouts(context: Context) -> tuple[Layer, ...]:
    """The dropout that stands after an activation; none if it is off."""
    return () if context.dropout is None else (Dropout(p=context.dropout),)


def regularize(layers: Sequence[Layer], context: Context) -> tuple[Layer, ...]:
    """Put norm before and dropout after each activation that follows a linear or convolution, in a list and in lists inside it.

    Every item keeps its index, so that messages name the right line.
    """
    placed: list[Layer] = []
    is_sized = False
    for layer in layers:
        if isinstance(layer, Activation) and not layer.is_output() and is_sized:
            placed.append(RegularizedActivation(before=norms(context), activation=layer, after=dropouts(context)))
        else:
            inner = {option: regularize(part, context) for option, part in layer.parts().items()}
            placed.append(layer.model_copy(update=inner) if inner else layer)
        is_sized = layer.sized or (is_sized and isinstance(layer, NORMS))
    return tuple(placed)


def check_written(layers: Sequence[tuple[YamlPath, Layer]], context: Context) -> Iterator[Problem]:
    """Layers that say by themselves what `regularization` says for all (LANGUAGE P22)."""
    for path, layer in layers:
        if isinstance(layer, Dropout) and context.dropout is not None:
            yield Problem(path, f"dropout stands here and as regularization.dropout ({context.dropout:g}) too", TWICE_HINT)
        if isinstance(layer, NORMS) and context.norm is not None:
            yield Problem(path, f"{layer.type} stands here and regularization.norm ({context.norm}) places another", TWICE_HINT)


def check_placed(layers: Sequence[Layer], context: Context) -> Iterator[Problem]:
    """Settings that found no place in the whole network."""
    for option, kinds in (("dropout", Dropout), ("norm", NORMS)):
        if getattr(context, option) is not None and not any(isinstance(layer, kinds) for layer in layers):
            yield Problem(
                ("regularization", option),
                f"has no effect: {option} goes with the activations that follow a linear or convolution, and this network has none",
                "remove it, or write the layer where you want it",
            )
