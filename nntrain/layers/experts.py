"""Layers of which each step uses a part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.gating import GLU
from nntrain.layers.layer import Layer, Need
from nntrain.layers.requirements import need_known, need_numbers
from nntrain.layers.settings import AnyFeedforwardActivation
from nntrain.layers.smooth_activation import GELU
from nntrain.specs import SEQUENCE, VECTOR, Size, Spec, compute, known, times

if TYPE_CHECKING:
    from torch import nn


class MixtureOfExperts(Layer):
    """Feedforward layers of which each row or step uses the `top_k` that a router finds likeliest: [B, F] -> [B, F], [B, T, F] -> same.

    Shazeer et al. 2017; with `top_k: 1` a switch layer (Fedus et al. 2021), whose output is scaled by the probability of its expert;
    probabilities of several are scaled to the sum 1. No row is dropped. It adds the part `balance` to the loss (Fedus et al., equation 4),
    which is 1 where all experts are used alike, and counts 0.01 unless `loss` says otherwise.
    """

    main: ClassVar[str | None] = "num_experts"
    needs: ClassVar[frozenset[Need]] = frozenset({"lengths"})
    loss_parts: ClassVar[Mapping[str, float]] = {"balance": 0.01}

    type: Literal["mixture_of_experts"] = "mixture_of_experts"
    num_experts: PositiveInt
    """Feedforward layers to choose from."""
    top_k: PositiveInt = 2
    """How many of them a row or step uses."""
    hidden: PositiveInt | None = None
    """Features of the hidden layer of each. Default: 4 times as many as come in."""
    activation: AnyFeedforwardActivation = GELU()
    """Activation of that layer; of a gated one, such as `swiglu`, the layer before it is twice as wide."""
    bias: bool = True
    """Whether the linear layers have offsets."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        need_known(num_experts=self.num_experts, top_k=self.top_k)
        if spec.axes not in (VECTOR, SEQUENCE):
            raise SpecError(f"needs a row of numbers [F] or a sequence [T, F] and gets {spec.describe()}")
        if self.top_k > self.num_experts:
            told = f"takes {self.top_k} experts (top_k) and has {self.num_experts}"
            raise SpecError(told, f"top_k: {self.num_experts} or fewer", ("top_k", "num_experts"))
        return Spec(spec.axes, spec.sizes)

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        features, hidden, width = self._sizes(spec)
        shapes: dict[str, tuple[Size, ...]] = {"router.weight": (self.num_experts, features)}
        for number in range(self.num_experts):
            for name, sizes in (("up", (width, features)), ("down", (features, hidden))):
                shapes[f"experts.{number}.{name}.weight"] = sizes
                shapes |= {f"experts.{number}.{name}.bias": sizes[:1]} if self.bias else {}
        return shapes

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.experts import Expert
        from nntrain.modules.experts import MixtureOfExperts as Module

        features, hidden, width = (known(size) for size in self._sizes(spec))

        def expert() -> nn.Module:
            return Expert(features, width, hidden, self.activation.build(Spec(VECTOR, (width,))), bias=self.bias)

        return Module(features, self.num_experts, self.top_k, expert)

    def _sizes(self, spec: Spec) -> tuple[Size, Size, Size]:
        """Features that come in, those of the hidden layer, and what the layer before its activation gives."""
        features = spec.size("feature")
        hidden = self.hidden if self.hidden is not None else compute(_four_times, features)
        return features, hidden, times(hidden, 2) if isinstance(self.activation, GLU) else hidden


def _four_times(features: int) -> int:
    return 4 * features
