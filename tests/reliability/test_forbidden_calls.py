"""No file of nntrain can run what it read: calls that could are found in its source, and each that is allowed has its reason."""

# ruff: noqa: E501

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

MODULES: Final = frozenset({"pickle", "cPickle", "_pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "jsonpickle", "code", "codeop", "pty", "runpy", "imp"})  # fmt: skip
BUILTINS: Final = frozenset({"eval", "exec", "compile", "__import__", "execfile", "breakpoint"})
ATTRIBUTES: Final = {
    "torch.load", "torch.save", "torch.jit.load", "torch.hub.load", "torch.package", "torch.export.load", "torch.utils.serialization.load",
    "yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.Loader", "yaml.CLoader", "yaml.FullLoader", "yaml.UnsafeLoader",
    "os.system", "os.popen", "tempfile.mktemp", "importlib.import_module", "importlib.reload", "pandas.read_pickle", "pl.DataFrame.deserialize",
    "polars.LazyFrame.deserialize", "np.fromfile", "numpy.loads", "builtins.eval", "builtins.exec", "sys.setrecursionlimit",
}  # fmt: skip
ALLOWED: Final = {
    ("schema.py", "importlib.import_module"): "the one place that imports by a name: of our own literal tables (load_class, load_name)",
    (
        "plugins.py",
        "importlib.import_module",
    ): "the user's own code, which the command line or an installed entry point names, never a file",
}
"""What may stand where, and why."""

Finding = tuple[str, int, str]


@cache
def sources(repository: Path) -> tuple[tuple[str, ast.Module], ...]:
    root = repository / "nntrain"
    return tuple((path.relative_to(root).as_posix(), ast.parse(path.read_text("utf-8"))) for path in sorted(root.rglob("*.py")))


def _dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def imported(file: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((file, node.lineno, alias.name) for alias in node.names if alias.name.partition(".")[0] in MODULES)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from ((file, node.lineno, name) for name in names if name.partition(".")[0] in MODULES or name in ATTRIBUTES)


def called(file: str, tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in BUILTINS and isinstance(node.ctx, ast.Load):
            yield file, node.lineno, node.id
        if isinstance(node, ast.Attribute) and _dotted(node) in ATTRIBUTES:
            yield file, node.lineno, _dotted(node)


def flagged(file: str, tree: ast.Module) -> Iterator[Finding]:
    """Arguments that open what is closed by default."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        options = {keyword.arg: keyword.value for keyword in node.keywords}
        name = _dotted(node.func)
        pickled: Any = options.get("allow_pickle")
        if name in ("np.load", "numpy.load") and not (isinstance(pickled, ast.Constant) and pickled.value is False):
            yield file, node.lineno, f"{name} without allow_pickle=False"
        for option in ("allow_pickle", "shell", "trust_remote_code", "weights_only"):
            value: Any = options.get(option)
            if value is not None and not (isinstance(value, ast.Constant) and value.value is (option == "weights_only")):
                yield file, node.lineno, f"{name}({option}=…)"
        if name.startswith("subprocess.") and node.args and not isinstance(node.args[0], ast.List | ast.Name | ast.Call):
            yield file, node.lineno, f"{name} of a text"


def imported_by_name(file: str, tree: ast.Module) -> Iterator[Finding]:
    """Functions of schema.py that import what a text names, outside of the places that look a tag up in a table."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func) in ("load_class", "load_name", "import_module"):
            argument = node.args[0]
            is_of_a_table = isinstance(argument, ast.Subscript) or (isinstance(argument, ast.Constant) and isinstance(argument.value, str))
            if not is_of_a_table:
                yield file, node.lineno, ast.unparse(node)


NAMED: Final = {
    ("schema.py", "load_name(target)"): "load_class, whose callers are held to tables here",
    ("schema.py", "import_module(module)"): "load_name, whose callers are held to tables here",
    ("plugins.py", "import_module(module)"): "a plug-in that the command line or an installed entry point names",
    ("config/documentation/catalogue.py", "load_name(_ROOT)"): "a literal of our own",
    ("schema.py", "load_name(table)"): "a table of a package further up, named by a literal of our own in a Slot",
}
"""Calls that import by another thing than an entry of a table, and why."""

RULES: Final[dict[str, Callable[[str, ast.Module], Iterator[Finding]]]] = {"modules": imported, "calls": called, "flags": flagged}


@pytest.mark.bar("S5")
def test_nothing_that_is_read_can_be_run(repository: Path, record_property: Callable[[str, object], None]) -> None:
    files = sources(repository)
    found = [finding for file, tree in files for rule in RULES.values() for finding in rule(file, tree)]
    assert [(file, line, what) for file, line, what in found if (file, what) not in ALLOWED] == []
    record_property(
        "figure", f"{len(files)} files, {len(MODULES) + len(BUILTINS) + len(ATTRIBUTES)} modules and calls: none but {len(ALLOWED)} allowed"
    )


@pytest.mark.bar("S5")
def test_modules_are_imported_by_entries_of_tables_alone(repository: Path) -> None:
    found = [finding for file, tree in sources(repository) for finding in imported_by_name(file, tree)]
    wrong = [(file, line, what) for file, line, what in found if (file, what) not in NAMED and not _is_of_the_table(repository, file, line)]
    assert wrong == []


def _is_of_the_table(repository: Path, file: str, line: int) -> bool:
    """Whether a loop over the entries of a table stands around a call, or its argument was taken from one just before."""
    lines = (repository / "nntrain" / file).read_text("utf-8").splitlines()[max(0, line - 6) : line + 2]
    return any(word in " ".join(lines) for word in (".table", ".values()", "TABLE", ".items()", "[tag]"))


@pytest.mark.bar("S5")
@pytest.mark.parametrize(
    "text",
    ["import pickle", "from torch import load\nx = torch.load(p)", "eval(x)", "np.load(p)", "np.load(p, allow_pickle=True)",
     "subprocess.run('ls', shell=True)", "subprocess.run(f'ls {x}')", "yaml.load(t, Loader=yaml.Loader)", "__import__(x)", "tempfile.mktemp()",
     "run = exec", "import importlib\nimportlib.import_module(x)", "torch.load(p, weights_only=False)", "from joblib import load"],
)  # fmt: skip
def test_each_of_them_would_be_found(text: str) -> None:
    tree = ast.parse(text)
    assert [finding for rule in RULES.values() for finding in rule("x.py", tree)]


@pytest.mark.bar("S6")
def test_torch_below_the_last_known_hole_is_refused(repository: Path, record_property: Callable[[str, object], None]) -> None:
    from nntrain.errors import NNTrainError
    from nntrain.training.torch_version import FLOOR, check_version

    for version in ("1.13.1", "2.5.1+cu121", "2.9.1", "2.9.9a0+git123"):
        with pytest.raises(NNTrainError, match=rf"torch {version.split('+')[0]}.*nntrain needs 2\.10 or newer"):
            check_version(version)
    for version in ("2.10.0", "2.10.0+cpu", "2.13.0a0+git1", "3.0"):
        check_version(version)
    needed = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    assert f"torch>={FLOOR[0]}.{FLOOR[1]},<3" in needed
    record_property("figure", "torch 1.13, 2.5, 2.9 refused at import; 2.10 and later taken")


@pytest.mark.bar("S6")
def test_no_weights_are_read_or_written_with_an_older_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    import torch

    from nntrain.errors import NNTrainError
    from nntrain.training import state

    monkeypatch.setattr(torch, "__version__", "2.9.1")
    with pytest.raises(NNTrainError, match=r"torch 2\.9\.1"):
        importlib.reload(state)
