"""Error classes with exit codes. Every fault a user can cause is one of these; nothing here imports more than the standard library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

YamlPath = tuple[str | int, ...]
"""Keys and indices from the root of a config to a value: `("architecture", "layers", 4)`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in a config: where, what was found, and how to mend it."""

    path: YamlPath
    message: str
    """What is wrong, without the path: `needs a positive number, got -1`."""
    hint: str | None = None
    """The fix, ready to be copied: `fix:  max_epochs: 50`."""
    on_key: bool = False
    """Whether the key itself is at fault (an unknown setting), not its value."""


class NNTrainError(Exception):
    """A fault that is told in words, never by a traceback. `exit_code` is what the command line returns."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}\n   {self.hint}"


class UsageError(NNTrainError):
    """A wrong command line."""

    exit_code = 2


class ConfigError(NNTrainError):
    """One or more problems of a config, all told at once."""

    exit_code = 2

    def __init__(self, problems: Sequence[Problem], rendered: str | None = None) -> None:
        self.problems = tuple(problems)
        lines = (f"{render_path(problem.path)}: {problem.message}" for problem in self.problems)
        super().__init__(rendered if rendered is not None else "\n".join(lines))


class SpecError(ValueError):
    """Raised by a shape rule; whoever knows the YAML path turns it into a `Problem`.

    Args:
        message: What does not fit.
        hint: How to mend it.
        options: The options of the layer that decide it, the likeliest first: a family whose options have these names is told there.
    """

    def __init__(self, message: str, hint: str | None = None, options: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.options = options


class DataError(NNTrainError):
    """Data that cannot be read or used; the message names file, row and column."""

    exit_code = 3


class CheckpointError(NNTrainError):
    """A checkpoint or run that is damaged, foreign, or refuses to be resumed."""

    exit_code = 4


class DivergedError(NNTrainError):
    """NaN or infinity in the loss or the gradients."""

    exit_code = 5


class RequirementError(NNTrainError):
    """A metric that `--min` or `--max` required was missed."""

    exit_code = 6


class ResourceError(NNTrainError):
    """Out of memory or out of disk space."""

    exit_code = 7


def render_path(path: YamlPath) -> str:
    """Write a YAML path as people do: `architecture.layers[4].out_features`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            quoted = f'"{part}"' if "." in part or " " in part else part
            text += f".{quoted}" if text else quoted
    return text
