"""What is known of a kind of trained network of others: the parts it has, and what their tensors are called. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from nntrain.weights.hub_config import HubFacts

Making = Literal["plain", "turned", "stacked", "tokens", "places", "unbatched"]
"""How tensors become a parameter: as it is; rows and columns exchanged; one below another; a vector for each token, behind those of
padding and of the unknown; a vector for each place, with the one that stands for a first text added; without its first axis, of size 1."""

Family = Literal["transformer_encoder", "gpt", "vit", "resnet"]
"""The family of ours that is the same network."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a parameter is made of."""

    names: tuple[str, ...]
    making: Making = "plain"


Part = Mapping[str, Piece]
"""The parameters of one layer, by their own names."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of network: `model_type` of its config, or timm's `architecture`."""

    family: Family
    options: Callable[[HubFacts], dict[str, object]]
    """Our options, from its config."""
    anchor: str
    """A tensor of its own: what stands before this name stands before all names; empty where nothing does."""
    parts: Mapping[str, Part]
    """What stands outside the blocks: `embedding`, `position`, `embedding_norm`, `end`."""
    block: Mapping[str, Part]
    """What stands in each: `attention`, `norm_1`, `hidden`, `output`, `norm_2`; `{i}` is its number, from 0, in the stage `{stage}`, from
    0, or `{nth}`, from 1."""
    must: Mapping[str, object] = field(default_factory=dict[str, object])
    """Settings that change what such a network computes, as they must be."""


def dense(name: str, making: Making = "plain") -> Part:
    """The parameters of a linear layer, or of a layer norm."""
    return {"weight": Piece((f"{name}.weight",), making), "bias": Piece((f"{name}.bias",))}


def attention(queries: str, keys: str, values: str, output: str) -> Part:
    """The parameters of an attention, whose three projections stand apart there."""
    parts = (queries, keys, values)
    return {
        "in_proj_weight": Piece(tuple(f"{part}.weight" for part in parts), "stacked"),
        "in_proj_bias": Piece(tuple(f"{part}.bias" for part in parts), "stacked"),
        **joint_output(output),
    }


def joint_output(name: str) -> Part:
    """The projection behind an attention."""
    return {f"out_proj.{own}": piece for own, piece in dense(name).items()}


def averaged(name: str) -> Part:
    """The parameters of a batch norm, and its averages."""
    return {own: Piece((f"{name}.{own}",)) for own in ("weight", "bias", "running_mean", "running_var")}
