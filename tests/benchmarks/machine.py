"""What figures depend on: the machine, its load, versions, threads."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1")
"""One thread for everything that is measured: two beside a busy process are slower than one."""


def facts() -> dict[str, Any]:
    """All that a reader needs to judge the figures."""
    packages = ("torch", "numpy", "polars", "nntrain")
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "processor": processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30) if hasattr(os, "sysconf") else None,
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "threads": 1,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "commit": commit(),
    }


def line(found: dict[str, Any]) -> str:
    """The facts in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    where = f"{found['processor']}, {found['cores']} cores, {found['memory_gib']} GiB, load {found['load']}"
    commit = f" ({found['commit']})" if found["commit"] else ""
    return f"{found['date']}; {where}; {found['threads']} thread; {found['system']}; Python {found['python']}, {versions}{commit}"


def processor() -> str:
    """Its name, and which instructions for small numbers it has."""
    path = Path("/proc/cpuinfo")
    if not path.is_file():
        return platform.processor() or platform.machine()
    fields = (each.partition(":") for each in path.read_text(encoding="utf-8").splitlines())
    by_name = {name.strip(): value.strip() for name, _, value in fields}
    flags = set(by_name.get("flags", "").split())
    known = [name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in flags]
    return f"{by_name.get('model name', platform.machine())} ({' '.join(known)})"


def commit() -> str:
    """Of the code that is measured; a plus stands for changes that are in no commit."""
    try:
        done = subprocess.run(["git", "describe", "--always", "--dirty=+"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
