"""Verbs to look things up: schema, list, doctor, help."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from nntrain.cli.app import Json, Runs, app
from nntrain.commands.screens.output import emit


@app.command()
def schema(markdown: Annotated[bool, typer.Option("--markdown", help="The reference as Markdown instead.")] = False) -> None:
    """Print the JSON Schema of configs, for editors."""
    from nntrain.commands.reference import schema as command

    emit(command.run(markdown=markdown))


@app.command("list")
def list_components(
    kind: Annotated[str | None, typer.Argument(help="layers, losses, optimizers, … or examples.")] = None, as_json: Json = False
) -> None:
    """List what may stand in a config, or the examples."""
    from nntrain.commands.reference import list as command

    emit(command.run(kind, as_json=as_json))


@app.command()
def doctor(as_json: Json = False, runs: Runs = None) -> None:
    """Look at this installation: what it has, what it can do, what is missing."""
    from nntrain.commands.reference import doctor as command

    text, code = command.run(runs, as_json=as_json)
    emit(text)
    raise typer.Exit(code)


@app.command("help", context_settings={"ignore_unknown_options": True})
def explain_word(
    context: typer.Context,
    word: Annotated[str | None, typer.Argument(help="A setting, a component, a metric, a command or its option.")] = None,
) -> None:
    """Explain a setting, a component, a metric, a command or an option of one in a few lines."""
    from nntrain.commands.command_line.verbs import option_help
    from nntrain.commands.reference import help as command

    group: Any = context.parent and context.parent.command
    option = None if group is None or word is None else option_help(word, group.commands)
    emit(_help_of_command(context, word) or command.run(word, option))


def _help_of_command(context: typer.Context, word: str | None) -> str | None:
    """What `nntrain WORD --help` prints, if there is such a command."""
    parent = context.parent
    if parent is None or word is None:
        return None
    group: Any = parent.command
    verb = group.get_command(parent, word)
    return None if verb is None else str(verb.get_help(type(context)(verb, info_name=word, parent=parent)))
