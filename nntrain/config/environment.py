"""`${env:NAME}` in a config: read for the run, kept as it was written in what is saved."""

from __future__ import annotations

import os
import re
from typing import Any, Final, cast

from nntrain.config.document import Document
from nntrain.errors import YamlPath

REFERENCE: Final = re.compile(r"\$\{env:([^}]*)\}")


class UnsetError(ValueError):
    """An environment variable that a config needs is not set."""

    def __init__(self, name: str) -> None:
        super().__init__(f"the environment variable {name} is not set")
        self.name = name


def expand(text: str) -> str:
    """Put in the values of environment variables.

    Raises:
        UnsetError: One of them is not set.
    """

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if found is None:
            raise UnsetError(match[1])
        return found

    return REFERENCE.sub(value, text)


def restore(tree: Any, document: Document) -> Any:
    """A copy of a saved tree (`type:` forms) in which values from the environment stand as `document` has them."""
    for path, written in document.unexpanded.items():
        tree = _put(tree, path, written, document.value(path))
    return tree


def _put(node: Any, path: YamlPath, written: str, expanded: object) -> Any:
    if not path:
        return _put_main(cast("dict[str, Any]", node), written, expanded) if isinstance(node, dict) else written
    part, rest = path[0], path[1:]
    if isinstance(node, list):
        items = cast("list[Any]", node)
        return [_put(item, rest, written, expanded) if index == part else item for index, item in enumerate(items)]
    if not isinstance(node, dict):
        return node
    options = cast("dict[str, Any]", node)
    if part in options:
        return {key: _put(value, rest, written, expanded) if key == part else value for key, value in options.items()}
    if options.get("type") == part:  # the tag of a short form, which the saved form doesn't have as a key
        return _put(options, rest, written, expanded) if rest else _put_main(options, written, expanded)
    return options


def _put_main(options: dict[str, Any], written: str, expanded: object) -> dict[str, Any]:
    """Put the value into the short form's tag, or into the option that a value alone sets."""
    if options.get("type") == expanded:
        return {**options, "type": written}
    return {key: written if key != "type" and value == expanded else value for key, value in options.items()}
