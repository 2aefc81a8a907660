"""Runs `nntrain verify` and what it is about in forked processes, which start in no time. Run as a script, so that it may fork safely.

    python verify_driver.py SCENARIO [SCENARIO …]

In the folder where it stands there are `shops.csv` and `shops.yaml`. Prints a JSON object: of each scenario the exit codes and what
was printed, with the `verify.json` and the files that changed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy
import polars
import torch
import torch._dynamo
from PIL import Image

import nntrain.data.preparing
from nntrain import plugins
from nntrain.cli import main
from nntrain.commands.proofs import proving, watched
from nntrain.runs import Run, lock

LOADED = (polars, torch._dynamo, nntrain.data.preparing)
"""What a run imports on its way: once here, not in every child."""

RUNS = Path("runs/shops")
run_path = RUNS / "none"
"""The run of the scenario."""


GAUSS = '''
from nntrain.layers.layer import Layer


class Gauss(Layer):
    """exp(-x^2): every shape passes."""

    def out_spec(self, spec, *side):
        return spec

    def build(self, spec, *side):
        from torch import nn

        class Bell(nn.Module):
            def forward(self, values):
                return (-(values**2)).exp()

        return Bell()
'''
PICTURES = {
    "data.source": "{type: image_folder, path: pictures}",
    "data.target": "label",
    "data.fields": "{image: {type: image, normalize: standard, augment: [flip]}}",
    "data.streaming": "true",
    "architecture": "{type: cnn, channels: [2]}",
}


class Forked:
    """A process as `proving` knows it."""

    def __init__(self, pid: int) -> None:
        self.pid, self.code = pid, None

    def poll(self) -> int | None:
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        if self.code is None:
            self.code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.code


def forked(work: Callable[[], int], out: Path, error: Path) -> Forked:
    pid = os.fork()
    if pid:
        return Forked(pid)
    code = 1
    try:
        torch.set_num_threads(1)
        for number, path in ((1, out), (2, error)):
            with path.open("wb", buffering=0) as file:
                os.dup2(file.fileno(), number)
        code = work()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def start_child(arguments: Sequence[str], log: Path) -> Forked:
    def work() -> int:
        # as in a fresh process: what it may load is what it is told
        plugins._allowed.clear()  # pyright: ignore[reportPrivateUsage]
        return watched.main(arguments)

    return forked(work, Path(os.devnull), log)


proving.start_child = start_child


def command(arguments: Sequence[str], before: Callable[[], None] | None = None) -> dict[str, Any]:
    """Run the command line in a process of its own."""

    def work() -> int:
        if before is not None:
            before()
        return main(list(arguments))

    files = {path: digest(path) for path in sorted(run_path.rglob("*")) if path.is_file()}
    code = forked(work, Path("out"), Path("error")).wait()
    found: dict[str, Any] = {"code": code, "out": Path("out").read_text(), "error": Path("error").read_text()}
    after = {path: digest(path) for path in sorted(run_path.rglob("*")) if path.is_file()}
    changed = {path for path in {*files, *after} if files.get(path) != after.get(path)}
    found["changed"] = sorted(path.relative_to(run_path).as_posix() for path in changed)
    proof = run_path / "verify.json"
    return {**found, "proof": json.loads(proof.read_text()) if proof.exists() else None}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def draw_from(make: Callable[[], torch.Generator]) -> None:
    """Let every linear layer add noise from a generator that no checkpoint knows."""
    forward, made = torch.nn.Linear.forward, list[torch.Generator]()

    def noisy(self: torch.nn.Linear, input: torch.Tensor) -> torch.Tensor:
        made.extend([] if made else [make()])
        out = forward(self, input)
        return out + 1e-6 * torch.randn(out.shape, generator=made[0]) if self.training else out

    torch.nn.Linear.forward = noisy


def unseeded() -> torch.Generator:
    return torch.Generator().manual_seed(int.from_bytes(os.urandom(4), "little"))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def fit(*arguments: str, before: Callable[[], None] | None = None) -> None:
    """Train the run of the scenario; without arguments it is a copy of one that was trained before."""
    if not arguments and before is None and (RUNS / "whole").exists():
        shutil.copytree(RUNS / "whole", run_path)
        return
    done = command(["fit", "shops.yaml", "--run-id", run_path.name, *arguments], before)
    assert done["code"] == 0, done


def verify(*arguments: str, before: Callable[[], None] | None = None) -> dict[str, Any]:
    return command(["verify", run_path.as_posix(), *arguments], before)


def proven() -> dict[str, Any]:
    fit()
    (run_path / ".verify-left").mkdir()  # of a process that was killed
    return verify("--rerun", "--seed", "5")


def unseeded_noise() -> dict[str, Any]:
    def noise() -> None:
        draw_from(unseeded)

    fit(before=noise)
    return verify("--rerun", before=noise)


def unsaved_noise() -> dict[str, Any]:
    def noise() -> None:
        draw_from(seeded)

    fit(before=noise)
    return verify("--rerun", "--seed", "5", before=noise)  # which kills behind the first save: before it all noise begins anew anyway


def beyond_the_limit() -> dict[str, Any]:
    fit()
    return verify("--steps", "3", "--json")


def stopped_by_a_rule() -> dict[str, Any]:
    fit("training.early_stopping.patience=1", "training.early_stopping.min_delta=0.5", "training.checkpoint.keep=1")
    for folder in (run_path / "checkpoints").glob("step-*"):  # the best one too: only the end is left
        if folder.name != (run_path / "checkpoints/last").read_text().strip():
            shutil.rmtree(folder)
    (run_path / "checkpoints/best").unlink()
    return verify("--steps", "3", "--json")


def stopped_by_a_signal() -> dict[str, Any]:
    fit("training.max_epochs=1")
    shutil.rmtree(run_path / "checkpoints")
    for name in ("history.jsonl", "timing.jsonl", "summary.json"):
        (run_path / name).unlink()
    assert start_child([run_path.as_posix(), "3", "0", str(os.getpid())], Path("log")).wait() == 0
    return verify("--steps", "50", "--json")


def members() -> dict[str, Any]:
    fit("--seeds", "2")
    return verify("--steps", "3", "--json")


def plugin() -> dict[str, Any]:
    Path("bells.py").write_text(GAUSS)
    fit("plugins=[bells]", "architecture={layers: [{linear: 8}, relu, {type: 'bells:Gauss'}]}", "--plugin", "bells")
    refused = verify()
    return {**verify("--steps", "50", "--json", "--plugin", "bells"), "refused": refused}


def streamed() -> dict[str, Any]:
    return streamed_with(workers=0)


def streamed_by_workers() -> dict[str, Any]:
    return streamed_with(workers=1)


def streamed_with(workers: int) -> dict[str, Any]:
    """Images that are read when their batch comes, by the run or by processes of a process that is killed."""
    write_pictures()
    fit(*(f"{path}={value}" for path, value in PICTURES.items()), f"data.workers={workers}")
    return verify("--rerun", "--steps", "50", "--json")


def write_pictures() -> None:
    draws = numpy.random.default_rng(0)
    for number in range(100):
        folder = Path("pictures", "ab"[number % 2])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (4, 4, 3), dtype=numpy.uint8)).save(folder / f"{number:03}.png")


def flipped_bit() -> dict[str, Any]:
    fit()
    path = sorted((run_path / "checkpoints").glob("step-*/weights.safetensors"))[0]
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    return verify()


def other_config() -> dict[str, Any]:
    fit()
    path = run_path / "resolved.yaml"
    path.write_text(path.read_text().replace("seed: 0", "seed: 1"))
    return verify()


def other_data() -> dict[str, Any]:
    fit()
    before = Path("shops.csv").read_text()
    Path("shops.csv").write_text(before + "0.5,0.5,x,big\n")
    try:
        return verify()
    finally:
        Path("shops.csv").write_text(before)


def data_changed_unseen() -> dict[str, Any]:
    fit()
    (run_path / "verify.json").write_text(json.dumps({"data": {"sha256": {Path("shops.csv").resolve().as_posix(): "0" * 64}}}))
    return verify()


def no_data() -> dict[str, Any]:
    fit()
    Path("shops.csv").rename("away.csv")
    try:
        return verify()
    finally:
        Path("away.csv").rename("shops.csv")


def locked() -> dict[str, Any]:
    fit()
    with lock(Run(run_path)):
        return verify()


def one_step() -> dict[str, Any]:
    fit()
    return verify("--steps", "1")


def terminated() -> dict[str, Any]:
    fit()
    verifying = forked(lambda: main(["verify", run_path.as_posix()]), Path("out"), Path("error"))
    while "killed after" not in Path("error").read_text():
        time.sleep(0.01)
    copies = [path.name for path in run_path.glob(".verify-*/*")]
    os.kill(verifying.pid, signal.SIGTERM)
    code = verifying.wait()
    return {"code": code, "error": Path("error").read_text(), "copies": copies, "left": [path.name for path in run_path.glob(".verify-*")]}


def drive(names: Sequence[str]) -> dict[str, Any]:
    """Train a run, then go through scenarios."""
    global run_path
    results: dict[str, Any] = {}
    for name in ("whole", *names):
        run_path = RUNS / name
        results[name] = fit() if name == "whole" else globals()[name]()
    return results


if __name__ == "__main__":
    print(json.dumps(drive(sys.argv[1:])))
