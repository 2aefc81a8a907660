"""The same five trainings by nntrain, by loops in plain PyTorch and by other tools: `python -m tests.benchmarks peers`.

    python -m tests.benchmarks.peers.compare [-w w1 w2 …] [-p tuned_loop nntrain_peer …] [--rounds N] [--peers PYTHON] [--text FILE]

One process a peer, which imports it once and warms up with a short fit. Each round asks all peers in turn for one timed fit, every other
round in reversed order, so that a busy machine slows all of them alike. What counts is rows per CPU second with one thread; of the ratios
to the first peer within a round the median, the least and the most are shown. A peer that is not installed is named and left out.

`--peers` names another interpreter for tools that are not installed beside nntrain; what is missing there is asked for here. All there:

    python -m venv peers && peers/bin/pip install torch==2.13.0 numpy scikit-learn lightning skorch keras transformers accelerate fastai
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.machine import REPOSITORY, THREADS
from tests.benchmarks.peers.workloads import EPOCHS, make
from tests.benchmarks.tables import keep, spread, table

HERE = Path(__file__).parent
OWN = ("tuned_loop", "nntrain_peer", "naive_loop", "tuned_loop+gather")
"""What runs in the interpreter of nntrain; the first is what all are compared with."""
OTHERS = ("sklearn_peer", "lightning_peer", "lightning_peer+bare", "skorch_peer", "keras_peer", "hf_peer", "fastai_peer")
NAMES = {
    "tuned_loop": "PyTorch, tuned loop",
    "tuned_loop+gather": "PyTorch, tuned loop, rows of an epoch gathered at once",
    "naive_loop": "PyTorch, loop of tutorials",
    "nntrain_peer": "nntrain",
    "sklearn_peer": "scikit-learn",
    "lightning_peer": "Lightning",
    "lightning_peer+bare": "Lightning, barebones",
    "skorch_peer": "skorch",
    "keras_peer": "Keras on torch",
    "hf_peer": "HF Trainer",
    "fastai_peer": "fastai",
}
SHORT = {"w1": 6_400, "w2": 960, "w3": 640, "w4": 640, "w5": 96}
"""Rows of the short version."""
WARM = {"w1": 12_800, "w2": 0, "w3": 512, "w4": 640, "w5": 96}
"""Rows of the fit that warms up; 0: all."""

Found = dict[str, Any]


class Worker:
    """A peer in its own process."""

    def __init__(self, peer: str, python: str, folder: Path) -> None:
        environment = {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}
        self.log = tempfile.TemporaryFile(mode="w+")  # noqa: SIM115 (lives as long as the process)
        self._process = subprocess.Popen(
            [python, str(HERE / "worker.py"), peer, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment,
        )
        self.hello = self._answer()

    def ask(self, workload: str, epochs: int, rows: int) -> Found:
        """One fit."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"workload": workload, "epochs": epochs, "rows": rows}) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return {"left out": self._last_words()}
        return self._answer()

    def _answer(self) -> Found:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"left out": self._last_words()}

    def _last_words(self) -> str:
        self._process.wait()
        self.log.seek(0)
        return f"ended with {self._process.returncode}: {''.join(self.log.readlines()[-1:]).strip()}"

    def end(self) -> None:
        """Let the process end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self.log.close()


def _begun(peer: str, others: str, folder: Path) -> Worker:
    """A peer in the interpreter that has it."""
    if peer not in OWN and others != sys.executable:
        worker = Worker(peer, others, folder)
        if "left out" not in worker.hello:
            return worker
        worker.end()
    return Worker(peer, sys.executable, folder)


def compare(workload: str, workers: dict[str, Worker], rounds: int, rows: int = 0, epochs: int = 0) -> dict[str, list[Found]]:
    """The fits of each peer in each round; of one that is left out why, once."""
    runs: dict[str, list[Found]] = {}
    asked: dict[str, list[Found]] = {}
    for peer, worker in workers.items():
        warm = worker.ask(workload, 1, min(rows or WARM[workload], WARM[workload] or rows))
        runs[peer] = [warm] if "left out" in warm else []
        if "left out" not in warm:
            asked[peer] = runs[peer]
    for number in range(rounds):
        for peer in list(asked)[:: 1 if number % 2 == 0 else -1]:
            asked[peer].append(workers[peer].ask(workload, epochs or EPOCHS[workload], rows))
            _say(f"{workload} {number + 1}/{rounds} {peer} {asked[peer][-1].get('cpu_s', float('nan')):.2f} CPU s")
    return runs


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def _failed(fits: list[Found]) -> str | None:
    return next((fit["left out"] for fit in fits if "left out" in fit), None)


def ratios(runs: dict[str, list[Found]], key: str, base: str) -> dict[str, list[float]]:
    """Of each peer that did all rounds, its rate by that of the base in each."""
    return {
        peer: [own[key] / other[key] for own, other in zip(fits, runs[base], strict=True)]
        for peer, fits in runs.items()
        if not _failed(fits) and not _failed(runs[base])
    }


def details(workload: str, runs: dict[str, list[Found]]) -> str:
    """The table of one workload."""
    base = next(iter(runs))
    by_cpu, by_wall = ratios(runs, "samples_per_cpu_s", base), ratios(runs, "samples_per_s", base)
    head = ("", "rows per CPU s", f"by {NAMES.get(base, base)}", "by wall time", "accuracy or loss", "peak MiB")
    rows: list[list[str]] = []
    for peer, quotients in by_cpu.items():
        fits = runs[peer]
        rate = f"{median(fit['samples_per_cpu_s'] for fit in fits):,.0f}"
        metric, peak = median(fit["final_metric"] for fit in fits), max(fit["peak_mib"] for fit in fits)
        rows.append([NAMES.get(peer, peer), rate, spread(quotients), f"{median(by_wall[peer]):.2f}", f"{metric:.4f}", f"{peak:,.0f}"])
    left_out = [f"{NAMES.get(peer, peer)}: {why}" for peer, fits in runs.items() if (why := _failed(fits))]
    count = max(len(fits) for fits in runs.values())
    note = f"\nLeft out: {'; '.join(left_out)}.\n" if left_out else ""
    return f"\n**{workload}**, {count} rounds\n\n{table(head, rows)}{note}"


def summary(found: dict[str, dict[str, list[Found]]]) -> str:
    """Median ratios of all peers on all workloads."""
    quotients = {workload: ratios(runs, "samples_per_cpu_s", next(iter(runs))) for workload, runs in found.items()}
    peers = list(dict.fromkeys(peer for runs in found.values() for peer in runs))
    rows = [
        [NAMES.get(peer, peer), *(f"{median(each[peer]):.2f}" if peer in each else "-" for each in quotients.values())] for peer in peers
    ]
    return table(("rows per CPU second, by the tuned loop", *found), [row for row in rows if set(row[1:]) != {"-"}])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-w", "--workloads", nargs="+", choices=list(EPOCHS), default=list(EPOCHS))
    parser.add_argument("-p", "--peer", nargs="+", default=[*OWN, *OTHERS], help="default: all")
    parser.add_argument("--rounds", type=int, default=None, help="default: 5, with --short 1")
    parser.add_argument("--rows", type=int, default=None, help="first rows only; 0: all")
    parser.add_argument("--epochs", type=int, default=0, help="0: those of the workload")
    parser.add_argument("--short", action="store_true", help="few rows, one round")
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON", help="interpreter with the other tools")
    parser.add_argument("--text", type=Path, help="text of w5; default: one that is made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all fits there too")
    given = parser.parse_args()
    rounds = given.rounds or (1 if given.short else 5)
    with tempfile.TemporaryDirectory() as folder:
        for workload in given.workloads:
            make(workload, Path(folder), given.text)
        workers = {peer: _begun(peer, given.peers, Path(folder)) for peer in given.peer}
        absent = {peer: worker.hello["left out"] for peer, worker in workers.items() if "left out" in worker.hello}
        present = {peer: worker for peer, worker in workers.items() if peer not in absent}
        found: dict[str, dict[str, list[Found]]] = {}
        for workload in given.workloads:
            rows = given.rows if given.rows is not None else SHORT[workload] if given.short else 0
            found[workload] = compare(workload, present, rounds, rows, given.epochs or (1 if given.short else 0))
            keep(given.json, found)
        for worker in workers.values():
            worker.end()
    sys.stdout.write(summary(found))
    sys.stdout.write("".join(details(workload, runs) for workload, runs in found.items()))
    versions = [version for worker in present.values() if (version := worker.hello["version"]) is not None]
    if versions:
        sys.stdout.write(f"\nVersions: {', '.join(dict.fromkeys(versions))}.\n")
    if absent:
        sys.stdout.write(f"\nLeft out: {'; '.join(f'{NAMES.get(peer, peer)}: {why}' for peer, why in absent.items())}.\n")


if __name__ == "__main__":
    main()
