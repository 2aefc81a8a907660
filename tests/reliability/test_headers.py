"""Headers that claim more than there is or can be: refused without memory for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hostile_archives import hostile_headers, many_members
from hostile_children import fault_of, run_all
from test_archives import cases


@pytest.mark.bar("S10")
@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_headers_that_claim_too_much_are_refused_in_little_memory(
    every: int, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    headers = dict(list(hostile_headers().items())[::every])
    given: list[dict[str, Any]] = []
    for number, (file, content) in enumerate(headers.values()):
        given += cases(tmp_path / str(number), file, content)
    found = run_all(given)
    labels = [label for label in headers for _ in range(2)]
    told = [(label, each, fault_of(each, codes=(2, 3), cpu_s=6, extra_mb=400)) for label, each in zip(labels, found, strict=True)]
    assert [f"{label}: {fault}\n{each.output[-1500:]}\n{each.events}" for label, each, fault in told if fault or each.events] == []
    record_property(
        "figure",
        f"{len(headers)} headers that claim too much: all refused; at most {max(each.cpu_s for each in found):.1f} s CPU and "
        f"{max(each.extra_mb for each in found):.0f} MB, address space held to 1.5 GB more than idle",
    )


@pytest.mark.bar("S10")
@pytest.mark.slow
def test_a_million_members_cost_what_a_file_of_their_size_costs(tmp_path: Path) -> None:
    content = many_members(2**20)
    case = cases(tmp_path / "many", "png.zip", content)[1]
    found = run_all([{**case, "seconds": 400, "extra_mb": 3000}])[0]
    assert fault_of(found, codes=(3,), cpu_s=60, extra_mb=2000) is None, found.output
    assert len(content) > 50e6
