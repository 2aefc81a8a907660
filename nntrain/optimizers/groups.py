"""Which parameters decay and which have a rate of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from nntrain.errors import ConfigError, Problem
from nntrain.optimizers.optimizer import GroupRule
from nntrain.parameter_names import matches, near_names

if TYPE_CHECKING:
    from torch import nn

_FUSIBLE_DEVICES = {"cpu", "cuda"}


class ParameterGroup(TypedDict):
    """One of torch's parameter groups, before it has its rate."""

    params: list[tuple[str, nn.Parameter]]
    weight_decay: float
    lr: float | None
    """The rate of a rule; `None` where it is the optimizer's."""
    scale: float
    """What the optimizer's rate is multiplied by; 1 for an absolute rate of a rule."""
    is_matrix: bool
    """Whether these are the weight matrices of hidden layers, where the optimizer wants them apart."""


def parameter_groups(
    network: nn.Module,
    *,
    weight_decay: float = 0.0,
    decay_all: bool = False,
    rules: Sequence[GroupRule] = (),
    scales: Mapping[str, float] | None = None,
    matrices: Collection[str] = (),
) -> list[ParameterGroup]:
    """Sort the trainable parameters of a network into groups.

    Biases, the parameters of norms and embeddings, the lengths that `weight_norm` learns, and all others with a single axis (scales,
    slopes) do not decay unless `decay_all` is set. The first rule that matches a name gives its rate and decay.

    Args:
        network: The network.
        weight_decay: Decay of the parameters that decay.
        decay_all: Whether all do.
        rules: Other rates and decays.
        scales: Factors on the optimizer's rate, by parameter name; 1 where a name is missing.
        matrices: Names of parameters that are wanted in groups of their own.

    Raises:
        ConfigError: A rule acts on no parameter, or nothing is trainable.
    """
    exempt: set[int] = set() if decay_all else without_decay(network)
    trainable = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    if not trainable:
        raise ConfigError([Problem(("architecture",), "has no parameter that can be trained")])
    names = [name for name, _ in trainable]
    problems = [*unused_rules(rules, names), *_idle_rules(rules, [name for name, value in trainable if id(value) not in exempt], names)]
    if problems:
        raise ConfigError(problems)
    groups: dict[tuple[float, float | None, float, bool], ParameterGroup] = {}
    for name, parameter in trainable:
        rule = next((rule for rule in rules if matches(rule.match, name)), None)
        own_decay = None if rule is None else rule.weight_decay
        decay = 0.0 if id(parameter) in exempt else weight_decay if own_decay is None else own_decay
        lr = None if rule is None else rule.lr
        factor = 1.0 if rule is None or rule.lr_factor is None else rule.lr_factor
        scale = 1.0 if lr is not None else factor if scales is None else factor * scales.get(name, 1.0)
        new = ParameterGroup(params=[], weight_decay=decay, lr=lr, scale=scale, is_matrix=name in matrices)
        groups.setdefault((decay, lr, scale, new["is_matrix"]), new)["params"].append((name, parameter))
    return list(groups.values())


def unused_rules(rules: Sequence[GroupRule], names: Sequence[str]) -> list[Problem]:
    """Rules that act on none of the named parameters; the first rule that matches a name acts on it."""
    used = {next((index for index, rule in enumerate(rules) if matches(rule.match, name)), None) for name in names}
    return [_unused(index, rules, names) for index in range(len(rules)) if index not in used]


def with_rates(groups: Sequence[ParameterGroup], lr: float) -> list[dict[str, Any]]:
    """Groups as torch takes them: each with its rate, also as `initial_lr`, which schedules start from."""
    rates = [lr * group["scale"] if group["lr"] is None else group["lr"] for group in groups]
    return [
        {"params": group["params"], "weight_decay": group["weight_decay"], "lr": rate, "initial_lr": rate}
        for group, rate in zip(groups, rates, strict=True)
    ]


def is_fusible(groups: Sequence[ParameterGroup]) -> bool:
    """Whether torch can update all parameters in one kernel."""
    parameters = [parameter for group in groups for _, parameter in group["params"]]
    return all(parameter.device.type in _FUSIBLE_DEVICES and parameter.is_floating_point() for parameter in parameters)


def _idle_rules(rules: Sequence[GroupRule], decaying: Sequence[str], names: Sequence[str]) -> list[Problem]:
    """Rules that give a weight decay only to parameters that don't decay."""
    first = {name: next((index for index, rule in enumerate(rules) if matches(rule.match, name)), None) for name in names}
    acting, used = {first[name] for name in decaying}, set(first.values())
    message = "has no effect: biases, norms and embeddings do not decay, and the pattern matches nothing else"
    return [
        Problem(("optimizer", "groups", index, "weight_decay"), message, "fix:  regularization.decay_all: true, or remove it", on_key=True)
        for index, rule in enumerate(rules)
        if rule.weight_decay and index in used and index not in acting
    ]


def _unused(index: int, rules: Sequence[GroupRule], names: Sequence[str]) -> Problem:
    pattern = rules[index].match
    path = ("optimizer", "groups", index, "match")
    if any(matches(pattern, name) for name in names):
        return Problem(path, f"{pattern!r} matches only parameters that a rule before it has", "the first match wins: put it further up")
    return Problem(path, f"{pattern!r} matches no parameter that is trained", f"near names: {', '.join(near_names(pattern, names))}")


def without_decay(network: nn.Module) -> set[int]:
    """Ids of the parameters that weight decay and other penalties spare: biases, norms, embeddings, lengths of weights, single axes.

    `weight_norm` makes a weight a length (torch's `original0`) times a direction: the length is a scale, as that of a norm.
    """
    from torch import nn
    from torch.nn.modules.batchnorm import _NormBase  # pyright: ignore[reportPrivateUsage]
    from torch.nn.utils.parametrizations import _WeightNorm  # pyright: ignore[reportPrivateUsage]

    whole = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.Embedding, nn.EmbeddingBag)
    lengths = {
        id(module.original0)
        for module in network.modules()
        if isinstance(module, nn.utils.parametrize.ParametrizationList) and isinstance(module[0], _WeightNorm)
    }
    return lengths | {
        id(parameter)
        for module in network.modules()
        for name, parameter in module.named_parameters(recurse=False)
        if isinstance(module, whole) or parameter.ndim < 2 or "bias" in name.split("_")
    }
