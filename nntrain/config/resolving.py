"""The resolved config: every setting that applies, written out, so that it reads back as itself."""

from __future__ import annotations

from typing import Any, cast

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
        options = cast("dict[str, Any]", found)
        options.update({key: written for key, value in options.items() if value == read})
    elif found == read:
        node[path[-1]] = written


def differences(before: Any, after: Any, path: YamlPath = ()) -> list[tuple[YamlPath, Any, Any]]:
    """Settings that differ between two resolved trees, with both values; 1 and true are not the same."""
    changed = [] if before == after and type(before) is type(after) else [(path, before, after)]
    if isinstance(before, dict) and isinstance(after, dict):
        old, new = cast("dict[str, Any]", before), cast("dict[str, Any]", after)
        return [change for key in dict.fromkeys([*old, *new]) for change in differences(old.get(key), new.get(key), (*path, key))]
    if isinstance(before, list) and isinstance(after, list):
        old_items, new_items = cast("list[Any]", before), cast("list[Any]", after)
        if len(old_items) == len(new_items):
            pairs = enumerate(zip(old_items, new_items, strict=True))
            return [change for index, (old, new) in pairs for change in differences(old, new, (*path, index))]
    return changed
