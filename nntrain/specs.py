"""Symbolic tensors: what is known of a tensor before it exists. Plain Python; imports no torch.

Axes are named and the batch axis is implicit. Shape legend of the whole project: B batch, T time, F features, C channels,
D depth, H height, W width, K classes, V vocabulary. `[B, T, F]` is a sequence everywhere, `[B, C, H, W]` an image,
`[B, C, D, H, W]` a volume. The nodes of the graphs of a batch are one after another, without a batch axis: S nodes, `[S, F]`, and
E edges between them, `[2, E]`; so are the P pairs of nodes that are asked for, `[P, F]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from nntrain.errors import SpecError

Kind = Literal["float", "index", "logits", "log_prob", "probability", "mask", "embedding", "box", "edges", "capsule"]
"""What the numbers of a tensor mean. A loss refuses a kind it would misread (a softmax before cross-entropy)."""

MEANINGS: Final[Mapping[Kind, str]] = {
    "probability": "probabilities",
    "log_prob": "the logarithm of probabilities",
    "capsule": "the lengths of capsules",
}
"""In words, outputs that are no plain numbers: only losses of their kind read them."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A size that is fixed once the data is fitted: `Unknown("classes of label")`."""

    what: str

    def __str__(self) -> str:
        return f"<{self.what}>"


@dataclass(frozen=True, slots=True)
class Free(Unknown):
    """A size that the network chooses: that of a layer which is its own output, else that of the layer which is added."""

    added: int = 64


@dataclass(frozen=True, slots=True)
class Ragged:
    """The size of an axis whose length differs by row; the lengths travel along as a tensor `[B]`."""

    def __str__(self) -> str:
        return "*"


RAGGED: Final = Ragged()

Size = int | Unknown | Ragged

Axes = tuple[str, ...]

VECTOR: Final[Axes] = ("feature",)
SEQUENCE: Final[Axes] = ("time", "feature")
TOKENS: Final[Axes] = ("time",)
IMAGE: Final[Axes] = ("channel", "height", "width")
MASK: Final[Axes] = ("height", "width")
VOLUME: Final[Axes] = ("channel", "depth", "height", "width")
NODES: Final[Axes] = ("node", "feature")
PAIRS: Final[Axes] = ("pair", "feature")
CAPSULES: Final[Axes] = ("capsule", "feature")
MEMBERS: Final[Axes] = ("member", "feature")

GRAPH: Final = "@graph"
"""What the tensors begin with that say how the nodes of a batch belong together: `@graph.edges` int64 `[2, E]` (from, to),
`@graph.weights` float32 `[E]`, and `@graph.lengths` int64 `[B]`, the nodes of each row; and which pairs of them are asked for:
`@graph.pairs` int64 `[2, P]`."""


@dataclass(frozen=True, slots=True)
class Spec:
    """A symbolic tensor without its batch axis.

    `classes` is the number of values of an index tensor. `directions` is 2 where the feature axis holds a forward and a
    backward half (the output of a bidirectional layer): `pool: last` then reads each half at its own end.
    """

    axes: Axes
    sizes: tuple[Size, ...]
    kind: Kind = "float"
    classes: Size | None = None
    directions: int = 1
    sections: tuple[Size, ...] | None = field(default=None, compare=False)
    """How many of the features each field of a row has become, in their order, right behind the input stage; else `None`."""

    def __post_init__(self) -> None:
        assert len(self.axes) == len(self.sizes), (self.axes, self.sizes)

    @property
    def rank(self) -> int:
        """Number of axes without the batch axis."""
        return len(self.axes)

    @property
    def is_ragged(self) -> bool:
        """Whether an axis has lengths."""
        return RAGGED in self.sizes

    @property
    def has_nodes(self) -> bool:
        """Whether it has a value for each node of a graph."""
        return self.axes[:1] == NODES[:1]

    @property
    def is_packed(self) -> bool:
        """Whether nodes of graphs, or pairs of them, are in the place of the batch."""
        return self.axes[:1] in (NODES[:1], PAIRS[:1])

    @property
    def of_one(self) -> Spec:
        """Of nodes or pairs the tensor of one of them; anything else stays."""
        return replace(self, axes=self.axes[1:], sizes=self.sizes[1:]) if self.is_packed else self

    def dim(self, axis: str) -> int:
        """Which axis of the tensors of a batch a named axis is: the batch is axis 0, unless there are nodes or pairs in its place."""
        return self.axes.index(axis) + (0 if self.is_packed else 1)

    def for_nodes(self) -> Spec:
        """The same for each node of a graph."""
        return replace(self, axes=(*NODES[:1], *self.axes), sizes=(RAGGED, *self.sizes))

    def size(self, axis: str) -> Size:
        """Return the size of a named axis; `SpecError` if there is none."""
        if axis not in self.axes:
            raise SpecError(f"needs an axis {axis!r} and gets {self}")
        return self.sizes[self.axes.index(axis)]

    def with_last(self, size: Size, kind: Kind = "float") -> Spec:
        """Replace the size of the last axis (the features of vectors and sequences)."""
        return Spec(self.axes, (*self.sizes[:-1], size), kind)

    def with_sizes(self, **sizes: Size) -> Spec:
        """Replace the sizes of named axes; everything else stays."""
        return replace(self, sizes=tuple(sizes.get(axis, size) for axis, size in zip(self.axes, self.sizes, strict=True)), sections=None)

    def with_kind(self, kind: Kind) -> Spec:
        """The same tensor with another meaning."""
        return replace(self, kind=kind)

    def __str__(self) -> str:
        shape = ", ".join(str(size) for size in self.sizes)
        if self.kind == "index":
            return f"index [{shape}]" + (f" of {self.classes}" if self.classes is not None else "")
        return f"[{shape}]"

    def describe(self) -> str:
        """Name the tensor as a person would: `an image [1, 8, 8]`."""
        names: dict[Axes, str] = {VECTOR: "a row of numbers", SEQUENCE: "a sequence", IMAGE: "an image", VOLUME: "a volume"}
        names |= {TOKENS: "a sequence of tokens", (): "one value", NODES: "nodes of graphs", NODES[:1]: "a value for each node"}
        names |= {PAIRS: "pairs of nodes", CAPSULES: "capsules", MASK: "a mask", MEMBERS: "rows of members"}
        return f"{names.get(self.axes, 'a tensor')} {self}"


def compute(rule: Callable[..., int], *sizes: Size) -> Size:
    """Apply integer arithmetic to sizes. Ragged stays ragged; anything unknown makes the result unknown.

    The unknown result of one size keeps its name; that of several is `features`, since no name of theirs says what comes out.
    """
    for size in sizes:
        if isinstance(size, Ragged):
            return RAGGED
    for size in sizes:
        if isinstance(size, Unknown):
            return size if len(sizes) == 1 else Unknown("features")
    return rule(*sizes)


def times(size: Size, factor: Size) -> Size:
    """A size some times over."""

    def product(count: int, by: int = 1) -> int:
        return count * (factor if isinstance(factor, int) else by)

    return compute(product, size) if isinstance(factor, int) else compute(product, size, factor)


def over(size: Size, parts: Size) -> Size:
    """Size of one of several equal parts of a size."""

    def quotient(count: int, by: int = 1) -> int:
        return count // (parts if isinstance(parts, int) else by)

    return compute(quotient, size) if isinstance(parts, int) else compute(quotient, size, parts)


def known(size: Size) -> int:
    """The size as an int, where a `build()` needs it: by then every size has been fixed."""
    assert isinstance(size, int), size
    return size


NUMBER_BLOCK: Final = "@number"
CATEGORY_BLOCK: Final = "@category"


def blocks(inputs: Mapping[str, Spec]) -> dict[str, tuple[str, ...]]:
    """Group single-value input fields into the blocks they are stored in, in the order of the fields.

    `@number` is float32 `[N, F]` of all input fields with spec `[]` of kind float, `@category` int64 `[N, C]` of those of kind
    index: one gather a batch for any number of columns, instead of one a column. Data and network both follow this rule.
    Of nodes, `[S, F]` and `[S, C]` in place of `[N, F]` and `[N, C]`.
    """
    numbers = tuple(name for name, spec in inputs.items() if spec.of_one.rank == 0 and spec.kind == "float")
    categories = tuple(name for name, spec in inputs.items() if spec.of_one.rank == 0 and spec.kind == "index")
    found = {NUMBER_BLOCK: numbers, CATEGORY_BLOCK: categories}
    return {block: names for block, names in found.items() if names}


TEACHER: Final = "teacher."
"""What the key of a teacher port begins with."""


def point_output(target: str) -> str:
    """The output that predictions of a target are read from, where that is a named point."""
    return f"{target}.embedding"


def teacher_port(target: str) -> str:
    """The key under which a network reads what its task tells it of a target: the true beginning of a sequence, or its own."""
    return TEACHER + target
