"""Attention: each step of a sequence becomes a mean of what other steps hold, by how well they match."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Final, Literal, Self

from pydantic import Field, PositiveInt, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer, Need
from nntrain.layers.merging import Merge
from nntrain.layers.requirements import divisors_hint, need_known
from nntrain.layers.windows import need_sequence
from nntrain.specs import SEQUENCE, Size, Spec, Unknown, known

if TYPE_CHECKING:
    from torch import nn


NEEDS: Final[frozenset[Need]] = frozenset({"lengths", "side_lengths", "state"})


class MultiheadAttention(Layer):
    """Multi-head attention (Vaswani et al. 2017): [B, T, F] -> [B, T, dim]; steps beyond a row's length are neither seen nor filled.

    Self attention, or with `memory` the steps look at those of a named point. Computed by torch's `scaled_dot_product_attention`;
    parameters and initial values are those of `torch.nn.MultiheadAttention`. Causal attention carries the keys and values of the
    steps so far as its state.
    """

    main: ClassVar[str | None] = "num_heads"
    needs: ClassVar[frozenset[Need]] = NEEDS

    ports: ClassVar[tuple[str, ...]] = ("query", "memory")

    type: Literal["multihead_attention"] = "multihead_attention"
    num_heads: PositiveInt
    """Heads, each of `dim / num_heads` numbers."""
    dim: PositiveInt | None = None
    """Numbers of all heads together, which come out. Default: as many as come in."""
    num_kv_heads: PositiveInt | None = None
    """Heads of keys and values, each shared by a group of query heads (Ainslie et al. 2023). Default: `num_heads`."""
    causal: bool = False
    """Whether a step sees only itself and earlier ones."""
    rotary: bool = False
    """Whether queries and keys are turned by their position, pair by pair (Su et al. 2021), so that distances count."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the weights of attention that are set to zero, in training."""
    bias: bool = True
    """Whether the projections have learned offsets."""
    memory: str | None = None
    """A named point whose steps are looked at instead of the layer's own: cross attention. In a node: `from: {query: a, memory: b}`."""

    @model_validator(mode="after")
    def _orders_are_of_one_sequence(self) -> Self:
        for option in ("causal", "rotary"):
            if self.memory is not None and getattr(self, option):
                raise PydanticCustomError(
                    "order_of_two_sequences", "{option} compares steps of one sequence, and memory is another", {"option": option}
                )
        return self

    @property
    def is_causal(self) -> bool:
        return self.causal

    @property
    def looks_ahead(self) -> bool:
        return not self.causal and self.memory is None

    @property
    def counts_steps(self) -> bool:
        return self.memory is None

    def reads(self) -> tuple[str, ...]:
        return () if self.memory is None else (self.memory,)

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        _need_alike(spec, *side)
        dim = _checked(self, spec)
        size = dim // self.num_heads if isinstance(dim, int) else None
        if self.rotary and size is not None and size % 2:
            raise SpecError(
                f"turns pairs of numbers (rotary), and a head has {size}: {dim} over {self.num_heads} heads",
                hint="another num_heads, or other positions than rotary",
                options=("num_heads", "dim"),
            )
        return Spec(SEQUENCE, (spec.size("time"), dim))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _shapes(self, spec)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.attention import CrossAttention, SelfAttention

        if side:
            return CrossAttention(*_sizes(self, spec), bias=self.bias, dropout=self.dropout)
        return SelfAttention(*_sizes(self, spec), causal=self.causal, rotary=self.rotary, bias=self.bias, dropout=self.dropout)


class CrossAttention(Merge):
    """Steps of one sequence look at those of another: query [B, T, F], memory [B, S, F] -> [B, T, dim] (Vaswani et al. 2017).

    The stream, or the first name, asks; the second is looked at, within the lengths of its rows. See `multihead_attention`.
    """

    is_pair: ClassVar[bool] = True
    aligned: ClassVar[bool] = False
    needs: ClassVar[frozenset[Need]] = NEEDS

    type: Literal["cross_attention"] = "cross_attention"
    num_heads: PositiveInt = 8
    """Heads, each of `dim / num_heads` numbers."""
    dim: PositiveInt | None = None
    """Numbers of all heads together, which come out. Default: as many as a step of the query has."""
    num_kv_heads: PositiveInt | None = None
    """Heads of keys and values, each shared by a group of query heads. Default: `num_heads`."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the weights of attention that are set to zero, in training."""
    bias: bool = True
    """Whether the projections have learned offsets."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        need_sequence(spec)
        _need_alike(spec, *side)
        return Spec(SEQUENCE, (spec.size("time"), _checked(self, spec)))

    def parameter_shapes(self, spec: Spec, *side: Spec) -> dict[str, tuple[Size, ...]]:
        return _shapes(self, spec)

    def build(self, spec: Spec, *side: Spec) -> nn.Module:
        from nntrain.modules.attention import CrossAttention as CrossAttentionModule

        return CrossAttentionModule(*_sizes(self, spec), bias=self.bias, dropout=self.dropout)


def _need_alike(spec: Spec, *side: Spec) -> None:
    """Refuse a memory that is no sequence, or whose steps have another size.

    Raises:
        SpecError: They have.
    """
    for memory in side:
        need_sequence(memory)
        sizes = spec.size("feature"), memory.size("feature")
        if all(isinstance(size, int) for size in sizes) and sizes[0] != sizes[1]:
            raise SpecError(
                f"compares steps of one size, and gets {spec.describe()} and {memory.describe()} as memory",
                hint=f"put  linear: {sizes[0]}  after the memory",
            )


AnyAttention = MultiheadAttention | CrossAttention


def _checked(layer: AnyAttention, spec: Spec) -> Size:
    """Numbers of all heads together.

    Raises:
        SpecError: Heads don't share them evenly.
    """
    need_known(num_heads=layer.num_heads, num_kv_heads=layer.num_kv_heads)
    dim: Size = layer.dim if layer.dim is not None else spec.size("feature")
    if isinstance(dim, int) and dim % layer.num_heads:
        told = f"splits {dim} numbers into {layer.num_heads} heads of one size, which doesn't work out"
        raise SpecError(told, divisors_hint("num_heads", dim), ("num_heads", "dim"))
    if layer.num_kv_heads is not None and layer.num_heads % layer.num_kv_heads:
        told = f"shares {layer.num_kv_heads} heads of keys and values among {layer.num_heads}, which doesn't work out"
        raise SpecError(told, divisors_hint("num_kv_heads", layer.num_heads), ("num_kv_heads",))
    return dim


def _shapes(layer: AnyAttention, spec: Spec) -> dict[str, tuple[Size, ...]]:
    features = spec.size("feature")
    dim: Size = layer.dim if layer.dim is not None else features
    rows = dim if isinstance(dim, Unknown) else known(dim) + 2 * (known(dim) // layer.num_heads) * (layer.num_kv_heads or layer.num_heads)
    shapes: dict[str, tuple[Size, ...]] = {"in_proj_weight": (rows, features)}
    shapes |= {"in_proj_bias": (rows,)} if layer.bias else {}
    shapes |= {"out_proj.weight": (dim, dim)}
    return shapes | ({"out_proj.bias": (dim,)} if layer.bias else {})


def _sizes(layer: AnyAttention, spec: Spec) -> tuple[int, int, int, int]:
    """Features that come in, numbers of all heads, heads, heads of keys and values."""
    features = known(spec.size("feature"))
    return features, known(layer.dim or features), layer.num_heads, layer.num_kv_heads or layer.num_heads
