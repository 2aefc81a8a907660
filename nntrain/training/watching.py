"""A process that is of no use without the one that started it."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Final

from nntrain.training.place import PARENT

LOOK_S: Final = 2.0
GRACE_S: Final = 300.0
"""How long it may take to save and end."""
EXIT_CODE: Final = 143


def watch_parent() -> None:
    """Ask this process to stop, as SIGTERM does, where the one that started it is gone: it was killed and could end nobody."""
    parent = os.environ.get(PARENT)
    if parent is not None and os.name != "nt":  # Windows goes on naming a parent that is gone
        threading.Thread(target=_watch, args=(int(parent),), name="nntrain-parent", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(LOOK_S)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os._exit(EXIT_CODE)  # it waits for something that does not come
