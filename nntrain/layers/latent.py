"""Layers that describe a row by a distribution, from which rows can be drawn later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Prior
from nntrain.layers.linear import linear_shapes
from nntrain.layers.requirements import need_known, need_numbers
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, Size, Spec, known

if TYPE_CHECKING:
    from torch import nn


class GaussianLatent(Layer):
    """The middle of a variational autoencoder (Kingma & Welling 2013): [B, F] -> [B, dim].

    Two linear layers give mean and log-variance of a normal distribution of each row. In training a value is drawn from it (mean + noise
    times standard deviation, section 2.4), in evaluation it is the mean. It adds the part `kl` to the loss: the divergence of that
    distribution from the standard normal one, in nats, summed over the `dim` numbers of a row (appendix B). What is behind it can be run on
    draws from the standard normal distribution: `nntrain generate`.
    """

    main: ClassVar[str | None] = "dim"
    loss_parts: ClassVar[Mapping[str, float]] = {"kl": 1.0}
    prior: ClassVar[Prior | None] = "standard_normal"

    type: Literal["gaussian_latent"] = "gaussian_latent"
    dim: PositiveInt
    """Numbers that describe a row."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        need_known(dim=self.dim)
        if spec.axes != VECTOR:
            fitting = {SEQUENCE: "pool: mean", IMAGE: "flatten, or global_avg_pool"}
            raise SpecError(f"needs a row of numbers [F] and gets {spec.describe()}", hint=fitting.get(spec.axes))
        return Spec(VECTOR, (self.dim,))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        shapes = linear_shapes(spec.sizes[-1], self.dim, bias=True)
        return {f"{part}.{name}": shape for part in ("mean", "log_variance") for name, shape in shapes.items()}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.latent import GaussianLatent as Module

        return Module(known(spec.sizes[-1]), self.dim)
