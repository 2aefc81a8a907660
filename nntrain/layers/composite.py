"""Layers that consist of other layers. They add their steps to the one flat program; nothing is nested at run time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, cast

from pydantic import Field

from nntrain.errors import SpecError, YamlPath
from nntrain.layers.elementwise import Add, Max, Mean, Multiply
from nntrain.layers.layer import Layer
from nntrain.layers.linear import Linear
from nntrain.layers.merging import Concat, Merge
from nntrain.layers.normalization import BatchNorm
from nntrain.layers.regularizing import drop_branch
from nntrain.layers.requirements import channel_axis
from nntrain.layers.settings import LAYERS, AnyLayer
from nntrain.schema import load_class
from nntrain.specs import IMAGE, SEQUENCE, VOLUME

if TYPE_CHECKING:
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope


class Sequential(Layer):
    """Layers one after another, as one item of a list."""

    main: ClassVar[str | None] = "layers"

    type: Literal["sequential"] = "sequential"
    layers: Annotated[tuple[AnyLayer, ...], Field(min_length=1)]
    """The layers."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers}

    def is_output(self) -> bool:
        return self.layers[-1].is_output()

    def place(self, scope: Scope, value: Value) -> Value:
        return scope.sequence(self.layers, value, key="layers")


class Branches(Layer):
    """Feeds several lists of layers the same input and joins what comes out; an empty list is the input itself.

    Joined with `concat` it is an Inception block (Szegedy et al. 2015), with `concat` and an empty branch a dense block (Huang
    et al. 2017), with `multiply` and an empty branch squeeze-and-excitation (Hu et al. 2018).
    """

    main: ClassVar[str | None] = "of"

    type: Literal["branches"] = "branches"
    of: Annotated[tuple[tuple[AnyLayer, ...], ...], Field(min_length=2)]
    """The branches, each a list of layers."""
    merge: Literal["concat", "add", "multiply", "mean", "max"] = "concat"
    """How they are joined: `concat` along the channel or feature axis, the others number by number."""

    def lists(self) -> Mapping[YamlPath, tuple[Layer, ...]]:
        return {("of", index): branch for index, branch in enumerate(self.of)}

    def with_lists(self, lists: Mapping[YamlPath, tuple[Layer, ...]]) -> Layer:
        return self.model_copy(update={"of": tuple(lists.values())})

    def place(self, scope: Scope, value: Value) -> Value:
        ends = [scope.at("of").sequence(branch, value, key=index) for index, branch in enumerate(self.of)]
        return _MERGES[self.merge](name=self.name).join(scope, ends)


_MERGES: Final[dict[str, Callable[..., Merge]]] = {"concat": Concat, "add": Add, "multiply": Multiply, "mean": Mean, "max": Max}


class Residual(Layer):
    """x + f(x): the layers' output added to their input (He et al. 2015). An activation after the sum is the next item."""

    main: ClassVar[str | None] = "layers"

    type: Literal["residual"] = "residual"
    layers: Annotated[tuple[AnyLayer, ...], Field(min_length=1)]
    """The layers f."""
    shortcut: Literal["auto"] | tuple[AnyLayer, ...] = "auto"
    """What is added to f(x). `auto` is x itself; where f changes the shape, a 1x1 convolution or a linear layer of the right size
    and stride, with a batch norm if f ends in one. Layers that are written here are always applied."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers} if self.shortcut == "auto" else {"layers": self.layers, "shortcut": self.shortcut}

    def place(self, scope: Scope, value: Value) -> Value:
        end = scope.sequence(self.layers, value, key="layers")
        inner = drop_branch(scope, end)
        if self.shortcut == "auto":
            skip = scope.noted("shortcut").sequence(_fitting(value, inner, normed=scope.ends_in(end, "batch_norm")), value)
        else:
            skip = scope.sequence(self.shortcut, value, key="shortcut")
        if inner.lengths != skip.lengths or inner.spec.axes != skip.spec.axes:
            raise SpecError(f"adds {inner.spec.describe()} to {skip.spec.describe()}, which does not fit", hint=_WRITE)
        return scope.add(Add(type="add", name=self.name), inner, skip)


_WRITE = "write the shortcut: {residual: {layers: […], shortcut: […]}}"


_CONVOLUTIONS: Final = {SEQUENCE: "conv1d", IMAGE: "conv2d", VOLUME: "conv3d"}


def _fitting(value: Value, inner: Value, *, normed: bool) -> tuple[Layer, ...]:
    """Layers that give a value the shape of another; none where it has it already."""
    old, new = value.spec, inner.spec
    if old.axes != new.axes:
        raise SpecError(f"adds {new.describe()} to {old.describe()}, which no shortcut can mend", hint=_WRITE)
    strides = tuple(_stride(value, inner, axis) for axis in old.axes if axis != channel_axis(old))
    width = new.size(channel_axis(new))
    if old.size(channel_axis(old)) == width and all(stride == 1 for stride in strides):
        return ()
    if not isinstance(width, int):
        raise SpecError(f"gets {new.describe()} and can't tell the width of a shortcut", hint=_WRITE)
    norm = (BatchNorm(),) if normed else ()
    if old.axes in _CONVOLUTIONS and (old.axes != SEQUENCE or strides[0] != 1):
        convolution = cast("type[Layer]", load_class(LAYERS[_CONVOLUTIONS[old.axes]]))
        stride = strides[0] if len(strides) == 1 else strides
        return (convolution.parse({"out_channels": width, "kernel_size": 1, "stride": stride, "bias": not normed}), *norm)
    return (Linear(out_features=width, bias=not normed), *norm)


def _stride(value: Value, inner: Value, axis: str) -> int:
    """Stride that shortens an axis as the layers do. Raises `SpecError` where there is none."""
    old, new = value.spec.size(axis), inner.spec.size(axis)
    if value.lengths is not None and inner.lengths is not None:
        pairs = list(zip(value.lengths.counts, inner.lengths.counts, strict=True))
    elif isinstance(old, int) and isinstance(new, int):
        pairs = [(old, new)]
    else:
        return 1
    for stride in (1, *range(2, 65)):
        if all((before - 1) // stride + 1 == after for before, after in pairs):
            return stride
    raise SpecError(f"makes {inner.spec.describe()} of {value.spec.describe()}: no stride of a shortcut gives that {axis}", hint=_WRITE)
