"""Verbs that say how good runs are: eval, compare, runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nntrain.cli.app import Json, Plugins, RunArguments, Runs, app
from nntrain.commands.arguments import only_run
from nntrain.commands.output import emit


@app.command("eval")
def evaluate(
    run: RunArguments = None,
    data: Annotated[Path | None, typer.Option("--data", help="Evaluate on the rows of this file.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, validation or test.")] = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", help="Fail (exit 6) below: --min accuracy=0.9")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", help="Fail (exit 6) above: --max rmse=2")] = None,
    sure: Annotated[bool, typer.Option("--sure", help="--min and --max hold for the unfavourable end of the interval.")] = False,
    intervals: Annotated[bool, typer.Option("--intervals", help="Where each metric probably lies (bootstrap).")] = False,
    level: Annotated[float | None, typer.Option("--level", help="Of the intervals; default 0.95.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="The metrics for each value of this column too.")] = None,
    once: Annotated[bool, typer.Option("--no-test-augment", help="See each row as it is, without the views of test_augment.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Measure a trained network on a split or on new rows."""
    from nntrain.commands import evaluate as command

    bars = command.Bars.of(minimum or [], maximum or [], sure=sure)
    extras = command.Extras.of(intervals=intervals, sure=sure, level=level, by=by, once=once)
    raise typer.Exit(command.run(only_run(run), command.Where(data, split), bars, extras, runs=runs, as_json=as_json))


@app.command()
def compare(
    arguments: Annotated[list[str] | None, typer.Argument(help="Runs; with --by, folders of runs (default: all).")] = None,
    by: Annotated[str | None, typer.Option("--by", help="config: one row for all finished runs of a config.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="text, markdown, latex, csv or json.")] = None,
    tolerance: Annotated[list[str] | None, typer.Option("--tolerance", help="Fail (exit 6) where the first is worse by more.")] = None,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Compare finished runs: mean and spread, parameters, time."""
    from nntrain.commands import compare as command

    form = "json" if as_json else form
    raise typer.Exit(command.run(arguments or [], runs=runs, by=by, form=form, tolerance=tolerance or []))


@app.command("runs")
def list_runs(
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that may go on.")] = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """List the runs with their validation metrics."""
    from nntrain.commands import runs as command

    emit(command.run(runs, as_json=as_json, unfinished=unfinished))
