"""`nntrain fit --profile`: where the time of a step goes, by phase, layer and operation, before the run is trained."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from nntrain.commands.preparing.measuring import Steps, without_trace
from nntrain.commands.screens.results import aligned
from nntrain.training.profiling import Clock, LayerTime, OperationTime, clocked, profiled
from nntrain.wording import number_of

if TYPE_CHECKING:
    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.commands.screens.display import Display

WARM: Final = 5
"""Steps before those that are measured: what they need is made in them."""
MEASURED_S: Final = 1.0
"""Seconds of steps that are measured by the clock."""
FEWEST, MOST = 5, 200
"""Steps at the least and at the most."""
PROFILED: Final = 10
"""Steps of which every operation is written down."""
SHOWN: Final = 15
"""Layers and operations that a table has."""
TRACE: Final = "trace.json"
PHASES: Final = {
    "rows": "rows",
    "forward": "forward",
    "loss": "loss",
    "backward": "backward",
    "gradients": "gradients: norm, clipping, checks",
    "update": "update",
    "other": "other: rates, counts, averages",
}


def show_profile(job: Job, threads: int, display: Display, trace: Path | None) -> None:
    """Take steps, of objects of their own, and print tables of where their time went.

    Args:
        job: What is trained afterwards. Its bits are the same as without.
        threads: CPU threads that it has.
        display: Where the tables are printed.
        trace: Folder that a trace of the operations is written to; `None`: none is.

    Raises:
        NNTrainError: What the first steps of the run would raise.
    """
    from nntrain.commands.preparing.from_config import assembled

    with without_trace(job):
        for text in _tables(assembled(job, threads), None if trace is None else trace / TRACE):
            display.note(f"{text}\n")


def _tables(assembly: Assembly, trace: Path | None) -> Iterator[str]:
    plain, clock = Steps(assembly), Clock(assembly.session.device)
    plain.seconds(WARM)
    count = min(MOST, max(FEWEST, round(MEASURED_S / plain.seconds(2))))
    usual = plain.seconds(count)
    steps = Steps(replace(assembly, session=clocked(assembly.session, clock)))
    steps.seconds(WARM)
    rows = _measure(steps, clock, count)
    head = f"{number_of(count, 'step')} of {rows / count:.4g} rows on {assembly.device_name}, {number_of(assembly.threads, 'thread')}"
    yield f"{head}\n{_phases(assembly, clock, count, usual)}"
    layers, operations = profiled(steps.assembly.session, lambda: steps.take(steps.rows()), PROFILED, trace)
    yield _layers(layers)
    yield _operations(operations)
    if trace is not None:
        yield f"wrote    {trace.as_posix()}: open it at ui.perfetto.dev or chrome://tracing"


def _measure(steps: Steps, clock: Clock, count: int) -> int:
    """Take steps by the clock; the number of their rows."""
    rows = 0
    clock.start()
    for _ in range(count):
        batches = steps.rows()
        clock.mark("rows")
        steps.take(batches)
        clock.mark("other")
        rows += sum(len(batch) for batch in batches)
    return rows


def _phases(assembly: Assembly, clock: Clock, count: int, usual: float) -> str:
    """A line for each phase, what a step takes that nobody looks at (`usual` seconds), and what an evaluation adds to it."""
    started = time.perf_counter()
    assembly.protocol.evaluate(assembly.session)
    evaluation = (time.perf_counter() - started) / assembly.plan.period
    taken = {PHASES[name]: clock.seconds[name] / count for name in PHASES if name in clock.seconds}
    if "forward" not in clock.seconds:  # a protocol that runs the network in its own way
        taken = {"forward and loss" if name == "loss" else name: seconds for name, seconds in taken.items()}
    whole = sum(taken.values())
    taken["all of a step"] = whole
    taken["a step as training takes it"] = usual
    taken[f"evaluation, once in {number_of(assembly.plan.period, 'step')}"] = evaluation
    lines = [[name, f"{seconds * 1e3:.4g}", f"{seconds / whole:.0%}"] for name, seconds in taken.items()]
    return aligned([["phase", "ms a step", "share"], *lines], gap=3)


def _layers(layers: list[LayerTime]) -> str:
    whole = sum(layer.seconds for layer in layers) or 1.0
    lines = [
        [layer.name, layer.kind, f"{layer.forward * 1e3:.4g}", f"{layer.backward * 1e3:.4g}", f"{layer.seconds / whole:.0%}"]
        for layer in layers[:SHOWN]
    ]
    return aligned([["layer", "", "forward ms", "backward ms", "of all layers"], *lines], gap=3, left=2) + _left_out(len(layers))


def _operations(operations: list[OperationTime]) -> str:
    whole = sum(operation.seconds for operation in operations) or 1.0
    lines = [
        [operation.name, f"{operation.calls:.4g}", f"{operation.seconds * 1e3:.4g}", f"{operation.seconds / whole:.0%}"]
        for operation in operations[:SHOWN]
    ]
    return aligned([["operation, without what it calls", "calls a step", "ms a step", "share"], *lines], gap=3) + _left_out(len(operations))


def _left_out(count: int) -> str:
    return f"\n… and {count - SHOWN:,} more" if count > SHOWN else ""
