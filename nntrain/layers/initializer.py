"""How weights start: the base of initializers and their table. Without a word about it, torch's own defaults hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final

from nntrain.schema import Component, Slot

if TYPE_CHECKING:
    from torch import Tensor


class Initializer(Component):
    """Fills one parameter in place, from torch's global random numbers."""

    kinds: ClassVar[frozenset[str]] = frozenset({"initializer"})

    def fill(self, parameter: Tensor) -> None:
        """Fill a parameter of any shape."""
        raise NotImplementedError


INITIALIZERS: Final = {
    "zeros": "nntrain.layers.initialization:Zeros",
    "ones": "nntrain.layers.initialization:Ones",
    "constant": "nntrain.layers.initialization:Constant",
    "normal": "nntrain.layers.initialization:Normal",
    "truncated_normal": "nntrain.layers.initialization:TruncatedNormal",
    "uniform": "nntrain.layers.initialization:Uniform",
    "he_normal": "nntrain.layers.initialization:HeNormal",
    "he_uniform": "nntrain.layers.initialization:HeUniform",
    "lecun_normal": "nntrain.layers.initialization:LecunNormal",
    "lecun_uniform": "nntrain.layers.initialization:LecunUniform",
    "glorot_normal": "nntrain.layers.initialization:GlorotNormal",
    "glorot_uniform": "nntrain.layers.initialization:GlorotUniform",
    "orthogonal": "nntrain.layers.initialization:Orthogonal",
}

AnyInitializer = Annotated[Initializer, Slot("initializer", (INITIALIZERS,))]
