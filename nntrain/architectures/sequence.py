"""What the families of sequences share: whether they end in steps or in one vector of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from nntrain.layers.global_pooling import Pool

if TYPE_CHECKING:
    from nntrain.layers.layer import Layer
    from nntrain.layers.scope import Scope

Pooled = Literal["last", "first", "mean", "max", "sum", "attention"]
"""How one vector is made of the steps."""

PoolOption = Literal["auto"] | Pooled | None
"""The option `pool` of a family of sequences."""


def wants_steps(scope: Scope) -> bool:
    """Whether every target that may hang here needs a value for each step."""
    return bool(scope.needs) and all("time" in need.axes for need in scope.needs.values())


def pools(scope: Scope, option: PoolOption, default: Pooled = "mean") -> Sequence[Layer]:
    """The pool at the end of a family, or none.

    Args:
        scope: Where the family stands.
        option: `auto` keeps the steps where the targets need a value for each, and takes `default` elsewhere.
        default: The pool of `auto`.
    """
    if option == "auto":
        option = None if wants_steps(scope) else default
    return () if option is None else (Pool(how=option),)
