"""Architectures as the tests write them, compiled over a few fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import AnyArchitecture
from nntrain.errors import ConfigError, Problem, render_path
from nntrain.layers.program import Program
from nntrain.regularization import Regularization
from nntrain.schema import StrictModel
from nntrain.specs import IMAGE, RAGGED, SEQUENCE, VECTOR, Spec

NUMBER = Spec((), ())
SMALL = Spec((), (), "index", classes=4)
LARGE = Spec((), (), "index", classes=21)
TABLE = {"age": NUMBER, "sex": SMALL, "income": NUMBER, "city": LARGE}
PHOTO = {"photo": Spec(IMAGE, (1, 8, 8))}
SERIES = {"series": Spec(SEQUENCE, (RAGGED, 2))}
CLASSES = Spec(VECTOR, (3,), "logits")
ONE = Spec(VECTOR, (1,), "float")


class Written(StrictModel):
    """A config with nothing but an architecture."""

    architecture: AnyArchitecture


def compiled(
    architecture: Any, inputs: Mapping[str, Spec], needs: Mapping[str, Spec] | None = None, regularization: Mapping[str, Any] | None = None
) -> Program:
    """Compile what a config says."""
    read = Written.parse({"architecture": architecture}).architecture
    return compile_program(read, inputs, needs or {"y": CLASSES}, Regularization.parse(regularization or {}))


def problems(
    architecture: Any, inputs: Mapping[str, Spec], needs: Mapping[str, Spec] | None = None, regularization: Mapping[str, Any] | None = None
) -> list[Problem]:
    """The problems of an architecture that does not compile."""
    with pytest.raises(ConfigError) as caught:
        compiled(architecture, inputs, needs, regularization)
    return list(caught.value.problems)


def told(found: list[Problem]) -> list[str]:
    """Problems as a person reads them."""
    return [f"{render_path(problem.path)} {problem.message}" + (f". {problem.hint}" if problem.hint else "") for problem in found]


def lines(program: Program) -> list[str]:
    """A program line by line."""
    return [f"{row.name}: {row.layer} -> {row.output}" for row in program.rows()]
