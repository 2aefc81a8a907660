"""The oldest torch that is safe to use. Torch-free."""

from __future__ import annotations

import re
from typing import Final

from nntrain.errors import NNTrainError

FLOOR: Final = (2, 10)
"""Older ones have known holes: their weights-only reader ran code (CVE-2025-32434, up to 2.5.1) and overwrote memory (CVE-2026-24747)."""


def check_version(version: str) -> None:
    """Refuse a torch that is too old: `2.9.1`, `2.5.1+cu121`.

    Raises:
        NNTrainError: It is.
    """
    found = re.match(r"(\d+)\.(\d+)", version)
    if found is None or (int(found[1]), int(found[2])) < FLOOR:
        needed = ".".join(map(str, FLOOR))
        raise NNTrainError(
            f"torch {version} is installed, and nntrain needs {needed} or newer: older ones have known security holes",
            f"pip install 'torch>={needed}'",
        )
