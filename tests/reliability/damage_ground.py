"""Two small runs that differ in their seed alone, and all that may happen to their files."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nntrain
from nntrain.runs import Run
from nntrain.training.state import flatten

CONFIG: dict[str, Any] = {
    "name": "small",
    "data": {"source": "rows.csv", "target": "y", "split": {"validation": 0.2}, "batch_size": 16},
    "architecture": {"type": "mlp", "hidden": [4]},
    "training": {"max_epochs": 3, "threads": 1, "checkpoint": {"keep": 3, "time_fraction": None}},
}


def train_two(folder: Path) -> tuple[Run, Run]:
    """A run, and one of the same config with another seed: every file of the one would fit into the other."""
    (folder / "rows.csv").write_text("\n".join(["a,y", *(f"{row % 7},{row % 7 * 2 + row % 3}" for row in range(60))]) + "\n")
    before = Path.cwd()
    os.chdir(folder)
    try:
        for seed in (0, 1):
            nntrain.fit({**CONFIG, "seed": seed})
    finally:
        os.chdir(before)
    return Run(folder / "runs/small/0001"), Run(folder / "runs/small/0002")


def checkpoints(run: Run) -> list[Path]:
    """The newest first."""
    return sorted(run.checkpoints.glob("step-*"), reverse=True)


def digest(parts: Mapping[str, Any]) -> str:
    """Of all that a checkpoint holds."""
    tensors, skeleton = flatten(dict(parts))
    found = hashlib.sha256(json.dumps(skeleton).encode())
    for name, tensor in tensors.items():
        found.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return found.hexdigest()


def _file(path: Path, chance: random.Random) -> Path:
    return chance.choice(sorted(path.iterdir()))


def _changed(change: Callable[[bytearray, random.Random], bytes | bytearray]) -> Callable[[Path, Path, random.Random], None]:
    def damage(path: Path, other: Path, chance: random.Random) -> None:
        file = _file(path, chance)
        file.write_bytes(change(bytearray(file.read_bytes()), chance))

    return damage


def _flipped(content: bytearray, chance: random.Random) -> bytearray:
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    return content


def _zeroed(content: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(content))
    content[start : start + 4096] = bytes(len(content[start : start + 4096]))
    return content


def _swap_file(path: Path, other: Path, chance: random.Random) -> None:
    file = _file(path, chance)
    shutil.copy(other / file.name, file)


def _swap_files(path: Path, other: Path, chance: random.Random) -> None:
    for name in chance.sample(sorted(file.name for file in path.iterdir()), 2):
        shutil.copy(other / name, path / name)


def _swap_whole(path: Path, other: Path, chance: random.Random) -> None:
    shutil.rmtree(path)
    shutil.copytree(other, path)


def _another_step(path: Path, other: Path, chance: random.Random) -> None:
    neighbour = next(step for step in sorted(path.parent.glob("step-*")) if step != path)
    shutil.rmtree(path)
    shutil.copytree(neighbour, path)


def _damage_named(path: Path, other: Path, chance: random.Random) -> None:
    """The file with most meanings: where a run stands, its fields, and the digests of the other files."""
    file = path / "meta.json"
    file.write_bytes(chance.choice([_flipped, _zeroed])(bytearray(file.read_bytes()), chance))


def _damage_pointer(path: Path, other: Path, chance: random.Random) -> None:
    pointer = path.parent / chance.choice(["best", "last"])
    pointer.write_bytes(chance.choice([b"", b"step-9999999\n", b"../../x\n", chance.randbytes(20), pointer.read_bytes()[:-4]]))


DAMAGES: dict[str, Callable[[Path, Path, random.Random], None]] = {
    "cut off": _changed(lambda content, chance: content[: chance.randrange(len(content))]),
    "one bit": _changed(_flipped),
    "4 kB of zeros": _changed(_zeroed),
    "empty": _changed(lambda _content, _chance: b""),
    "deleted": lambda path, _other, chance: _file(path, chance).unlink(),
    "file of another run": _swap_file,
    "two files of another run": _swap_files,
    "checkpoint of another run": _swap_whole,
    "checkpoint of another step": _another_step,
    "meta.json": _damage_named,
    "pointer": _damage_pointer,
}
"""What is done to the checkpoint at a path; the second path is the same checkpoint of the other run."""
