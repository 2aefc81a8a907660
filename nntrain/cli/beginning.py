"""Verbs before a training: init, check, show."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nntrain.cli.app import Arguments, Json, Plugins, Runs, With, app
from nntrain.commands.command_line.arguments import split_arguments
from nntrain.commands.screens.output import emit


@app.command()
def init(
    data: Annotated[Path | None, typer.Argument(help="A table, a text, or a folder of images, sounds, or images and masks.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="The column that is to be predicted.")] = None,
    example: Annotated[str | None, typer.Option("--example", help="Copy an example instead; nntrain list examples.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The config; default: named like the data.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    preset: Annotated[str | None, typer.Option("--preset", help="Of a table: fast, good (default) or best; its cost is told.")] = None,
) -> None:
    """Look at data and write a config for it."""
    from nntrain.commands.beginning import init as command

    emit(command.run(data, command.Options(target, example, output, force, preset)))


@app.command()
def check(
    configs: Arguments = None,
    data: Annotated[bool, typer.Option("--data", help="Read and fit the data, and check every size.")] = False,
    run: Annotated[bool, typer.Option("--run", help="Try it too: 8 rows, first step, learning rates, time, memory, disk.")] = False,
    plot: Annotated[Path | None, typer.Option("--plot", help="With --run: draw the range test of learning rates, .svg or .png.")] = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Don't look at the data at all.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    overlays: With = None,
    form: Annotated[str | None, typer.Option("--format", help="github: problems as annotations of a workflow.")] = None,
    as_json: Json = False,
    plugin_modules: Plugins = None,
) -> None:
    """Check configs: names, values, columns and shapes, in an instant. --data reads all rows, --run also tries some steps."""
    from nntrain.commands.beginning import check as command

    paths, changes = split_arguments(configs)
    how = command.How(command.Look.of(data=data, no_data=no_data, run=run), strict, plot)
    raise typer.Exit(command.run(paths, changes, how, tuple(overlays or ()), command.Form.of(form, as_json=as_json)))


@app.command()
def show(
    arguments: Arguments = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Don't look at the data at all.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Print the network with shapes and parameters, and all settings."""
    from nntrain.commands.beginning import show as command
    from nntrain.commands.beginning.check import Look

    emit(command.run(arguments or [], Look.of(data=False, no_data=no_data), runs=runs, as_json=as_json))
