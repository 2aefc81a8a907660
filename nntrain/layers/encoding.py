"""How a field is turned into numbers before the first layer. Torch-free."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal

from pydantic import PositiveInt

from nntrain.schema import Component, Slot


class Encoding(Component):
    """How one field reaches the first layer."""


class OneHotEncoding(Encoding):
    """A category as one number a value: 1 for the value of the row, 0 for the others; an unseen value is all zeros."""

    type: Literal["one_hot"] = "one_hot"


class EmbeddingEncoding(Encoding):
    """A category as a learned vector; an unseen value is all zeros."""

    main: ClassVar[str | None] = "dim"

    type: Literal["embedding"] = "embedding"
    dim: PositiveInt | None = None
    """Length of the vector; default: min(50, (n + 1) // 2) for n values."""


class NoEncoding(Encoding):
    """As it is: a number stays a number, a category stays an index (for a layer that reads an index, such as `embedding`)."""

    type: Literal["none"] = "none"


ENCODINGS: Final = {
    "one_hot": "nntrain.layers.encoding:OneHotEncoding",
    "embedding": "nntrain.layers.encoding:EmbeddingEncoding",
    "none": "nntrain.layers.encoding:NoEncoding",
}

AnyEncoding = Annotated[Encoding, Slot("encoding", (ENCODINGS,))]
