"""Nothing talks to anybody, and what is secret stays where it was."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from hostile_children import run_all
from watching import NETWORK

SECRET: Final = "s3cr3t-0f-the-env1ronment"
STARTED: Final = ("('uname'", "('git'", "('fc-list'", "('system_profiler'")
"""Programs that may be started: who we are, the state of the code, and of matplotlib which fonts there are."""
CONFIG: Final = """
data: {source: "${env:NNTRAIN_TEST_FOLDER}/rows.csv", target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""
CALLS: Final = (
    ["init", "rows.csv", "--target", "y", "-o", "drafted.yaml"],
    ["check", "config.yaml"],
    ["check", "--data", "config.yaml"],
    ["show", "config.yaml"],
    ["fit", "config.yaml"],
    ["eval", "runs/config/0001"],
    ["predict", "runs/config/0001", "rows.csv", "-o", "out.csv"],
    ["show", "runs/config/0001"],
    ["fit", "--resume", "runs/config/0001", "training.max_epochs=3"],
    ["compare", "runs/config/0001"],
    ["report", "runs/config/0001"],
    ["runs"],
    ["fit", "config.yaml", "optimizer.lr=${env:NNTRAIN_TEST_TOKEN}"],
    ["check", "config.yaml", "optimizer.lr=${env:NOT_SET_ANYWHERE}"],
)


@pytest.mark.bar("S9")
def test_no_command_opens_a_socket_and_no_file_has_a_secret(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    data = tmp_path / f"{SECRET}-folder"
    data.mkdir()
    home = tmp_path / "home"
    home.mkdir()
    for folder in (data, home):
        (folder / "rows.csv").write_text("\n".join(["a,b,y", *(f"{row % 7},{row % 3},{row % 5 * 0.5}" for row in range(60))]) + "\n")
    (home / "config.yaml").write_text(CONFIG)
    environment = {"NNTRAIN_TEST_FOLDER": str(data), "NNTRAIN_TEST_TOKEN": SECRET, "AWS_SECRET_ACCESS_KEY": SECRET, "HF_TOKEN": SECRET}
    homes = [str(home)]
    given = [
        {"call": call, "folder": str(home), "environment": environment, "watched": True, "home": homes, "seconds": 90} for call in CALLS
    ]
    found = run_all(given)
    assert [(call, each.code, each.output) for call, each in zip(CALLS[:-2], found, strict=False) if each.code] == []
    assert [each.code for each in found[-2:]] == [2, 2]
    sockets = [event for each in found for event in each.events if event[0] in NETWORK]
    others = [event for each in found for event in each.events if event[0] not in NETWORK and not event[1].startswith(STARTED)]
    assert (sockets, others) == ([], [])
    files = [path for path in (home / "runs").rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path.relative_to(home).as_posix() for path in files if SECRET.encode() in path.read_bytes()] == []
    record_property(
        "figure", f"{len(CALLS)} commands: {len(sockets)} sockets; {len(files)} files of the runs, none with the value of a variable"
    )


@pytest.mark.bar("S9")
def test_a_repository_of_a_stranger_starts_no_program(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    if shutil.which("git") is None:
        pytest.skip("needs git")
    home = tmp_path / "home"
    home.mkdir()
    (home / "rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 5 * 0.5}" for row in range(60))]) + "\n")
    (home / "config.yaml").write_text("data: {source: rows.csv, target: y}\ntraining: {max_epochs: 1}\n")

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, "-C", str(home), *arguments], check=True, capture_output=True)

    git("init", "-q")
    (home / ".gitattributes").write_text("*.yaml filter=bad diff=bad\n")
    git("add", ".")
    git("commit", "-qm", "x")
    touch = f"touch {tmp_path / 'canary'}; cat"
    settings = ("core.fsmonitor", "filter.bad.clean", "filter.bad.smudge", "filter.bad.process", "diff.bad.textconv", "diff.bad.command")
    for key in (*settings, "diff.external", "core.sshCommand", "core.pager", "core.editor", "core.hooksPath"):
        git("config", key, touch)
    (home / "config.yaml").write_text((home / "config.yaml").read_text() + "seed: 1\n")
    found = run_all([{"call": ["fit", "config.yaml"], "folder": str(home), "seconds": 90}])[0]
    assert found.code == 0, found.output
    assert not (tmp_path / "canary").exists()
    assert "seed: 1" in (home / "runs/config/0001/environment.json").read_text()
    record_property("figure", f"a repository with {len(settings) + 5} settings that start programs: none started, its diff is kept")
