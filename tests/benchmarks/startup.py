"""How long commands take to start: `python tests/benchmarks/startup.py` prints a table.

CPU seconds (user and system) of fresh processes, taken in turns: median and range. Nothing passes or fails here: times depend on the
machine, and the bars count from a bare `import torch` on it. What decides, the modules that are loaded, is held by
`tests/architecture/test_import_weight.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DIGITS = str(REPOSITORY / "configs" / "digits.yaml")
TORCH = "import torch"
FIRST_STEP = "fit digits.yaml, to the end of its first step"
GOALS = {"nntrain --help": "0.25 s", "nntrain check digits.yaml": "0.4 s", FIRST_STEP: f"1.5 times {TORCH}"}
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "nntrain --help": ("-m", "nntrain", "--help"),
    "nntrain": ("-m", "nntrain"),
    "nntrain runs": ("-m", "nntrain", "runs"),
    "nntrain check digits.yaml": ("-m", "nntrain", "check", DIGITS),
    TORCH: ("-c", f"import json, time; {TORCH}; print(json.dumps({{'cpu_s': time.process_time()}}))"),
    FIRST_STEP: (str(REPOSITORY / "tests" / "benchmarks" / "first_step.py"), DIGITS),
}


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of one process, with compiled modules kept as an installed package has them; one thread."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    before = os.times()
    done = subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment, text=True)
    after = os.times()
    if arguments in (COMMANDS[TORCH], COMMANDS[FIRST_STEP]):  # without the end of the process
        return float(json.loads(done.stdout.splitlines()[-1])["cpu_s"])
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=7, help="processes for each command")
    repeat = parser.parse_args().repeat
    for arguments in COMMANDS.values():
        cpu_seconds(arguments)  # so that all is compiled and in the page cache
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(repeat):
        for name, arguments in COMMANDS.items():
            found[name].append(cpu_seconds(arguments))
    sys.stdout.write(f"CPU seconds of {repeat} processes each, in turns: median, least, most; median of the ratio to {TORCH}\n")
    for name, seconds in found.items():
        ratio = statistics.median(own / torch for own, torch in zip(seconds, found[TORCH], strict=True))
        goal = f"   goal {GOALS[name]}" if name in GOALS else ""
        figures = f"{statistics.median(seconds):.2f}  {min(seconds):.2f}  {max(seconds):.2f}   {ratio:.2f}"
        sys.stdout.write(f"{name:<48}{figures}{goal}\n")


if __name__ == "__main__":
    main()
