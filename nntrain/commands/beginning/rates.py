"""Which rate each part of a network is trained with, where they differ."""

from __future__ import annotations

from collections.abc import Sequence

from nntrain.blueprint import Blueprint
from nntrain.layers.depth import hidden_matrices, layer_depths
from nntrain.layers.program import Program
from nntrain.optimizers.muon import Muon
from nntrain.optimizers.optimizer import Optimizer
from nntrain.parameter_names import matches

MOST_NAMES = 6


def rate_lines(blueprint: Blueprint) -> list[str]:
    """One line a rate: the optimizer, its rate, and the parameters; none where all have the same."""
    optimizer = blueprint.experiment.optimizer
    if optimizer is None or not (optimizer.groups or optimizer.layer_decay or optimizer.splits_matrices or optimizer.joins):
        return []
    rates: dict[tuple[str, float], list[str]] = {}
    for name, key in _rates(blueprint.program, optimizer).items():
        rates.setdefault(key, []).append(name)
    table = [(moved_by, f"lr {lr:g}", _shortened(blueprint.program, names)) for (moved_by, lr), names in rates.items()]
    widths = [max(len(row[column]) for row in table) for column in (0, 1)]
    return ["  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row[:2], widths, strict=True)), row[2]]) for row in table]


def _rates(program: Program, optimizer: Optimizer) -> dict[str, tuple[str, float]]:
    """By parameter: what moves it, and its rate before any schedule."""
    depths = layer_depths(program)
    matrices = hidden_matrices(program) if optimizer.splits_matrices else tuple(depths)
    other_lr = optimizer.adamw_lr if isinstance(optimizer, Muon) else None
    found: dict[str, tuple[str, float]] = {}
    for name, depth in depths.items():
        if optimizer.joins:
            part = optimizer.parts[optimizer.part_of(name)]
            found[name] = (part.type, part.lr)
            continue
        is_own = name in matrices
        base = optimizer.lr if is_own or other_lr is None else other_lr
        rule = next((rule for rule in optimizer.groups if matches(rule.match, name)), None)
        layer_lr = base * (optimizer.layer_decay or 1.0) ** depth
        lr = layer_lr if rule is None else rule.rate(layer_lr)
        found[name] = (optimizer.type if is_own else "adamw", lr)
    return found


def _shortened(program: Program, names: Sequence[str]) -> str:
    """Names of steps in place of all their parameters, and not too many."""
    wanted = set(names)
    parts: list[str] = []
    for step in program.steps:
        own = [f"{step.name}.{name}" for name in step.parameter_shapes]
        if own and wanted.issuperset(own):
            parts.append(step.name)
        else:
            parts += [name for name in own if name in wanted]
    rest = len(parts) - MOST_NAMES
    return ", ".join(parts[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
