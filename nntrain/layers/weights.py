"""Which initializer acts on which parameter: the innermost one, and of several in one place the first whose pattern fits."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from nntrain.errors import YamlPath
from nntrain.layers.initializer import Initializer
from nntrain.parameter_names import matches, parts_of


@dataclass(frozen=True, slots=True)
class InitializerRule:
    """An initializer for the parameters that a pattern matches."""

    pattern: str
    """Matches a layer's type or name (a name stands for everything below it), or a parameter's name: full, or below its step."""
    initializer: Initializer
    path: YamlPath
    """Where the config says so; empty for what a family begins with where the config says nothing."""

    @property
    def is_default(self) -> bool:
        """Whether a family says so."""
        return not self.path

    def matches(self, layer_type: str, step: str, parameter: str, rank: int) -> bool:
        """Whether it acts on a parameter.

        One that matches a whole layer sets its weights, the parameters of two or more axes, and leaves biases and the scales
        of a normalisation as they are; those are set by name, `"*.bias": zeros`. A pattern of the types of such layers, `"batch_norm*"`,
        sets their scales, called `weight`.

        Args:
            layer_type: The layer's tag.
            step: Name of the step.
            parameter: Name of the parameter below the step.
            rank: Number of its axes.
        """
        written = written_name(parameter)
        if written is None:
            return False
        parameter = written
        if any(fnmatchcase(name, self.pattern) for name in (layer_type, *parts_of(step))):
            is_of_type = bool(self.pattern.strip("*?")) and fnmatchcase(layer_type, self.pattern)
            return rank >= 2 or (is_of_type and parameter == "weight")
        return matches(self.pattern, f"{step}.{parameter}") or fnmatchcase(parameter, self.pattern)


def written_name(parameter: str) -> str | None:
    """The name under which a config knows a parameter: that of the weight that a `weight_norm` or `spectral_norm` expresses by it.

    `None` for what follows from the weight alone (the lengths of a weight norm).
    """
    before, found, after = parameter.partition("parametrizations.")
    if not found:
        return parameter
    tensor, _, original = after.partition(".")
    return None if original == "original0" else before + tensor
