"""nntrain in the experiment. Variants: see `run.py`."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import Any

import numpy as np
from experiment import BATCH, EPOCHS, HIDDEN, RATE, SAVE_EVERY, SEED, Peer, Record, large, main, rows
from torch import Tensor

import nntrain
from nntrain.training import checkpoint, loop


def train(folder: Path, variant: str, record: Record, resume: bool) -> dict[str, Tensor]:
    words = set(variant.split())
    inputs, classes = rows()
    np.savez(folder / "rows.npz", x=inputs.numpy(), kind=np.array(["no", "yes"])[classes.numpy()])
    every = {"every_epochs": 1} if "epoch" in words else {"every_steps": SAVE_EVERY}
    config: dict[str, Any] = {
        "name": "peer",
        "seed": SEED,
        "data": {"source": str(folder / "rows.npz"), "target": "kind", "split": {"validation": None, "test": None}, "batch_size": BATCH},
        "architecture": {"type": "mlp", "hidden": [HIDDEN]},
        "optimizer": {"type": "adamw", "lr": RATE},
        "scheduler": "linear",
        "regularization": {
            **({} if "undropped" in words else {"dropout": 0.3}),
            **({"noise": 0.1} if "noise" in words else {}),
        },
        "training": {"max_epochs": EPOCHS, "device": "cpu", "checkpoint": {**every, "keep": 5}},
    }
    take_step = loop.take_step

    def recorded(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        record.step(progress.step, [row for batch in batches for row in batch.rows.tolist()])
        take_step(session, protocol, progress, batches)

    loop.take_step = recorded
    runs = folder / "checkpoints"
    if resume:
        found = nntrain.fit(resume=next(path for path in (runs / "peer").iterdir() if path.is_dir()))
    else:
        found = nntrain.fit(config, runs=runs)
    last = checkpoint.pointed(found.run.path / "checkpoints", "last")
    assert last is not None
    weights: dict[str, Tensor] = checkpoint.load(last)["weights"]
    return weights


def write(folder: Path) -> None:
    weights = large().state_dict()
    for _ in range(10_000):
        for step in (1, 2):
            checkpoint.save(folder / "checkpoints", step, {"weights": weights}, points=("last",))
            checkpoint.prune(folder / "checkpoints", keep=1)
            (folder / "saved").touch()


def read(folder: Path) -> None:
    found = checkpoint.newest(folder / "checkpoints")
    assert found.path is not None
    large().load_state_dict(checkpoint.load(found.path)["weights"])


def newest(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("peer/*/checkpoints/step-*"))


def truncate(folder: Path) -> None:
    """Half of the optimizer's state."""
    path = newest(folder) / "state.safetensors"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(folder: Path) -> None:
    """The file that is written last."""
    (newest(folder) / "meta.json").unlink()


if __name__ == "__main__":
    variants = {"every 10 steps": 37, "every 10 steps undropped": 37, "epoch": 60, "every 10 steps noise": 37}
    versions = {"nntrain": importlib.metadata.version("nntrain")}
    main(Peer(versions, variants, train, {"newest truncated": truncate, "newest missing a file": remove}, write, read))
