"""How often the diagnosis of a run says something that is not so: `python -m tests.benchmarks.false_alarms`.

    python -m tests.benchmarks.false_alarms [--data FOLDER] [--minutes N] [--json FILE] [CONFIG …]

Trains every example config whose data is there, for a while, and prints what each is advised. Each finding was looked at by hand: `TRUE`
names those that say what is so. What is not named there counts as a false alarm.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nntrain.insight.diagnosis import RULES
from nntrain.insight.leak_rules import NAMES

REPOSITORY = Path(__file__).parents[2]
TRUE: dict[str, dict[str, str]] = {
    "airline_passengers.yaml": {
        "overfitting": "validation.loss rises by a third while train.loss falls, on 60 rows; the best state is kept"
    },
    "membrane_unet.yaml": {"underfitting": "in its first 30 steps it is where the trivial prediction is"},
    "realmlp.yaml": {
        "overfitting": "validation.loss rises by two thirds while train.loss falls; accuracy decides, and its best state is kept"
    },
    "sms_spam.yaml": {"copied_rows": "people send the same message twice: 223 of 3,902 test rows"},
}
"""By config and finding: why it is so."""
TIMEOUT_S = 300


def advice_of(config: Path, minutes: float) -> list[dict[str, Any]] | str:
    """What a config is advised in the end, with how it ended as the last entry; in words why there is none.

    One that takes longer is trained a second time, with as many steps as it had time for as its limit: what is said at the end of a run is
    said of one that ended as it was meant to, with a schedule of that length.
    """
    found = _trained(config, f"training.max_minutes={minutes}")
    if isinstance(found, str) or found[-1]["stop"] != "max_minutes":
        return found
    return _trained(config, f"training.max_steps={found[-1]['steps']}", "training.max_epochs=null", "training.max_minutes=null")


def _trained(config: Path, *changes: str) -> list[dict[str, Any]] | str:
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as runs:
        command = [sys.executable, "-m", "nntrain", "fit", config.name, *changes, "baselines=null", "--json", "--no-test", "--runs", runs]
        try:
            done = subprocess.run(
                command, cwd=config.parent, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return f"took over {TIMEOUT_S} s"
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return f"exit {done.returncode}: {lines[-1] if lines else ''}"
    summary: dict[str, Any] = json.loads(done.stdout)
    return [*summary["advice"], {"name": "", "stop": summary["stop_reason"], "steps": summary["steps"]}]


def results(folder: Path, names: list[str], minutes: float) -> Iterator[tuple[str, list[dict[str, Any]] | str]]:
    """The advice of each config, as it comes."""
    for config in sorted(folder.glob("*.yaml")):
        if not names or config.name in names:
            yield config.name, advice_of(config, minutes)


def main() -> None:
    """Train, judge, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("configs", nargs="*", help="names such as digits.yaml; all where none is given")
    parser.add_argument("--data", type=Path, help="folder with the data of the examples, each in a folder as its config names it")
    parser.add_argument("--minutes", type=float, default=1.0, help="longest training of a config")
    parser.add_argument("--json", type=Path, help="where the findings are written")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    pairs = told = wrong = 0
    rules = len(RULES) + len(NAMES)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "configs"
        shutil.copytree(REPOSITORY / "configs", folder)
        for place in [] if given.data is None else sorted(given.data.iterdir()):
            if place.is_dir() and not (folder / place.name).exists():
                (folder / place.name).symlink_to(place.resolve(), target_is_directory=True)
        for name, advice in results(folder, given.configs, given.minutes):
            found[name] = advice
            if isinstance(advice, str):
                print(f"{name}: not counted, {advice}", flush=True)
                continue
            *findings, end = advice
            pairs, told = pairs + rules, told + len(findings)
            print(f"{name}: {end['stop']} after {end['steps']:,} steps", flush=True)
            for finding in findings:
                is_true = finding["name"] in TRUE.get(name, {})
                wrong += not is_true
                print(f"   {'true ' if is_true else 'FALSE'} {finding['name']}: {finding['sentence']}: {finding['override']}", flush=True)
                print(f"         {finding['evidence']}", flush=True)
            if given.json is not None:
                given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")
    share = wrong / pairs if pairs else 0.0
    print(f"{told} findings in {pairs} pairs of config and rule, {wrong} false alarms: {share:.2%}")


if __name__ == "__main__":
    main()
