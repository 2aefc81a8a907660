"""Layers as the contracts see them: built for one spec, called on one tensor, in double precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from nntrain.errors import SpecError
from nntrain.layers.layer import Layer
from nntrain.layers.program import Program
from nntrain.layers.scope import Draft, Scope, UnplacedError
from nntrain.layers.settings import AnyLayer
from nntrain.schema import StrictModel
from nntrain.specs import GRAPH, Ragged, Size, Spec

if TYPE_CHECKING:
    from layer_cases import Case


class Written(StrictModel):
    """A place where any layer may stand, as in a config."""

    layer: AnyLayer


def read(written: object) -> Layer:
    """The layer that a config means."""
    return Written.parse({"layer": written}).layer


@dataclass(frozen=True)
class Subject:
    """A built layer."""

    layer: Layer
    module: nn.Module
    takes: Spec
    """What goes in."""
    spec: Spec
    """What comes out."""
    shapes: dict[str, tuple[Size, ...]]
    """What the layer says of its parameters."""
    is_program: bool

    def __call__(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        """The output for `[B, …]`; of nodes `[S, F]`, those of one graph."""
        if self.takes.has_nodes:
            given_graph = graph_of(x)
            if self.is_program:
                return self.module({"x": x, **{f"{GRAPH}.{name}": value for name, value in given_graph.items()}})[0]["y"]
            names: dict[str, str] = {"edges": "edges", "edge_weights": "weights", "lengths": "lengths", "pairs": "pairs"}
            return self.module(x, **{need: given_graph[name] for need, name in names.items() if need in self.layer.needs})
        if self.is_program:
            inputs = {"x": x}
            if self.takes.is_ragged:
                inputs["x.lengths"] = torch.full((len(x),), x.shape[1]) if lengths is None else lengths
            return self.module(inputs)[0]["y"]
        returned = self.module(x, **given(self.layer, lengths))
        return returned if isinstance(returned, Tensor) else returned[0]


def given(layer: Layer, lengths: Tensor | None) -> dict[str, Any]:
    """What a module gets beside its input."""
    return {"lengths": lengths} if "lengths" in layer.needs else {}


def graph_of(x: Tensor) -> dict[str, Tensor]:
    """One graph of all nodes `[S, …]`: a ring in both directions, and a node that is its own neighbour; asked for are pairs two apart."""
    here = torch.arange(len(x))
    there = here.roll(1)
    loop = torch.zeros(1, dtype=torch.int64)
    edges = torch.stack([torch.cat([here, there, loop]), torch.cat([there, here, loop])])
    pairs = torch.stack([here, here.roll(2)])
    return {"edges": edges, "weights": torch.linspace(0.5, 2, edges.shape[1]), "lengths": torch.tensor([len(x)]), "pairs": pairs}


def is_composite(layer: Layer) -> bool:
    """Whether a layer consists of others and makes no module of its own."""
    return type(layer).place is not Layer.place


def compiled(layer: Layer, spec: Spec) -> Program:
    """A program of this one layer over a field `x`. Raises `SpecError` where it does not fit."""
    draft = Draft(root=(), fields={"x": spec})
    scope = Scope(draft, ())
    try:
        output = scope.place(layer, scope.input("x", spec))
    except UnplacedError:
        raise SpecError(draft.problems[0].message, draft.problems[0].hint) from None
    return Program(inputs={"x": spec}, steps=tuple(draft.steps.values()), outputs={"y": output})


def subject(layer: Layer, spec: Spec) -> Subject:
    """Build a layer by itself; one that consists of others as a program. Raises `SpecError` where it does not fit."""
    torch.manual_seed(0)
    if is_composite(layer):
        program = compiled(layer, spec)
        return Subject(layer, program.build().double(), spec, program.outputs["y"].spec, program.parameter_shapes, is_program=True)
    out = layer.out_spec(spec)
    return Subject(layer, layer.build(spec).double(), spec, out, layer.parameter_shapes(spec), is_program=False)


def subject_of(case: Case) -> Subject:
    """The subject of a row."""
    return subject(read(case.written), case.spec)


def spec_of(case: Case) -> Spec:
    """What a row's layer gives."""
    layer = read(case.written)
    return compiled(layer, case.spec).outputs["y"].spec if is_composite(layer) else layer.out_spec(case.spec)


def tensor(spec: Spec, rows: int, steps: int = 9, seed: int = 1) -> Tensor:
    """A batch `[rows, …]` as a spec says, ragged axes `steps` long, nodes `rows * steps`. Index 0 is left out: its vector is zero."""
    generator = torch.Generator().manual_seed(seed)
    sizes = tuple(steps if isinstance(size, Ragged) else size for size in spec.sizes)
    shape = (rows * steps, *sizes[1:]) if spec.has_nodes else (rows, *sizes)
    if spec.kind == "index":
        return torch.randint(1, spec.classes, shape, generator=generator)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def shape_of(spec: Spec, out: Tensor) -> tuple[Size, ...]:
    """The shape of a tensor as a spec would have it: ragged axes compare with anything."""
    return tuple(
        size if isinstance(size, Ragged) else actual
        for size, actual in zip(spec.sizes, out.shape[0 if spec.is_packed else 1 :], strict=True)
    )
