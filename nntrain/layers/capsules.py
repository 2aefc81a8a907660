"""Capsules (Sabour et al. 2017): vectors whose direction says how something looks, and whose length how sure it is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_known, need_numbers
from nntrain.layers.sliding import OverImage, convolution
from nntrain.layers.windows import Pair, slid
from nntrain.specs import CAPSULES, IMAGE, VECTOR, Size, Spec, compute, known, times

if TYPE_CHECKING:
    from torch import nn

Routing = PositiveInt | Literal["uniform"]
"""Rounds of routing by agreement; `uniform` lets each capsule below vote for all above alike, as a single round does."""


def need_capsules(spec: Spec) -> None:
    """Refuse what is no capsules.

    Raises:
        SpecError: It is not.
    """
    if spec.axes != CAPSULES:
        raise SpecError(f"needs capsules [N, D] and gets {spec.describe()}", hint="primary_capsules makes them of an image")


class PrimaryCapsules(OverImage):
    """A convolution whose channels are the numbers of capsules, `num_capsules` of them at each place: [B, C, H, W] -> [B, N, dim].

    Each is squashed: its length is below 1 (equation 1).
    """

    main: ClassVar[str | None] = "num_capsules"

    type: Literal["primary_capsules"] = "primary_capsules"
    num_capsules: PositiveInt = 32
    """Capsules at each place."""
    dim: PositiveInt = 8
    """Numbers of a capsule."""
    kernel_size: Pair = 9
    """Pixels that one capsule sees; a number, or [height, width]."""
    stride: Pair = 2
    """Pixels from one place to the next; a number, or [height, width]."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        if spec.axes != IMAGE:
            raise SpecError(f"needs an image [C, H, W] and gets {spec.describe()}")
        need_known(num_capsules=self.num_capsules, dim=self.dim)
        _, height, width = slid(spec, self.windows).sizes
        return Spec(CAPSULES, (compute(self._count, height, width), self.dim), "capsule")

    def _count(self, height: int, width: int) -> int:
        return self.num_capsules * height * width

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        channels = self.num_capsules * self.dim
        kernel = tuple(window.kernel for window in self.windows)
        return {"conv.weight": (channels, spec.size("channel"), *kernel), "conv.bias": (channels,)}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.capsules import PrimaryCapsules as Module

        conv = convolution(self.windows, spec.size("channel"), self.num_capsules * self.dim, axes=IMAGE)
        return Module(conv, self.dim)


class Capsules(Layer):
    """Capsules that each capsule below votes for: [B, N, D] -> [B, num_capsules, dim].

    A vote is a linear map of a capsule, of its own for each pair. Routing by agreement (procedure 1) sends the votes of a capsule to those
    above that agree with them; gradients pass through the last round alone.
    """

    main: ClassVar[str | None] = "num_capsules"

    type: Literal["capsules"] = "capsules"
    num_capsules: PositiveInt
    """Capsules that come out."""
    dim: PositiveInt = 16
    """Numbers of each."""
    routing: Routing = 3
    """Rounds of routing by agreement; `uniform` lets each capsule below vote for all above alike, as a single round does."""

    @property
    def rounds(self) -> int:
        """Rounds, where no routing is one."""
        return 1 if self.routing == "uniform" else self.routing

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_capsules(spec)
        need_known(dim=self.dim, routing=self.routing)
        return Spec(CAPSULES, (self.num_capsules, self.dim), "capsule")

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return {"weight": (self.num_capsules, spec.sizes[0], self.dim, spec.sizes[1])}

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.capsules import Capsules as Module

        return Module((known(spec.sizes[0]), known(spec.sizes[1])), (self.num_capsules, self.dim), self.rounds)


class CapsuleLength(Layer):
    """Lengths of capsules: [B, K, D] -> [B, K], each in [0, 1). With as many as classes, what the loss `margin` reads."""

    type: Literal["capsule_length"] = "capsule_length"

    def is_output(self) -> bool:
        return True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_capsules(spec)
        return Spec(VECTOR, spec.sizes[:1], "capsule")

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.capsules import CapsuleLength as Module

        return Module()


class CapsuleMask(Layer):
    """Keeps one capsule of each row and sets the others to 0, in one row of numbers: [B, K, D] -> [B, K * D].

    The one that is kept is the longest, and in training that of the true class where `told` says which it is.
    """

    main: ClassVar[str | None] = "told"

    type: Literal["capsule_mask"] = "capsule_mask"
    told: str | None = None
    """What says the true class in training: `teacher.label` of the target `label`."""

    def reads(self) -> tuple[str, ...]:
        return () if self.told is None else (self.told,)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_capsules(spec)
        for told in side:
            if told.axes or told.kind != "index":
                raise SpecError(f"is told one class a row and gets {told.describe()}", hint="told: teacher.TARGET")
        return Spec(VECTOR, (times(*spec.sizes),))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.capsules import CapsuleMask as Module

        return Module()


class Reconstruction(Layer):
    """What comes in is to be as another point: the sum of the squared differences of a row is added to the loss, [B, …] -> same.

    It is the part `reconstruction`, and counts 0.0005 unless `loss` says otherwise (Sabour et al. 2017, section 4.1).
    """

    main: ClassVar[str | None] = "of"
    loss_parts: ClassVar[Mapping[str, float]] = {"reconstruction": 0.0005}

    type: Literal["reconstruction"] = "reconstruction"
    of: str
    """Name of the point, such as an image field, that has as many numbers."""

    def reads(self) -> tuple[str, ...]:
        return (self.of,)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        if spec.is_ragged or any(each.is_ragged for each in side):
            raise SpecError(f"compares rows of one length and gets {spec.describe()}")
        for of in side:
            need_numbers(of)
            found, wanted = number_of_values(spec), number_of_values(of)
            if isinstance(found, int) and isinstance(wanted, int) and found != wanted:
                raise SpecError(f"compares as many numbers, and gets {spec.describe()} for {of.describe()}", hint=f"linear: {wanted}")
        return spec

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.capsules import Reconstruction as Module

        return Module()


def number_of_values(spec: Spec) -> Size:
    """Numbers of a row."""
    count: Size = 1
    for size in spec.sizes:
        count = times(size, count)
    return count
