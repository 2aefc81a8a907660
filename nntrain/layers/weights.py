"""Which initializer acts on which parameter: the innermost one, and of several in one place the first whose pattern fits."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from nntrain.errors import YamlPath
from nntrain.layers.initializer import Initializer


@dataclass(frozen=True, slots=True)
class InitializerRule:
    """An initializer for the parameters that a pattern matches."""

    pattern: str
    """Matches a layer's type or name (a name stands for everything below it), or a parameter's name: full, or below its step."""
    initializer: Initializer
    path: YamlPath
    """Where the config says so."""

    def matches(self, layer_type: str, step: str, parameter: str, rank: int) -> bool:
        """Whether it acts on a parameter.

        One that matches a whole layer sets its weights, the parameters of two or more axes, and leaves biases and the scales
        of a normalisation as they are; those are set by name: `"*.bias": zeros`.

        Args:
            layer_type: The layer's tag.
            step: Name of the step.
            parameter: Name of the parameter below the step.
            rank: Number of its axes.
        """
        parts = step.split(".")
        names = (layer_type, *(".".join(parts[:end]) for end in range(1, len(parts) + 1)))
        if any(fnmatchcase(name, self.pattern) for name in names):
            return rank >= 2
        return fnmatchcase(f"{step}.{parameter}", self.pattern) or fnmatchcase(parameter, self.pattern)
