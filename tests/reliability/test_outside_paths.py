"""Paths in configs, runs and tables: what a config names, its user runs; what a stranger's run names is not touched."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hostile_children import Found, run_all
from payloads import Forger

Record = Callable[[str, object], None]

PRECIOUS: Final = "root:x:0:0:precious\n"
RUN: Final = "runs/stranger/0001"
CONFIG: Final = """
name: stranger
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 1}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run."""
    folder = tmp_path_factory.mktemp("outside")
    (folder / "rows.csv").write_text("\n".join(["a,b,y", *(f"{row % 7},{row % 3},{row % 5 * 0.5}" for row in range(60))]) + "\n")
    (folder / "config.yaml").write_text(CONFIG)
    found = run_all([{"call": ["fit", "config.yaml"], "folder": str(folder)}])[0]
    assert found.code == 0, found.output
    return folder


@pytest.fixture
def home(trained: Path, tmp_path: Path) -> Path:
    """A copy of it, beside a file that is none of its business."""
    shutil.copytree(trained, tmp_path / "home")
    (tmp_path / "precious.txt").write_text(PRECIOUS)
    return tmp_path / "home"


def done(home: Path, call: list[str]) -> Found:
    found = run_all([{"call": call, "folder": str(home), "watched": True, "home": [str(home)], "seconds": 60}])[0]
    assert "Traceback" not in found.output, found.output
    assert "precious\n" not in found.output
    assert "root:x" not in found.output
    assert [event for event in found.events if not event[1].startswith(("('uname'", "('git'"))] == []
    assert (home.parent / "precious.txt").read_text() == PRECIOUS
    assert sorted(path.name for path in home.parent.iterdir()) == ["home", "precious.txt"]
    return found


def _point_data_outside(forger: Forger) -> None:
    forger.config(lambda text: text.replace("path: rows.csv", f"path: {forger.run.parents[3]}/precious.txt"))


def _data_folder_outside(forger: Forger) -> None:
    (forger.run.parents[3] / "home" / "rows.csv").unlink()
    forger.record("data.json", lambda found: {**found, "folder": "/etc"})
    forger.config(lambda text: text.replace("path: rows.csv", "path: passwd"))


def _latest_outside(forger: Forger) -> None:
    (forger.run.parent / "latest").write_text("../../../precious.txt\n")


ATTACKS: Final[dict[str, tuple[Callable[[Forger], None], list[str], int]]] = {
    "the run's data is another file": (_point_data_outside, ["eval", RUN], 3),
    "the run's data folder is /etc": (_data_folder_outside, ["eval", RUN], 3),
    "latest leads outside": (_latest_outside, ["show", "runs/stranger"], 0),
    "the history is a link": (
        lambda forger: forger.link("history.jsonl", forger.run.parents[3] / "precious.txt"),
        ["fit", "--resume", RUN],
        4,
    ),
    "the lock is a link": (lambda forger: forger.link("lock", forger.run.parents[3] / "precious.txt"), ["fit", "--resume", RUN], 4),
    "the summary is a link": (lambda forger: forger.link("summary.json", forger.run.parents[3] / "precious.txt"), ["compare", RUN], 4),
    "the summary is a link, listed": (lambda forger: forger.link("summary.json", forger.run.parents[3] / "precious.txt"), ["runs"], 0),
    "the config is a link": (lambda forger: forger.link("resolved.yaml", forger.run.parents[3] / "precious.txt"), ["show", RUN], 4),
}


@pytest.mark.bar("S8")
def test_a_strangers_run_reads_and_writes_nothing_outside(home: Path, record_property: Record) -> None:
    for label, (change, call, code) in ATTACKS.items():
        whole = home.parent / "whole"
        shutil.copytree(home, whole)
        change(Forger(home / RUN, home.parent / "canary"))
        shutil.move(whole, home.parent.parent / "kept")
        found = done(home, call)
        assert found.code == code, f"{label}: exit {found.code}\n{found.output}"
        shutil.rmtree(home)
        shutil.move(home.parent.parent / "kept", home)
    record_property("figure", f"{len(ATTACKS)} runs that name what is outside: nothing read but a digest, nothing written")


CONFIGS: Final[dict[str, str]] = {
    "a base outside": "extends: ../precious.txt\n",
    "a base of the system": "extends: /etc/passwd\n",
    "a base that is a device": "extends: /dev/zero\n",
    "a name that leads outside": f"{CONFIG.replace('name: stranger', 'name: ../../outside')}",
    "a name that is a path": f"{CONFIG.replace('name: stranger', 'name: /tmp/outside')}",
    "data that is a device": f"{CONFIG.replace('rows.csv', '/dev/zero')}",
}


@pytest.mark.bar("S8")
def test_configs_quote_nothing_of_files_that_are_none(home: Path, record_property: Record) -> None:
    for label, text in CONFIGS.items():
        (home / "c.yaml").write_text(text)
        found = done(home, ["fit", "c.yaml"])
        assert found.code in (2, 3), f"{label}: exit {found.code}\n{found.output}"
    for run_id in ("../x", "/tmp/x", "a/b", "latest", ".."):
        assert done(home, ["fit", "config.yaml", "--run-id", run_id]).code == 2
    record_property("figure", f"{len(CONFIGS)} configs and 5 run ids that lead outside: refused, no content quoted")


@pytest.mark.bar("S8")
def test_what_a_users_own_config_names_is_read_wherever_it_is(home: Path) -> None:
    shutil.move(home / "rows.csv", home.parent / "precious.csv")
    for path in ("../precious.csv", str(home.parent / "precious.csv")):
        (home / "c.yaml").write_text(CONFIG.replace("rows.csv", path))
        found = run_all([{"call": ["check", "--data", "c.yaml"], "folder": str(home)}])[0]
        assert found.code == 0, found.output


@pytest.mark.bar("S8")
def test_images_that_cells_name_are_decoded_and_never_quoted(home: Path, record_property: Record) -> None:
    from PIL import Image

    for number in range(4):
        Image.new("L", (8, 8), number * 20).save(home / f"{number}.png")
    good = [f"{number}.png,{number % 2}" for number in range(4)] * 10
    text = "data: {source: table.csv, fields: {picture: {type: image, size: 8, channels: 1}, y: {type: category, role: target}}}\n"
    (home / "c.yaml").write_text(f"{text}training: {{max_steps: 1}}\n")
    cells: dict[str, Any] = {
        "../precious.txt": 3,
        "/etc/passwd": 3,
        "/dev/zero": 3,
        "/dev/stdin": 3,
        str(home / "0.png"): 0,
        "../home/1.png": 0,
    }
    for cell, code in cells.items():
        (home / "table.csv").write_text("\n".join(["picture,y", *good, f"{cell},1"]) + "\n")
        found = done(home, ["check", "--data", "c.yaml"])
        assert found.code == code, f"{cell}: exit {found.code}\n{found.output}"
    record_property(
        "figure", f"{json.dumps(sorted(cells))[1:-1].count(',') + 1} cells that name files elsewhere: images are decoded, others refused"
    )
