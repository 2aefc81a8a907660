"""Imports go downward only. `lint-imports` checks the same with every indirect import; this names file and line in the default tests."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

# torchvision and torchaudio are tied to one torch version each; what they offer is in our own layers and sources.
FOREIGN = {"torchvision", "torchaudio", "pandas"}


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    return tuple(_imports(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, inside of functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import"
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def ranked(layers: list[str]) -> dict[str, int]:
    """Rank of each part; higher parts import lower ones, and none of those beside them."""
    return {part.strip(): -rank for rank, layer in enumerate(layers) for part in layer.split("|")}


@pytest.fixture(scope="module")
def orders(repository: Path) -> dict[str, dict[str, int]]:
    """Ranks of the parts of each package whose order pyproject.toml holds."""
    settings = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    return {package: ranked(contract["layers"]) for contract in contracts for package in contract["containers"]}


@pytest.fixture(scope="module")
def ranks(orders: dict[str, dict[str, int]]) -> dict[str, int]:
    return orders["nntrain"]


PACKAGES = ("nntrain", "nntrain.commands")


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_go_downward_only(package: str, repository: Path, orders: dict[str, dict[str, int]]) -> None:
    folder, ranks = repository / package.replace(".", "/"), orders[package]
    upward: list[str] = []
    for path in folder.rglob("*.py"):
        part = path.relative_to(folder).parts[0].removesuffix(".py")
        for line, name in imports(path):
            found = name.removeprefix(f"{package}.").split(".")[0] if name.startswith(f"{package}.") else part
            if part != "__init__" and found != part and ranks[found] >= ranks[part]:
                upward.append(f"{path.relative_to(repository)}:{line} imports {name}")
    assert upward == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_part_of_a_package_has_its_layer(package: str, repository: Path, orders: dict[str, dict[str, int]]) -> None:
    folder = repository / package.replace(".", "/")
    parts = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()} - {"__init__"}
    assert parts == set(orders[package])


def test_nothing_imports_foreign_packages(repository: Path) -> None:
    paths = [*(repository / "nntrain").rglob("*.py"), *(repository / "tests").rglob("*.py")]
    found = [f"{path.relative_to(repository)}:{line}" for path in paths for line, name in imports(path) if name.split(".")[0] in FOREIGN]
    assert found == []


def test_config_imports_only_the_settings_of_the_parts(repository: Path, ranks: dict[str, int]) -> None:
    """A component's file is imported by its name in a table, on demand, when a config asks for it."""
    parts = {part for part in ranks if (repository / "nntrain" / part / "settings.py").is_file()}
    wrong = [
        f"{path.relative_to(repository)}:{line} imports {name}"
        for path in (repository / "nntrain" / "config").rglob("*.py")
        for line, name in imports(path)
        if name.split(".")[0] == "nntrain" and name.split(".")[1] in parts and name.split(".")[2] != "settings"
    ]
    assert wrong == []
