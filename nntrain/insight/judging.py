"""How good an explanation is: what happens without the parts that it names, and whether it depends on what the network has learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor

from nntrain.insight.attributing import Shares
from nntrain.insight.member_rows import MemberRows
from nntrain.insight.settings import Method
from nntrain.modules.network import Network

STEPS: Final = 20
"""Points of a deletion curve, at most."""
ORDERS: Final = 5
"""Random orders that it is compared with."""


@dataclass(frozen=True, slots=True)
class Deletion:
    """The mean answer as parts are replaced, the most important first, by those of a row that says nothing."""

    shares: tuple[float, ...]
    """Of the parts, how many are gone."""
    curve: tuple[float, ...]
    random: tuple[float, ...]
    """The same in random orders, their mean."""
    is_probability: bool
    """Whether the curve is of the probability that is explained, which is to fall; else of how far the answer has moved, which is to
    rise, in its own unit."""

    @property
    def area(self) -> float:
        """Mean of the curve."""
        return sum(self.curve) / len(self.curve)

    @property
    def random_area(self) -> float:
        """Mean of the random curve."""
        return sum(self.random) / len(self.random)

    @property
    def is_better(self) -> bool:
        """Whether the answer changes sooner than at random."""
        return self.area < self.random_area if self.is_probability else self.area > self.random_area


def deletion(rows: MemberRows, shares: Shares, seed: int) -> Deletion:
    """Take parts away, row by row in the order of their shares, and in random ones."""
    used = rows.used()
    wanted = shares.by_part if rows.is_probability else shares.by_part.abs()
    generator = torch.Generator().manual_seed(seed)
    count = min(STEPS, int(used.sum(1).max()))
    fractions = tuple((step + 1) / count for step in range(count))

    def curve(order: Tensor) -> tuple[float, ...]:
        rank = order.masked_fill(~used, -torch.inf).argsort(dim=1, descending=True, stable=True).argsort(dim=1)
        return tuple(_mean_answer(rows, shares, rank, used, fraction) for fraction in fractions)

    drawn = [curve(torch.rand(wanted.shape, generator=generator).double().to(wanted.device)) for _ in range(ORDERS)]
    random = tuple(sum(points) / ORDERS for points in zip(*drawn, strict=True))
    return Deletion(fractions, curve(wanted), random, rows.is_probability)


def _mean_answer(rows: MemberRows, shares: Shares, rank: Tensor, used: Tensor, fraction: float) -> float:
    gone_parts = (fraction * used.sum(1, keepdim=True)).round().clamp(min=1)
    answers = rows.without((rank < gone_parts) & used)
    return float((answers if rows.is_probability else (answers - shares.answers).abs()).mean())


@dataclass(frozen=True, slots=True)
class Randomisation:
    """How much an explanation is like that of the same network before it has learned anything (Adebayo et al., 2018)."""

    correlation: float
    """Rank correlation of the shares of a row, mean over rows and networks."""
    networks: int


def randomisation(
    rows: MemberRows, shares: Shares, method: Method, build: Callable[[], Network], *, seed: int, networks: int = ORDERS
) -> Randomisation | None:
    """Explain the same answers of networks with weights that are drawn anew; `None` for rows with a single part."""
    if rows.parts < 2:
        return None
    used = rows.used()
    found: list[float] = []
    with torch.random.fork_rng(devices=[]):
        for draw in range(networks):
            torch.manual_seed(seed + draw)
            drawn = [build().to(used.device).eval() for _ in rows.members]
            found += _rank_correlations(shares.by_part, rows.shares(method, seed, drawn).by_part, used)
    return Randomisation(sum(found) / len(found), networks) if found else None


def _rank_correlations(one: Tensor, other: Tensor, used: Tensor) -> list[float]:
    """Spearman's, of each row whose parts are not all alike in one of both; among the parts that are used."""
    found: list[float] = []
    for mine, theirs, mask in zip(one, other, used, strict=True):
        ranks = torch.stack([_ranks(mine[mask]), _ranks(theirs[mask])])
        if ranks.shape[1] > 1 and bool((ranks.std(dim=1) > 0).all()):
            found.append(float(torch.corrcoef(ranks)[0, 1]))
    return found


def _ranks(values: Tensor) -> Tensor:
    """The place of each value among them, float64 `[P]`; those that are equal share the middle of their places."""
    which, counts = cast("tuple[Tensor, Tensor]", torch.unique(values, return_inverse=True, return_counts=True)[1:])
    below = counts.cumsum(0) - counts
    return (below.double() + (counts.double() + 1) / 2)[which]
