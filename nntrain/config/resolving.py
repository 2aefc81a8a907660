"""The resolved config: every setting that applies, written out, so that it reads back as itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, cast

from nntrain.config.document import Document, has
from nntrain.config.experiment import Experiment
from nntrain.config.loading import dump
from nntrain.errors import YamlPath, render_path


def resolved_tree(experiment: Experiment) -> dict[str, Any]:
    """All settings as a plain tree; what is off is `null`."""
    return experiment.model_dump(mode="json", by_alias=True)


def written_tree(experiment: Experiment, document: Document) -> dict[str, Any]:
    """The same; what came from the environment is written as it was: `${env:NAME}`."""
    tree = resolved_tree(experiment)
    return _put_back(tree, (), document) if document.unexpanded else tree


def resolved_text(experiment: Experiment, document: Document) -> str:
    """The same as YAML."""
    return dump(written_tree(experiment, document))


def _put_back(value: Any, path: YamlPath, document: Document) -> Any:
    """A copy in which values from the environment stand as the document has them; short forms are found by their long paths."""
    if isinstance(value, dict):
        options = cast("dict[str, Any]", value)
        return {key: _put_back(item, (*path, key), document) for key, item in options.items()}
    if isinstance(value, list):
        return [_put_back(item, (*path, index), document) for index, item in enumerate(cast("list[Any]", value))]
    found = document.find(path)
    written = document.unexpanded.get(found)
    return written if written is not None and _digest(document.value(found)) == _digest(value) else value


def written_digest(experiment: Experiment) -> str:
    """What tells two configs apart before the data settles what they leave open: SHA-256 of all settings as they were read."""
    return sha256(json.dumps(resolved_tree(experiment), sort_keys=True).encode()).hexdigest()


def environment_digests(document: Document) -> dict[str, str]:
    """What settings from the environment stand for, so that another value is noticed later: by path, without the value itself.

    Args:
        document: As it reads back from `resolved_text`: its paths are those of the resolved tree.

    Returns:
        Path, as people write it, to the SHA-256 of the value.
    """
    return {render_path(path): _digest(document.value(path)) for path in document.unexpanded}


def changed_in_environment(document: Document, digests: Mapping[str, str], now: Any) -> dict[YamlPath, bool]:
    """Settings whose value in `now` can be compared only by its digest, and whether it is another one than it was.

    Args:
        document: A stored config, as `environment_digests` takes it.
        digests: What `environment_digests` gave when it was stored.
        now: A resolved tree.
    """
    known = {path: digests[render_path(path)] for path in document.unexpanded if render_path(path) in digests}
    return {path: _digest(_value_at(now, path)) != digest for path, digest in known.items()}


def _value_at(tree: Any, path: YamlPath) -> Any:
    for part in path:
        if not has(tree, part):
            return None
        tree = tree[part]
    return tree


def _digest(value: Any) -> str:
    """SHA-256 of a scalar; 1 and 1.0 are the same number, 1 and true are not the same."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return sha256(json.dumps(float(value) if is_number else value).encode()).hexdigest()


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
