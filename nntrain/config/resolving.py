"""The resolved config: every setting that applies, written out, so that it reads back as itself."""

from __future__ import annotations

from typing import Any

from nntrain.config.document import Document, has
from nntrain.config.experiment import Experiment
from nntrain.config.loading import dump
from nntrain.errors import YamlPath


def resolved_tree(experiment: Experiment) -> dict[str, Any]:
    """All settings as a plain tree; what is off is `null`."""
    return experiment.model_dump(mode="json", by_alias=True)


def resolved_text(experiment: Experiment, document: Document) -> str:
    """The same as YAML. What came from the environment is written as it was: `${env:NAME}`."""
    tree = resolved_tree(experiment)
    for path, written in document.unexpanded.items():
        _put_back(tree, path, document.value(path), written)
    return dump(tree)


def _put_back(tree: Any, path: YamlPath, read: object, written: str) -> None:
    """Replace a value that came from the environment by its reference, at its path or where a short form has put it."""
    node = tree
    for part in path[:-1]:
        if not has(node, part):
            return
        node = node[part]
    if not has(node, path[-1]):
        return
    found = node[path[-1]]
    if isinstance(found, dict):
        for key, value in list(found.items()):
            if value == read:
                found[key] = written
    elif found == read:
        node[path[-1]] = written


def differences(before: object, after: object, path: YamlPath = ()) -> list[tuple[YamlPath, object, object]]:
    """Settings that differ between two resolved trees, with both values."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = dict.fromkeys([*before, *after])
        return [change for key in keys for change in differences(before.get(key), after.get(key), (*path, key))]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [change for index, (old, new) in pairs for change in differences(old, new, (*path, index))]
    return [] if before == after and type(before) is type(after) else [(path, before, after)]
