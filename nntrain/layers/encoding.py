"""How a field is turned into numbers before the first layer: the base of encodings and their table. Torch-free."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final

from nntrain.schema import Component, Slot


class Encoding(Component):
    """How one field reaches the first layer."""

    kinds: ClassVar[frozenset[str]] = frozenset({"encoding"})


ENCODINGS: Final = {
    "one_hot": "nntrain.layers.encodings:OneHotEncoding",
    "embedding": "nntrain.layers.encodings:EmbeddingEncoding",
    "none": "nntrain.layers.encodings:NoEncoding",
}

AnyEncoding = Annotated[Encoding, Slot("encoding", (ENCODINGS,))]
