"""nntrain as a peer of the speed harness: a run with history, metrics, early stopping and a checkpoint every 500 steps.

`train(workload, epochs)` is what a harness asks of each peer. The same rows, network, optimizer and batch size; the config says them. Data
are read and fields are fitted before the clock starts, as the others' tensors are made; what `fit` does from there on counts: building,
the loop, evaluations, looks at the network, history, checkpoints. What comes after the last step (the best state measured again) does
not, as no peer does it.

Where the workload has no validation inside its fit, a twentieth of as many rows as are trained on is measured after each epoch,
and as many training rows, as early stopping and metrics need them.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import Job
from nntrain.commands.preparing.new_run import write_start
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.screens.display import Display
from nntrain.commands.training.diagnosing import Adviser
from nntrain.commands.training.recording import Recorder
from nntrain.commands.training.running import Consumer
from nntrain.commands.training.tracking import Tracking
from nntrain.config.reading import read_mapping
from nntrain.runs import create_run, lock

VALIDATION_FRACTION = 0.05

LETTERS = 63
"""With the two tokens that every vocabulary of ours has, as many as the text of w5 has; its two rarest stand for another."""

_jobs: dict[tuple[str, int, int], Job] = {}
"""By workload, rows and epochs: what is made once."""


def _vectors(w: Any) -> dict[str, Any]:
    return {"type": "mlp", "hidden": list(w.sizes[1:-1])}


def _images(_: Any) -> dict[str, Any]:
    conv = [{"conv2d": {"out_channels": 32, "kernel_size": 3}}, "relu", {"conv2d": {"out_channels": 64, "kernel_size": 3}}, "relu"]
    return {"layers": [*conv, {"max_pool2d": 2}, "flatten", {"linear": 128}, "relu", {"linear": 10}]}


def _series(_: Any) -> dict[str, Any]:
    return {"layers": [{"lstm": 128}, {"pool": "last"}, {"linear": 10}]}


def _text(_: Any) -> dict[str, Any]:
    return {"type": "gpt", "dim": 128, "num_layers": 4, "num_heads": 4, "bias": False, "tie": True}


KINDS: dict[str, tuple[dict[str, Any] | None, Callable[[Any], dict[str, Any]]]] = {
    "w1": ({"x": {"type": "vector"}}, _vectors),
    "w2": ({"x": {"type": "vector"}}, _vectors),
    "w3": ({"x": {"type": "image"}}, _images),
    "w4": ({"x": {"type": "series"}}, _series),
    "w5": (None, _text),
}
"""How the rows of a workload are declared, and what is trained on them."""


def _optimizer(w: Any) -> dict[str, Any]:
    options: dict[str, Any] = w.opt_args
    return {"type": w.opt.lower(), **{name: list(options[name]) if name == "betas" else options[name] for name in options}}


def config_of(w: Any, epochs: int, folder: Path) -> dict[str, Any]:
    fields, architecture = KINDS[w.name]
    regularization = {"clip_norm": w.clip} if w.clip else {}
    training: dict[str, Any] = {
        "max_epochs": epochs,
        "early_stopping": {"monitor": "validation.loss", "patience": 1000},
        "checkpoint": {"every_steps": 500, "every_epochs": None, "every_minutes": None},
        "device": "cpu",
    }
    if fields is None:
        tokens, steps = w.x.shape[1], len(w.x) // w.batch
        text = {"type": "text", "path": str(folder / "text.txt"), "validation": str(folder / "validation.txt")}
        fields = {"text": {"type": "text", "tokenizer": "char"}}
        training = {**training, "max_steps": steps * epochs, "evaluate_every": {"steps": steps}}
        del training["max_epochs"]
        data: dict[str, Any] = {"source": text, "fields": fields, "window": tokens}
    else:
        source = {"type": "arrays", "path": str(folder / "train.npz"), "validation": str(folder / "validation.npz")}
        data = {"source": source, "fields": {**fields, "y": {"type": "category", "role": "target"}}, "split": {"test": None}}
    return {
        "name": w.name,
        "data": {**data, "batch_size": w.batch},
        "architecture": architecture(w),
        "optimizer": _optimizer(w),
        "metrics": [] if fields.keys() == {"text"} else ["accuracy"],
        "regularization": regularization,
        "training": training,
    }


def write_rows(w: Any, folder: Path) -> None:
    if KINDS[w.name][0] is None:
        letters = "".join(map(chr, range(33, 33 + LETTERS)))
        count = round(len(w.xv) if w.validate else VALIDATION_FRACTION * len(w.x))
        for name, rows in (("text.txt", w.x), ("validation.txt", w.xv[:count])):
            text = "".join(letters[min(code, LETTERS - 1)] for code in rows.flatten().tolist())
            (folder / name).write_text(letters + text, encoding="utf-8")  # so that no letter is missing, however few rows there are
        return
    count = len(w.xv) if w.validate else max(1, round(VALIDATION_FRACTION * len(w.x)))
    np.savez(folder / "train.npz", x=w.x.numpy(), y=w.y.numpy())
    np.savez(folder / "validation.npz", x=w.xv[:count].numpy(), y=w.yv[:count].numpy())


def _job(w: Any, epochs: int) -> Job:
    key = (w.name, len(w.x), epochs)
    if key not in _jobs:
        folder = Path(tempfile.mkdtemp())
        try:
            write_rows(w, folder)
            _jobs[key] = prepare_job(read_mapping(config_of(w, epochs, folder)))
        finally:
            shutil.rmtree(folder)
    return _jobs[key]


def train(w: Any, epochs: int, options: Sequence[str] = ()) -> Mapping[str, float]:
    """One timed fit of a workload: samples per second and per CPU second, and its last validation metric."""
    if options:
        raise NotImplementedError(f"options {', '.join(options)}")
    job, runs = _job(w, epochs), Path(tempfile.mkdtemp())
    try:
        run = create_run(runs, w.name)
        wall, cpu = time.perf_counter(), time.process_time()
        with Signals() as signals, Display(quiet=True) as display, signals.held(), lock(run):
            assembly = assemble(job.blueprint, job.prepared)
            write_start(run, job, assembly)
            recorder = Recorder(run, assembly, {"fields": job.prepared.fields.state(), "task": {}}, signals)
            adviser = Adviser.of(job, assembly, recorder, display)
            Consumer(run, job, assembly, recorder, display, signals, Tracking(run, display), adviser).consume()
            recorder.close()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        ours, theirs = (sum(parameter.numel() for parameter in network.parameters()) for network in (assembly.session.network, w.model()))
        assert ours == theirs, f"{w.name}: {ours:,} parameters beside {theirs:,}"
        assert assembly.progress.step == epochs * -(-len(w.x) // w.batch), f"{w.name}: {assembly.progress.step} steps"
        samples = len(w.x) * epochs
        last = json.loads((run.path / "history.jsonl").read_text(encoding="utf-8").splitlines()[-1])["metrics"]
        metric = next(last[name] for name in ("validation.accuracy", "validation.loss") if name in last)
        return {"samples_per_s": samples / wall, "samples_per_cpu_s": samples / cpu, "seconds": wall, "cpu_s": cpu, "final_metric": metric}
    finally:
        shutil.rmtree(runs)
