"""What the words after a verb mean: configs, overrides, runs, data."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from nntrain.errors import UsageError


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
