"""Optimizers of their own for the nodes of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from nntrain.errors import Problem
from nntrain.optimizers.groups import ParameterGroup
from nntrain.optimizers.optimizer import Beside, Optimizer
from nntrain.optimizers.settings import AnyOptimizer
from nntrain.parameter_names import matches, near_names

if TYPE_CHECKING:
    import torch


class ByNode(Optimizer):
    """An optimizer for each node: `{generator: {type: adam, lr: 2e-4}, discriminator: {type: adam, lr: 1e-4}}`.

    A name stands for everything below it: a node, a layer; it may be a pattern of parameter names, of which the first that matches counts:
    `{head: sgd, "*": adamw}`. The schedule moves each rate from its own start.
    """

    type: Literal["by_node"] = "by_node"
    nodes: Annotated[dict[str, AnyOptimizer], Field(min_length=2)]
    """The optimizers by node. They may stand without this word: `optimizer: {NODE: …, NODE: …}`."""

    joins: ClassVar[bool] = True

    @model_validator(mode="before")
    @classmethod
    def _reads_nodes(cls, value: object) -> object:
        """Refuse options that belong to the nodes; read `{a: …, b: …}` as `{nodes: {a: …, b: …}}`."""
        if not isinstance(value, dict):
            return value
        written = cast("dict[str, Any]", value)
        inside = {name: given for name, given in written.items() if name != "type"}
        nodes = cast("object", written.get("nodes", inside))
        for option in inside:
            is_node = "nodes" not in written and _is_optimizer(inside[option]) and option not in Optimizer.model_fields
            if option != "nodes" and not is_node:
                raise _of_each_node(option, inside[option], nodes)
        if isinstance(nodes, dict) and len(cast("dict[str, Any]", nodes)) < 2:
            raise PydanticCustomError(
                "few_nodes", "by_node needs two nodes or more", {"hint": "fix:  {NODE: adam, OTHER: sgd}, or one: adam"}
            )
        return cast("dict[str, object]", {"type": "by_node", "nodes": nodes})

    @model_validator(mode="after")
    def _are_simple(self) -> Self:
        for name, optimizer in self.nodes.items():
            if optimizer.needs_closure or optimizer.splits_matrices or optimizer.joins:
                raise PydanticCustomError(
                    "not_by_node", "{type} moves a network as a whole, not the node {name} alone", {"type": optimizer.type, "name": name}
                )
            if optimizer.groups or optimizer.layer_decay is not None:
                option = "groups" if optimizer.groups else "layer_decay"
                raise PydanticCustomError(
                    "not_by_node", "{option} does not go with optimizers by node ({name})", {"option": option, "name": name}
                )
        return self

    @model_validator(mode="after")
    def _takes_the_largest_rate(self) -> Self:
        rate = max(optimizer.lr for optimizer in self.nodes.values())
        return self if self.lr == rate else self.model_copy(update={"lr": rate})

    @property
    def parts(self) -> Mapping[str, Optimizer]:
        return self.nodes

    def dump(self) -> dict[str, Any]:
        """By node, as it is written."""
        return {name: optimizer.dump() for name, optimizer in self.nodes.items()}

    def problems(self, beside: Beside) -> Iterator[Problem]:
        for name, optimizer in self.nodes.items():
            for problem in optimizer.problems(beside):
                is_own = problem.path[:1] == ("optimizer",)
                yield replace(problem, path=("optimizer", name, *problem.path[1:])) if is_own else problem

    def warnings(self, beside: Beside) -> Iterator[str]:
        for optimizer in self.nodes.values():
            yield from optimizer.warnings(beside)

    def part_of(self, name: str) -> str:
        return next(node for node in self.nodes if matches(node, name))

    def unmoved(self, names: Sequence[str]) -> list[Problem]:
        """Nodes that move no parameter, and parameters without an optimizer."""
        owners = {name: next((node for node in self.nodes if matches(node, name)), None) for name in names}
        problems = [
            Problem(("optimizer", node), f"{node!r} moves no parameter that is trained", _near(node, names), on_key=True)
            for node in self.nodes
            if node not in owners.values()
        ]
        left = list(dict.fromkeys(name.partition(".")[0] for name, owner in owners.items() if owner is None))
        if left:
            what = f"does not say how the parameters of {' and '.join(left)} are moved"
            problems.append(Problem(("optimizer",), what, f"fix:  {left[0]}: adamw"))
        return problems

    def build(self, groups: list[ParameterGroup]) -> torch.optim.Optimizer:
        from nntrain.modules.joint_optimizer import JointOptimizer

        own = {node: [part for group in groups if (part := self._part(group, node))["params"]] for node in self.nodes}
        return JointOptimizer([optimizer.build(own[node]) for node, optimizer in self.nodes.items() if own[node]])

    def _part(self, group: ParameterGroup, node: str) -> ParameterGroup:
        """Those parameters of a group that a node moves."""
        return {**group, "params": [(name, parameter) for name, parameter in group["params"] if self.part_of(name) == node]}


def _is_optimizer(given: object) -> bool:
    """Whether a value may be an optimizer, as it is written or read."""
    return isinstance(given, dict | str | Optimizer)


def _of_each_node(option: str, given: object, nodes: object) -> PydanticCustomError:
    """What to say of an option that stands beside the nodes."""
    names = [name for name in cast("dict[str, Any]", nodes) if name != option] if isinstance(nodes, dict) else []
    first, second, *_ = [*names, *["NODE", "OTHER"][len(names[:2]) :]]
    hint = f"fix:  optimizer: {{{first}: {{type: adam, {option}: {given}}}, {second}: {{…}}}}"
    return PydanticCustomError("of_each_node", "{option} belongs to each node", {"option": option, "hint": hint})


def _near(node: str, names: Sequence[str]) -> str:
    return f"near names: {', '.join(near_names(node, names))}"
