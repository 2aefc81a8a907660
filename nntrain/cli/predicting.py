"""Verbs that use a run: predict, generate, export."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nntrain.cli.app import Json, Plugins, RunAndData, RunArguments, Runs, app
from nntrain.commands.command_line.arguments import only_run
from nntrain.errors import UsageError


@app.command()
def predict(
    arguments: RunAndData = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here: .csv, .tsv, .parquet or .jsonl, masks to a folder; default: stdout, as CSV."),
    ] = None,
    interval: Annotated[
        float | None, typer.Option("--interval", help="Beside each number limits that hold this share of new values: 0.9")
    ] = None,
    missing_columns: Annotated[
        str | None, typer.Option("--missing-columns", help="as-missing: a column that is not there is a missing value in every row.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Rows that are forecast after the last one; default: the horizon of data.window.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Folder for the images with masks drawn over them, errors red where they are known.")
    ] = None,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Predict for new rows, beside the columns that they have; of a forecast the rows that follow."""
    from nntrain.commands.predicting import predict as command

    wanted = command.Wanted.of(interval, missing_columns, steps, overlay)
    raise typer.Exit(command.run(arguments or [], output, wanted, runs=runs))


@app.command()
def generate(
    arguments: RunArguments = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What the sequence begins with.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Tokens of a text, or steps of music, that are generated.")] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Below 1 the likelier is taken more often; 0 takes the likeliest.")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Draw from the k likeliest tokens only.")] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", help="Draw from the likeliest tokens that make up this share only.")] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option("--repetition-penalty", help="Above 1, tokens that were there before become less likely.")
    ] = None,
    point: Annotated[str | None, typer.Option("--from", help="Point that is drawn; default: the only one.")] = None,
    given: Annotated[list[str] | None, typer.Option("--given", help="FIELD=VALUE that is read beside the point: label=3.")] = None,
    count: Annotated[int | None, typer.Option("--count", help="Rows, such as images, that are drawn.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides what is drawn.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here: a text, a MIDI file, a sheet of images (.png), a folder; default: stdout."),
    ] = None,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Go on with a text or a piece of music, or make images of draws, by a network that can."""
    from nntrain.commands.predicting import generate as command

    flags: dict[str, Any] = {"prompt": prompt, "steps": steps, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    flags |= {"repetition_penalty": repetition_penalty, "from": point, "given": given, "count": count, "seed": seed}
    raise typer.Exit(command.run(arguments or [], flags, output, as_json=as_json, runs=runs))


@app.command()
def export(
    run: RunArguments = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder that is written; its name is that of the network.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="hub (default): a folder as model hubs have them.")] = None,
    license_name: Annotated[str | None, typer.Option("--license", help="License that its model card names: apache-2.0.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an export that is there.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Write what predicts of a run to a folder of its own, with its model card; nothing is uploaded."""
    from nntrain.commands.predicting import export as command

    if output is None:
        raise UsageError("export needs a folder to write", "nntrain export RUN -o FOLDER")
    options = command.Options(output, form, license_name, force)
    raise typer.Exit(command.run(only_run(run), options, runs=runs, as_json=as_json))
