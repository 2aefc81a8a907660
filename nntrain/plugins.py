"""The user's own components: code that is loaded only where somebody outside of the config has allowed it.

A config names such a component by module and class, `type: my_package.my_module:Gauss`. The module is imported if `--plugin` or
`allow` names it, or if an installed package names it as an entry point of the group `nntrain.plugins`. A name that stands in a
config, a run or a checkpoint is only looked up among those; it is never imported.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Final

from nntrain.errors import UsageError

GROUP: Final = "nntrain.plugins"
"""Entry points of installed packages whose values are modules of components."""

_MODULE: Final = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*"
TAG: Final = re.compile(rf"({_MODULE}):([A-Za-z_]\w*)", re.ASCII)
"""How a config names a component of a plug-in."""

_allowed: Final[dict[str, ModuleType]] = {}
"""Modules that were imported by consent, by name."""


def allow(module: str) -> None:
    """Import a module of components, which configs and runs may name from here on: what `--plugin` does.

    Where Python does not find it, it is looked for where you stand.

    Raises:
        UsageError: It is no name of a module, is not there, or cannot be imported.
    """
    if re.fullmatch(_MODULE, module, re.ASCII) is None:
        raise UsageError(f"--plugin takes the name of a module, got {module!r}", "--plugin my_package.my_module")
    here = str(Path.cwd())
    sys.path.append(here)  # last: nothing that is installed is hidden by a file that lies here
    try:
        _allowed[module] = import_module(module)
    except Exception as error:
        why = "there is no such module" if isinstance(error, ModuleNotFoundError) and error.name == module else f"{error!r}"
        raise UsageError(f"the plug-in {module} cannot be imported: {why}", "install it, or stand in the folder that has it") from None
    finally:
        sys.path.remove(here)


def allowed() -> tuple[str, ...]:
    """Names of the modules that `allow` has imported."""
    return tuple(_allowed)


def is_allowed(module: str) -> bool:
    """Whether components of a module may be used: it was allowed, or an installed package offers it."""
    return module in _allowed or module in _installed()


def find(tag: str) -> object | None:
    """What a tag `module:Name` names in a module that is allowed; `None` for anything else.

    Raises:
        UsageError: The module of an installed package cannot be imported.
    """
    match = TAG.fullmatch(tag)
    if match is None or not is_allowed(match[1]):
        return None
    if match[1] not in _allowed:
        allow(match[1])
    return vars(_allowed[match[1]]).get(match[2])


@cache
def _installed() -> frozenset[str]:
    """Modules that installed packages offer."""
    from importlib.metadata import entry_points

    return frozenset(entry_point.value for entry_point in entry_points(group=GROUP))
