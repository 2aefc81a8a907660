"""What several processes have measured, each of a part of the rows of a split, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from torch import Tensor

from nntrain.metrics.metric import Pooling

if TYPE_CHECKING:
    from nntrain.training.distributed import Ranks
    from nntrain.training.objective import PartName


def pool(
    ranks: Ranks, losses: Mapping[PartName, Tensor], states: Sequence[Pooling] | None, *, is_cut: bool
) -> dict[PartName, Tensor] | None:
    """Put together what all have measured; `None` where one of them was cut off. All call it, in the same order.

    Args:
        ranks: The processes.
        losses: Sums and weights of the parts of the loss, empty of a process that has measured no row.
        states: The states of all metrics, which hold what all have measured then; `None`: each process has measured all rows by itself.
        is_cut: Whether this process was cut off.

    Returns:
        The losses of all.
    """
    names = [] if states is None else list(losses)
    held = [state.held() for state in states or ()]
    tensors = [*(losses[name] for name in names), *(tensor for each in held for tensor in each)]
    found = ranks.gather({"names": names, "is_cut": is_cut}, tensors)
    if any(told["is_cut"] for told, _ in found):
        return None
    if states is None:
        return dict(losses)
    joined: dict[PartName, Tensor] = {}
    parts: list[list[Tensor | None]] = []
    for told, given in found:
        count = len(told["names"])
        for (output, tag), tensor in zip(told["names"], given[:count], strict=True):
            assert tensor is not None
            joined[output, tag] = joined[output, tag] + tensor if (output, tag) in joined else tensor
        parts.append(given[count:])
    start = 0
    for state, own in zip(states, held, strict=True):
        state.join([given[start : start + len(own)] for given in parts])
        start += len(own)
    return joined
