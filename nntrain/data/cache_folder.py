"""Where encoded rows of tables are kept between epochs and runs. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from nntrain.errors import UsageError

FOLDER: Final = "NNTRAIN_CACHE"
"""Environment variable with the folder of the cache; empty for none."""


class NotKeptError(Exception):
    """Why encoded rows can't be kept where nobody has said where."""


def cache_root() -> Path | None:
    """The folder, which may be deleted at any time; `None` where nothing is to be kept.

    Raises:
        UsageError: `NNTRAIN_CACHE` names no folder.
        NotKeptError: The user has no home folder.
    """
    given = os.environ.get(FOLDER)
    users = os.environ.get("XDG_CACHE_HOME")
    try:
        if given is not None:
            return Path(given).expanduser() / "blocks" if given else None
        return (Path(users).expanduser() if users else Path.home() / ".cache") / "nntrain" / "blocks"
    except RuntimeError:  # of pathlib, where a home folder is not known
        raise refused("the home folder in it is not known" if given else "no home folder is known") from None


def refused(why: str) -> UsageError | NotKeptError:
    """What to raise where nothing can be kept: the user's own folder must be one, another is done without."""
    given = os.environ.get(FOLDER)
    if not given:
        return NotKeptError(why)
    return UsageError(f"{FOLDER}={given}: {why}", f"name a folder that can be written, or none to keep nothing: {FOLDER}=")


def keep_nothing() -> None:
    """Keep nothing from now on, in this process and in those that it starts."""
    os.environ[FOLDER] = ""
