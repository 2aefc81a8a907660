"""How large the gradients of each layer are in a step, however its protocol computes them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn


@dataclass(slots=True)
class GradientSizes:
    """Sums over the gradients of a step, by parameter. A gradient that is computed in parts counts as it is in the end."""

    names: dict[nn.Parameter, str]
    found: dict[str, tuple[float, int]] = field(default_factory=dict[str, tuple[float, int]])
    """Sum of squares and number of the values that are not 0, by parameter."""

    def keep(self, parameter: Tensor) -> None:
        """Look at the gradient that a parameter has now."""
        gradient = parameter.grad
        if gradient is not None and isinstance(parameter, nn.Parameter):
            values = gradient.detach().coalesce().values() if gradient.is_sparse else gradient.detach()
            self.found[self.names[parameter]] = (float(values.double().square().sum()), int(values.count_nonzero()))

    def by_layer(self) -> dict[str, float]:
        """Root mean square of the values that are not 0, by layer in the order of the network; 0 of a layer without any.

        Rows of an embedding that no row of the batch has, and units that are off, have none, and say nothing about how well gradients flow.
        """
        sums: dict[str, tuple[float, int]] = {}
        for name in self.names.values():
            layer = name.rpartition(".")[0] or name
            squares, count = self.found.get(name, (0.0, 0))
            before = sums.get(layer, (0.0, 0))
            sums[layer] = (before[0] + squares, before[1] + count)
        return {layer: (squares / count) ** 0.5 if count else 0.0 for layer, (squares, count) in sums.items()}


@contextmanager
def watched_gradients(network: nn.Module) -> Generator[GradientSizes]:
    """Context of one step: the sizes of the gradients of what it trains."""
    trained = {parameter: name for name, parameter in network.named_parameters() if parameter.requires_grad}
    sizes = GradientSizes(trained)
    handles: list[Any] = [parameter.register_post_accumulate_grad_hook(sizes.keep) for parameter in trained]
    try:
        yield sizes
    finally:
        for handle in handles:
            handle.remove()
