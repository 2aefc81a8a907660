"""What seeds cost that are trained at once: `python -m tests.benchmarks.members` prints a table.

Five seeds of an MLP 64-128-10 on the digits (batches of 32, SGD with momentum, 20 epochs, measured after each) beside five single runs,
in CPU seconds of one thread, in turns: their steps and evaluations alone, the whole of `nntrain fit` in a process that has loaded
everything, and in fresh processes. Every member is compared with its single run. Nothing passes or fails here.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.benchmarks.machine import REPOSITORY, THREADS

CONFIG: dict[str, Any] = {
    "name": "members",
    "data": {"source": {"type": "builtin", "name": "digits"}, "split": {"seed": 0}, "batch_size": 32},
    "architecture": {"type": "mlp", "hidden": [128]},
    "optimizer": {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    "training": {"max_epochs": 20, "early_stopping": {"monitor": "validation.loss", "patience": 1000}, "checkpoint": {"every_steps": 500}},
}
GOAL = 0.5


def loops(seeds: int) -> tuple[float, float, float]:
    """CPU seconds of the training loop, seeds one after another and at once, and the largest difference between their weights."""
    from nntrain.assembly import assemble
    from nntrain.blueprint import draw
    from nntrain.commands.preparing.from_config import prepare_job
    from nntrain.config.reading import read_mapping
    from nntrain.training.loop import fit
    from nntrain.training.reproducibility import restore_rng, rng_state
    from nntrain.training.together import Member, fit_together

    def members() -> list[Member]:
        found: list[Member] = []
        prepared = prepare_job(read_mapping(CONFIG)).prepared
        for seed in range(seeds):
            blueprint = draw(read_mapping({**CONFIG, "seed": seed}), prepared.layout, train_rows=prepared.train.shown)
            parts = assemble(blueprint, prepared)
            found.append(Member(parts.session, parts.protocol, parts.plan, parts.progress, lambda _: False, rng_state()))
        return found

    alone, together = members(), members()

    def one_by_one() -> None:
        for each in alone:
            restore_rng(each.rng)
            list(fit(each.session, each.protocol, each.plan, each.progress, each.pause_due))

    apart_s, together_s = cpu_seconds(one_by_one), cpu_seconds(lambda: list(fit_together(together)))
    pairs = zip(alone, together, strict=True)
    weights = [
        float((one - other).detach().abs().max())
        for mine, theirs in pairs
        for one, other in zip(mine.session.network.parameters(), theirs.session.network.parameters(), strict=True)
    ]
    return apart_s, together_s, max(weights)


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of some work in this process."""
    before = time.process_time()
    work()
    return time.process_time() - before


def commands(seeds: int, folder: Path) -> tuple[float, float]:
    """CPU seconds of `nntrain fit` in this process: single runs, and seeds at once."""
    from nntrain.cli import main

    def run(*arguments: str) -> None:
        told = io.StringIO()
        with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
            code = main(["fit", str(folder / "members.yaml"), "--runs", str(folder / "runs"), *arguments])
        assert code == 0, told.getvalue()

    apart = sum(cpu_seconds(lambda seed=seed: run(f"seed={seed}")) for seed in range(seeds))
    return apart, cpu_seconds(lambda: run("--seeds", str(seeds)))


def processes(seeds: int, folder: Path) -> tuple[float, float]:
    """CPU seconds of fresh processes of `nntrain fit`: single runs, and seeds at once."""

    def run(*arguments: str) -> float:
        before = os.times()
        command = [sys.executable, "-m", "nntrain", "fit", str(folder / "members.yaml"), "--runs", str(folder / "runs"), *arguments]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)})
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    return sum(run(f"seed={seed}") for seed in range(seeds)), run("--seeds", str(seeds))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeat", type=int, default=5, help="rounds")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    import torch
    import yaml

    torch.set_num_threads(1)
    found: dict[str, list[tuple[float, float]]] = {"steps and evaluations": [], "nntrain fit, all loaded": [], "nntrain fit, fresh": []}
    differences: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "members.yaml").write_text(yaml.safe_dump(CONFIG), encoding="utf-8")
        loops(2)  # so that all is loaded
        commands(2, folder)
        for _ in range(given.repeat):
            apart, together, difference = loops(given.seeds)
            differences.append(difference)
            pairs = [(apart, together), commands(given.seeds, folder), processes(given.seeds, folder)]
            for each, pair in zip(found.values(), pairs, strict=True):
                each.append(pair)
    sys.stdout.write(f"{given.seeds} seeds at once beside as many single runs; CPU seconds, medians of {given.repeat} rounds\n")
    for name, rounds in found.items():
        ratios = [together / apart for apart, together in rounds]
        apart, together = (statistics.median(each[place] for each in rounds) for place in (0, 1))
        spread = f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        sys.stdout.write(f"{name:<26} single {apart:7.2f}   at once {together:7.2f}   ratio {spread}   goal {GOAL}\n")
    sys.stdout.write(f"largest difference between the weights of a member and of its single run: {max(differences):g}\n")


if __name__ == "__main__":
    main()
