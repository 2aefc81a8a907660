"""Which parameters decay and which have a rate of their own."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypedDict

from nntrain.errors import ConfigError, Problem
from nntrain.nearest import nearest
from nntrain.optimizers.optimizer import GroupRule

if TYPE_CHECKING:
    from torch import nn

_FUSIBLE_DEVICES = {"cpu", "cuda"}


class ParameterGroup(TypedDict):
    """One of torch's parameter groups; the rate is `None` where it is the optimizer's."""

    params: list[tuple[str, nn.Parameter]]
    weight_decay: float
    lr: float | None


def parameter_groups(
    network: nn.Module, *, weight_decay: float = 0.0, decay_all: bool = False, rules: Sequence[GroupRule] = ()
) -> list[ParameterGroup]:
    """Sort the trainable parameters of a network into groups.

    Biases, the parameters of norms and embeddings, and all others with a single axis (scales, slopes) do not decay unless
    `decay_all` is set. The first rule that matches a name gives its rate.

    Raises:
        ConfigError: A rule gives no parameter a rate, or nothing is trainable.
    """
    exempt: set[int] = set() if decay_all else _without_decay(network)
    trainable = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    if not trainable:
        raise ConfigError([Problem(("architecture",), "has no parameter that can be trained")])
    problems = unused_rules(rules, [name for name, _ in trainable])
    if problems:
        raise ConfigError(problems)
    groups: dict[tuple[float, float | None], ParameterGroup] = {}
    for name, parameter in trainable:
        decay = 0.0 if id(parameter) in exempt else weight_decay
        lr = next((rule.lr for rule in rules if matches(rule.match, name)), None)
        group = groups.setdefault((decay, lr), ParameterGroup(params=[], weight_decay=decay, lr=lr))
        group["params"].append((name, parameter))
    return list(groups.values())


def unused_rules(rules: Sequence[GroupRule], names: Sequence[str]) -> list[Problem]:
    """Rules that give none of the named parameters a rate; the first rule that matches a name gives it."""
    used = {next((index for index, rule in enumerate(rules) if matches(rule.match, name)), None) for name in names}
    return [_unused(index, rules, names) for index in range(len(rules)) if index not in used]


def matches(pattern: str, name: str) -> bool:
    """Whether a pattern names a parameter, or a part of the network that it is in: `head`, `head.*` and `*.weight` match `head.weight`."""
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")


def near_names(pattern: str, names: Sequence[str]) -> list[str]:
    """Parameter names, and names of parts, that resemble a pattern; else some of the parts."""
    parts = {".".join(name.split(".")[:depth]): None for name in names for depth in range(1, name.count(".") + 2)}
    return nearest(pattern, parts, cutoff=0.5, within=1) or [part for part in parts if "." not in part][:5]


def with_rates(groups: Sequence[ParameterGroup], lr: float) -> list[dict[str, Any]]:
    """Groups as torch takes them: each with its rate, also as `initial_lr`, which schedules start from."""
    rates = [lr if group["lr"] is None else group["lr"] for group in groups]
    return [{**group, "lr": rate, "initial_lr": rate} for group, rate in zip(groups, rates, strict=True)]


def is_fusible(groups: Sequence[ParameterGroup]) -> bool:
    """Whether torch can update all parameters in one kernel."""
    parameters = [parameter for group in groups for _, parameter in group["params"]]
    return all(parameter.device.type in _FUSIBLE_DEVICES and parameter.is_floating_point() for parameter in parameters)


def _unused(index: int, rules: Sequence[GroupRule], names: Sequence[str]) -> Problem:
    pattern = rules[index].match
    path = ("optimizer", "groups", index, "match")
    if any(matches(pattern, name) for name in names):
        return Problem(path, f"{pattern!r} matches only parameters that a rule before it has", "the first match wins: put it further up")
    return Problem(path, f"{pattern!r} matches no parameter that is trained", f"near names: {', '.join(near_names(pattern, names))}")


def _without_decay(network: nn.Module) -> set[int]:
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]

    whole = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag)
    return {
        id(parameter)
        for module in network.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, whole) or parameter.ndim < 2 or "bias" in name.split("_")
    }
