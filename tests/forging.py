"""Checkpoints that somebody has changed, with digests that fit: what is to be noticed is their content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nntrain.training.meta import sealed


def meta_of(path: Path) -> dict[str, Any]:
    """What a checkpoint says of itself, without its seal."""
    return {key: value for key, value in json.loads((path / "meta.json").read_bytes()).items() if key != "sha256"}


def part_of(path: Path, name: str) -> Any:
    """The values of a part that are no tensors."""
    return meta_of(path)["parts"][name]


def forge_meta(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change what a checkpoint says of itself."""
    (path / "meta.json").write_bytes(sealed(change(meta_of(path))))


def forge_part(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    """Change the values of a part that are no tensors."""
    forge_meta(path, lambda meta: {**meta, "parts": {**meta["parts"], name: change(meta["parts"][name])}})


def leave_out(path: Path, name: str) -> None:
    """Take a part away."""
    forge_meta(path, lambda meta: {**meta, "parts": {part: tree for part, tree in meta["parts"].items() if part != name}})


def forge_text(path: Path, name: str, text: str) -> None:
    """Write any text for the values of a part, be it no JSON."""
    mark = "@@ in its place @@"
    forge_part(path, name, lambda _: mark)
    content = (path / "meta.json").read_bytes()
    content = content[: content.rindex(b', "sha256": ')].replace(json.dumps(mark).encode(), text.encode())
    (path / "meta.json").write_bytes(content + f', "sha256": "{hashlib.sha256(content).hexdigest()}"}}\n'.encode())


def forge_file(path: Path, name: str, content: bytes) -> None:
    """Replace a file with tensors."""
    (path / name).write_bytes(content)
    entry = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    forge_meta(path, lambda meta: {**meta, "files": {**meta["files"], name: entry}})
