"""The command line: what every verb belongs to, and the options that several of them have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nntrain import plugins

app = typer.Typer(
    name="nntrain",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Train a neural network from one YAML file.",
)


def _allow(modules: list[str] | None) -> list[str] | None:
    """Load plug-ins before anything is read that names them."""
    for module in modules or ():
        plugins.allow(module)
    return modules


Arguments = Annotated[list[str] | None, typer.Argument(help="A config, then overrides such as optimizer.lr=3e-4.")]
RunArguments = Annotated[list[str] | None, typer.Argument(help="A run folder; the latest if none is given.")]
RunAndData = Annotated[list[str] | None, typer.Argument(help="A run folder (the latest if none is given), then the data.")]
With = Annotated[list[Path] | None, typer.Option("--with", help="A config that is laid over the config; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="Allow a module of your own components to be loaded; may be repeated.", callback=_allow),
]
Runs = Annotated[Path | None, typer.Option("--runs", help="The runs folder; default: $NNTRAIN_RUNS, else runs.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Train a neural network from one YAML file."""
    if version or context.invoked_subcommand is None:
        from nntrain.commands.reference import start as command
        from nntrain.commands.screens.output import emit

        emit(command.version() if version else command.screen())
