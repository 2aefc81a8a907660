"""How a field is turned into numbers before the first layer: the base of encodings and their table. Torch-free."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal

from nntrain.schema import Component, Slot

if TYPE_CHECKING:
    from nntrain.layers.layer import Layer
    from nntrain.specs import Spec


class Encoding(Component):
    """How one field reaches the first layer."""

    kinds: ClassVar[frozenset[str]] = frozenset({"encoding"})
    takes: ClassVar[Literal["category", "number"] | None] = "category"
    """Which fields it is for: categories, single numbers; `None`: any."""

    def fits(self, spec: Spec) -> bool:
        """Whether it is for a field."""
        is_single = spec.of_one.rank == 0
        return self.takes is None or (is_single and (spec.kind == "index") == (self.takes == "category"))

    def layer(self) -> Layer:
        """What numbers pass through, `[B, F] -> [B, …]`; of encodings of numbers."""
        raise NotImplementedError


ENCODINGS: Final = {
    "one_hot": "nntrain.layers.encodings:OneHotEncoding",
    "embedding": "nntrain.layers.encodings:EmbeddingEncoding",
    "periodic": "nntrain.layers.number_embedding:PeriodicEncoding",
    "ple": "nntrain.layers.number_embedding:PiecewiseLinearEncoding",
    "linear_embedding": "nntrain.layers.number_embedding:LinearEmbeddingEncoding",
    "none": "nntrain.layers.encodings:NoEncoding",
}

AnyEncoding = Annotated[Encoding, Slot("encoding", (ENCODINGS,))]
