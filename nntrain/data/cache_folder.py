"""Where encoded rows of tables are kept between epochs and runs. Torch-free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

FOLDER: Final = "NNTRAIN_CACHE"
"""Environment variable with the folder of the cache; empty for none."""


def cache_root() -> Path | None:
    """The folder, which may be deleted at any time; `None` where nothing is to be kept."""
    given = os.environ.get(FOLDER)
    if given is not None:
        return Path(given).expanduser() / "blocks" if given else None
    users = os.environ.get("XDG_CACHE_HOME")
    return (Path(users).expanduser() if users else Path.home() / ".cache") / "nntrain" / "blocks"


def keep_nothing() -> None:
    """Keep nothing from now on, in this process and in those that it starts."""
    os.environ[FOLDER] = ""
