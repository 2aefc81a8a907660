"""`nntrain doctor`: what this installation has and can do, and what stands in its way."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from pathlib import Path
from typing import Final, Literal

from nntrain.commands.screens.figures import format_bytes
from nntrain.commands.screens.results import labelled
from nntrain.runs import runs_root

State = Literal["ok", "note", "fault"]

SPARE: Final = 2_000_000_000
"""Free bytes below which a long run may fill the disk."""
MARKS: Final = {"ok": "ok", "note": "--", "fault": "!!"}


@dataclass(frozen=True, slots=True)
class Examined:
    """One thing that was looked at."""

    what: str
    state: State
    """`note` is worth knowing, `fault` keeps nntrain from working."""
    told: str


def run(runs: Path | None, *, as_json: bool) -> tuple[str, int]:
    """Look at everything; the text to print, and 0, or 1 where something keeps nntrain from working."""
    found = [*_python(), *_packages(), *_torch(), *_machine(), *_folder(runs_root(runs)), *_terminal()]
    code = 1 if any(finding.state == "fault" for finding in found) else 0
    if as_json:
        return json.dumps({"ok": code == 0, "findings": [asdict(finding) for finding in found]}, indent=1), code
    lines = labelled([(finding.what, f"{MARKS[finding.state]}  {finding.told}") for finding in found])
    end = "everything that nntrain needs is there" if code == 0 else "what is marked !! keeps nntrain from working"
    return f"{lines}\n\n{end}", code


def _python() -> Iterator[Examined]:
    yield Examined("python", "ok", f"{platform.python_version()} on {platform.platform()}")
    yield Examined("nntrain", "ok", f"{version('nntrain')} in {Path(__file__).parents[2].as_posix()}")


def _packages() -> Iterator[Examined]:
    """Required packages by their installed versions, then the extras with what is missing of each."""
    wanted = [text for text in requires("nntrain") or [] if "extra ==" not in text]
    missing = [name for text in wanted if _installed(name := _name(text)) is None]
    told = ", ".join(f"{_name(text)} {_installed(_name(text))}" for text in wanted if _installed(_name(text)) is not None)
    yield Examined("packages", "ok", told)
    if missing:
        yield Examined("packages", "fault", f"missing: {', '.join(missing)}   fix:  pip install nntrain")
    for extra in metadata("nntrain").get_all("Provides-Extra") or []:
        lacking = [
            name
            for text in requires("nntrain") or []
            if f"extra == '{extra}'" in text.replace('"', "'") and not _installed(name := _name(text))
        ]
        if extra != "test":
            told = "installed" if not lacking else f"not installed ({', '.join(lacking)})   pip install 'nntrain[{extra}]'"
            yield Examined(extra, "ok" if not lacking else "note", told)


def _name(requirement: str) -> str:
    """`torch` of `torch>=2.10; extra == 'x'`."""
    return next(iter("".join(char if char.isalnum() or char in "-_." else " " for char in requirement).split()), requirement)


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> Iterator[Examined]:
    """Whether torch starts, computes, and sees an accelerator."""
    started = time.perf_counter()
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Examined("torch", "fault", f"cannot be loaded: {error}   fix:  pip install --force-reinstall torch")
        return
    seconds = time.perf_counter() - started
    layer = torch.nn.Linear(4, 1)
    layer(torch.ones(2, 4)).sum().backward()
    has_gradient = layer.weight.grad is not None and bool(layer.weight.grad.isfinite().all())
    yield Examined("torch", "ok" if has_gradient else "fault", f"{torch.__version__}, loaded in {seconds:.1f} s")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            free, total = torch.cuda.mem_get_info(index)
            yield Examined(
                f"cuda:{index}", "ok", f"{torch.cuda.get_device_name(index)}, {format_bytes(free)} of {format_bytes(total)} free"
            )
    elif torch.version.cuda is not None:
        yield Examined("cuda", "note", f"torch is built for CUDA {torch.version.cuda}, and finds no device: is the driver installed?")
    else:
        yield Examined("cuda", "note", "torch is built for the processor alone; training runs on it")
    if torch.backends.mps.is_available():
        yield Examined("mps", "ok", "device: mps may be used")
    yield Examined("threads", "ok", f"{torch.get_num_threads()} of {os.cpu_count()} cores; OMP_NUM_THREADS or training.threads set them")


def _machine() -> Iterator[Examined]:
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        yield Examined("memory", "ok", format_bytes(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    git = shutil.which("git")
    yield Examined("git", "ok" if git else "note", "found: runs keep commit and diff" if git else "not found: runs don't keep the commit")


def _folder(root: Path) -> Iterator[Examined]:
    """Whether runs can be written, and how much space is left for them."""
    place = root if root.is_dir() else Path.cwd()
    try:
        with tempfile.NamedTemporaryFile(dir=place, prefix=".nntrain-", suffix=".tmp"):
            pass
    except OSError as error:
        yield Examined("runs", "fault", f"cannot write in {place.as_posix()}: {error.strerror}   another place: NNTRAIN_RUNS=DIR")
        return
    free = shutil.disk_usage(place).free
    told = f"{root.as_posix()}/ can be written, {format_bytes(free)} free"
    yield Examined("runs", "ok" if free >= SPARE else "note", told)


def _terminal() -> Iterator[Examined]:
    encoding = (sys.stdout.encoding or "unknown").lower()
    is_utf8 = encoding.replace("-", "").startswith("utf")
    told = encoding if is_utf8 else f"{encoding}: signs that it lacks are written as escapes   fix:  PYTHONIOENCODING=utf-8"
    yield Examined("terminal", "ok" if is_utf8 else "note", told)
