"""Verbs that say how good runs are, and why: eval, report, explain, compare, runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nntrain.cli.app import Json, Plugins, RunAndData, RunArguments, Runs, app
from nntrain.commands.command_line.arguments import only_run
from nntrain.commands.screens.output import emit
from nntrain.errors import UsageError


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
    from nntrain.commands.judging import evaluate as command

    bars = command.Bars.of(minimum or [], maximum or [], sure=sure)
    extras = command.Extras.of(intervals=intervals, sure=sure, level=level, by=by, once=once)
    raise typer.Exit(command.run(only_run(run), command.Where(data, split), bars, extras, runs=runs, as_json=as_json))


@app.command()
def report(
    run: RunArguments = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here; default: report.html in the run's folder.")] = None,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Write a run as one page of HTML: figures, curves, cases, network, data, settings."""
    from nntrain.commands.reports import report as command

    raise typer.Exit(command.run(only_run(run), output, runs=runs))


@app.command()
def explain(
    arguments: RunAndData = None,
    split: Annotated[str | None, typer.Option("--split", help="train, validation (default) or test, in place of data.")] = None,
    method: Annotated[str | None, typer.Option("--method", help="How answers are shared out: integrated_gradients, occlusion, …")] = None,
    rows: Annotated[str | None, typer.Option("--rows", help="Rows that are explained one by one, counted from 0: 3,17")] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="predicted (default), a class, a target, or target:class; of a forecast column:row.")
    ] = None,
    baseline: Annotated[str | None, typer.Option("--baseline", help="The row that says nothing: auto, mean or zero.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="All of it, as JSON; default: RUN/explain.json, of an export ./explain.json."),
    ] = None,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Tell which columns matter, and why single rows got their answers."""
    from nntrain.commands.explaining import explain as command

    flags: dict[str, Any] = {"method": method, "rows": rows, "target": target, "baseline": baseline}
    raise typer.Exit(command.run(arguments or [], flags, command.Where(split, output), as_json=as_json, runs=runs))


@app.command()
def compare(
    arguments: Annotated[list[str] | None, typer.Argument(help="Runs; with --by, folders of runs (default: all).")] = None,
    by: Annotated[str | None, typer.Option("--by", help="config: one row for all finished runs of a config.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="text, markdown, latex, csv or json.")] = None,
    tolerance: Annotated[list[str] | None, typer.Option("--tolerance", help="Fail (exit 6) where the first is worse by more.")] = None,
    paired: Annotated[bool, typer.Option("--paired", help="How sure it is that the first is better, on the same rows.")] = False,
    split: Annotated[str | None, typer.Option("--split", help="With --paired: validation (default) or test.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page too: curves, settings, differences beyond chance.")] = None,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Compare finished runs: mean and spread, cost, what they differ in."""
    from nntrain.commands.judging import compare as command

    wish = command.CompareWish(by, "json" if as_json else form, tuple(tolerance or ()), paired, split, html)
    raise typer.Exit(command.run(arguments or [], wish, runs=runs))


run_list = typer.Typer(help="List the runs with their validation metrics; tag them, or take them away.")
app.add_typer(run_list, name="runs")


@run_list.callback(invoke_without_command=True)
def list_runs(
    context: typer.Context,
    sort: Annotated[str | None, typer.Option("--sort", help="By this figure, the best last: validation.accuracy.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="NAME=VALUE or NAME!=VALUE: optimizer.lr=0.001, tags=paper.")] = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", help="NAME=VALUE: with at least that much.")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", help="NAME=VALUE: with at most that much.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="Started since then: 90m, 12h, 7d, 2w.")] = None,
    columns: Annotated[str | None, typer.Option("--columns", help="What is shown: validation.loss,test.accuracy,optimizer.lr.")] = None,
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that may go on.")] = False,
    form: Annotated[str | None, typer.Option("--format", help="table, csv or json.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write them as a page too, which a click sorts.")] = None,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """List the runs with their validation metrics; tag them, or take them away."""
    if context.invoked_subcommand is not None:
        if any(context.params.values()):
            verb = f"nntrain runs {context.invoked_subcommand}"
            raise UsageError(f"{verb} doesn't list runs, and takes its own options behind that word", f"{verb} --help")
        return
    from nntrain.commands.run_list import runs as command
    from nntrain.commands.run_list.run_queries import Query

    shown = tuple(name for name in (columns or "").split(",") if name)
    query = Query(tuple(where or ()), tuple(minimum or ()), tuple(maximum or ()), since, sort, shown)
    emit(command.run(runs, form="json" if as_json else form, unfinished=unfinished, query=query, html=html))


@run_list.command("tag")
def tag_run(
    run: Annotated[str, typer.Argument(help="A run folder.")],
    words: Annotated[list[str], typer.Argument(help="The tags.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them away instead.")] = False,
    runs: Runs = None,
) -> None:
    """Give a run tags, to find it by: nntrain runs --where tags=paper."""
    from nntrain.commands.run_list import run_labels as command

    emit(command.tag(run, words, remove=remove, runs=runs))


@run_list.command("note")
def note_run(
    run: Annotated[str, typer.Argument(help="A run folder.")],
    text: Annotated[str, typer.Argument(help="One line; an empty one takes the note away.")],
    runs: Runs = None,
) -> None:
    """Write a note to a run, in place of the one that it has."""
    from nntrain.commands.run_list import run_labels as command

    emit(command.note(run, text, runs=runs))


@run_list.command("rm")
def remove_runs(
    arguments: Annotated[list[str] | None, typer.Argument(help="Runs; with --keep-best, folders of runs.")] = None,
    keep_best: Annotated[int | None, typer.Option("--keep-best", help="Of each folder of runs keep the N best by validation.")] = None,
    weights_only: Annotated[bool, typer.Option("--weights-only", help="Remove checkpoints; keep config, history and figures.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    runs: Runs = None,
) -> None:
    """Remove runs, after asking."""
    from nntrain.commands.run_list import run_removal as command

    emit(command.remove(arguments or [], command.RemovalWish(keep_best, weights_only, yes), runs=runs))
