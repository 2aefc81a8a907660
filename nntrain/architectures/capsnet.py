"""The capsule network of Sabour et al."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.architectures.family import Family
from nntrain.errors import SpecError
from nntrain.layers.activation import ReLU
from nntrain.layers.capsules import CapsuleLength, CapsuleMask, Capsules, PrimaryCapsules, Reconstruction, Routing, number_of_values
from nntrain.layers.convolution import Conv2d
from nntrain.layers.linear import Linear
from nntrain.layers.squashing import Sigmoid
from nntrain.layers.windows import need_image
from nntrain.specs import Size, teacher_port

if TYPE_CHECKING:
    from nntrain.layers.layer import Layer
    from nntrain.layers.program import Value
    from nntrain.layers.scope import Scope

IMAGE: Final = "image"
"""Name under which the decoder reads what it is to draw."""


class CapsNet(Family):
    """Capsule network (Sabour et al. 2017): a convolution, primary capsules, a capsule for each class, whose length says how sure it is.

    It is its own output, for `loss: margin` and a category target. A decoder of linear layers draws the image, with values in [0, 1], from
    the capsule of the true class while it trains, and of the longest one later: it adds the part `decoder.reconstruction` to the loss,
    which counts 0.0005 unless `loss` says otherwise. Predictions do without it.
    """

    main: ClassVar[str | None] = "conv"

    type: Literal["capsnet"] = "capsnet"
    conv: PositiveInt = 256
    """Channels of the first convolution."""
    kernel_size: PositiveInt = 9
    """Pixels that a filter of both convolutions sees, in height and width."""
    primary: tuple[PositiveInt, PositiveInt] = (32, 8)
    """Primary capsules at each place, and numbers of each."""
    digit: PositiveInt = 16
    """Numbers of the capsule of a class."""
    routing: Routing = 3
    """Rounds of routing by agreement; `uniform` lets each primary capsule vote for all classes alike, as a single round does."""
    decoder: tuple[PositiveInt, ...] | None = (512, 1024)
    """Features of the hidden layers of the decoder; `null` for none."""
    num_capsules: PositiveInt | None = None
    """Capsules at the end. Default: one for each class of the target."""

    def is_output(self) -> bool:
        return True

    def place(self, scope: Scope, value: Value) -> Value:
        need_image(value.spec)
        count, dim = self.primary
        primary = PrimaryCapsules(num_capsules=count, dim=dim, kernel_size=self.kernel_size)
        first = [Conv2d(out_channels=self.conv, kernel_size=self.kernel_size), ReLU(), primary]
        capsules = Capsules(num_capsules=1, dim=self.digit, routing=self.routing).model_copy(update={"num_capsules": self._count(scope)})
        classes = scope.sequence([*first, capsules], value)
        if self.decoder is not None:
            inner = replace(scope, own_points={**(scope.own_points or {}), IMAGE: value})
            inner.sequence(self._decoder(scope, number_of_values(value.spec)), classes)
        return scope.sequence([CapsuleLength()], classes)

    def _count(self, scope: Scope) -> Size:
        """One capsule for each class. Raises `SpecError` for targets that have no classes, and for several."""
        if self.num_capsules is not None:
            return self.num_capsules
        if len(scope.needs) != 1:
            found = "none" if not scope.needs else f"{len(scope.needs)}: {', '.join(scope.needs)}"
            raise SpecError(f"has a capsule for each class of one target, and the targets are {found}", hint="num_capsules: 10")
        [(name, need)] = scope.needs.items()
        if need.rank != 1 or need.kind != "logits" or need.sizes[0] == 1:
            raise SpecError(
                f"has a capsule for each class, and {name} needs {need.describe()}", hint=f"fix:  data.fields: {{{name}: category}}"
            )
        return need.sizes[0]

    def _decoder(self, scope: Scope, pixels: Size) -> Sequence[Layer]:
        """From the capsules of the classes to the image."""
        ports = [port for name in scope.needs if (port := teacher_port(name)) in scope.draft.ports]
        assert self.decoder is not None
        layers: list[Layer] = [CapsuleMask(told=ports[0] if len(ports) == 1 else None)]
        for width in self.decoder:
            layers += [Linear(out_features=width), ReLU()]
        drawn = Linear(out_features=1).model_copy(update={"out_features": pixels})
        return [*layers, drawn, Sigmoid(), Reconstruction(of=IMAGE, name="decoder")]
