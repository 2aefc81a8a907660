"""Options of commands: which command has one, what it does, and what is wrong with a value of one. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from nntrain.errors import UsageError

LEAST: Final = {"--seeds": 2, "--folds": 2, "--processes": 1}
"""Options that count something, and the smallest number that they take."""


def option_help(word: str, commands: Mapping[str, Any]) -> str | None:
    """Which commands have an option, and its help; `None` where none has one of that name.

    Args:
        word: With or without its dashes.
        commands: Each command, as the parser knows it, by name.
    """
    name = f"--{word.lstrip('-')}"
    verbs: dict[str, list[str]] = {}
    for verb, command in commands.items():
        for parameter in command.params:
            if name in parameter.opts and getattr(parameter, "help", None):
                verbs.setdefault(parameter.help, []).append(f"nntrain {verb}")
    return "\n".join(f"{name}, an option of {', '.join(names)}\n  {text}" for text, names in verbs.items()) or None


def number_fault(error: Exception, given: Sequence[str]) -> UsageError | None:
    """What to say of a value that is no whole number, where an option takes one; `None` for another error of the parser."""
    parameter: Any = getattr(error, "param", None)
    if parameter is None or "valid integer" not in str(getattr(error, "message", "")):
        return None
    name = str(parameter.opts[0])
    following = [value for option, value in pairwise(given) if option == name]
    joined = [option.partition("=")[2] for option in given if option.startswith(f"{name}=")]
    value = next((f" {each}" for each in (*following, *joined)), "")
    least = LEAST.get(name)
    return UsageError(f"{name}{value}: needs a whole number{'' if least is None else f' from {least}'}")


def option_fault(error: Exception, given: Sequence[str]) -> UsageError | None:
    """What to say of an option that a command that takes settings does not have; `None` for another error of the parser."""
    name: Any = getattr(error, "option_name", None)
    if not isinstance(name, str) or not name.startswith("--") or given[:1] not in (["fit"], ["check"], ["show"]):
        return None
    following = [value for option, value in pairwise(given) if option == name and not value.startswith("-")]
    joined = [option.partition("=")[2] for option in given if option.startswith(f"{name}=")]
    setting = name.removeprefix("--").replace("-", "_")
    near: Any = getattr(error, "possibilities", None) or []
    options = f"   nearest options: {', '.join(sorted(map(str, near)))}" if near else ""
    return UsageError(f"no option {name}", f"a setting has no dashes: {setting}={next(iter((*following, *joined)), 'VALUE')}{options}")
