"""Trains where folders can't be written. Run inside of `unshare -rm`, where it may mount file systems of its own.

    unshare -rm python places_driver.py FOLDER STRIDE

Every STRIDE-th count of inodes that are left is tried, until training comes to its end. Prints a JSON object: by case the exit code
and what was printed, of `nntrain fit` with data that is there (`…, trained`), else with data that is not there: what was told about
the folder was told before the data was looked at.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import shutil
import sys
from pathlib import Path

from nntrain.cli import main

LIBC = ctypes.CDLL(None, use_errno=True)
MS_RDONLY, MS_REMOUNT, MNT_DETACH = 1, 32, 2


def mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    """mount(2)."""
    target.mkdir(parents=True, exist_ok=True)
    if LIBC.mount(source.encode(), os.fsencode(target), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def unmount(target: Path) -> None:
    """Take it away, whoever uses it."""
    LIBC.umount2(os.fsencode(target), MNT_DETACH)


def fit(config: Path, runs: Path, *options: str) -> dict[str, object]:
    """What `nntrain fit` returns and prints."""
    told = io.StringIO()
    with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
        code = main(["fit", str(config), "--runs", str(runs), *options])
    return {"code": code, "told": told.getvalue()}


def write_config(path: Path, data: str) -> Path:
    """A toy."""
    path.write_text(
        f"name: toy\ndata: {{source: {data}, target: y}}\narchitecture: {{type: mlp, hidden: [4]}}\n"
        "training: {max_epochs: 2, checkpoint: {every_steps: 1}}\n",
        encoding="utf-8",
    )
    return path


def drive(folder: Path, stride: int) -> dict[str, dict[str, object]]:
    """All cases."""
    (folder / "table.csv").write_text("x,y\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(60)), encoding="utf-8")
    there, missing = write_config(folder / "there.yaml", "table.csv"), write_config(folder / "missing.yaml", "nowhere.csv")
    found: dict[str, dict[str, object]] = {}

    place = folder / "read-only"
    mount("tmpfs", place, "tmpfs", 0, "size=1m")
    found["a run to go on with, trained"] = fit(there, place / "runs")
    mount("tmpfs", place, "tmpfs", MS_REMOUNT | MS_RDONLY, "")
    found["read-only file system"] = fit(missing, place)
    found["read-only file system, below the folder"] = fit(missing, place / "runs" / "more")
    found["read-only run"] = fit(missing, place, "--resume", str(place / "runs" / "toy" / "0001"))
    found["read-only config and data, runs elsewhere, trained"] = _elsewhere(folder)

    place = folder / "inodes"
    mount("tmpfs", place, "tmpfs", 0, "size=1m,nr_inodes=4")
    for index in range(3):
        (place / str(index)).touch()
    found["full inode table"] = fit(missing, place)
    unmount(place)
    for free in range(1, 100, stride):
        mount("tmpfs", place, "tmpfs", 0, f"size=4m,nr_inodes={1 + free}")
        found[f"{free} inodes left, trained"] = fit(there, place)
        unmount(place)
        if found[f"{free} inodes left, trained"]["code"] == 0:
            break
    return found


def _elsewhere(folder: Path) -> dict[str, object]:
    """Config and data on a file system that can't be written: nntrain writes nothing beside them."""
    place = folder / "inputs"
    mount("tmpfs", place, "tmpfs", 0, "size=1m")
    shutil.copy(folder / "table.csv", place)
    config = write_config(place / "there.yaml", "table.csv")
    mount("tmpfs", place, "tmpfs", MS_REMOUNT | MS_RDONLY, "")
    return fit(config, folder / "runs")


if __name__ == "__main__":
    os.environ["COLUMNS"] = "200"
    sys.stdout.write(json.dumps(drive(Path(sys.argv[1]), int(sys.argv[2]))))
