"""The encodings of fields."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveInt

from nntrain.layers.encoding import Encoding


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

    takes: ClassVar = None

    type: Literal["none"] = "none"
