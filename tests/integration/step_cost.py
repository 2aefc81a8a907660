"""Counts what a training step does, which no clock is needed for: operations of torch, and calls of Python functions.

`python tests/integration/step_cost.py` counts anew and writes `step_cost.json`, which `test_step_cost.py` compares with. Write it where a
step got cheaper, or where it got dearer for a reason that the commit names.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any

import numpy as np
import torch

from nntrain.assembly import assemble
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_mapping
from nntrain.training import loop

RECORD = Path(__file__).with_name("step_cost.json")
BATCH, ROWS, NEVER = 4, 256, 10**6
SHORT = 400
"""Steps of a run that is not so long that its first steps are recorded soon."""
STEPS = {"a step": 8, "a later step": 46}
"""Where counting begins: among the first steps, and where steps are what almost all of a run are. The epoch has 57."""

Counts = dict[str, dict[str, Any]]
"""By step: `operations` by name, and `calls`."""


def _layers(*layers: Any) -> dict[str, Any]:
    return {"layers": list(layers)}


KINDS: dict[str, dict[str, Any]] = {
    "mlp, adamw": {"shape": (6,), "field": "vector", "architecture": {"type": "mlp", "hidden": [8, 8]}, "optimizer": "adamw"},
    "mlp, sgd": {
        "shape": (6,),
        "field": "vector",
        "architecture": {"type": "mlp", "hidden": [8]},
        "optimizer": {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    },
    "cnn, adam": {
        "shape": (1, 8, 8),
        "field": "image",
        "architecture": _layers(
            *({"conv2d": {"out_channels": 2, "kernel_size": 3}}, "relu", {"conv2d": {"out_channels": 2, "kernel_size": 3}}, "relu"),
            *({"max_pool2d": 2}, "flatten", {"linear": 4}, "relu", {"linear": 2}),
        ),
        "optimizer": "adam",
    },
    "lstm, adam": {
        "shape": (5, 1),
        "field": "series",
        "architecture": _layers({"lstm": 4}, {"pool": "last"}, {"linear": 2}),
        "optimizer": "adam",
    },
    "gpt, adamw, clipped": {
        "shape": None,
        "architecture": {"type": "gpt", "dim": 8, "num_layers": 2, "num_heads": 2, "bias": False},
        "optimizer": {"type": "adamw", "betas": [0.9, 0.99]},
        "regularization": {"weight_decay": 0.1, "clip_norm": 1.0},
    },
}
"""Small versions of the trainings that are compared with other tools in `tests/benchmarks/peers`."""


def config(kind: str, folder: Path) -> dict[str, Any]:
    """A training without evaluations, on made rows that are written beside."""
    settings, random = KINDS[kind], np.random.default_rng(0)
    if settings["shape"] is None:
        (folder / "text.txt").write_text("".join(random.choice(list("abcdefgh "), size=8 * ROWS).tolist()), encoding="utf-8")
        source = {"type": "text", "path": str(folder / "text.txt")}
        data: dict[str, Any] = {"source": source, "window": 8, "split": {"validation": 0.1, "test": None}}
    else:
        rows = random.random(size=(ROWS, *settings["shape"])).astype(np.float32)
        np.savez(folder / "rows.npz", x=rows, y=np.arange(ROWS) % 2)
        fields = {"x": {"type": settings["field"]}, "y": {"type": "category", "role": "target"}}
        source = {"type": "arrays", "path": str(folder / "rows.npz")}
        data = {"source": source, "fields": fields, "split": {"validation": 0.1, "test": None}}
    return {
        "name": "step",
        "data": {**data, "batch_size": BATCH},
        "architecture": settings["architecture"],
        "optimizer": settings["optimizer"],
        "regularization": settings.get("regularization", {}),
        "training": {"max_steps": SHORT, "evaluate_every": {"steps": NEVER}, "device": "cpu"},
    }


def operations_of(action: Callable[[], object]) -> Counter[str]:
    """The operations of torch, by name; those that an operation is made of are part of it.

    By torch's profiler: a `TorchDispatchMode` can't be around recorded steps, as it takes no missing tensors, which LSTMs have.
    """
    profiler: Any = torch.autograd.profiler.profile()
    with profiler:
        action()
    return Counter(event.name for event in profiler.function_events if event.name.startswith("aten::") and not _is_inside(event))


def _is_inside(event: Any) -> bool:
    parent = event.cpu_parent
    return parent is not None and (parent.name.startswith("aten::") or _is_inside(parent))


def calls_of(action: Callable[[], object]) -> Counter[str]:
    """The Python functions that are called, by file and name."""
    counts: Counter[str] = Counter()

    def seen(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            counts[f"{Path(frame.f_code.co_filename).name}:{frame.f_code.co_name}"] += 1

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        action()
    finally:
        sys.setprofile(before)
    return counts


def step_counts(kind: str, folder: Path) -> Counts:
    """What a step of a training does: what three steps do more than one, as the loop does a little more where it pauses."""
    job = prepare_job(read_mapping(config(kind, folder)))
    parts = assemble(job.blueprint, job.prepared, 1)
    pauses = {first + after for first in STEPS.values() for after in (0, 1, 4, 5, 8)}
    events: Iterator[object] = loop.fit(parts.session, parts.protocol, parts.plan, parts.progress, pauses.__contains__)
    found: Counts = {}
    for name, first in STEPS.items():
        while parts.progress.step < first:
            next(events)
        one, three = (calls_of(lambda: next(events)) for _ in range(2))
        single, several = (operations_of(lambda: next(events)) for _ in range(2))
        operations = {operation: count // 2 for operation, count in sorted((several - single).items())}
        found[name] = {"operations": operations, "calls": (three.total() - one.total()) // 2}
    return found


def run_calls(folder: Path) -> int:
    """Python calls of a step of the whole command: what ten steps more cost, with history, display and checkpoints."""
    import nntrain

    settings = config("mlp, sgd", folder)
    totals: list[int] = []
    for steps in (5, 44, 54):  # the first loads what is loaded once
        training = {"max_steps": steps, "evaluate_every": {"steps": NEVER}, "device": "cpu", "checkpoint": {"every_steps": 500}}
        totals.append(calls_of(lambda training=training: nntrain.fit({**settings, "training": training}, runs=folder / "runs")).total())
    return round((totals[2] - totals[1]) / 10)


def measured() -> dict[str, Any]:
    """Everything that is compared."""
    found: dict[str, Any] = {"torch": torch.__version__.split("+")[0]}
    with TemporaryDirectory() as folder:
        for kind in KINDS:
            found[kind] = step_counts(kind, Path(folder))
        found["a whole run, mlp"] = {"a step": {"operations": {}, "calls": run_calls(Path(folder))}}
    return found


if __name__ == "__main__":
    torch.set_num_threads(1)
    RECORD.write_text(json.dumps(measured(), indent=1) + "\n", encoding="utf-8")
