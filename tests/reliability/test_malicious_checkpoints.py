"""Runs from a stranger who means harm: wherever one is read, nothing of it is run, and nothing outside of it is changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from hostile_children import Found, fault_of, run_all
from payloads import CANARY, HARMLESS, PAYLOADS, Forger

Record = Callable[[str, object], None]

CONFIG: Final = """
name: stranger
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [4]}
optimizer: adamw
training: {max_epochs: 2}
"""
RUN: Final = "runs/stranger/0001"
PLACES: Final[dict[str, list[str]]] = {
    "eval": ["eval", RUN],
    "eval --data": ["eval", RUN, "--data", "rows.csv"],
    "predict": ["predict", RUN, "rows.csv", "-o", "out.csv"],
    "show": ["show", RUN],
    "report": ["report", RUN],
    "load()": ["load", RUN],
    "resume": ["fit", "--resume", RUN, "training.max_epochs=3"],
    "resume as it is": ["fit", "--resume", RUN],
    "compare": ["compare", RUN, RUN],
    "compare --by config": ["compare", "--by", "config"],
    "runs": ["runs"],
}
READ_BY_ALL: Final = ("eval", "eval --data", "predict", "load()", "resume")
"""Places that take the weights, and so refuse whatever is wrong with them."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data and a run."""
    folder = tmp_path_factory.mktemp("stranger")
    (folder / "rows.csv").write_text("\n".join(["a,b,y", *(f"{row % 7},{row % 3},{row % 5 * 0.5}" for row in range(60))]) + "\n")
    (folder / "config.yaml").write_text(CONFIG)
    found = run_all([{"call": ["fit", "config.yaml"], "folder": str(folder)}])[0]
    assert found.code == 0, found.output
    return folder


def attack(trained: Path, folder: Path, payload: Callable[[Forger], Any]) -> list[Found]:
    """What every place makes of a run that was changed; each gets a copy of its own."""
    given: list[dict[str, Any]] = []
    for number, call in enumerate(PLACES.values()):
        home = folder / str(number) / "home"
        shutil.copytree(trained, home)
        (home.parent / "precious.txt").write_text("precious\n")
        (home / "hostile_canary_module.py").write_text(f"open({str(home.parent / CANARY)!r}, 'w')")
        payload(Forger(home / RUN, home.parent / CANARY))
        given.append({"call": call, "folder": str(home), "seconds": 40, "extra_mb": 2000, "watched": True, "home": [str(home)]})
    return run_all(given)


def faults(folder: Path, label: str, found: list[Found]) -> list[str]:
    told: list[str] = []
    for number, (place, each) in enumerate(zip(PLACES, found, strict=True)):
        fault = fault_of(each, codes=(0, 2, 3, 4), cpu_s=2, extra_mb=500)
        if fault is None and _is_read(label, place) and each.code not in (2, 4):
            fault = f"not refused: exit {each.code}"
        events = [event for event in each.events if not _is_of_nntrain(event)]
        left = sorted(path.name for path in (folder / str(number)).iterdir())
        if fault is None and left != ["home", "precious.txt"]:
            fault = f"left {left}"
        if (folder / str(number) / "precious.txt").read_text() != "precious\n":
            fault = "a file outside of the run was changed"
        if fault is not None or events:
            told.append(f"{label}: {place}: {fault}\n{each.output[-1200:]}\n{events}")
    return told


def _is_read(label: str, place: str) -> bool:
    """Whether a command cannot do its work without what was changed: fields are fitted anew where training goes on."""
    is_of_fields = label.startswith(("_", "a field"))
    return place in READ_BY_ALL and label not in HARMLESS and not (is_of_fields and place == "resume")


def _is_of_nntrain(event: list[str]) -> bool:
    """Whether it is what every run asks the system for: its name, and the state of the code."""
    return event[0] == "subprocess.Popen" and event[1].startswith(("('uname'", "('git'"))


@pytest.mark.bar("S4")
@pytest.mark.parametrize("payloads", [sorted(PAYLOADS)[::16], pytest.param(sorted(PAYLOADS), marks=pytest.mark.slow)], ids=["some", "all"])
def test_no_payload_is_run_and_each_is_refused(payloads: list[str], trained: Path, tmp_path: Path, record_property: Record) -> None:
    told: list[str] = []
    refused, longest = 0, 0.0
    for number, label in enumerate(payloads):
        found = attack(trained, tmp_path / str(number), PAYLOADS[label])
        told += faults(tmp_path / str(number), label, found)
        refused += sum(each.code in (2, 3, 4) for each in found)
        longest = max(longest, *(each.cpu_s for each in found))
    assert not told, f"{len(told)} faults\n\n" + "\n\n".join(told[:12])
    record_property(
        "figure",
        f"{len(payloads)} payloads in {len(PLACES)} places: 0 run, 0 files changed outside, {refused} refused in words, "
        f"the others never looked at; at most {longest:.1f} s CPU",
    )


@pytest.mark.bar("S4")
def test_the_run_that_is_changed_is_right_before(trained: Path, tmp_path: Path) -> None:
    found = attack(trained, tmp_path, lambda _: None)
    assert [(place, each.output) for place, each in zip(PLACES, found, strict=True) if each.code] == []
    assert [event for each in found for event in each.events if not _is_of_nntrain(event)] == []
