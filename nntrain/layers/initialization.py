"""The initializers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import NonNegativeFloat, PositiveFloat

from nntrain.layers.initializer import Initializer

if TYPE_CHECKING:
    from torch import Tensor


class FanInitializer(Initializer):
    """An initializer that counts inputs and outputs, so it fits only parameters of two or more axes."""


class Zeros(Initializer):
    """All zeros."""

    type: Literal["zeros"] = "zeros"

    def fill(self, parameter: Tensor) -> None:
        parameter.zero_()


class Ones(Initializer):
    """All ones."""

    type: Literal["ones"] = "ones"

    def fill(self, parameter: Tensor) -> None:
        parameter.fill_(1.0)


class Constant(Initializer):
    """One value everywhere."""

    main: ClassVar[str | None] = "value"

    type: Literal["constant"] = "constant"
    value: float
    """The value."""

    def fill(self, parameter: Tensor) -> None:
        parameter.fill_(self.value)


class Normal(Initializer):
    """Normally distributed."""

    main: ClassVar[str | None] = "std"

    type: Literal["normal"] = "normal"
    std: PositiveFloat = 0.02
    """Standard deviation."""
    mean: float = 0.0
    """Mean."""

    def fill(self, parameter: Tensor) -> None:
        parameter.normal_(self.mean, self.std)


class TruncatedNormal(Initializer):
    """Normally distributed, drawn again beyond two standard deviations."""

    main: ClassVar[str | None] = "std"

    type: Literal["truncated_normal"] = "truncated_normal"
    std: PositiveFloat = 0.02
    """Standard deviation before truncation."""

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import trunc_normal_

        trunc_normal_(parameter, std=self.std, a=-2 * self.std, b=2 * self.std)


class Uniform(Initializer):
    """Uniformly distributed between -bound and bound."""

    main: ClassVar[str | None] = "bound"

    type: Literal["uniform"] = "uniform"
    bound: NonNegativeFloat
    """Largest absolute value."""

    def fill(self, parameter: Tensor) -> None:
        parameter.uniform_(-self.bound, self.bound)


class HeNormal(FanInitializer):
    """Normal with variance 2 / inputs (He et al. 2015); for relu."""

    type: Literal["he_normal"] = "he_normal"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import kaiming_normal_

        kaiming_normal_(parameter, nonlinearity="relu")


class HeUniform(FanInitializer):
    """Uniform with variance 2 / inputs (He et al. 2015); for relu."""

    type: Literal["he_uniform"] = "he_uniform"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import kaiming_uniform_

        kaiming_uniform_(parameter, nonlinearity="relu")


class LecunNormal(FanInitializer):
    """Normal with variance 1 / inputs (LeCun et al. 1998); for selu."""

    type: Literal["lecun_normal"] = "lecun_normal"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import kaiming_normal_

        kaiming_normal_(parameter, nonlinearity="linear")


class LecunUniform(FanInitializer):
    """Uniform with variance 1 / inputs (LeCun et al. 1998)."""

    type: Literal["lecun_uniform"] = "lecun_uniform"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import kaiming_uniform_

        kaiming_uniform_(parameter, nonlinearity="linear")


class GlorotNormal(FanInitializer):
    """Normal with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    type: Literal["glorot_normal"] = "glorot_normal"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import xavier_normal_

        xavier_normal_(parameter)


class GlorotUniform(FanInitializer):
    """Uniform with variance 2 / (inputs + outputs) (Glorot and Bengio 2010)."""

    type: Literal["glorot_uniform"] = "glorot_uniform"

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import xavier_uniform_

        xavier_uniform_(parameter)


class Orthogonal(FanInitializer):
    """A random orthogonal matrix (Saxe et al. 2013), scaled."""

    main: ClassVar[str | None] = "gain"

    type: Literal["orthogonal"] = "orthogonal"
    gain: PositiveFloat = 1.0
    """Factor."""

    def fill(self, parameter: Tensor) -> None:
        from torch.nn.init import orthogonal_

        orthogonal_(parameter, gain=self.gain)
