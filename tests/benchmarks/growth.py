"""How processor time grows with rows, columns, width, depth and length: `python -m tests.benchmarks growth`.

Of each series of sizes the slope of the logarithm of time over the logarithm of the size, by least squares, beside the slope that the
arithmetic has over the same sizes. A lower slope is the share of what does not grow (Python, small operations); a higher one is a fault.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from nntrain.assembly import Assembly, assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.training import loop
from tests.benchmarks.growth_cases import EPOCHS, STEPS, Case
from tests.benchmarks.tables import keep, table

TOLERANCE = 0.15
"""How far a slope may lie above that of the arithmetic before it is marked: what a cache that is too small adds."""
NEVER = 10**6
CSV_ROWS, CSV_COLUMNS = (1_000, 10_000, 100_000), (10, 100, 1_000)
Measured = dict[str, Any]


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Exponent of the power law that fits best."""
    x, y = np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float))
    return float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())


def config(case: Case, value: int, folder: Path, rows: int, training: dict[str, Any]) -> dict[str, Any]:
    """A training on made rows with ten classes, which are written beside."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(rows, *case.row(value))).astype(np.float32), np.arange(rows) % 10
    if case.field == "image":
        x = x.clip(0, 1)
    np.savez(folder / "rows.npz", x=x, y=y)
    fields = {"x": {"type": case.field}, "y": {"type": "category", "role": "target"}}
    source = {"type": "arrays", "path": str(folder / "rows.npz")}
    split = {"by": "random", "validation": 0.1, "test": None}
    data = {"source": source, "fields": fields, "split": split, "batch_size": case.batch}
    return {"name": "growth", "data": data, "architecture": case.architecture(value), "training": {"device": "cpu", **training}}


def assembled(settings: dict[str, Any]) -> Assembly:
    """Everything up to the first step."""
    job = prepare_job(read_mapping(settings))
    return assemble(job.blueprint, job.prepared, 1)


def step_seconds(case: Case, value: int, folder: Path, budget: float) -> float:
    """Processor seconds of a steady step: the least of five blocks of steps that take a fifth of the budget each."""
    training = {"max_steps": NEVER, "evaluate_every": {"steps": NEVER}}
    parts = assembled(config(case, value, folder, 12 * case.batch, training))
    warm, times = 8, list[float]()
    every = 0

    def due(step: int) -> bool:
        return step in (warm // 2, warm) or (step > warm and (step - warm) % every == 0)

    for _ in loop.fit(parts.session, parts.protocol, parts.plan, parts.progress, due):
        times.append(time.process_time())
        if len(times) == 2:
            every = max(1, round(budget / 5 / max(1e-6, (times[1] - times[0]) / (warm / 2))))
            times.append(time.process_time())
        if len(times) == 8:
            break
    return min(later - earlier for earlier, later in pairwise(times[2:])) / every


def epoch_seconds(case: Case, rows: int, folder: Path) -> tuple[float, float]:
    """Processor seconds up to the first step, and of an epoch with its evaluation: the median of those after the first."""
    settings = config(case, 0, folder, rows, {"max_epochs": 4})
    started = time.process_time()
    parts = assembled(settings)
    times = [time.process_time()]
    events = loop.fit(parts.session, parts.protocol, parts.plan, parts.progress, lambda _: False)
    times += [time.process_time() for event in events if isinstance(event, loop.Report)]
    return times[0] - started, median(later - earlier for earlier, later in pairwise(times[1:]))


def csv_seconds(rows: int, columns: int, folder: Path) -> float:
    """Processor seconds of reading a CSV, inferring and fitting its fields, and building the network: the least of three.

    Of ten columns seven are numbers, two categories and one a date.
    """
    random = np.random.default_rng(0)
    words = np.array(["red", "green", "blue", "black"])
    cells: list[np.ndarray[Any, Any]] = []
    for column in range(columns):
        if column % 10 < 7:
            cells.append(np.char.mod("%.4f", random.normal(size=rows)))
        elif column % 10 < 9:
            cells.append(words[random.integers(4, size=rows)])
        else:
            cells.append((np.datetime64("2020-01-01") + random.integers(2_000, size=rows)).astype(str))
    names = ",".join([*(f"c{column}" for column in range(columns)), "y"])
    lines = [",".join(row) for row in zip(*cells, words[random.integers(4, size=rows)], strict=True)]
    (folder / "rows.csv").write_text("\n".join([names, *lines]) + "\n", encoding="utf-8")
    data = {"source": str(folder / "rows.csv"), "target": "y", "batch_size": 256}
    settings = {
        "name": "growth",
        "data": data,
        "architecture": {"type": "mlp", "hidden": [16]},
        "training": {"max_epochs": 1, "device": "cpu"},
    }
    times: list[float] = []
    for _ in range(3):
        started = time.process_time()
        assembled(settings)
        times.append(time.process_time() - started)
    return min(times)


def row(what: str, size: str, sizes: Sequence[int], seconds: Sequence[float], work: Callable[[int], float] = float) -> Measured:
    """A line of the table. What is judged is the growth between the last two sizes, where the rest counts least."""
    found, expected = (slope(sizes, values) for values in (seconds, [work(size) for size in sizes]))
    last, of_last = slope(sizes[-2:], seconds[-2:]), slope(sizes[-2:], [work(size) for size in sizes[-2:]])
    judged = {"expected": expected, "slope": found, "last": last, "expected_last": of_last, "above": last > of_last + TOLERANCE}
    return {"what": what, "size": size, "sizes": list(sizes), "seconds": list(seconds), **judged}


def measure(*, short: bool) -> list[Measured]:
    """All series."""
    found: list[Measured] = []
    folder = Path(tempfile.mkdtemp())
    try:
        for case in STEPS:
            values = case.values[:2] if short else case.values
            times = [step_seconds(case, value, folder, 0.2 if short else 2.0) for value in values]
            found.append(row(f"{case.family}, a step", case.size, values, times, case.work))
            _say(found[-1])
        for case in EPOCHS:
            values = case.values[:2] if short else case.values
            both = [epoch_seconds(case, value, folder) for value in values]
            found.append(row(f"{case.family}, up to the first step", case.size, values, [start for start, _ in both]))
            found.append(row(f"{case.family}, an epoch", case.size, values, [epoch for _, epoch in both]))
            _say(found[-1])
        rows, columns = (CSV_ROWS[:2], CSV_COLUMNS[:2]) if short else (CSV_ROWS, CSV_COLUMNS)
        found.append(row("CSV, up to the first step", "rows", rows, [csv_seconds(value, 10, folder) for value in rows]))
        found.append(row("CSV, up to the first step", "columns", columns, [csv_seconds(1_000, value, folder) for value in columns]))
    finally:
        shutil.rmtree(folder)
    return found


def _say(found: Measured) -> None:
    slopes = f"{found['slope']:.2f} of {found['expected']:.2f}, at the end {found['last']:.2f} of {found['expected_last']:.2f}"
    sys.stderr.write(f"{found['what']}, {found['size']}: {slopes}\n")


def _unit(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f} us" if seconds < 1e-3 else f"{seconds * 1e3:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="the two least sizes of each series")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    found = measure(short=given.short)
    keep(given.json, found)
    head = ("CPU time of", "grows with", "at", "takes", "exponent", "of the arithmetic", "of the last two", "of the arithmetic")
    rows = [
        [
            each["what"],
            each["size"],
            ", ".join(f"{size:,}" for size in each["sizes"]),
            ", ".join(_unit(seconds) for seconds in each["seconds"]),
            f"{each['slope']:.2f}",
            f"{each['expected']:.2f}",
            f"**{each['last']:.2f}**" if each["above"] else f"{each['last']:.2f}",
            f"{each['expected_last']:.2f}",
        ]
        for each in found
    ]
    sys.stdout.write(table(head, rows))
    above = [f"{each['what']} by {each['size']}" for each in found if each["above"]]
    sys.stdout.write(f"\nMore than {TOLERANCE} above the arithmetic: {', '.join(above) if above else 'none'}.\n")


if __name__ == "__main__":
    main()
