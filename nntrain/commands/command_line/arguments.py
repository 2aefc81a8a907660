"""What the words of a command line mean: a verb, then configs, overrides, runs, data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nntrain.errors import UsageError
from nntrain.nearest import nearest

WORDS = {
    "train": "fit",
    "evaluate": "eval",
    "test": "eval",
    "validate": "eval",
    "infer": "predict",
    "inference": "predict",
    "resume": "fit --resume RUN",
}
"""Commands that users of other tools try first."""


def check_command(word: str, verbs: Sequence[str]) -> None:
    """Refuse an unknown command, with the one that was probably meant.

    Raises:
        UsageError: There is no such command.
    """
    if word in verbs:
        return
    if word in WORDS:
        raise UsageError(f"no command {word!r}: nntrain calls it {WORDS[word]}", f"fix:  nntrain {WORDS[word]}")
    if word.endswith((".yaml", ".yml")):
        raise UsageError(f"{word} is no command", f"fix:  nntrain fit {word}")
    near = nearest(word, [*verbs, *WORDS])
    raise UsageError(f"no command {word!r}", f"nearest: {WORDS.get(near[0], near[0])}" if near else f"commands: {', '.join(verbs)}")


def split_arguments(arguments: Sequence[str] | None) -> tuple[list[Path], list[str]]:
    """Configs and overrides: what holds a `=` is an override, unless it is the name of a YAML file that is there."""
    given = arguments or []
    changes = [argument for argument in given if "=" in argument and not _is_config(argument)]
    paths = [Path(argument) for argument in given if argument not in changes]
    for path in paths:
        if path.suffix not in {".yaml", ".yml"} and not path.exists():
            raise UsageError(f"{path}: neither a config file nor an override", f"an override has a value: {path}=VALUE")
    return paths, changes


def _is_config(argument: str) -> bool:
    return Path(argument).suffix in {".yaml", ".yml"} and os.path.isfile(argument)  # noqa: PTH113 (a long override is no error)


def only_config(paths: list[Path]) -> Path | None:
    """At most one config; several are never merged silently."""
    if len(paths) > 1:
        names = " ".join(path.as_posix() for path in paths)
        both = f"each by itself: --each {names}; one laid over another: {paths[0].as_posix()} --with {paths[1].as_posix()}"
        raise UsageError(f"{len(paths)} configs given: {names}", both)
    return paths[0] if paths else None


def only_run(arguments: Sequence[str] | None) -> str | None:
    """At most one run."""
    given = arguments or []
    if len(given) > 1:
        raise UsageError(f"takes one run, got {len(given)}: {' '.join(given)}")
    return given[0] if given else None
