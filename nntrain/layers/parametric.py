"""Activations of which a learned part acts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from nntrain.errors import SpecError
from nntrain.layers.activation import Activation
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import channel_axis, need_channels
from nntrain.layers.settings import AnyActivation
from nntrain.specs import Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class Parametric(Activation):
    """x + a (f(x) - x) with a learned factor a for each feature or channel: from x itself, at 0, over the activation f at 1, and beyond.

    RealMLP has it (Holzmüller, Grinsztajn, Steinwart, 2024).
    """

    main: ClassVar[str | None] = "activation"

    type: Literal["parametric"] = "parametric"
    activation: AnyActivation
    """The activation f."""
    init: float = 1.0
    """Factor a to begin with."""

    def describe(self) -> str:
        return f"parametric {self.activation.describe()}" + (f", init {self.init:g}" if self.init != 1 else "")

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        for option in sorted(Layer.shared):
            if getattr(self.activation, option) != Layer.model_fields[option].default:
                raise SpecError(f"has {option} in its activation, which has none of its own", f"fix:  {option} beside it", ("activation",))
        self.activation.out_spec(spec)
        return super().out_spec(spec)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        inner = {f"activation.{name}": shape for name, shape in self.activation.parameter_shapes(spec).items()}
        return {"amount": (spec.size(channel_axis(spec)),), **inner}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.activation import PartlyActivated

        axis = channel_axis(spec)
        return PartlyActivated(self.activation.build(spec), known(spec.size(axis)), self.init, spec.dim(axis))
