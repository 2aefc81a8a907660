"""Starts a network from trained weights: compares names and shapes before data is read, and loads them once it is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from nntrain.architectures.starting import Init
from nntrain.blueprint import Blueprint
from nntrain.commands.starting.bodies import BodyStart, bodies_of
from nntrain.commands.starting.origin import PATH, Origin, find_origin, init_of
from nntrain.commands.stored.exported import exported_state
from nntrain.config.reading import Config
from nntrain.errors import CheckpointError, Problem, SpecError
from nntrain.weights.matching import PLACES, STATISTICS, Matching, Wanted, match, renamed, renaming_problems, too_few
from nntrain.weights.ordering import in_order

if TYPE_CHECKING:
    from torch import nn

    from nntrain.data.keeping import KeptFields
    from nntrain.layers.program import Program

KEPT: Final = "origin"
"""Folder of a run with what its fields keep of another run: with it, the other one is not needed again."""


@dataclass(frozen=True, slots=True)
class Start:
    """What a network starts from."""

    origin: Origin
    renaming: Mapping[str, str]
    matching: Matching

    @property
    def words(self) -> str:
        """What it is, for messages."""
        return self.origin.words

    def fingerprint(self) -> str:
        """SHA-256 of the file."""
        return self.origin.fingerprint()

    def lines(self) -> list[str]:
        """The report, for the screen."""
        first, *more = self.matching.lines()
        return [f"{self.words}: {first}", *self.origin.notes, *more]

    def record(self) -> dict[str, Any]:
        """The report, for the run."""
        return {"from": self.origin.given, "fingerprint": self.fingerprint(), **self.matching.record()}

    def load(self, network: nn.Module) -> None:
        """Fill the network's weights, and what batch norms keep beside theirs.

        Raises:
            CheckpointError: The file was changed meanwhile, or holds what no weights are.
        """
        import torch

        own = network.state_dict()
        statistics = {name: renamed(name, self.renaming) for name in own if name.rpartition(".")[2] in STATISTICS}
        owners = {name.rpartition(".")[0] for name in self.matching.loaded}
        beside = {name: theirs for name, theirs in statistics.items() if name.rpartition(".")[0] in owners}
        places = {name: renamed(name, self.renaming) for name in own if name.rpartition(".")[2] in PLACES}
        fitting = {name: theirs for name, theirs in places.items() if self.origin.shapes.get(theirs) == tuple(own[name].shape)}
        lost = [theirs for theirs in beside.values() if theirs not in self.origin.keys and not theirs.endswith("num_batches_tracked")]
        if lost:
            raise CheckpointError(f"{self.origin.words} has no {lost[0]}: the averages that belong to weights which it has")
        names = {**self.matching.loaded, **fitting, **{name: theirs for name, theirs in beside.items() if theirs in self.origin.keys}}
        for name, tensor in self.origin.tensors(names).items():
            if tensor.is_floating_point() != own[name].is_floating_point() or tensor.shape != own[name].shape:
                told = f"{tensor.dtype} {list(tensor.shape)}, not {own[name].dtype} {list(own[name].shape)}"
                raise CheckpointError(f"{self.origin.words}: {names[name]} is {told}")
            if not bool(torch.isfinite(tensor).all()):
                raise CheckpointError(f"{self.origin.words}: {names[name]} holds NaN or infinity", "weights of a state before it diverged")
            own[name].copy_(tensor)


def start_of(config: Config, blueprint: Blueprint) -> Start | None:
    """Find what a network starts from and compare it, as far as sizes and classes are known; `None` where it starts from random numbers.

    Raises:
        ConfigError: It is not there, can't be read, a line of `map` has no use, or too little of the body fits; rendered.
    """
    init = init_of(config)
    if init is None:
        return None
    origin = find_origin(config, init)
    if origin.run is None and init.fields == "keep":
        problem = Problem((*PATH, "fields"), "has no effect: a file of weights has no fields", "remove it, or name a run", on_key=True)
        raise config.error([problem])
    wanted = wanted_of(blueprint.program)
    renaming = _renaming(config, init, wanted, origin)
    matching = match(wanted, origin.shapes, renaming, _other_heads(blueprint, origin))
    problem = too_few(matching, wanted, origin.shapes, origin.words, (*PATH, "from"))
    if problem is not None:
        raise config.error([problem])
    return Start(origin, renaming, matching)


def _renaming(config: Config, init: Init, wanted: Wanted, origin: Origin) -> Mapping[str, str]:
    """What our parameters are called there. Raises `ConfigError` for a line of `map` without use, and for another order."""
    if init.map == "order":
        try:
            return in_order(wanted.shapes, origin.shapes, wanted.head)
        except SpecError as error:
            raise config.error([Problem((*PATH, "map"), error.message, error.hint)]) from None
    problems = list(renaming_problems(init.map or {}, wanted, origin.keys, (*PATH, "map")))
    if problems:
        raise config.error(problems)
    return init.map or {}


def beginning_of(config: Config, blueprint: Blueprint) -> Start | BodyStart | None:
    """What a network starts from: what `architecture.init` names, else the trained bodies in it; `None` where all is random.

    Raises:
        ConfigError: As of `start_of` and `bodies_of`.
    """
    return start_of(config, blueprint) if init_of(config) is not None else bodies_of(config, blueprint)


def pinned(blueprint: Blueprint, start: Start) -> Blueprint:
    """The same with the run that was taken in the place of a folder of runs: the latest one may be another tomorrow."""
    architecture = blueprint.experiment.architecture
    assert architecture is not None
    assert architecture.init is not None
    init = architecture.init.model_copy(update={"from_": start.origin.given})
    changed = architecture.model_copy(update={"init": init})
    return replace(blueprint, experiment=blueprint.experiment.model_copy(update={"architecture": changed}))


def kept_fields(config: Config) -> KeptFields | None:
    """What the fields of a config keep of the run that it starts from; `None` where they learn from their own rows.

    Raises:
        ConfigError: That run is not there; rendered.
        CheckpointError: It is damaged.
    """
    init = init_of(config)
    if init is None or init.fields == "refit":
        return None
    from nntrain.data.keeping import KeptFields
    from nntrain.training import checkpoint

    own = None if config.run is None else checkpoint.pointed(config.run / KEPT, "last")
    if own is not None:
        parts = checkpoint.load(own)
        return KeptFields.of(parts["source"], parts["fields"])
    origin = find_origin(config, init)
    if origin.run is None:
        return None
    _, parts = exported_state(origin.run) if origin.run.is_export else (None, checkpoint.load(origin.weights.path.parent))
    return KeptFields.of(origin.words, parts["fields"])


def keep_fields(run: Path, kept: KeptFields | None) -> None:
    """Write into a new run what its fields keep of another one. Raises `ResourceError`."""
    from nntrain.training import checkpoint

    if kept is not None:
        checkpoint.save(run / KEPT, 0, {"source": kept.source, "fields": kept.tree()}, points=("last",))


def wanted_of(program: Program) -> Wanted:
    """The parameters of a network, and which of them make its output."""
    makers = {name for names in program.output_steps.values() for name in names}
    heads = {f"{step.name}.{name}" for step in program.steps if step.name in makers for name in step.parameter_shapes}
    second: dict[str, list[str]] = {}
    for name, first in program.ties.items():
        second.setdefault(first, []).append(name)
    fresh = {
        f"{step.name}.{name}"
        for step in program.steps
        if step.adapter is not None
        for name in step.parameter_shapes
        if name.endswith(("lora_a", "lora_b"))
    }
    return Wanted(program.parameter_shapes, heads - {*program.ties}, fresh, second)


def _other_heads(blueprint: Blueprint, origin: Origin) -> dict[str, str]:
    """Parameters of heads whose numbers mean something else there, and why."""
    if origin.run is None:
        return {}
    program = blueprint.program
    steps = {step.name: step for step in program.steps}
    found: dict[str, str] = {}
    for target, names in program.output_steps.items():
        why = _other_meaning(blueprint, origin, target)
        if why is not None:
            found |= {f"{name}.{each}": why for name in names for each in steps[name].parameter_shapes}
    return found


def _other_meaning(blueprint: Blueprint, origin: Origin, target: str) -> str | None:
    """Why a head of another run answers another question; `None` where it is the same, as far as that is known."""
    saved = origin.target(target)
    if saved is None:
        return f"it has no target {target}"
    ours, init = blueprint.targets[target].target, blueprint.experiment.architecture
    if saved["settings"]["type"] != ours.field_type:
        return f"{target} is a {saved['settings']['type']} there"
    theirs = [str(name) for name in saved["learned"].get("classes", ())]
    if theirs and ours.classes and theirs != list(ours.classes):
        return f"other classes: {_listed(theirs)} there, {_listed(ours.classes)} here"
    if not theirs and init is not None and init.init is not None and init.init.fields == "refit":
        return f"{target} is scaled by its own rows here"
    return None


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" … ({len(names)})" if len(names) > 5 else "")
