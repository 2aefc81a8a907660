"""How nntrain and its peers go on after a kill, after damage to the newest checkpoint, and after a kill inside a save.

    python tests/reliability/peers/run.py [--peers PYTHON] [--nntrain PYTHON] [--kills N]

The peers have an interpreter of their own, with lightning, transformers, accelerate and torchdata beside a CPU build of torch:

    python -m venv peers && peers/bin/pip install torch==2.13.0 lightning transformers accelerate numpy torchdata
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SYSTEMS = {"Lightning": "lightning_peer.py", "HF Trainer": "hf_trainer_peer.py", "nntrain": "nntrain_peer.py"}


def measure(script: str, python: str, kills: int) -> dict[str, Any]:
    """All figures of one system."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, str(HERE / script), folder, str(kills)]
        one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **one_thread}, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def table(found: dict[str, dict[str, Any]]) -> str:
    """Markdown."""
    lines = [
        "| system | variant | killed at step | bit-identical? | max abs weight difference | batches with other rows |",
        "|---|---|---|---|---|---|",
    ]
    for name, each in found.items():
        for variant, result in each["resumes"].items():
            if "error" in result:
                lines.append(f"| {name} | {variant} | | ends: {result['error']} | | |")
                continue
            same = "yes" if result["identical"] else "**no**"
            lines.append(f"| {name} | {variant} | {result['killed at']} | {same} | {result['off by']:.3g} | {result['other rows']} |")
    lines += ["", "| system | newest checkpoint | an older one is whole |", "|---|---|---|"]
    lines += [f"| {name} | {damage} | {text} |" for name, each in found.items() for damage, text in each["damages"].items()]
    lines += ["", "| system | kills while 20 MB are saved over the newest | nothing readable after it |", "|---|---|---|"]
    lines += [f"| {name} | {each['writes']['kills']} | {each['writes']['unreadable']} |" for name, each in found.items()]
    versions = "; ".join(f"{name}: {', '.join(' '.join(pair) for pair in each['versions'].items())}" for name, each in found.items())
    return "\n".join([*lines, "", f"{datetime.now(UTC):%Y-%m-%d}. {versions}."])


def main() -> None:
    """Measure all systems and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="interpreter with the peers")
    parser.add_argument("--nntrain", default=sys.executable, metavar="PYTHON", help="interpreter with nntrain")
    parser.add_argument("--kills", type=int, default=30, help="kills inside saves, for each system")
    given = parser.parse_args()
    found = {name: measure(script, given.nntrain if name == "nntrain" else given.peers, given.kills) for name, script in SYSTEMS.items()}
    print(table(found))


if __name__ == "__main__":
    main()
