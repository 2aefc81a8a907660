"""`nntrain report`: a run as one page of HTML."""

from __future__ import annotations

from pathlib import Path

from nntrain.commands.screens.output import emit, tell
from nntrain.commands.screens.pages import FILE, check_free, write_page
from nntrain.commands.stored.opening import record_of
from nntrain.runs import Run, all_runs, find_whole_run, runs_root


def run(run_name: str | None, output: Path | None, *, runs: Path | None) -> int:
    """Write the report of a run, and print its path.

    Args:
        run_name: The run; the latest if there is none.
        output: The file; `None` for the one in the run's folder.
        runs: The runs folder.

    Raises:
        UsageError: There is no such run, or a file of somebody's is in the way.
        CheckpointError: The run is damaged.
        ResourceError: The file can't be written.
    """
    root = runs_root(runs)
    found = latest_of_all(root) if run_name is None else find_whole_run(run_name, root)
    tell(f"run      {found.name}")
    emit(report(found, output).as_posix())
    return 0


def latest_of_all(root: Path) -> Run:
    """The run that was started last, also one of members. Raises `UsageError` where there is none."""
    every = all_runs(root)
    return find_whole_run(every[-1].path.as_posix() if every else None, root)


def report(found: Run, output: Path | None = None) -> Path:
    """Write the report of a run; raises as `run` does. An earlier report of the same run is replaced, nothing else is.

    Returns:
        The file.
    """
    from nntrain.commands.reports.report_page import page_of
    from nntrain.insight.report.page import render

    path, owner = found.path / FILE if output is None else output, str(record_of(found).get("id", ""))
    check_free(path, owner)
    write_page(path, render(page_of(found, owner)))
    return path
