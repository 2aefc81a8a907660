"""How the numbers that a network outputs read: as what they predict, and how many of them a value or a class needs.

A loss says which link its output has. Losses that are added up for one target share the output, so they must share the link.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from nntrain.specs import Size, compute

if TYPE_CHECKING:
    from torch import Tensor


class Interval(NamedTuple):
    """Where a value probably lies, by row."""

    low: Tensor
    high: Tensor


class Link:
    """Outputs that are the values themselves. Two links are equal that read alike."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    @property
    def per_value(self) -> int:
        """Numbers that the network outputs for each value."""
        return 1

    def outputs(self, size: Size) -> Size:
        """Numbers that the network outputs for `size` values or classes."""
        return compute(self.per_value.__mul__, size)

    def point(self, output: Tensor) -> Tensor:
        """What is predicted: `[B, …]`, or `[B, …, per_value]` of several numbers a value, to `[B, …]`."""
        return output

    def interval(self, output: Tensor) -> Interval | None:
        """Where the value probably lies, of the same outputs; `None` for a loss that doesn't tell."""
        return None

    def pooled(self, outputs: Tensor) -> Tensor:
        """The one output, `[B, K]`, that reads as the mean of what several outputs for each row read as, `[B, M, K]`; float32."""
        return outputs.float().mean(dim=1)


class Identity(Link):
    """The output is the value."""


class Exponential(Link):
    """The output is the logarithm of the value."""

    def point(self, output: Tensor) -> Tensor:
        return output.exp()

    def pooled(self, outputs: Tensor) -> Tensor:
        return outputs.float().logsumexp(dim=1) - math.log(outputs.shape[1])


class Sigmoid(Link):
    """A logit, or any score that is above 0 for yes: its sigmoid is a share."""

    def point(self, output: Tensor) -> Tensor:
        return output.sigmoid()

    def pooled(self, outputs: Tensor) -> Tensor:
        return _pooled_logits(outputs)


class Softmax(Link):
    """A logit, or any score, for each class, `[B, K, …]`: their softmax are shares."""

    def point(self, output: Tensor) -> Tensor:
        return output.softmax(dim=1)

    def pooled(self, outputs: Tensor) -> Tensor:
        return outputs.float().log_softmax(dim=2).logsumexp(dim=1) - math.log(outputs.shape[1])


class Cosines(Link):
    """A cosine for each class, `[B, K]`: the softmax of them times a scale are shares."""

    def __init__(self, scale: float) -> None:
        """Keep the scale."""
        self.scale = scale

    def point(self, output: Tensor) -> Tensor:
        return (self.scale * output).softmax(dim=1)

    def pooled(self, outputs: Tensor) -> Tensor:
        return Softmax().pooled(self.scale * outputs) / self.scale


class UnitVector(Link):
    """An embedding, of which the direction counts: `[B, …, F]` divided by its length."""

    def point(self, output: Tensor) -> Tensor:
        from torch.nn.functional import normalize

        return normalize(output, dim=-1)

    def pooled(self, outputs: Tensor) -> Tensor:
        return self.point(outputs.float()).mean(dim=1)


class Nearness(Link):
    """A distance: half of a margin is a share of 1/2, and a smaller one is more. Nothing makes it a chance."""

    def __init__(self, margin: float) -> None:
        """Keep the margin."""
        self.margin = margin

    def point(self, output: Tensor) -> Tensor:
        return (self.margin / 2 - output).sigmoid()


class Shares(Link):
    """Lengths of 0 and more, one for each class, `[B, K]`: what each is of their sum."""

    def point(self, output: Tensor) -> Tensor:
        positive = output.clamp(min=1e-12)
        return positive / positive.sum(dim=1, keepdim=True)

    def pooled(self, outputs: Tensor) -> Tensor:
        positive = outputs.float().clamp(min=1e-12)
        return (positive / positive.sum(dim=2, keepdim=True)).mean(dim=1)


class Chances(Link):
    """Lengths in [0, 1], each a chance by itself."""

    def point(self, output: Tensor) -> Tensor:
        return output.clamp(1e-12, 1)


class Cumulative(Link):
    """K - 1 logits of classes in order, each of the class being above one more level, `[B, K - 1]`: shares `[B, K]` of the classes.

    Where the chance of being above a higher level comes out larger than that of a lower one, it is cut to that: a share is never
    negative.
    """

    def outputs(self, size: Size) -> Size:
        return compute((-1).__add__, size)

    def point(self, output: Tensor) -> Tensor:
        import torch

        above = output.sigmoid().cummin(dim=1).values
        edge = torch.ones_like(above[:, :1])
        return torch.cat([edge, above], dim=1) - torch.cat([above, 0 * edge], dim=1)

    def pooled(self, outputs: Tensor) -> Tensor:
        return _pooled_logits(outputs)


class Quantiles(Link):
    """Some quantiles of each value, which are sorted when they are read, so that they never cross."""

    def __init__(self, levels: tuple[float, ...]) -> None:
        """Keep the quantiles: two or more in (0, 1), ascending."""
        self.levels = levels

    @property
    def per_value(self) -> int:
        """One number a quantile."""
        return len(self.levels)

    def point(self, output: Tensor) -> Tensor:
        """The quantile nearest to the median."""
        middle = min(range(len(self.levels)), key=lambda index: abs(self.levels[index] - 0.5))
        return output.sort(dim=-1).values[..., middle]

    def interval(self, output: Tensor) -> Interval | None:
        """From the lowest to the highest quantile."""
        ordered = output.sort(dim=-1).values
        return Interval(ordered[..., 0], ordered[..., -1])

    def pooled(self, outputs: Tensor) -> Tensor:
        """The mean of each quantile, once those of each member are sorted."""
        by_value = outputs.float().reshape(*outputs.shape[:2], -1, len(self.levels))
        return by_value.sort(dim=-1).values.mean(dim=1).flatten(-2)


class Normal(Link):
    """Mean and logarithm of the variance of each value."""

    deviations: ClassVar[float] = 1.959963984540054
    """Half of the interval that holds 95 % of a normal distribution, in standard deviations."""

    @property
    def per_value(self) -> int:
        """Two."""
        return 2

    def point(self, output: Tensor) -> Tensor:
        return output[..., 0]

    def interval(self, output: Tensor) -> Interval | None:
        """95 % of the values lie in it, if the network is right."""
        mean, half = output[..., 0], self.deviations * (output[..., 1] / 2).exp()
        return Interval(mean - half, mean + half)

    def pooled(self, outputs: Tensor) -> Tensor:
        """Mean and variance of the mixture of the members' normal distributions."""
        import torch

        means, logs = outputs.float().reshape(*outputs.shape[:2], -1, 2).unbind(-1)
        mean = means.mean(dim=1)
        variance = (logs.exp() + means.square()).mean(dim=1) - mean.square()
        return torch.stack([mean, variance.clamp(min=torch.finfo(variance.dtype).tiny).log()], dim=-1).flatten(-2)


def _pooled_logits(outputs: Tensor) -> Tensor:
    """The logits, `[B, K]`, of the mean of chances that each have a logit, `[B, M, K]`: exact where chances are near 0 or 1."""
    from torch.nn.functional import logsigmoid

    outputs = outputs.float()
    return logsigmoid(outputs).logsumexp(dim=1) - logsigmoid(-outputs).logsumexp(dim=1)
