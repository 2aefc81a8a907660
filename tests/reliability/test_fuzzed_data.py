"""Data files that chance has changed, of every kind that is read: each is used or refused in words."""

# ruff: noqa: E501

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from fuzz_data import base_files, config_of, mutated, target_of
from hostile_children import Found, fault_of, run_all

CODES: Final = (0, 2, 3)
CPU_S: Final = 5.0
EXTRA_MB: Final = 500.0


def cases(folder: Path, name: str, content: bytes) -> list[dict[str, object]]:
    """What is done with a file: a config is written for it, checked without and with a look at all rows."""
    folder.mkdir()
    (folder / name).write_bytes(content)
    (folder / "config.yaml").write_text(config_of(name))
    calls = (
        ["init", name, "--target", target_of(name), "-o", "drafted.yaml"],
        ["check", "config.yaml"],
        ["check", "--data", "config.yaml"],
    )
    return [{"call": call, "folder": str(folder), "seconds": 60, "extra_mb": 3000} for call in calls]


def faults(found: list[Found], given: list[dict[str, object]]) -> list[str]:
    told = [(case, each, fault_of(each, codes=CODES, cpu_s=CPU_S, extra_mb=EXTRA_MB)) for case, each in zip(given, found, strict=True)]
    return [f"{case['folder']} {case['call']}: {fault}\n{each.output[-2000:]}" for case, each, fault in told if fault is not None]


@pytest.mark.bar("S1")
@pytest.mark.parametrize(("count", "first"), [(20, 0), pytest.param(200, 1_000, marks=pytest.mark.slow)])
def test_mutated_files_are_used_or_refused_in_words(
    count: int, first: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    files = base_files()
    names = list(files)
    given: list[dict[str, object]] = []
    for number in range(first, first + count):
        name = names[number % len(names)]
        given += cases(tmp_path / str(number), name, mutated(name, files[name], number))
    found = run_all(given)
    wrong = faults(found, given)
    assert not wrong, f"{len(wrong)} of {len(given)}\n\n" + "\n\n".join(wrong[:10])
    codes = Counter(each.code for each in found)
    record_property(
        "figure",
        f"{count} mutated files of {len(files)} kinds, {len(given)} commands: {sum('Traceback' in each.output for each in found)} tracebacks, "
        f"at most {max(each.cpu_s for each in found):.2f} s CPU and {max(each.extra_mb for each in found):.0f} MB; "
        f"{codes[2] + codes[3]} refused, {codes[0]} right",
    )


@pytest.mark.bar("S1")
@pytest.mark.parametrize("every", [3, pytest.param(1, marks=pytest.mark.slow)])
def test_the_files_that_are_mutated_are_right(every: int, tmp_path: Path) -> None:
    files = list(base_files().items())[::every]
    given = [case for name, content in files for case in cases(tmp_path / name.replace(".", "_"), name, content)]
    found = run_all(given)
    assert [(case["call"], each.output) for case, each in zip(given, found, strict=True) if each.code] == []


def _zip(name: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo(name), b"x")
    return content.getvalue()


def _without_a_sheets_end(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(made, "w") as changed:
        for name in archive.namelist():
            member = archive.read(name)
            changed.writestr(name, member[: len(member) // 2] if name.endswith("sheet1.xml") else member)
    return made.getvalue()


@pytest.mark.bar("S1")
def test_what_was_once_wrong(tmp_path: Path) -> None:
    files = base_files()
    magic = files["jpeg.zip"].rindex(b"PK\x01\x02")
    deep = json.dumps({"a": 1, "y": 1})[:-1].encode() + b', "s": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n"
    once: dict[str, tuple[str, bytes]] = {
        "zip_member_without_name": ("png.zip", _zip("")),
        "zip_directory_damaged": ("jpeg.zip", files["jpeg.zip"][:magic] + b"XX" + files["jpeg.zip"][magic + 2 :]),
        "sheet_that_ends_early": ("rows.xlsx", _without_a_sheets_end(files["rows.xlsx"])),
        "deep_json": ("rows.jsonl", deep * 3),
        "parquet_panic": ("rows.parquet", files["rows.parquet"][:60] + b"\xff" * 40 + files["rows.parquet"][100:]),
    }
    given = [case for folder, (name, content) in once.items() for case in cases(tmp_path / folder, name, content)]
    found = run_all(given)
    assert not faults(found, given)
    assert {each.code for each in found} <= {2, 3}
