"""One node of a graph, and where a target hangs."""

from __future__ import annotations

import re
from collections.abc import Collection
from fnmatch import fnmatchcase
from typing import Annotated, Any, ClassVar, Final, cast

from pydantic import Field, PositiveFloat, model_validator
from pydantic_core import PydanticCustomError

from nntrain.architectures.architecture import written_below
from nntrain.errors import YamlPath
from nntrain.layers.encoding import AnyEncoding
from nntrain.layers.layer import Layer
from nntrain.layers.merging import Merge
from nntrain.layers.settings import AnyLayer
from nntrain.schema import StrictModel

NODE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
OWN_KEYS: Final = ("from", "layers", "layer", "encode", "same_as")
SHARED_KEYS: Final = ("name", "freeze")
"""Keys of a node that has `layers`; beside a single layer they are the layer's."""


class Node(StrictModel):
    """One named part: `{from: photo, layers: […]}`, or with a single layer, block or family: `{from: photo, linear: 64}`."""

    rest: ClassVar[str | None] = "layer"

    from_: str | tuple[str, ...] | dict[str, str] | None = Field(default=None, alias="from")
    """What it reads: nodes, named points, input fields, field types, or `inputs` for all fields. A merge names them itself. For a layer
    whose inputs have names, by name: `{query: a, memory: b}` for multihead_attention."""
    layers: tuple[AnyLayer, ...] | None = None
    """Its layers."""
    layer: AnyLayer | None = None
    """Its only layer, usually written by its name: `linear: 64`."""
    same_as: str | None = None
    """Another node whose layers are applied again, with the same weights, to what this one reads."""
    encode: AnyEncoding | dict[str, AnyEncoding] | None = None
    """How fields reach it: one way for all its categories, or by field. Default: as `architecture.inputs` says."""
    name: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    """A second name of what it gives, beside its own."""
    freeze: bool = False
    """`true`: its weights stay as they are, and batch norms in it keep their averages."""

    @model_validator(mode="before")
    @classmethod
    def _single_layer(cls, value: object) -> object:
        """Read `{from: a, linear: 64}` as `{from: a, layer: {linear: 64}}`."""
        if not isinstance(value, dict):
            return value
        # What a validator returns is read with Python's rules, by which a list is no tuple.
        items = cast("dict[str, Any]", value).items()
        written: dict[str, Any] = {key: tuple(cast("list[Any]", option)) if isinstance(option, list) else option for key, option in items}
        kept = (*OWN_KEYS, *SHARED_KEYS)
        rest = {key: option for key, option in written.items() if key not in kept}
        if not rest:
            return written
        if "layers" in written or "layer" in written:
            raise PydanticCustomError(
                "node_of_two_forms", "a node has either layers or one layer, and this one has {keys} too", {"keys": ", ".join(rest)}
            )
        if "same_as" in written:
            raise PydanticCustomError(
                "node_with_two_contents",
                "has the layers of {node} and {keys} of its own: one of the two",
                {"node": written["same_as"], "keys": ", ".join(rest)},
            )
        of_layer = {key: written[key] for key in SHARED_KEYS if key in written}
        return {**{key: option for key, option in written.items() if key in OWN_KEYS}, "layer": {**rest, **of_layer}}

    @model_validator(mode="after")
    def _has_content(self) -> Node:
        if self.same_as is not None and (self.content or self.freeze):
            raise PydanticCustomError(
                "node_with_two_contents", "has the layers of {node}, and only `from` of its own", {"node": self.same_as}
            )
        if self.from_ is None and not isinstance(self.layer, Merge):
            raise PydanticCustomError("node_without_source", "needs to say what it reads: {from: NAME, …}")
        if self.from_ is not None and isinstance(self.layer, Merge) and isinstance(self.from_, tuple):
            raise PydanticCustomError(
                "merge_with_from", "a merge of nodes names them itself: {{type}: [{names}]}", _merge_context(self.layer.type, self.from_)
            )
        if isinstance(self.from_, dict):
            ports = () if self.layer is None else self.layer.ports
            if set(self.from_) != set(ports):
                what = "its layers read one" if not ports else f"{', '.join(ports)} are the names"
                raise PydanticCustomError("ports", "names inputs {found}, and {what}", {"found": " and ".join(self.from_), "what": what})
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """What `from` says."""
        if self.from_ is None:
            return ()
        if isinstance(self.from_, dict):
            assert self.layer is not None
            return (self.from_[self.layer.ports[0]],)
        return (self.from_,) if isinstance(self.from_, str) else self.from_

    @property
    def content(self) -> tuple[Layer, ...]:
        """Its layers, however they are written."""
        if self.layer is None:
            return self.layers or ()
        if isinstance(self.from_, dict):
            return (self.layer.model_copy(update={port: self.from_[port] for port in self.layer.ports[1:]}),)
        return (self.layer,)

    def is_output(self) -> bool:
        """Whether it ends in a layer that is its own output."""
        return bool(self.content) and self.content[-1].is_output()


class HeadSettings(StrictModel):
    """Where a target hangs, and what stands between."""

    from_: str = Field(alias="from")
    """Node or named point."""
    layers: tuple[AnyLayer, ...] | None = None
    """Layers in place of the task's output layer; `[]` adds nothing."""
    weight: PositiveFloat | None = None
    """What the loss of a second head of a target is multiplied by; default 1. Predictions come from the first."""


def reads(node: Node) -> list[str]:
    """Everything that a node reads by name."""
    found = list(node.sources)
    for layer in node.content:
        found += [*layer.reads(), *(name for _, inner in written_below(layer, ()) for name in inner.reads())]
    own = set(declared(node))
    return [name for name in found if name not in own]


def declared(node: Node) -> list[str]:
    """Points that a node's layers name."""
    layers = [inner for layer in node.content for inner in (layer, *(below for _, below in written_below(layer, ())))]
    return [name for name in (node.name, *(layer.name for layer in layers)) if name is not None]


def means(want: str, names: Collection[str]) -> bool:
    """Whether a name, a pattern, or `node.output` means one of some points."""
    return want in names or want.rpartition(".")[0] in names or any(fnmatchcase(name, want) for name in names)


def places(node: Node, path: YamlPath) -> list[tuple[YamlPath, Layer]]:
    """A node's layers with their places."""
    if node.layer is not None:
        return [((*path, "layer"), node.layer)]
    return [((*path, "layers", index), layer) for index, layer in enumerate(node.layers or ())]


def _merge_context(kind: str, names: tuple[str, ...]) -> dict[str, Any]:
    return {"type": kind, "names": ", ".join(names)}
