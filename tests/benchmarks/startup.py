"""How long the commands that answer at once take: `python tests/benchmarks/startup.py` prints a table.

CPU seconds (user and system) of a fresh process, the least of several, beside a bare interpreter. Nothing passes or fails here:
times depend on the machine. What decides, the modules that are loaded, is held by `tests/architecture/test_import_weight.py`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

GOALS = {"nntrain --help": 0.3, "nntrain check digits.yaml": 0.5}
"""CPU seconds."""
REPOSITORY = Path(__file__).parents[2]
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "nntrain --help": ("-m", "nntrain", "--help"),
    "nntrain": ("-m", "nntrain"),
    "nntrain runs": ("-m", "nntrain", "runs"),
    "nntrain check digits.yaml": ("-m", "nntrain", "check", str(REPOSITORY / "configs" / "digits.yaml")),
}


def cpu_seconds(arguments: tuple[str, ...]) -> float:
    """User and system time of one process, with compiled modules kept as an installed package has them."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(REPOSITORY)
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, env=environment)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="processes for each command")
    repeat = parser.parse_args().repeat
    sys.stdout.write(f"least CPU seconds of {repeat} processes\n")
    for name, arguments in COMMANDS.items():
        least = min(cpu_seconds(arguments) for _ in range(repeat))
        goal = f"   goal {GOALS[name]}" if name in GOALS else ""
        sys.stdout.write(f"{name:<36}{least:.2f}{goal}\n")


if __name__ == "__main__":
    main()
