"""Configs that chance has changed: each is read or refused in words, soon, and in little memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from fuzz_ground import lay_out
from hostile_children import Found, fault_of, run_all
from mutations import mutated

from nntrain.config.reading import read_config
from nntrain.data.missing_files import missing_files

CODES: Final = (0, 2, 3)
"""3: a data file is missing, or is none."""
ENDS: Final = (0, 2, 3, 5, 7)
"""5: diverged; 7: more memory than there is."""
CPU_S: Final = 2.0
EXTRA_MB: Final = 500.0
ONCE_WRONG: Final[dict[str, str]] = {
    "a type that is a mapping, in a list of layers": "architecture: {layers: [{type: {type: relu}}], blocks: {b: [relu]}}",
    "a foreign name with options in braces": "architecture: {layers: [{Conv2D: {out_channels: 8, kernel_size: 3}}]}",
    "a type that is a list, in a list of layers": "architecture: {layers: [{type: [relu]}, {repeat: {times: 2, layers: [relu]}}]}",
}
"""What once ended in a traceback."""


def case(folder: Path, name: str, number: int) -> dict[str, object]:
    verb = ["show"] if number % 5 == 4 else ["check", "--json"] if number % 5 == 3 else ["check"]
    return {"call": [*verb, name], "folder": str(folder), "seconds": 30, "extra_mb": 2000}


def faults(found: list[Found], names: list[str]) -> list[str]:
    told = [(name, each, fault_of(each, codes=CODES, cpu_s=CPU_S, extra_mb=EXTRA_MB)) for name, each in zip(names, found, strict=True)]
    return [f"{name}: {fault}\n{each.output[-2000:]}" for name, each, fault in told if fault is not None]


@pytest.mark.bar("S1")
@pytest.mark.parametrize(("count", "first"), [(30, 0), pytest.param(1000, 1_000, marks=pytest.mark.slow)])
def test_mutated_configs_are_read_or_refused_in_words(
    count: int, first: int, tmp_path: Path, repository: Path, record_property: Callable[[str, object], None]
) -> None:
    configs = lay_out(tmp_path, repository / "configs")
    others = repository.parent / "shared" / "examples"
    configs |= {path.stem: path.read_text("utf-8") for path in sorted(others.glob("*.yaml"))}
    names = [f"m{number}.yaml" for number in range(first, first + count)]
    for number, name in enumerate(names, first):
        given = list(configs.values())
        (tmp_path / name).write_bytes(mutated(given[number % len(given)], given, number))
    found = run_all([case(tmp_path, name, number) for number, name in enumerate(names)])
    wrong = faults(found, names)
    assert not wrong, f"{len(wrong)} of {count}\n\n" + "\n\n".join(wrong[:10])
    codes = Counter(each.code for each in found)
    record_property(
        "figure",
        f"{count:,} mutated configs of {len(configs)}: {sum('Traceback' in each.output for each in found)} tracebacks, "
        f"at most {max(each.cpu_s for each in found):.2f} s CPU and {max(each.extra_mb for each in found):.0f} MB above idle; "
        f"{codes[2]} refused, {codes[0]} right, {codes[3]} without their data",
    )


@pytest.mark.bar("S1")
@pytest.mark.parametrize(("count", "first"), [(12, 0), pytest.param(100, 1_000, marks=pytest.mark.slow)])
def test_mutated_configs_train_on_made_up_rows_or_are_refused(
    count: int, first: int, tmp_path: Path, repository: Path, record_property: Callable[[str, object], None]
) -> None:
    """What is checked is built and trained too: two steps on data that is made up."""
    configs = list(lay_out(tmp_path, repository / "configs").values())
    names = [f"f{number}.yaml" for number in range(first, first + count)]
    for number, name in enumerate(names, first):
        (tmp_path / name).write_bytes(mutated(configs[number % len(configs)], configs, number))
    calls = [["fit", "--smoke", "--fake-data", name, "--runs", str(tmp_path / "runs")] for name in names]
    found = run_all([{"call": call, "folder": str(tmp_path), "seconds": 60, "extra_mb": 6000} for call in calls])
    wrong = [
        f"{name}: {fault}\n{each.output[-2000:]}"
        for name, each in zip(names, found, strict=True)
        if (fault := fault_of(each, codes=ENDS, cpu_s=60, extra_mb=4000)) is not None
    ]
    assert not wrong, f"{len(wrong)} of {count}\n\n" + "\n\n".join(wrong[:10])
    codes = Counter(each.code for each in found)
    record_property(
        "figure",
        f"{count} mutated configs through fit --smoke --fake-data: {sum('Traceback' in each.output for each in found)} tracebacks, "
        f"{codes[0]} trained, {codes[2]} refused, {sum(codes[code] for code in ENDS[2:])} ended in words",
    )


NOT_LAID_OUT = {"cifar10_small", "hymenoptera_efficientnet", "sst2_minilm"}
"""Examples with more classes than what is laid out here has, and those that start from weights."""


@pytest.mark.bar("S1")
def test_the_configs_that_are_mutated_are_right(tmp_path: Path, repository: Path) -> None:
    configs = [name for name in lay_out(tmp_path, repository / "configs") if name not in NOT_LAID_OUT]
    brings = {name: bool(missing_files(read_config(tmp_path / f"{name}.yaml").experiment.data, tmp_path)) for name in configs}
    calls = [["check", f"{name}.yaml", *(["--no-data"] if brings[name] else [])] for name in configs]  # the mutated get made-up rows
    found = run_all([{"call": call, "folder": str(tmp_path)} for call in calls])
    assert [(name, each.output) for name, each in zip(configs, found, strict=True) if each.code] == []


@pytest.mark.bar("S1")
def test_what_was_once_wrong(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,y\n1,2\n2,3\n3,5\n")
    names = [f"w{number}.yaml" for number in range(len(ONCE_WRONG))]
    for name, text in zip(names, ONCE_WRONG.values(), strict=True):
        (tmp_path / name).write_text(f"data: {{source: rows.csv, target: y}}\n{text}\n")
    found = run_all([case(tmp_path, name, 0) for name in names])
    assert not faults(found, names)
    assert {each.code for each in found} == {2}
