"""Layers that arrange numbers anew and change none."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field, PositiveInt

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.requirements import need_channels, need_numbers
from nntrain.specs import IMAGE, SEQUENCE, VECTOR, VOLUME, Spec, compute, known

if TYPE_CHECKING:
    from torch import nn


class Flatten(Layer):
    """All numbers of an example in one row: [B, C, H, W] -> [B, C * H * W]; the last axis varies fastest."""

    type: Literal["flatten"] = "flatten"

    @property
    def looks_ahead(self) -> bool:
        return True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_channels(spec)
        if spec.is_ragged:
            raise SpecError(
                f"needs rows of one length and gets {spec.describe()}, where lengths differ by row", hint="put `pool: mean` in its place"
            )
        return Spec(VECTOR, (compute(lambda *sizes: math.prod(sizes), *spec.sizes),))

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Flatten()


class Arranged(Layer):
    """The base of `unflatten` and its other name."""

    main: ClassVar[str | None] = "sizes"

    sizes: Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=4)]
    """`[steps, features]` of a sequence, `[channels, height, width]` of an image, `[channels, depth, height, width]` of a volume."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_numbers(spec)
        if spec.axes != VECTOR:
            raise SpecError(f"needs one row of numbers per example and gets {spec.describe()}", hint="put flatten before it")
        count = compute(lambda *sizes: math.prod(sizes), *self.sizes)
        if isinstance(spec.sizes[0], int) and isinstance(count, int) and spec.sizes[0] != count:
            product = " x ".join(str(size) for size in self.sizes)
            raise SpecError(f"needs {product} = {count} numbers and gets {spec.describe()}")
        return Spec({2: SEQUENCE, 3: IMAGE, 4: VOLUME}[len(self.sizes)], self.sizes)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from torch import nn

        return nn.Unflatten(1, tuple(known(size) for size in self.sizes))


class Unflatten(Arranged):
    """A row of numbers arranged as a sequence, an image or a volume: [B, C * H * W] -> [B, C, H, W]; the last axis varies fastest."""

    type: Literal["unflatten"] = "unflatten"


class Reshape(Arranged):
    """Another name of `unflatten`: [B, C * H * W] -> [B, C, H, W]. Other changes of shape are a `rearrange`."""

    type: Literal["reshape"] = "reshape"
