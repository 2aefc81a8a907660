"""Which edges of a graph train, validate and test a network that predicts them, and pairs of nodes that are no edges. Torch-free.

What is predicted is hidden: messages go along the training edges alone, in no split along another one or its reverse.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.data.noise import derive_seed
from nntrain.errors import DataError, Problem

if TYPE_CHECKING:
    import numpy as np

    from nntrain.data.field_plan import FieldPlan
    from nntrain.data.graphs import Graphs
    from nntrain.data.settings import DataSettings
    from nntrain.data.sources.source import Part
    from nntrain.data.split import Parts
    from nntrain.data.table import Table

    Array = np.ndarray[Any, Any]

ORDER: Final[tuple[Part, ...]] = ("train", "validation", "test")
LISTED: Final = 2
"""Pairs for each known edge up to which all of them are listed, in place of drawing until enough are none."""


@dataclass(frozen=True, slots=True)
class Absent:
    """Pairs of nodes that are no edges, drawn one by one from all that there are."""

    nodes: int
    is_directed: bool
    """Whether the order of a pair counts; without it the first is the smaller."""
    taken: Array
    """Numbers of the pairs that are not drawn: edges of all splits, and what was drawn for others. Rising, int64 `[K]`."""

    def numbered(self, pairs: Array) -> Array:
        """A number for each of some pairs `[2, P]`."""
        import numpy as np

        first, second = pairs if self.is_directed else (pairs.min(axis=0), pairs.max(axis=0))
        return first.astype(np.int64) * self.nodes + second

    @property
    def left(self) -> int:
        """Pairs that can be drawn."""
        every = self.nodes * (self.nodes - 1)
        return (every if self.is_directed else every // 2) - len(self.taken)

    def draw(self, count: int, seed: int) -> Array:
        """Different pairs int64 `[2, count]`, all alike likely; all that there are where there are fewer."""
        import numpy as np

        random = np.random.default_rng(seed)
        count = min(count, self.left)
        if self.left < LISTED * len(self.taken):
            found = self._free(np.arange(self.nodes**2))
        else:
            found = np.zeros(0, dtype=np.int64)
            while len(found) < count:
                found = np.union1d(found, self._free(random.integers(self.nodes**2, size=2 * count + 16)))
        chosen = random.permutation(found)[:count]
        return np.stack([chosen // self.nodes, chosen % self.nodes])

    def _free(self, numbers: Array) -> Array:
        """Those of some numbers of pairs that are pairs and not taken."""
        import numpy as np

        first, second = numbers // self.nodes, numbers % self.nodes
        numbers = np.unique(numbers[first != second if self.is_directed else first < second])
        place = np.searchsorted(self.taken, numbers)
        is_taken = self.taken[np.minimum(place, len(self.taken) - 1)] == numbers if len(self.taken) else np.zeros(len(numbers), dtype=bool)
        return numbers[~is_taken]

    def without(self, pairs: Array) -> Absent:
        """The same, but for some pairs."""
        import numpy as np

        return replace(self, taken=np.union1d(self.taken, self.numbered(pairs)))


@dataclass(frozen=True, slots=True)
class Links:
    """The edges of a graph by split, each once, and what stands against them."""

    edges: Mapping[Part, Array]
    """Int64 `[2, M]` by split; of an undirected graph each once, the smaller node first."""
    none: Mapping[Part, Array]
    """Pairs without an edge, `[2, K]`: what is asked for in every evaluation."""
    absent: Absent
    """Where those of an epoch are drawn from: what is asked for in validation and test is left out."""
    visible: Array
    """Which of the edges of the graph messages go along, bool `[E]`: those that neither validation nor test asks for, either way."""

    def seen(self, graphs: Graphs) -> Graphs:
        """The graph that the network sees."""
        weights = None if graphs.weights is None else graphs.weights[self.visible]
        return replace(graphs, edges=graphs.edges[:, self.visible], weights=weights)


def split_links(table: Table, settings: DataSettings, ratio: float, seed: int) -> tuple[Links, str]:
    """Split the edges of a graph at random, an edge and its reverse together; how, in words. Edges of a node to itself are not asked for.

    Args:
        table: The nodes of one graph.
        settings: How large validation and test are.
        ratio: Pairs without an edge for each edge.
        seed: Seed of the split.

    Raises:
        DataError: There are too few edges, or no pairs without one.
    """
    import numpy as np

    from nntrain.data.split import split_rows

    graphs = table.graphs
    assert graphs is not None
    is_directed = settings.source.is_directed
    both = Absent(len(graphs.graph), is_directed=False, taken=np.zeros(0, dtype=np.int64))
    absent = replace(both, is_directed=is_directed)
    own = graphs.edges[:, graphs.edges[0] != graphs.edges[1]]
    numbers = np.unique(absent.numbered(own))
    pairs = np.stack([numbers // both.nodes, numbers % both.nodes])
    groups, group = np.unique(both.numbered(pairs), return_inverse=True)
    if len(groups) < 2:
        raise DataError(f"{table.name}: fewer than 2 pairs of nodes have an edge: there is nothing to split", "a table with more edges")
    absent = replace(absent, taken=numbers)
    sizes = {"validation": settings.split.validation, "test": settings.split.test}
    parts = split_rows(np.arange(len(groups)), sizes, seed=derive_seed(seed, "split"))
    edges: dict[Part, Array] = {part: pairs[:, np.isin(group, rows)] for part, rows in _by_part(parts)}
    held = groups[np.concatenate([parts.validation, parts.test])]
    none: dict[Part, Array] = {}
    for part in (*ORDER[1:], *ORDER[:1]):
        if part in edges:
            none[part] = absent.draw(round(ratio * edges[part].shape[1]), derive_seed(seed, "negatives", part))
            absent = absent if part == "train" else absent.without(none[part])
            if not none[part].shape[1]:
                raise DataError(f"{table.name}: nearly all pairs of nodes have an edge: none is left for {part}", "a sparser graph")
    visible = ~np.isin(both.numbered(graphs.edges), held)
    kind = "directed" if is_directed else "undirected"
    told = f"edges split at random, seed {seed}; {kind}: messages along {int(visible.sum()):,}" + ("" if is_directed else " both ways")
    return Links(edges, none, absent, visible), told


def _by_part(parts: Parts) -> Iterator[tuple[Part, Array]]:
    """The parts that there are, training first."""
    for part in ORDER:
        rows: Array = getattr(parts, part)
        if len(rows):
            yield part, rows


def link_problems(settings: DataSettings, plans: Sequence[FieldPlan]) -> Iterator[Problem]:
    """What does not go together with edges as the target."""
    for plan in plans:
        if plan.role == "target" and plan.field.type != "link":
            what = f"{plan.name} is of nodes or graphs, and data.source.target: edges predicts edges"
            yield Problem(("data", "fields", plan.name), what, "fix:  role: ignore, or leave data.source.target out")
        elif plan.role in ("fold", "group", "time", "split"):
            yield Problem(("data", "fields", plan.name), f"is the {plan.role} of nodes, and edges are split", "fix:  role: ignore")
    split = settings.split
    if split.by not in (None, "random"):
        yield Problem(("data", "split", "by"), f"{split.by} splits rows, and edges are split at random", "fix:  by: random")
    if split.folds is not None:
        yield Problem(("data", "split", "folds"), "cuts folds of rows, and edges are split", "remove it", on_key=True)
    if split.validation_folds is not None:
        yield Problem(("data", "split", "validation_folds"), "cuts folds of rows, and edges are split", "remove it", on_key=True)
    if settings.batch is not None:
        what = "samples rows, and the target is of pairs of nodes: a step has all of them"
        yield Problem(("data", "batch"), what, "remove it", on_key=True)
