"""`meta.json` of a checkpoint: which run and step it is of, all values that are no tensors, and the digests of the files with tensors.

Its last value is the digest of all that stands before it, so that no byte of a checkpoint can change unnoticed. Torch-free.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from nntrain.errors import CheckpointError
from nntrain.training.verified import read

FORMAT: Final = 2
"""Version of the layout; any other is refused."""

META: Final = "meta.json"
SOUP: Final = "soup-"
"""Start of the names of folders that hold averaged weights."""

_FILE: Final = re.compile(r"[a-z_]+(-[0-9]{5}-of-[0-9]{5})?\.safetensors")
_SEAL: Final = re.compile(rb', "sha256": "([0-9a-f]{64})"\}\n')
_SEAL_BYTES: Final = 80


@dataclass(frozen=True, slots=True)
class Needed:
    """What makes a checkpoint one that a run can use."""

    parts: Collection[str] = ()
    """Names of the parts without which it is of no use."""
    run: str | None = None
    """Id of the run that it must be of; `None` where the run has none."""


ANY: Final = Needed()


@dataclass(frozen=True, slots=True)
class Meta:
    """What a checkpoint says of itself."""

    files: Mapping[str, Mapping[str, Any]]
    """By name of each file with tensors: `bytes` and `sha256`."""
    parts: Mapping[str, Any]
    """The skeleton of each part, as `training.state.flatten` gives it."""
    seal: str
    """Digest of all of this."""


def folder_name(step: int) -> str:
    """Name of the checkpoint of a step: `step-0000500`."""
    return f"step-{step:07d}"


def meta_text(step: int, run: str | None, files: Mapping[str, Mapping[str, Any]], parts: Mapping[str, Any]) -> bytes:
    """Content of `meta.json`. Raises `ValueError` for a number that JSON has not."""
    return sealed({"format": FORMAT, "step": step, "run": run, "files": files, "parts": parts})


def sealed(record: Mapping[str, Any]) -> bytes:
    """A JSON object with one value more: the digest of what stands before it."""
    text = json.dumps(record, allow_nan=False)[:-1].encode()
    return text + b', "sha256": "%s"}\n' % hashlib.sha256(text).hexdigest().encode()


def read_meta(path: Path, needed: Needed = ANY) -> Meta:
    """What the checkpoint at `path` says of itself.

    Raises:
        CheckpointError: Missing, damaged, of another checkpoint or run, of another format, or it lacks a part that is needed.
    """
    file = path / META
    if not path.is_dir():
        raise CheckpointError(f"{path.as_posix()}: there is no such checkpoint")
    content = read(file)
    try:
        meta = cast("dict[str, Any]", json.loads(content))
        version: object = meta["format"]
        if isinstance(version, int) and version != FORMAT:
            raise _of_another_format(file, version)
        seal = _SEAL.fullmatch(content[-_SEAL_BYTES:])
        if seal is None or hashlib.sha256(content[:-_SEAL_BYTES]).hexdigest() != seal[1].decode():
            raise CheckpointError(f"{file.as_posix()}: damaged (its content is not what was written)")
        step, files, parts = meta["step"], cast("dict[str, dict[str, Any]]", meta["files"]), dict(meta["parts"])
        fits = version == FORMAT and path.name in {folder_name(step), f"{SOUP}{step:07d}"} and all(_FILE.fullmatch(name) for name in files)
        entries = {name: {"bytes": entry["bytes"], "sha256": entry["sha256"]} for name, entry in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{file.as_posix()}: damaged ({type(error).__name__})") from None
    if not fits:
        raise CheckpointError(f"{file.as_posix()}: damaged (does not describe {path.name})")
    if needed.run is not None and meta.get("run") != needed.run:
        raise CheckpointError(f"{file.as_posix()}: of another run, not of the one that it lies in")
    if missing := [name for name in needed.parts if name not in parts]:
        raise CheckpointError(f"{file.as_posix()}: damaged (has no {', '.join(missing)})")
    return Meta(entries, parts, seal[1].decode())


def _of_another_format(file: Path, version: int) -> CheckpointError:
    if version > FORMAT:
        return CheckpointError(f"{file.as_posix()}: format {version} is newer than this nntrain reads ({FORMAT})", "update nntrain")
    what = f"format {version} is of an earlier nntrain, and this one reads {FORMAT} only: go on with the one that wrote it, or train again"
    return CheckpointError(f"{file.as_posix()}: {what}")
