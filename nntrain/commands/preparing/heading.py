"""The first lines of `fit`: data, network, machine, and when the run will stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nntrain.blueprint import Blueprint
from nntrain.commands.preparing.shareable import other_curve
from nntrain.commands.preparing.suspecting import look_at
from nntrain.commands.screens.figures import format_bytes
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job


def head_lines(job: Job, assembly: Assembly) -> list[tuple[str, str]]:
    """The lines about data, network and limits."""
    blueprint = job.blueprint
    architecture = blueprint.experiment.architecture
    assert architecture is not None
    count = blueprint.program.num_parameters or 0
    threads = f"{assembly.threads} thread{'s' if assembly.threads > 1 else ''}"
    training = job.blueprint.training
    is_on = (
        ("channels_last", training.channels_last is True),
        ("compiled", training.compile is True),
        ("onednn", training.matmul == "onednn"),
    )
    ways = [way for way, on in is_on if on]
    machine = ", ".join([assembly.device_name, threads, training.precision, *ways])
    model = f"{architecture.type}, {count:,} parameters, {format_bytes(4 * count)}; {machine}"
    warnings = [("warning", warning) for warning in blueprint.warnings]
    start = [("start", "\n".join(job.start.lines()))] if job.start is not None else []
    ranks = assembly.session.ranks
    if ranks is not None:
        curve = other_curve(blueprint)
        start.append(("processes", "\n".join([ranks.words, *([curve] if curve is not None else [])])))
    chosen = [("chosen", "; ".join(job.choices))] if job.choices else []
    limits = ("stops", stop_rules(blueprint))
    return [("data", "\n".join(job.prepared.notes)), ("model", model), *chosen, *start, limits, *warnings, *look_at(job)]


def stop_rules(blueprint: Blueprint) -> str:
    """When the run will stop, in words."""
    training = blueprint.training
    limits = [
        number_of(value, unit) if isinstance(value, int) else f"{value:,} {unit}s"
        for value, unit in ((training.max_epochs, "epoch"), (training.max_steps, "step"), (training.max_minutes, "minute"))
        if value is not None
    ]
    rules = [f"after {' or '.join(limits)}"] if limits else []
    if training.early_stopping is not None:
        rules.append(f"{number_of(training.early_stopping.patience, 'evaluation')} without a better {blueprint.best.monitor}")
    if training.converge is not None:
        rules.append(f"when {training.converge.monitor} stands still")
    if training.stop_at:
        rules.append("at " + " and ".join(f"{name} {value:g}" for name, value in training.stop_at.items()))
    return ", or ".join(rules)
