"""`python -m tests.reliability` shows every bar, and prints what was found as a table. Minutes; `--short` takes the quick versions.

python -m tests.reliability [--short] [--markdown] [--json FILE] [BAR …]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.reliability.bars import BARS

try:
    import pytest
except ImportError:
    sys.exit("the bars need what the tests need: pip install -c .ci/constraints.txt -e '.[test]'")

HERE = Path(__file__).parent


@dataclass(slots=True)
class Row:
    """What the tests of one bar found."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0
    figures: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """One word."""
        if self.failed:
            return "FAILED"
        return "holds" if self.passed else "not shown"


class Table:
    """A pytest plug-in that sorts results by bar."""

    def __init__(self, wanted: set[str], *, short: bool) -> None:
        """Take the tests of the wanted bars; without `short` the longest version of each."""
        self.wanted, self.short = wanted, short
        self.rows = {bar: Row() for bar in BARS if bar in wanted}
        self._bars: dict[str, list[str]] = {}

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what shows no wanted bar."""
        kept: list[pytest.Item] = []
        for item in items:
            bars = [mark.args[0] for mark in item.iter_markers("bar") if mark.args[0] in self.wanted]
            if bars and not (self.short and item.get_closest_marker("slow")):
                self._bars[item.nodeid] = bars
                kept.append(item)
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a result, with the figures that the test recorded."""
        for bar in self._bars.get(report.nodeid, []):
            row = self.rows[bar]
            row.seconds += report.duration
            if report.failed:
                row.failed += 1
            elif report.skipped:
                row.skipped += 1
            elif report.when == "call":
                row.passed += 1
                row.figures += [str(value) for name, value in report.user_properties if name == "figure"]


def main() -> int:
    """Run the bars; the exit code is 1 where one does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bars", nargs="*", metavar="BAR", help=", ".join(BARS))
    parser.add_argument("--short", action="store_true", help="only the versions of the default suite")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there too")
    given = parser.parse_args()
    unknown = [bar for bar in given.bars if bar not in BARS]
    if unknown:
        parser.error(f"no bar {', '.join(unknown)}; there are {', '.join(BARS)}")
    table = Table(set(given.bars or BARS), short=given.short)
    code = pytest.main([str(HERE), "-m", "", "-p", "no:randomly", "-n0"], plugins=[table])
    rows = table.rows
    if given.json is not None:
        given.json.write_text(json.dumps({bar: asdict(row) | {"verdict": row.verdict} for bar, row in rows.items()}, indent=1) + "\n")
    sys.stdout.write(_markdown(rows) if given.markdown else _text(rows))
    return 1 if code or any(row.verdict != "holds" for row in rows.values()) else 0


def _text(rows: dict[str, Row]) -> str:
    lines: list[str] = []
    for bar, row in rows.items():
        lines.append(f"{bar:<4} {row.verdict:<10} {row.seconds:>6.0f} s   {BARS[bar]}")
        lines += [f"{'':<27}{figure}" for figure in row.figures]
    return "\n".join(lines) + "\n"


def _markdown(rows: dict[str, Row]) -> str:
    head = ["| | what must hold | found | |", "|---|---|---|---|"]
    cells = ([bar, BARS[bar], "; ".join(row.figures), row.verdict] for bar, row in rows.items())
    return "\n".join([*head, *(f"| {' | '.join(line)} |" for line in cells)]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
