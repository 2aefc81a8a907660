"""From a config file (or a mapping) and overrides to a validated `Experiment`, with every problem told at once."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from nntrain import plugins
from nntrain.arithmetic import is_expression
from nntrain.config import loading, merging, nodes, normalising, overrides, rendering
from nntrain.config.document import Document
from nntrain.config.experiment import Experiment
from nntrain.config.rendering import LocatedError
from nntrain.errors import ConfigError, Problem, UsageError


@dataclass(frozen=True, slots=True)
class Config:
    """A config that was read and is valid in itself."""

    experiment: Experiment
    document: Document
    folder: Path
    """Folder that relative paths in the config are counted from."""
    run: Path | None = None
    """Folder of the run that it is of: what was taken from another run at its start lies there."""
    absent: tuple[Problem, ...] = ()
    """Folders of trained networks that are not there, as data may not be: without them no network is drawn."""

    def error(self, problems: Sequence[Problem]) -> ConfigError:
        """Problems that were found later (shapes, columns), told at the same places of the file."""
        return rendered(problems, self.document)


def read_config(path: Path, changes: Sequence[str] = (), overlays: Sequence[Path] = ()) -> Config:
    """Read a config file and lay other configs, then overrides (`optimizer.lr=3e-4`), over it.

    Paths in the `resolved.yaml` of a run count from where the run's config stood, in every other config from its own folder.

    Raises:
        UsageError: There is no such file, or its name or an override is no text.
        ConfigError: With all problems, rendered.
    """
    document = _loaded(path)
    for overlay in overlays:
        laid = merging.lay_over(normalising.normalise(document), normalising.normalise(_loaded(overlay)))
        document = nodes.document(nodes.of(laid), document)  # the run keeps the name and the text of the config itself
    return _validate(document, changes, _folder_of(path), path.stem)


def _folder_of(path: Path) -> Path:
    """Folder that relative paths in a config file are counted from: its own, and for the resolved one of a run where its config stood."""
    own = path.resolve().parent
    if path.name != "resolved.yaml":
        return own
    try:
        folder = json.loads((own / "data.json").read_text(encoding="utf-8"))["folder"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):  # a copy without its run
        return own
    return own / folder if isinstance(folder, str) else own


def _loaded(path: Path) -> Document:
    overrides.check_text(path.as_posix(), "path")
    if path.exists() and not path.is_file():
        what = "a folder" if path.is_dir() else "no file that stays as it is"
        run = f"a run is gone on with by  --resume {path.as_posix()}" if (path / "resolved.yaml").is_file() else None
        raise UsageError(f"{path.as_posix()} is {what}, and no config", run or _near(path / "x"))
    if not path.is_file():
        raise UsageError(f"no config {path.as_posix()}", _near(path))
    return loading.load(path)


def read_mapping(tree: Mapping[str, Any], changes: Sequence[str] = (), folder: Path | None = None) -> Config:
    """The same for a mapping, from Python.

    Raises:
        ConfigError: With all problems, rendered.
    """
    document = loading.parse(loading.dump(dict(tree)), "<config>")
    return _validate(document, changes, folder or Path.cwd(), "config")


def read_document(document: Document, changes: Sequence[str], folder: Path, name: str = "config") -> Config:
    """The same for a config that was loaded already: that of a run.

    Args:
        document: The config.
        changes: Overrides.
        folder: The folder that relative paths start from.
        name: The name of the runs where the config gives none.

    Raises:
        ConfigError: With all problems, rendered.
    """
    return _validate(document, changes, folder, name)


def _validate(document: Document, changes: Sequence[str], folder: Path, name: str) -> Config:
    document, findings = normalising.with_homes(document)
    document, more = normalising.with_homes(overrides.apply(document, changes))
    findings += more
    if _has_macros(document.tree):
        from nntrain.config import expanding

        document, macros = expanding.expand(document)
        findings += macros
    try:
        experiment = Experiment.parse(document.tree)
    except ValidationError as error:
        from nntrain.config import validating

        wrong = rendering.error(validating.problems(error, document, Experiment), document)
        raise LocatedError([*findings, *wrong.findings], document.name) from None
    problems = _plugin_problems(experiment, document.tree)
    absent: list[Problem] = []
    if _names_folders(document.tree):
        from nntrain.config.located import located

        experiment = located(experiment, folder, problems, absent)
    findings += rendering.error(problems, document).findings if problems else []
    if findings:
        raise LocatedError(findings, document.name)
    if experiment.name is None:
        experiment = experiment.model_copy(update={"name": run_name(name)})
    return Config(experiment, document, folder, absent=tuple(absent))


def _plugin_problems(experiment: Experiment, tree: Any) -> list[Problem]:
    """Plug-ins that a config needs and that are not allowed, or that it has no use for."""
    found: list[Problem] = []
    for index, module in enumerate(experiment.plugins or ()):
        if not plugins.is_allowed(module):
            hint = f"code runs only by your consent: if you trust it, add  --plugin {module}"
            found.append(Problem(("plugins", index), f"the plug-in {module} is not allowed here", hint))
        elif not _names(tree, module):
            found.append(Problem(("plugins", index), f"has no effect: nothing here is of {module}", f"use it, {module}:Name, or remove it"))
    return found


def _names(tree: Any, module: str) -> bool:
    """Whether a component of a plug-in stands somewhere in a config."""
    if isinstance(tree, dict):
        return any(_names(key, module) or _names(value, module) for key, value in cast("dict[str, Any]", tree).items())
    if isinstance(tree, list):
        return any(_names(item, module) for item in cast("list[Any]", tree))
    return isinstance(tree, str) and tree.startswith(f"{module}:")


def _names_folders(tree: object) -> bool:
    """Whether a config names a trained network somewhere: few do."""
    if isinstance(tree, dict):
        options = cast("dict[str, object]", tree)
        return "pretrained" in options or any(_names_folders(value) for value in options.values())
    if isinstance(tree, list):
        return any(_names_folders(item) for item in cast("list[object]", tree))
    return tree == "pretrained"


def _has_macros(tree: Any) -> bool:
    """Whether something is to be written out: most configs have nothing of the kind."""
    return isinstance(tree, dict) and ("variables" in tree or _is_macro(cast("dict[str, Any]", tree).get("architecture")))


def _is_macro(value: Any, *, in_list: bool = False) -> bool:
    if isinstance(value, str):
        return is_expression(value) or "{" in value
    if isinstance(value, list):
        return in_list or any(_is_macro(item, in_list=True) for item in value)  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, dict):
        return "blocks" in value or "repeat" in value or any(_is_macro(item) for item in value.values())  # pyright: ignore[reportUnknownVariableType]
    return False


def run_name(stem: str) -> str:
    """The name of the runs of a config file that gives none: what the pattern of `name` does not have becomes `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", stem).lstrip(".-") or "run"


def rendered(problems: Sequence[Problem], document: Document) -> ConfigError:
    """A config error with its screen text."""
    return rendering.error(problems, document)


def find_config(given: Path | None) -> Path:
    """The config that a bare command means: the only one in the folder.

    Raises:
        UsageError: There is none, or there are several.
    """
    if given is not None:
        return given
    found = [path for path in sorted(Path.cwd().glob("*.yaml")) if _looks_like_config(path)]
    if len(found) == 1:
        return Path(found[0].name)
    if not found:
        raise UsageError("no config here", "write one: nntrain init DATA --target COLUMN, or name one: nntrain fit CONFIG")
    names = ", ".join(path.name for path in found)
    raise UsageError(f"there are {len(found)} configs here: {names}", f"name one: nntrain fit {found[0].name}")


def _looks_like_config(path: Path) -> bool:
    try:
        tree = loading.load(path).tree
    except ConfigError:
        return False
    return isinstance(tree, dict) and "data" in tree


def _near(path: Path) -> str | None:
    near = sorted(path.parent.glob("*.yaml")) if path.parent.is_dir() else []
    return f"here are: {', '.join(found.as_posix() for found in near[:5])}" if near else None
