"""How much memory trainings need, beside the arithmetic: `python -m tests.benchmarks memory`.

Each workload in a fresh process: the most memory that it ever had, above what it had when torch was imported. Beside it

    data + parameters x (weights, gradients, state of the optimizer) + activations

where activations are those of a training batch (what the network keeps for its backward pass, and the largest gradient of one of these)
or those of an evaluation batch (the largest input and output of one layer), whichever is more. What nntrain loads of itself and other
packages does not depend on the data: a run on 64 rows with a network of 58 parameters shows it, and is subtracted in a column of its own.
A plain loop with the same rows as tensors in the same kind of process shows what torch itself takes (kernels, their copies and scratch);
it has a least run of its own, of the same rows and network, so that its ratio tells which part of the excess is torch's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from tests.benchmarks.machine import REPOSITORY, THREADS
from tests.benchmarks.tables import keep, table

BAR = 1.15
LEAST = "least"
STEPS = 6
"""Steps before the evaluation; a step needs as much memory as any other."""
NAMES = ("w1", "w2", "w3", "w4", "w5")
STATE = {"SGD": 1, "Adam": 2, "AdamW": 2}
"""Numbers that an optimizer keeps for a parameter."""


def peak() -> int:
    """The most bytes that this process has had."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def of_files() -> int:
    """Bytes of memory that are pages of files, of libraries that is; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.is_file() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile:")), 0)


def run(config: dict[str, Any], runs: Path) -> dict[str, int]:
    """Train as a config says, in this process, which has done nothing else."""
    import torch

    del torch
    before, files = peak(), of_files()
    import nntrain

    nntrain.fit(config, runs=runs)
    return {"torch": before, "peak": peak() - before, "files": of_files() - files}


def run_parts(config: dict[str, Any]) -> dict[str, int]:
    """What comes before the first step, one after another: the most memory after each, above torch."""
    import torch

    del torch
    before = peak()
    found: dict[str, int] = {}
    for module in ("nntrain.commands.python.functions", "nntrain.commands.fitting.fit"):
        importlib.import_module(module)
    found["modules"] = peak() - before
    from nntrain.commands.preparing.from_config import prepare_job
    from nntrain.config.reading import read_mapping

    read = read_mapping(config)
    found["config"] = peak() - before
    job = prepare_job(read)
    found["data"] = peak() - before
    from nntrain.assembly import assemble

    assemble(job.blueprint, job.prepared)
    return {**found, "network": peak() - before}


def plain_workload(name: str, folder: Path) -> Any:
    """The rows and the network of a loop in plain PyTorch."""
    from tests.benchmarks.peers import workloads

    if name != LEAST:
        return workloads.load(name, folder)
    import numpy as np
    import torch

    with np.load(folder / "rows.npz", allow_pickle=False) as archive:
        x, y = torch.from_numpy(archive["x"]), torch.from_numpy(archive["y"])
    network = partial(workloads.mlp, (4, 8, 2))
    return workloads.Workload(name, x, y, x[:6], y[:6], make_network=network, batch=16, opt="AdamW")


def run_plain(name: str, folder: Path) -> dict[str, int]:
    """The same steps and the same evaluation as a loop in plain PyTorch."""
    import torch

    before = peak()
    workload = plain_workload(name, folder)
    network = workload.model()
    optimizer = workload.optimizer(network.parameters(), fused=True)
    order = torch.randperm(len(workload.x))
    for step in range(STEPS):
        rows = order[step * workload.batch : (step + 1) * workload.batch]
        workload.loss(network(workload.x[rows]), workload.y[rows]).backward()
        optimizer.step()
        optimizer.zero_grad()
    with torch.inference_mode():
        for start in range(0, len(workload.xv), workload.batch):
            network(workload.xv[start : start + workload.batch])
    return {"torch": before, "peak": peak() - before}


def least(folder: Path) -> dict[str, Any]:
    """A run that needs next to nothing."""
    import numpy as np

    rows = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
    np.savez(folder / "rows.npz", x=rows, y=np.arange(64) % 2)
    fields = {"x": {"type": "vector"}, "y": {"type": "category", "role": "target"}}
    data = {"source": {"type": "arrays", "path": str(folder / "rows.npz")}, "fields": fields, "split": {"test": None}, "batch_size": 16}
    training = {"max_steps": STEPS, "device": "cpu"}
    return {"name": LEAST, "data": data, "architecture": {"type": "mlp", "hidden": [8]}, "training": training}


def configured(name: str, folder: Path, text: Path | None) -> tuple[dict[str, Any], dict[str, int]]:
    """The config of a workload whose rows are written, and its arithmetic in bytes."""
    if name == LEAST:
        return least(folder), {}
    from tests.benchmarks.peers import workloads

    workloads.make(name, folder, text)
    workload = workloads.load(name, folder)
    peer = vars(importlib.import_module("tests.benchmarks.nntrain_peer"))
    peer["write_rows"](workload, folder)
    config: dict[str, Any] = peer["config_of"](workload, 1, folder)
    config["training"] = {name: value for name, value in config["training"].items() if name not in ("max_epochs", "max_steps")}
    config["training"] |= {"max_steps": STEPS, "evaluate_every": {"steps": STEPS}}
    return config, arithmetic(workload)


def arithmetic(workload: Any) -> dict[str, int]:
    """Bytes that a training needs at least, by what they are for. The network is that of plain PyTorch."""
    network = workload.model()
    weights = sum(parameter.numel() * parameter.element_size() for parameter in network.parameters())
    measured = len(workload.xv) if workload.validate else len(workload.x) // 10
    rows = (len(workload.x) + measured) / len(workload.x)
    data = round(rows * sum(tensor.numel() * tensor.element_size() for tensor in (workload.x, workload.y)))
    return {
        "data": data,
        "weights": weights,
        "gradients": weights,
        "state": STATE[workload.opt] * weights,
        "step": step_bytes(workload, network),
        "evaluation": evaluation_bytes(workload, network, workload.batch),
    }


def step_bytes(workload: Any, network: Any) -> int:
    """What is kept of a batch for the backward pass, each storage once, without weights and rows; and the largest as a gradient."""
    import torch

    own = {tensor.untyped_storage().data_ptr() for tensor in (*network.parameters(), workload.x, workload.y)}
    kept: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    def unpack(tensor: torch.Tensor) -> torch.Tensor:
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        loss = workload.loss(network(workload.x[: workload.batch]), workload.y[: workload.batch])
    del loss
    return sum(kept.values()) + max(kept.values())


def evaluation_bytes(workload: Any, network: Any, rows: int) -> int:
    """The largest input and output of one layer, for so many rows."""
    import torch

    sizes: list[int] = []

    def size_of(value: object) -> int:
        if isinstance(value, torch.Tensor):
            return value.numel() * value.element_size()
        return sum(size_of(each) for each in cast("tuple[object, ...]", value)) if isinstance(value, tuple) else 0

    def seen(_: object, inputs: tuple[object, ...], outputs: object) -> None:
        sizes.append(size_of(inputs) + size_of(outputs))

    hooks = [module.register_forward_hook(seen) for module in network.modules() if not list(module.children())]
    with torch.inference_mode():
        network(workload.x[:rows])
    for hook in hooks:
        hook.remove()
    return max(sizes)


def measure(name: str, text: Path | None) -> dict[str, Any]:
    """One workload in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.memory", "--prepare", name, folder]
        command += [] if text is None else ["--text", str(text)]
        environment = {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}
        needed = json.loads(_answer(command, environment))
        found = json.loads(_answer([*command[:3], "--run", folder], environment))
        plain = json.loads(_answer([*command[:3], "--plain", name, folder], environment))
        parts: dict[str, int] = json.loads(_answer([*command[:3], "--parts", folder], environment)) if name == LEAST else {}
    return {"needed": needed, "plain": plain, "parts": parts, **found}


def _answer(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.splitlines()[-1]


def total(needed: Mapping[str, int]) -> int:
    """The sum of the arithmetic."""
    return sum(needed[part] for part in ("data", "weights", "gradients", "state")) + max(needed["step"], needed["evaluation"])


def shown(found: Mapping[str, dict[str, Any]]) -> str:
    """The table."""
    parts = ("data", "weights", "gradients", "state", "step", "evaluation")
    head = (
        "MiB",
        *parts,
        "sum",
        "measured",
        "ratio",
        "above the least run",
        "ratio",
        "of libraries",
        "plain loop",
        "above its least",
        "ratio",
    )
    fixed, plain = found[LEAST]["peak"], found[LEAST]["plain"]["peak"]
    rows: list[list[str]] = []
    for name, each in found.items():
        if name != LEAST:
            needed, whole = each["needed"], total(each["needed"])
            above = each["peak"] - fixed
            cells = [_mib(needed[part]) for part in parts]
            rows.append([name, *cells, _mib(whole), _mib(each["peak"]), f"{each['peak'] / whole:.2f}", _mib(above), f"{above / whole:.2f}"])
            own = each["plain"]["peak"]
            rows[-1] += [_mib(each["files"]), _mib(own), _mib(own - plain), f"{(own - plain) / whole:.2f}"]
    note = f"\nThe least run needs {_mib(fixed)} MiB above torch ({_mib(found[LEAST]['torch'])}). The bar is a ratio of {BAR}.\n"
    return f"{table(head, rows)}{note}{least_in_words(found[LEAST])}"


def least_in_words(found: Mapping[str, Any]) -> str:
    """What the least run is made of, and what that of the plain loop needs."""
    reached = [*found["parts"].items(), ("steps, looks and the end", found["peak"])]
    added = [(name, most - before) for (name, most), (_, before) in zip(reached, [("", 0), *reached], strict=False)]
    told = ", ".join(f"{name} {_mib(size)}" for name, size in added)
    files = f"{_mib(found['files'])} MiB of it are pages of libraries"
    return (
        f"It is made of: {told}; {files}. The least plain loop needs {_mib(found['plain']['peak'])}: torch.optim loads torch's compiler.\n"
    )


def _mib(size: float) -> str:
    return f"{size / 2**20:,.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="w2 only")
    parser.add_argument("--text", type=Path, help="text of w5; default: one that is made")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--prepare", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--plain", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    parser.add_argument("--run", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--parts", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.prepare is not None:
        folder = Path(given.prepare[1])
        config, needed = configured(given.prepare[0], folder, given.text)
        (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
        sys.stdout.write(f"{json.dumps(needed)}\n")
    elif given.plain is not None:
        sys.stdout.write(f"{json.dumps(run_plain(given.plain[0], Path(given.plain[1])))}\n")
    elif given.parts is not None:
        sys.stdout.write(f"{json.dumps(run_parts(json.loads((given.parts / 'config.json').read_text(encoding='utf-8'))))}\n")
    elif given.run is not None:
        config = json.loads((given.run / "config.json").read_text(encoding="utf-8"))
        sys.stdout.write(f"{json.dumps(run(config, given.run / 'runs'))}\n")
    else:
        found = {name: measure(name, given.text) for name in (LEAST, *(NAMES[1:2] if given.short else NAMES))}
        keep(given.json, found)
        sys.stdout.write(shown(found))


if __name__ == "__main__":
    main()
