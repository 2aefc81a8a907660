"""What the families of sequence networks share: how a text becomes steps of numbers, and how steps become one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

from nntrain.errors import SpecError
from nntrain.layers.embedding import Embedding
from nntrain.layers.global_pooling import Pool
from nntrain.layers.windows import need_sequence
from nntrain.specs import TOKENS, Spec

if TYPE_CHECKING:
    from nntrain.layers.context import Context
    from nntrain.layers.layer import Layer

StepPool = Literal["auto", "last", "first", "mean", "max", "sum", "attention"]
"""How steps become one row of numbers. `auto`: not at all where every target that hangs here has a value for each step, else `last`."""

DIM: Final = 128
"""Numbers of a token where `dim` says nothing."""


def embedded(spec: Spec, dim: int | None) -> Sequence[Layer]:
    """The first layers: an embedding of a text, none of a series.

    Args:
        spec: What the family gets.
        dim: Numbers of a token; `None` for the default.

    Raises:
        SpecError: It gets no sequence, or a series, for which `dim` says nothing.
    """
    if spec.axes == TOKENS and spec.kind == "index":
        return [Embedding(dim=dim or DIM)]
    need_sequence(spec)
    if dim is not None:
        raise SpecError(f"has dim, the numbers of a token of a text, and gets {spec.describe()}, which has numbers", hint="remove dim")
    return []


def pooled(context: Context, pool: StepPool | None) -> Sequence[Layer]:
    """The last layers: one row of the steps, or none where the steps are what is wanted."""
    if pool == "auto":
        pool = None if context.keeps_steps else "last"
    return [] if pool is None else [Pool(how=pool)]
