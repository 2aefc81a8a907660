"""The core of the suite without flock, fork, symbolic links, SIGUSR1 and folders that can be synced: as on Windows, as far as that goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

PREAMBLE = Path(__file__).with_name("other_system")
SHORT = ("tests/unit/test_runs.py", "tests/unit/training/test_checkpoint.py", "tests/unit/training/test_history.py")
LONG = ("tests/unit/test_runs.py", "tests/unit/training", "tests/unit/commands", "tests/cli/test_fit.py", "tests/cli/test_members.py")
EVERYDAY = """
import sys
from nntrain.cli import main
for command in (["fit", "toy.yaml"], ["fit", "--resume", "runs/toy/0001", "training.max_epochs=3"], ["eval"], ["runs"],
                ["predict", "table.csv", "-o", "out.csv"], ["fit", "toy.yaml", "--seeds", "2"]):
    code = main(command)
    assert code == 0, command
"""


def on_other_system(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run Python where all that is missing, in its children too."""
    path = os.pathsep.join([str(PREAMBLE), str(PREAMBLE.parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {**os.environ, "PYTHONPATH": path}
    return subprocess.run([sys.executable, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=1200, check=False)


def test_what_is_taken_away_is_missed(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "assert not hasattr(os, 'fork') and not hasattr(signal, 'SIGUSR1')\n"
        "from nntrain import locking\n"
        "assert locking.fcntl is None\n"
        "file = open('held', 'w')\n"
        "for move in (lambda: os.replace('held', 'moved'), lambda: os.symlink('held', 'link')):\n"
        "    try: move()\n"
        "    except OSError: pass\n"
        "    else: raise AssertionError(move)\n"
    )
    done = on_other_system("-c", program, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_everyday_commands(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("x,y\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(60)), encoding="utf-8")
    (tmp_path / "toy.yaml").write_text(
        "name: toy\ndata: {source: table.csv, target: y}\narchitecture: {type: mlp, hidden: [4]}\ntraining: {max_epochs: 2}\n",
        encoding="utf-8",
    )
    done = on_other_system("-X", "dev", "-W", "error::ResourceWarning", "-c", EVERYDAY, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ResourceWarning" not in done.stderr
    assert (tmp_path / "out.csv").is_file()
    assert list((tmp_path / "runs" / "toy" / "0001").glob("lock.0*"))


@pytest.mark.parametrize("suite", [pytest.param(SHORT, id="short"), pytest.param(LONG, id="long", marks=pytest.mark.slow)])
def test_core_of_the_suite(suite: tuple[str, ...], repository: Path, record_property: Callable[[str, object], None]) -> None:
    options = ("-p", "no:randomly", "-p", "no:cacheprovider", "-n0")
    done = on_other_system("-m", "pytest", *options, *suite, cwd=repository)
    assert done.returncode == 0, done.stdout[-4000:]
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    record_property("figure", f"without flock, fork, links, SIGUSR1, synced folders: {passed[1]} tests of {', '.join(suite)} pass")
