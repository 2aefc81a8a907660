"""Layers over the steps of series of one length: decomposed, mapped in time, cut into patches, each feature by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_known, need_numbers
from nntrain.layers.settings import AnyLayer
from nntrain.losses.links import Link, Normal
from nntrain.specs import SEQUENCE, VECTOR, Size, Spec, compute, known, times

if TYPE_CHECKING:
    from torch import nn

    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

EPS: Final = 1e-5
"""Added to the variance of a series that is normalised."""


class SeriesDecomposition(Layer):
    """A series [B, T, F] without its trend, which is read as `NAME.trend`: both [B, T, F], and their sum is the series.

    The trend is the moving average of each feature, with the first and last step repeated at the ends (Wu et al. 2021, section 3.1).
    """

    main: ClassVar[str | None] = "kernel_size"
    mixes_steps: ClassVar[bool] = True
    extras: ClassVar[tuple[str, ...]] = ("trend",)

    type: Literal["series_decomposition"] = "series_decomposition"
    kernel_size: PositiveInt
    """Steps of the moving average, an odd number."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_series(spec)
        need_known(kernel_size=self.kernel_size)
        if self.kernel_size % 2 == 0:
            raise SpecError(
                f"averages {self.kernel_size} steps, which have no middle", f"kernel_size: {self.kernel_size + 1}", ("kernel_size",)
            )
        return Spec(spec.axes, spec.sizes)

    def extra_specs(self, spec: Spec) -> dict[str, Spec]:
        return {"trend": Spec(spec.axes, spec.sizes)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Decomposition

        return Decomposition(self.kernel_size)


class TimeLinear(Layer):
    """A linear layer along time, the same for every feature: [B, T, F] -> [B, out_steps, F]."""

    main: ClassVar[str | None] = "out_steps"
    sized: ClassVar[bool] = True
    mixes_steps: ClassVar[bool] = True

    type: Literal["time_linear"] = "time_linear"
    out_steps: PositiveInt
    """Number of steps that come out."""
    individual: bool = False
    """Whether each feature has weights of its own."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_series(spec)
        return Spec(spec.axes, (self.out_steps, spec.size("feature")))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        steps, features = spec.sizes
        own = (features,) if self.individual else ()
        return {"weight": (*own, self.out_steps, steps), "bias": (*own, self.out_steps)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import FeatureTimeLinear, SharedTimeLinear

        steps, features = known(spec.size("time")), known(spec.size("feature"))
        return FeatureTimeLinear(steps, self.out_steps, features) if self.individual else SharedTimeLinear(steps, self.out_steps)


class Patch(Layer):
    """Cuts a series into pieces, each a step: [B, T, F] -> [B, N, size * F], N = (T + pad_end - size) / stride + 1."""

    main: ClassVar[str | None] = "size"
    mixes_steps: ClassVar[bool] = True

    type: Literal["patch"] = "patch"
    size: PositiveInt
    """Steps of a patch."""
    stride: PositiveInt | None = None
    """Steps from one patch to the next. Default: `size`, patches side by side."""
    pad_end: NonNegativeInt = 0
    """How often the last step is repeated at the end before the series is cut."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_series(spec)
        need_known(size=self.size, stride=self.stride)
        stride, steps = self.stride or self.size, spec.size("time")
        if isinstance(steps, int):
            over = steps + self.pad_end - self.size
            if over < 0 or over % stride:
                what = f"cuts {steps} steps{f' and {self.pad_end} more' if self.pad_end else ''} into patches of {self.size} every {stride}"
                fits = max(1, self.size - self.pad_end) if over < 0 else steps - over % stride
                longer = f" or {fits + stride}" if over >= 0 else ""
                left = f"{over % stride} {'is' if over % stride == 1 else 'are'} left over" if over >= 0 else "there are too few"
                hint = f"a series of {fits}{longer} steps (data.window.past), or another size or stride"
                raise SpecError(f"{what}: {left}", hint, ("patch_size", "stride"))

        def count(length: int) -> int:
            return (length + self.pad_end - self.size) // stride + 1

        return Spec(SEQUENCE, (compute(count, steps), times(spec.size("feature"), self.size)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Patches

        return Patches(self.size, self.stride or self.size, self.pad_end)


class EachFeature(Layer):
    """Applies layers to every feature of a series by itself, with the same weights: they get [T, 1], and their outputs are joined.

    Layers that give a row of H numbers make a series of H steps, [B, T, F] -> [B, H, F]; those that give [H, G] make [B, H, F * G].
    Inside, each feature of a row is a row of the batch, which is what a batch norm there averages over.
    """

    main: ClassVar[str | None] = "layers"

    type: Literal["each_feature"] = "each_feature"
    layers: Annotated[tuple[AnyLayer, ...], Field(min_length=1)]
    """The layers that every feature goes through."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers}

    def place(self, scope: Scope, value: Value) -> Value:
        single = scope.add(SplitFeatures(), value)
        return scope.add(JoinFeatures(name=self.name), scope.sequence(self.layers, single, key="layers"), value)

    def is_output(self) -> bool:
        return self.layers[-1].is_output()


class SplitFeatures(Layer):
    """Features become rows: [B, T, F] -> [B * F, T, 1]."""

    type: Literal["split_features"] = "split_features"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_series(spec)
        return Spec(SEQUENCE, (spec.size("time"), 1))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Split

        return Split()


class JoinFeatures(Layer):
    """Rows become features again: [B * F, H] -> [B, H, F], [B * F, H, G] -> [B, H, F * G]; the second input has the features."""

    type: Literal["join_features"] = "join_features"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        features = side[0].size("feature")
        if spec.axes == VECTOR:
            return Spec(SEQUENCE, (spec.sizes[0], features))
        if spec.axes != SEQUENCE or spec.is_ragged or spec.kind == "index":
            raise SpecError(f"joins rows of numbers or series, and gets {spec.describe()}", hint="end the layers in flatten")
        return Spec(SEQUENCE, (spec.size("time"), times(spec.size("feature"), features)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Join

        return Join(known(side[0].size("feature")))


class ReversibleNorm(Layer):
    """Layers between a normalisation of each series and its undoing (Kim et al. 2022): they see mean 0 and variance 1 in every row.

    [B, T, F] -> [B, H, F]: each feature of a row less its mean over the steps, divided by its deviation; what the layers give is
    multiplied by that and the mean added. So a forecast follows a level that training never had.
    """

    main: ClassVar[str | None] = "layers"

    type: Literal["reversible_norm"] = "reversible_norm"
    layers: Annotated[tuple[AnyLayer, ...], Field(min_length=1)]
    """The layers in between; they give as many features as they get."""
    eps: PositiveFloat = EPS
    """Added to the variance, against division by zero."""

    def parts(self) -> Mapping[str, tuple[Layer, ...]]:
        return {"layers": self.layers}

    def place(self, scope: Scope, value: Value) -> Value:
        normed, moments = standardized(scope, value, self.eps)
        return scope.add(RestoreSeries(name=self.name), scope.sequence(self.layers, normed, key="layers"), *moments)

    def is_output(self) -> bool:
        return self.layers[-1].is_output()


def standardized(scope: Scope, value: Value, eps: float = EPS) -> tuple[Value, tuple[Value, ...]]:
    """A series with mean 0 and variance 1, and the moments that restore it."""
    normed = scope.add(StandardizeSeries(eps=eps), value)
    return normed, scope.draft.steps[normed.step or ""].extras


class StandardizeSeries(Layer):
    """Each feature of a row to mean 0 and variance 1 over its steps; gives both moments, [B, F], too."""

    mixes_steps: ClassVar[bool] = True
    extras: ClassVar[tuple[str, ...]] = ("mean", "deviation")

    type: Literal["standardize_series"] = "standardize_series"
    eps: float
    """Added to the variance."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_series(spec)
        return Spec(spec.axes, spec.sizes)

    def extra_specs(self, spec: Spec) -> dict[str, Spec]:
        return dict.fromkeys(self.extras, Spec(VECTOR, (spec.size("feature"),)))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Standardize

        return Standardize(self.eps)


class RestoreSeries(Layer):
    """Undoes `standardize_series` in what was made of its output; mean and deviation are the further inputs."""

    type: Literal["restore_series"] = "restore_series"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes != SEQUENCE or spec.kind == "index":
            raise SpecError(f"restores a series, and its layers give {spec.describe()}")
        given, wanted = spec.size("feature"), side[0].size("feature")
        if isinstance(given, int) and isinstance(wanted, int) and given != wanted:
            raise SpecError(f"restores {wanted} features, and its layers give {spec.describe()}", hint="end in as many features")
        return Spec(spec.axes, spec.sizes)

    def misreading(self, link: Link) -> tuple[str, str] | None:
        """A logarithm of a variance has no level to be restored to."""
        if not isinstance(link, Normal):
            return None
        what = "restores every number to the level of its series, and half of them are read as logarithms of variances"
        return what, "fix:  reversible_norm: false, or loss: quantile"

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import Restore

        return Restore()


def need_series(spec: Spec) -> None:
    """Refuse what is no series of one length in all rows.

    Raises:
        SpecError: It is none.
    """
    need_numbers(spec)
    if spec.axes != SEQUENCE:
        raise SpecError(f"needs a series [T, F] and gets {spec.describe()}")
    if spec.is_ragged:
        raise SpecError(f"needs series of one length and gets {spec.describe()}, where lengths differ by row", hint="data.window cuts such")


class StepsHead(Layer):
    """The output layer that a task adds to a row of numbers where it needs a series: [B, I] -> [B, H, F] by one linear layer."""

    type: Literal["linear"] = "linear"
    output: Spec
    """What the task needs."""

    @classmethod
    def fits(cls, spec: Spec, need: Spec) -> bool:
        """Whether it makes a need of a tensor: a row of numbers, and a series of values of one length."""
        return spec.axes == VECTOR and spec.kind != "index" and need.axes == SEQUENCE and need.kind == "float" and not need.is_ragged

    @property
    def width(self) -> Size:
        """Numbers that come out."""
        return times(*self.output.sizes)

    def describe(self) -> str:
        return f"linear {self.width}, as {self.output}"

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return self.output

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (self.width, spec.sizes[0]), "bias": (self.width,)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.series import StepsLinear

        steps, features = self.output.sizes
        return StepsLinear(known(spec.sizes[0]), known(steps), known(features))
