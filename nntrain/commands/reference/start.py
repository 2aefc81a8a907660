"""The screen of the bare command."""

from __future__ import annotations

import time
from importlib.metadata import version as installed_version

from nntrain.commands.screens.figures import ago
from nntrain.errors import CheckpointError
from nntrain.runs import all_runs, runs_root


def version() -> str:
    """`nntrain 0.1.0`."""
    return f"nntrain {installed_version('nntrain')}"


def screen() -> str:
    """What the bare command prints: at most 25 lines of 80 columns."""
    lines = [
        f"{version()}    train a neural network from one YAML file",
        "",
        "  start    nntrain init data.csv --target COLUMN   writes data.yaml for it",
        "           nntrain fit                             trains, tests, reports",
        "           nntrain predict new.csv -o out.csv      uses the latest run",
        "",
        "  before   init  check  show                       train    fit",
        "  judge    eval  explain  report  compare  runs    use      predict  generate",
        "  trust    verify                                           export",
        "  look up  list  help  schema  doctor",
        "",
        "  nntrain list examples      nntrain help fit      nntrain help optimizer.lr",
    ]
    latest = _latest()
    return "\n".join([*lines, latest] if latest else lines)


def _latest() -> str | None:
    runs = all_runs(runs_root(None))
    if not runs:
        return None
    run = runs[-1]
    try:
        summary = run.read_json("summary.json")
        metric = f"   {summary['monitor']} {summary['best'][summary['monitor']]:.4g}"
    except (CheckpointError, ValueError, KeyError, TypeError):  # not finished, or nothing to tell
        metric = ""
    return f"  latest   {run.name}{metric}   {ago(time.time() - run.started)}"
