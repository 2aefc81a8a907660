"""Pages of HTML: where one may be written, and what is drawn on several of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.errors import ResourceError, UsageError
from nntrain.runs import Run, write_atomically

if TYPE_CHECKING:
    from nntrain.insight.report.curves import Course

FILE = "report.html"


def write_page(path: Path, text: str) -> None:
    """Write a page, whole or not at all. Raises `ResourceError`."""
    try:
        write_atomically(path, text)
    except OSError as error:
        raise ResourceError(f"cannot write {path.as_posix()}: {error.strerror}", "another place") from None


def check_free(path: Path, owner: str) -> None:
    """Raises `UsageError` where a file is that is no page of this owner."""
    from nntrain.insight.report.page import owner_of

    if path.is_dir():
        raise UsageError(f"{path.as_posix()} is a folder", (path / FILE).as_posix())
    if not path.parent.is_dir():
        raise UsageError(f"no folder {path.parent.as_posix()}", "make it first")
    if not (path.exists() or path.is_symlink()):
        return
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            is_ours = not path.is_symlink() and owner_of(file.read(4096)) == owner
    except OSError:
        is_ours = False
    if not is_ours:
        raise UsageError(f"{path.as_posix()} is there, and is no earlier report of the same", "another name")


def course_of(run: Run, summary: Mapping[str, Any]) -> Course:
    """The reports of a run, and where its best state is. Raises `CheckpointError` where they are damaged."""
    from nntrain.insight.report.curves import Course
    from nntrain.training.history import read_history

    path = run.path / "history.jsonl"
    best: Mapping[str, Any] = summary.get("best") or {}
    place = (best["epoch"], best["step"]) if best.get("epoch") is not None and best.get("step") is not None else None
    return Course(read_history(path) if path.exists() else [], summary.get("monitor") or "validation.loss", place)
