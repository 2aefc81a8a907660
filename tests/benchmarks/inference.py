"""What predicting costs: `python -m tests.benchmarks inference`.

Three tables. The network part: encoded rows to predictions on the CPU, beside a bare loop in `torch.inference_mode` over the same tensors,
a network of the same shape in plain PyTorch and batches of as many rows; ratios of processor time in rounds that take turns. The whole of
`nntrain predict`: processor time and the most memory of fresh processes on files of growing size. One row through `load(run).predict`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from tests.benchmarks.machine import REPOSITORY, THREADS
from tests.benchmarks.tables import keep, spread, table

KINDS = ("csv", "parquet")
SIZES = (0.1, 0.3, 1.0)
"""Gigabytes of the files."""
SHORT_SIZES = (0.01, 0.03)
NUMBERS, CATEGORIES = 50, 4
NETWORKS: Mapping[str, tuple[str, int]] = {
    "w1": ("MLP 54-256-256-7", 50_000),
    "w3": ("CNN of 28 x 28 images", 2_000),
    "w5": ("GPT of 4 layers, 64 tokens", 240),
}
"""Which networks predict, and for how many rows."""


def architectures(folder: Path) -> dict[str, dict[str, Any]]:
    """Configs of the networks; their rows lie in a folder."""
    conv = [{"conv2d": {"out_channels": 32, "kernel_size": 3}}, "relu", {"conv2d": {"out_channels": 64, "kernel_size": 3}}, "relu"]
    source = {name: {"type": "arrays", "path": str(folder / f"{name}_rows.npz")} for name in NETWORKS}
    text = {"type": "text", "path": str(folder / "text.txt")}
    return {
        "w1": {
            "data": {"source": source["w1"], "target": "y", "fields": {"x": "vector", "y": "category"}},
            "architecture": {"type": "mlp", "hidden": [256, 256]},
        },
        "w3": {
            "data": {"source": source["w3"], "target": "y", "fields": {"x": "image", "y": "category"}},
            "architecture": {"layers": [*conv, {"max_pool2d": 2}, "flatten", {"linear": 128}, "relu", {"linear": 10}]},
        },
        "w5": {
            "data": {"source": text, "fields": {"text": {"type": "text", "tokenizer": "char"}}, "window": 64},
            "architecture": {"type": "gpt", "dim": 128, "num_layers": 4, "num_heads": 4, "bias": False, "tie": True},
        },
    }


def network_part(name: str, folder: Path, rounds: int, share: float) -> list[float]:
    """Processor time of `predict` on encoded rows, as multiples of that of a bare loop, one for each round."""
    import torch

    import nntrain
    from nntrain.commands.stored.opening import open_run
    from nntrain.training.evaluation import batch_rows, predict

    torch.set_num_threads(1)
    workload, config = _rows(name, folder), {"name": name, **architectures(folder)[name], "training": {"max_steps": 1}}
    stored = open_run(nntrain.fit(config, runs=folder / "runs", quiet=True).run)
    rows = max(32, int(NETWORKS[name][1] * share))
    data = _encoded(stored, workload, rows)
    size, (key,) = batch_rows(data, 1), data.head(1).batch(0, 1).inputs
    target = next(iter(stored.objective.targets))
    bare = workload.model().eval()
    inputs = data.batch(0, len(data)).inputs[key]

    def loop() -> Any:
        with torch.inference_mode():
            return torch.cat([bare(inputs[start : start + size]).softmax(dim=-1) for start in range(0, len(inputs), size)])

    def ours() -> Any:
        return predict(stored.network, stored.objective, data, stored.precision)[target].values

    assert len(loop().flatten(0, -2)) == len(ours())
    return _ratios(ours, loop, rounds)


def _rows(name: str, folder: Path) -> Any:
    import numpy as np

    from tests.benchmarks.peers import workloads

    workloads.make(name, folder)
    found = workloads.load(name, folder)
    if name == "w5":
        (folder / "text.txt").write_text(workloads.made_text(), encoding="utf-8")
    else:
        np.savez(folder / f"{name}_rows.npz", x=found.x[:600].numpy(), y=found.y[:600].numpy())
    return found


def _encoded(stored: Any, workload: Any, rows: int) -> Any:
    """Rows as the network reads them."""
    from nntrain.data.numerals import POINT
    from nntrain.data.table import Table

    if workload.name == "w5":
        return stored.fields.cut_tokens(workload.xv[:rows].flatten())
    every = Table.of_cells({"x": list(workload.x[:rows].numpy())}, frozenset(), POINT)
    return stored.fields.encode_new(every, with_targets=False).data


def _ratios(ours: Callable[[], Any], other: Callable[[], Any], rounds: int) -> list[float]:
    """Processor times of one as multiples of those of the other, in rounds that take turns."""
    found: list[float] = []
    for number in range(rounds + 1):
        pair = [other, ours] if number % 2 else [ours, other]
        times: dict[Any, float] = {}
        for measured in pair:
            start = time.process_time()
            measured()
            times[measured] = time.process_time() - start
        if number:
            found.append(times[ours] / times[other])
    return found


def write_table(path: Path, size: float) -> int:
    """Write a table of numbers and categories of about so many gigabytes, block by block; returns its rows."""
    import numpy as np
    import polars as pl

    def frame(seed: int) -> pl.DataFrame:
        random = np.random.default_rng(seed)
        columns: dict[str, Any] = {f"n{index}": random.normal(size=20_000).round(4).astype(np.float32) for index in range(NUMBERS)}
        columns |= {f"c{index}": [f"k{value}" for value in random.integers(0, 8, 20_000).tolist()] for index in range(CATEGORIES)}
        return pl.DataFrame(columns)

    blocks = 0
    if path.suffix == ".csv":
        with path.open("wb") as file:
            while file.tell() < size * 1e9:
                frame(blocks).write_csv(file, include_header=not blocks)
                blocks += 1
        return 20_000 * blocks
    part, apart = path.with_name("part.parquet"), 14  # as many rows as a row group has: none stands twice in one
    pl.concat([frame(seed) for seed in range(apart)]).write_parquet(part)
    blocks = size * 1e9 / (part.stat().st_size / apart)
    rows = int(20_000 * max(1.0, blocks))
    scans = [pl.scan_parquet(part)] * -(-rows // (20_000 * apart))
    pl.concat(scans).head(rows).sink_parquet(path, row_group_size=2**18)
    part.unlink()
    return rows


def trained_on_table(folder: Path) -> None:
    """Train a network on the first rows of such a table, whose label is where the largest of seven numbers stands."""
    import polars as pl

    import nntrain

    write_table(folder / "train.csv", 0.001)
    rows = pl.read_csv(folder / "train.csv")
    label = rows.select([f"n{index}" for index in range(7)]).to_numpy().argmax(axis=1)
    rows.with_columns(pl.Series("y", [f"class{place}" for place in label.tolist()])).write_csv(folder / "train.csv")
    data = {"source": str(folder / "train.csv"), "target": "y", "split": {"validation": 0.1, "test": None}}
    config = {"name": "table", "data": data, "architecture": {"type": "mlp", "hidden": [256, 256]}, "training": {"max_epochs": 1}}
    nntrain.fit(config, runs=folder / "runs", quiet=True)


def whole_command(path: Path) -> dict[str, float]:
    """Processor seconds and the most mebibytes of `nntrain predict` on a file, in a process of its own. On Linux alone."""
    code = (
        "import json, resource, sys\nfrom nntrain.cli import main\ncode = main(sys.argv[1:])\n"
        "used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "peak = next(line for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"  # ru_maxrss knows the parent's, too
        "print(json.dumps({'code': code, 'seconds': used.ru_utime + used.ru_stime, 'mib': int(peak.split()[1]) / 1024}))"
    )
    command = [sys.executable, "-c", code, "predict", "runs/table", path.name, "-o", f"out{path.suffix}"]
    environment = {**os.environ, **THREADS, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=path.parent, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def growth(folder: Path, sizes: tuple[float, ...]) -> list[dict[str, Any]]:
    """The whole command on files of growing size."""
    with contextlib.redirect_stderr(io.StringIO()):
        trained_on_table(folder)
    found: list[dict[str, Any]] = []
    for kind in KINDS:
        for size in sizes:
            path = folder / f"rows.{kind}"
            rows = write_table(path, size)
            found.append({"kind": kind, "gigabytes": path.stat().st_size / 1e9, "rows": rows, **whole_command(path)})
            for name in (path, folder / f"out.{kind}"):
                name.unlink()
    return found


def slope(found: list[dict[str, Any]], kind: str) -> float:
    """Mebibytes of memory for each mebibyte of a file: a straight line through the least squares."""
    import numpy as np

    own = [each for each in found if each["kind"] == kind]
    sizes, peaks = np.array([each["gigabytes"] * 1e9 / 2**20 for each in own]), np.array([each["mib"] for each in own])
    return float(np.polyfit(sizes, peaks, 1)[0])


def one_row(folder: Path, calls: int) -> list[float]:
    """Milliseconds of processor time of one prediction for one row: 10 numbers and 4 categories, an MLP of two layers of 64."""
    import numpy as np

    import nntrain

    random = np.random.default_rng(0)
    rows: list[dict[str, Any]] = [
        {**{f"n{i}": float(random.normal()) for i in range(10)}, **{f"c{i}": "abcd"[random.integers(4)] for i in range(4)}, "y": row % 97}
        for row in range(500)
    ]
    config = {"name": "row", "data": {"target": "y"}, "architecture": {"type": "mlp", "hidden": [64, 64]}, "training": {"max_epochs": 1}}
    model = nntrain.load(nntrain.fit(config, data=rows, runs=folder / "runs", quiet=True))
    found: list[float] = []
    for call in range(20 + calls):
        start = time.process_time()
        model.predict([rows[call % len(rows)]])
        found.append(1e3 * (time.process_time() - start))
    return found[20:]


def shown(found: Mapping[str, Any]) -> str:
    """The tables."""
    parts = [[NETWORKS[name][0], f"{NETWORKS[name][1]:,}", spread(ratios)] for name, ratios in found["network"].items()]
    whole = [
        [each["kind"], f"{each['gigabytes']:.2f}", f"{each['rows']:,}", f"{1e6 * each['seconds'] / each['rows']:.0f}", f"{each['mib']:.0f}"]
        for each in found["growth"]
    ]
    slopes = ", ".join(f"{kind} {value:+.3f}" for kind, value in found["slopes"].items())
    return "\n".join(
        [
            table(["network part", "rows", "time / bare loop"], parts),
            table(["nntrain predict", "GB", "rows", "CPU µs a row", "peak MiB"], whole),
            f"MiB of memory for each MiB of the file: {slopes}\n",
            table(["one row", "CPU ms"], [["load(run).predict", spread(found["one_row"])]]),
        ]
    )


def main() -> None:
    """Measure all, print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--short", action="store_true", help="few rounds and small files")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    os.environ |= dict(THREADS.items())
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder, is_short = Path(name), cast("bool", given.short)
        rounds, share = (3, 0.1) if is_short else (15, 1.0)
        found["network"] = {network: network_part(network, folder, rounds, share) for network in NETWORKS}
        found["growth"] = growth(folder, SHORT_SIZES if is_short else SIZES)
        found["slopes"] = {kind: slope(found["growth"], kind) for kind in KINDS}
        found["one_row"] = one_row(folder, 50 if is_short else 500)
    sys.stdout.write(shown(found))
    keep(given.json, found)


if __name__ == "__main__":
    main()
