"""Every public method says what it does, in its own docstring or in that of the method it overrides. Ruff holds the rest."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

OUTSIDE = {"forward", "state_dict", "load_state_dict", "step", "model_post_init"}
"""Methods that torch or pydantic document."""


@dataclass(frozen=True)
class Class:
    place: str
    bases: tuple[str, ...]
    methods: dict[str, bool]
    """Whether each public method has a docstring."""


def name_of(base: ast.expr) -> str:
    if isinstance(base, ast.Subscript):
        return name_of(base.value)
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""


def read(node: ast.ClassDef, path: Path) -> Class:
    methods = [child for child in node.body if isinstance(child, ast.FunctionDef) and not child.name.startswith("_")]
    documented = {method.name: ast.get_docstring(method) is not None for method in methods}
    return Class(f"{path}:{node.lineno} {node.name}", tuple(map(name_of, node.bases)), documented)


@pytest.fixture(scope="module")
def classes(repository: Path) -> dict[str, list[Class]]:
    """Every class of the package, by name."""
    found: dict[str, list[Class]] = {}
    for path in (repository / "nntrain").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(read(node, path.relative_to(repository)))
    return found


def is_documented(method: str, found: Class, classes: dict[str, list[Class]]) -> bool:
    bases = [base for name in found.bases for base in classes.get(name, [])]
    from_outside = method in OUTSIDE and any(name not in classes for name in found.bases)
    return found.methods.get(method, False) or from_outside or any(is_documented(method, base, classes) for base in bases)


def test_every_public_method_is_documented(classes: dict[str, list[Class]]) -> None:
    every = [each for same_name in classes.values() for each in same_name if not each.place.split()[-1].startswith("_")]
    assert [f"{each.place}.{method}" for each in every for method in each.methods if not is_documented(method, each, classes)] == []
