"""`python -m tests.benchmarks` measures all that the project says about its speed, and prints tables. Names pick parts.

python -m tests.benchmarks [--short] [--peers PYTHON] [--text FILE] [--json FILE] [PART …]

Each part is a process of its own with one thread. Nothing passes or fails here, as times depend on the machine; what must not get worse
is held by tests that count (`tests/integration/test_step_cost.py`, `tests/architecture/test_import_weight.py`).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import REPOSITORY, THREADS, facts, line

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Measured:
    """A part."""

    what: str
    script: str
    """Relative to this folder, without `.py`."""
    minutes: tuple[float, float]
    """About how long it takes on an idle core, and how long the short version does."""
    short: tuple[str, ...]
    """Arguments of the short version."""
    figures: bool = False
    """Whether it prints Markdown and writes its figures with `--json`; others print a plain table."""
    options: tuple[str, ...] = ()
    """Which of `--peers` and `--text` it takes."""


PARTS = {
    "peers": Measured("trainings beside other tools", "peers/compare", (40, 3), ("--short",), figures=True, options=("peers", "text")),
    "growth": Measured("how cost grows with sizes", "growth", (6, 1), ("--short",), figures=True),
    "memory": Measured("peak memory of trainings", "memory", (4, 1), ("--short",), figures=True, options=("text",)),
    "startup": Measured("commands that answer at once", "startup", (1, 0.3), ("--repeat", "1")),
    "members": Measured("seeds that are trained at once", "members", (4, 1), ("--repeat", "1")),
    "distributed": Measured("one network trained by two processes", "distributed", (5, 1), ("--steps", "5", "--rounds", "1")),
    "inference": Measured("predictions: the network, the command, memory", "inference", (12, 1), ("--short",), figures=True),
    "one_row": Measured("one prediction for one row", "one_row", (0.3, 0.3), ()),
    "tabular": Measured("presets for tables beside scikit-learn", "tabular", (35, 2), ("--fits", "1", "--presets", "fast")),
    "checkpoint_cost": Measured("what a checkpoint costs", "checkpoint_cost", (0.5, 0.2), ("--repeat", "1")),
}
"""In the order in which they are measured."""


def measure(name: str, given: argparse.Namespace) -> dict[str, Any]:
    """Run one part; returns what it printed and found."""
    part = PARTS[name]
    module = "tests.benchmarks." + part.script.replace("/", ".")
    command = [sys.executable, "-m", module, *(part.short if given.short else ())]
    for option in part.options:
        value = getattr(given, option)
        command += [] if value is None else [f"--{option}", str(value)]
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        figures = Path(folder) / "figures.json"
        command += ["--json", str(figures)] if part.figures else []
        done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=False, env=_environment())
        found = json.loads(figures.read_text(encoding="utf-8")) if figures.is_file() else None
    seconds = round(time.perf_counter() - started, 1)
    return {"seconds": seconds, "exit_code": done.returncode, "printed": done.stdout, "figures": found}


def _environment() -> dict[str, str]:
    return {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}


def shown(name: str, found: dict[str, Any]) -> str:
    """A part as Markdown."""
    text = found["printed"].strip("\n")
    text = text if PARTS[name].figures else f"```\n{text}\n```"
    failed = f"\n**{name} ended with {found['exit_code']}**\n" if found["exit_code"] else ""
    return f"\n## {name}: {PARTS[name].what}\n\n{text}\n{failed}"


def main() -> int:
    """Measure the parts; the exit code is 1 where one could not be measured."""
    parts = "\n".join(f"  {name:<16} {part.what} ({part.minutes[0]:g} min, short {part.minutes[1]:g})" for name, part in PARTS.items())
    about = f"{__doc__}\nparts:\n{parts}"
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all")
    parser.add_argument("--short", action="store_true", help="smaller versions, in a few minutes; their figures say little")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with the tools that nntrain is compared with")
    parser.add_argument("--text", type=Path, help="a text for the character model; default: one that is made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there too")
    given = parser.parse_args()
    named: list[str] = given.parts or list(PARTS)
    unknown = [name for name in named if name not in PARTS]
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    given.text = None if given.text is None else given.text.resolve()
    wanted = [name for name in PARTS if name in named]
    is_short: bool = given.short
    minutes = sum(PARTS[name].minutes[is_short] for name in wanted)
    sys.stderr.write(f"{len(wanted)} of {len(PARTS)} parts, about {minutes:.0f} minutes on an idle core\n")
    found: dict[str, Any] = {"machine": facts(), "short": given.short, "parts": {}}
    short = "\n\n**Short versions: these figures say little.**" if given.short else ""
    sys.stdout.write(f"# Speed, memory and growth\n\n{line(found['machine'])}{short}\n")
    for name in wanted:
        sys.stderr.write(f"{name} …\n")
        found["parts"][name] = measure(name, given)
        sys.stdout.write(shown(name, found["parts"][name]))
        sys.stdout.flush()
        if given.json is not None:
            given.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 1 if any(part["exit_code"] for part in found["parts"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
