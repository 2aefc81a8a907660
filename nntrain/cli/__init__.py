"""Arguments, help and exit codes. A verb's module is imported only when it runs, so that help and checks never load torch."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from copy import copy
from functools import cache
from typing import Any, Final

import typer

from nntrain.cli import beginning, fitting, judging, predicting, reference
from nntrain.cli.app import app
from nntrain.commands.command_line.arguments import check_command
from nntrain.commands.screens.output import tell
from nntrain.errors import NNTrainError

VERBS: Final = (beginning, fitting, judging, predicting, reference)
"""What adds the verbs, in the order in which help lists them."""
DISK_ERRORS = {errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


@cache
def _parser(verb: str | None) -> Callable[..., Any]:
    """What reads the arguments of a verb, without one those of all, for help. Typer takes 2 ms for each that it looks into."""
    told = copy(app)
    if verb is not None:
        told.registered_commands = [each for each in app.registered_commands if _verb(each) == verb]
        told.registered_groups = [each for each in app.registered_groups if each.name == verb]
    return typer.main.get_command(told)


def _verb(command: typer.models.CommandInfo) -> str:
    return command.name or getattr(command.callback, "__name__", "")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code. A user's mistake is told in words, never by a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    # pydantic would look through all installed packages for plug-ins of its own: time, and code that nobody asked for
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        verb = given[0] if given and not given[0].startswith("-") else None
        if verb is not None:
            check_command(verb, [*map(_verb, app.registered_commands), *(str(each.name) for each in app.registered_groups)])
        return int(_parser(None if verb == "help" else verb)(given, prog_name="nntrain", standalone_mode=False) or 0)
    except NNTrainError as error:
        tell(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        tell("interrupted")
        return 130
    except OSError as error:  # a name that is too long, a disk that is full or gone: of the machine, not of ours
        tell(f"{error.filename or 'cannot read or write'}: {error.strerror or error}")
        return 7 if error.errno in DISK_ERRORS else 3
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of click's, which typer ships inside itself
        if show is None:
            tell("this is a fault of nntrain, not yours; please report it with the lines below")
            raise
        from nntrain.commands.command_line.verbs import number_fault, option_fault

        fault = number_fault(error, given) or option_fault(error, given)
        show() if fault is None else tell(str(fault))
        return 2
