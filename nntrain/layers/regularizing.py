"""Dropout and norm of the `regularization` section: norm before, dropout after each activation behind a linear or convolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from nntrain.errors import Problem, YamlPath
from nntrain.layers.activation import Activation
from nntrain.layers.dropout import AnyDropout, Dropout, StochasticDepth
from nntrain.layers.layer import Layer
from nntrain.layers.norm import Norm
from nntrain.schema import load_class

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.program import Step, Value
    from nntrain.layers.scope import Scope

NORMS: Final = {
    "batch": "nntrain.layers.normalization:BatchNorm",
    "layer": "nntrain.layers.normalization:LayerNorm",
    "group": "nntrain.layers.normalization:GroupNorm",
    "instance": "nntrain.layers.normalization:InstanceNorm",
    "rms": "nntrain.layers.normalization:RMSNorm",
}
DEPTH: Final = "regularization.stochastic_depth"
"""Note of the steps that stochastic depth adds to residuals."""
TWICE_HINT: Final = "one of the two: remove this line, or the global setting"


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
    return () if context.norm is None else (named_norm(context.norm),)


def named_norm(name: str) -> Norm:
    """The norm that a word of `regularization.norm` stands for."""
    norm = load_class(NORMS[name]).parse({})
    assert isinstance(norm, Norm)
    return norm


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
            placed.append(layer.with_lists({place: regularize(part, context) for place, part in layer.lists().items()}))
        is_sized = layer.sized or layer.convolves or (is_sized and isinstance(layer, Norm))
    return tuple(placed)


def check_written(layers: Sequence[tuple[YamlPath, Layer]], context: Context) -> Iterator[Problem]:
    """Layers that say by themselves what `regularization` says for all."""
    for path, layer in layers:
        if isinstance(layer, AnyDropout) and context.dropout is not None:
            yield Problem(path, f"{layer.type} stands here and as regularization.dropout ({context.dropout:g}) too", TWICE_HINT)
        if isinstance(layer, StochasticDepth) and context.stochastic_depth is not None:
            yield Problem(path, f"stochastic_depth stands here and as {DEPTH} ({context.stochastic_depth:g}) too", TWICE_HINT)
        if isinstance(layer, Norm) and context.norm is not None:
            yield Problem(path, f"{layer.type} stands here and regularization.norm ({context.norm}) places another", TWICE_HINT)


def check_placed(layers: Sequence[Layer], context: Context) -> Iterator[Problem]:
    """Settings that found no place in the whole network."""
    for option, kinds in (("dropout", Dropout), ("norm", Norm)):
        if getattr(context, option) is not None and not any(isinstance(layer, kinds) for layer in layers):
            yield Problem(
                ("regularization", option),
                f"has no effect: {option} goes with the activations that follow a linear or convolution, and this network has none",
                "remove it, or write the layer where you want it",
            )
    if context.stochastic_depth is not None and not any(isinstance(layer, StochasticDepth) for layer in layers):
        yield Problem(
            ("regularization", "stochastic_depth"),
            "has no effect: it leaves out what a residual adds, and this network has none",
            "remove it, or use  residual: […]",
        )


def drop_branch(scope: Scope, value: Value) -> Value:
    """What a residual adds, left out for some rows where `regularization.stochastic_depth` says so."""
    if scope.context.stochastic_depth is None:
        return value
    return scope.noted(DEPTH).add(StochasticDepth(p=scope.context.stochastic_depth), value)


def grade_depths(steps: Mapping[str, Step]) -> dict[str, Step]:
    """The steps of a whole network, the l-th of L residuals left out at a rate of l / L of the last one's (Huang et al. 2016)."""
    names = [name for name, step in steps.items() if step.note == DEPTH and isinstance(step.layer, StochasticDepth)]
    graded = dict(steps)
    for number, name in enumerate(names, start=1):
        layer = steps[name].layer
        assert isinstance(layer, StochasticDepth)
        graded[name] = replace(steps[name], layer=StochasticDepth(p=layer.p * number / len(names)))
    return graded
