"""Archives that reach out of their folder or explode: refused or harmless, and nothing is ever unpacked to the disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from fuzz_data import config_of, target_of
from hostile_archives import hostile_archives
from hostile_children import Found, fault_of, run_all

REFUSED: Final = ("of zeros", "two tables", "archive in an archive in", "link", "device", "pipe")
"""Parts of the names of those that cannot be used."""


def cases(folder: Path, name: str, content: bytes) -> list[dict[str, Any]]:
    folder.mkdir()
    (folder / name).write_bytes(content)
    (folder / "config.yaml").write_text(config_of(name))
    calls = [["init", name, "--target", target_of(name), "-o", "drafted.yaml"], ["check", "--data", "config.yaml"]]
    return [
        {"call": call, "folder": str(folder), "seconds": 60, "extra_mb": 1500, "watched": True, "home": [str(folder)]} for call in calls
    ]


def faults(found: list[Found], given: list[dict[str, Any]]) -> list[str]:
    told = [(case, each, fault_of(each, codes=(0, 2, 3), cpu_s=3, extra_mb=400)) for case, each in zip(given, found, strict=True)]
    return [f"{case['call']}: {fault}\n{each.output[-1500:]}\n{each.events}" for case, each, fault in told if fault or each.events]


@pytest.mark.bar("S7")
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_archives_are_read_in_memory_or_refused(every: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    home = tmp_path / "a" / "b"
    home.mkdir(parents=True)
    archives = dict(list(hostile_archives().items())[::every])
    given: list[dict[str, Any]] = []
    for number, (file, content) in enumerate(archives.values()):
        given += cases(home / str(number), file, content)
    found = run_all(given)
    assert not faults(found, given)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a"]
    for number, label in enumerate(archives):
        left = {path.name for path in (home / str(number)).iterdir()} - {"config.yaml", "drafted.yaml"}
        assert left == {next(iter(archives[label][:1]))}, label
        if any(word in label for word in REFUSED):
            assert found[2 * number + 1].code == 3, (label, found[2 * number + 1].output)
            assert archives[label][0] in found[2 * number + 1].output
    refused = sum(each.code != 0 for each in found[1::2])
    record_property(
        "figure",
        f"{len(archives)} archives, {refused} refused, {len(archives) - refused} read as they are; nothing unpacked to the disk; "
        f"at most {max(each.cpu_s for each in found):.1f} s CPU and {max(each.extra_mb for each in found):.0f} MB",
    )
