"""What a run depends on beside its config: versions, machine, command line, state of the code. Kept with the run."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from nntrain.training.place import COMMAND, here

PACKAGES = ("nntrain", "torch", "numpy", "polars", "pydantic", "safetensors", "einops")
MAX_DIFF = 200_000
"""Longest diff that is kept, in characters; a longer one is cut, and says so."""


def describe(folder: Path) -> dict[str, Any]:
    """Versions, platform and command, and the git repository around the config's folder: commit and uncommitted changes."""
    return {
        "versions": {name: _version(name) for name in PACKAGES},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "command": _command(),
        "git": git_state(folder),
    }


def _command() -> list[str]:
    """What was typed; one of several processes has been started by it, with a command line of its own."""
    place = here()
    return sys.argv if place is None or place.store is None else json.loads(os.environ[COMMAND])


@cache
def _version(package: str) -> str:
    """What is installed: it does not change while nntrain runs, and looking it up takes a millisecond."""
    return version(package)


def git_state(folder: Path) -> dict[str, Any] | None:
    """Commit and diff of the repository around a folder; `None` outside of one, or without git."""
    if shutil.which("git") is None:
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    diff = _git(folder, *_without_filters(folder), "diff", "--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "HEAD") or ""
    kept = diff if len(diff) <= MAX_DIFF else diff[:MAX_DIFF] + f"\n… cut after {MAX_DIFF} of {len(diff)} characters\n"
    return {"commit": commit.strip(), "diff": kept}


def _without_filters(folder: Path) -> list[str]:
    """Options that switch off the programs which the repository's own settings name: it may be a stranger's."""
    found = _git(folder, "config", "--local", "--includes", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$") or ""
    return [option for key in found.splitlines() for option in ("-c", f"{key}={'false' if key.endswith('.required') else ''}")]


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; it starts no program that the repository names."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
