"""`fit --processes 2` on a CPU: the run is the one of a single process, and ends as one."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from nntrain.training.shared_memory import IS_SUPPORTED

DRIVER = Path(__file__).with_name("ranks_driver.py")
WAY = "gloo, one machine" if IS_SUPPORTED else "gloo"
Script = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
name: c
data: {source: {type: csv, path: d.csv}, target: y, batch_size: 33}
architecture: {type: mlp, hidden: [16, 16]}
optimizer: {type: adamw, lr: 0.01}
training: {max_steps: 51, evaluate_every: {steps: 5}, checkpoint: {every_steps: 25}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A table of 403 rows, of which 324 train: the last of ten steps of an epoch has 27 rows, an odd number."""
    draw = random.Random(0).gauss
    rows = [[draw(0, 1) for _ in range(3)] for _ in range(403)]
    lines = [f"{a:.4f},{b:.4f},{c:.4f},{a * b + c:.4f}" for a, b, c in rows]
    (tmp_path / "d.csv").write_text("\n".join(["a,b,c,y", *lines]))
    path = tmp_path / "c.yaml"
    path.write_text(CONFIG)
    return path


def driven(run_script: Script, *orders: Sequence[str] | dict[str, Any]) -> tuple[list[int], str]:
    """The exit codes of some commands, and what they said."""
    found = run_script(DRIVER, json.dumps(orders), timeout_s=200)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-4000:]
    return json.loads(found.stdout.splitlines()[-1]), found.stderr


def curve(run: Path) -> list[dict[str, float]]:
    return [json.loads(line)["metrics"] for line in (run / "history.jsonl").read_text().splitlines()]


def largest_difference(one: list[dict[str, float]], other: list[dict[str, float]]) -> float:
    assert len(one) == len(other)
    return max(abs(a[name] - b[name]) for a, b in zip(one, other, strict=True) for name in a)


def weights(run: Path) -> bytes:
    last = run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()
    return (last / "weights.safetensors").read_bytes()


def test_two_processes_are_one(tmp_path: Path, config: Path, run_script: Script) -> None:
    fit = ["fit", str(config), "--no-test"]
    resumed = ["fit", "--no-test", "training.max_steps=51", "--resume"]
    codes, said = driven(
        run_script,
        fit,
        [*fit, "--processes", "2"],
        [*fit, "training.max_steps=25", "--processes", "2"],
        {"copy": ["runs/c/0003", "runs/c/0004"], "arguments": [*resumed, "runs/c/0003"]},
        [*resumed, "runs/c/0004", "--processes", "2"],
    )
    assert codes == [0] * 5, said
    alone, together, narrowed, again = (tmp_path / "runs" / "c" / name for name in ("0001", "0002", "0003", "0004"))
    assert largest_difference(curve(alone), curve(together)) < 1e-5
    assert largest_difference(curve(alone), curve(narrowed)) < 1e-5
    assert f"processes: was 2 ({WAY}), is 1" in said
    assert json.loads((narrowed / "summary.json").read_text())["inexact_since"] == 25
    assert weights(again) == weights(together)
    assert (again / "history.jsonl").read_bytes() == (together / "history.jsonl").read_bytes()
    first, second = (safetensors.torch.load(weights(run)) for run in (alone, together))
    assert {name: tensor.shape for name, tensor in first.items()} == {name: tensor.shape for name, tensor in second.items()}


@pytest.mark.slow
def test_one_process_goes_on_as_two(tmp_path: Path, config: Path, run_script: Script) -> None:
    fit = ["fit", str(config), "--no-test"]
    codes, said = driven(
        run_script,
        fit,
        [*fit, "training.max_steps=25"],
        ["fit", "--no-test", "training.max_steps=51", "--resume", "runs/c/0002", "--processes", "2"],
    )
    assert codes == [0] * 3, said
    alone, widened = (tmp_path / "runs" / "c" / name for name in ("0001", "0002"))
    assert largest_difference(curve(alone), curve(widened)) < 1e-5
    assert f"processes: was 1, is 2 ({WAY})" in said


@pytest.mark.slow
def test_ends_of_all_kinds(tmp_path: Path, config: Path, run_script: Script) -> None:
    fit = ["fit", str(config), "--no-test", "--processes", "2", "training.max_steps=1000000"]
    resumed = ["fit", "--no-test", "--processes", "2", "--resume"]
    codes, said = driven(
        run_script,
        {"arguments": fit, "signal": "SIGTERM", "run": "runs/c/0001"},
        [*fit, "optimizer.lr=1e30"],
        [*resumed, "runs/c/0001", "training.max_steps=26"],
        [*fit, "training.on_oom=halve"],
    )
    assert codes == [143, 5, 0, 2], said
    assert said.count("diverged in epoch 1, step") == 1
    assert "one process can't take smaller micro-batches than the others" in said
    assert "Traceback" not in said


def test_weights_in_pieces_are_read_by_one_process(tmp_path: Path, config: Path, run_script: Script) -> None:
    fit = [
        "fit",
        str(config),
        "--no-test",
        "training.max_steps=10",
        "training.checkpoint.keep=9",
        "training.shard=true",
        "--processes",
        "2",
    ]
    codes, said = driven(run_script, fit, ["fit", "--no-test", "training.max_steps=20", "--resume", "runs/c/0001"])
    assert codes == [0, 0], said
    run = tmp_path / "runs" / "c" / "0001"
    meta = json.loads((run / "checkpoints" / "step-0000010" / "meta.json").read_text())
    assert {"weights-00001-of-00002.safetensors", "optimizer-00002-of-00002.safetensors"} <= meta["files"].keys()
    assert "processes: was 2 (gloo, sharded), is 1" in said
    losses = [report["validation.loss"] for report in curve(run)]
    assert losses == sorted(losses, reverse=True)


def test_a_network_in_pieces_is_looked_at_as_one_that_is_whole(tmp_path: Path, config: Path, run_script: Script) -> None:
    fit = ["fit", str(config), "--no-test", "optimizer.lr=1e-7", "training.checkpoint.every_steps=null"]
    codes, said = driven(run_script, fit, [*fit, "--processes", "2", "training.shard=true"])
    assert codes == [0, 0], said
    whole, pieces = (tmp_path / "runs" / "c" / name for name in ("0001", "0002"))
    [[mine], [other]] = [[json.loads(line) for line in (run / "signals.jsonl").read_text().splitlines()] for run in (whole, pieces)]
    assert mine.pop("loss") == pytest.approx(other.pop("loss"), rel=1e-4)
    for ours, theirs in zip(mine.pop("layers"), other.pop("layers"), strict=True):
        sizes = ("gradient", "weight")
        assert [ours.pop(size) for size in sizes] == pytest.approx([theirs.pop(size) for size in sizes], rel=1e-3)
        assert ours == theirs
    assert mine == other
    advice = [json.loads((run / "summary.json").read_text())["advice"] for run in (whole, pieces)]
    assert [[each["name"] for each in found] for found in advice] == [["learning_rate_too_low"]] * 2
    assert advice[0][0]["sentence"] == advice[1][0]["sentence"]
    assert advice[0][0]["override"] == advice[1][0]["override"] == "optimizer.lr=0.001"


@pytest.mark.slow
def test_pieces_go_on_as_others(tmp_path: Path, config: Path, run_script: Script) -> None:
    config.write_text(config.read_text().replace("[16, 16]", "[15, 7, 1]"))
    fit = ["fit", str(config), "--no-test"]
    resumed = ["fit", "--no-test", "training.max_steps=51", "--resume"]
    codes, said = driven(
        run_script,
        fit,
        [*fit, "training.max_steps=25", "training.shard=true", "--processes", "3"],
        {"copy": ["runs/c/0002", "runs/c/0003"], "arguments": [*resumed, "runs/c/0002", "--processes", "2"]},
        [*resumed, "runs/c/0003", "--processes", "3"],
        [*fit, "training.shard=true", "--processes", "3"],
    )
    assert codes == [0] * 5, said
    alone, narrowed, again, whole = (tmp_path / "runs" / "c" / name for name in ("0001", "0002", "0003", "0004"))
    for run in (narrowed, again, whole):
        assert largest_difference(curve(alone), curve(run)) < 1e-5
    assert (again / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()


RICH = """
name: r
data: {source: {type: builtin, name: digits}, batch_size: 50, fields: {image: {type: image, augment: [{flip: 0.5}]}}}
architecture: {layers: [{conv2d: {out_channels: 4, kernel_size: 3}}, batch_norm, relu, flatten, {dropout: 0.3}, {linear: 10}]}
optimizer: {type: sgd, lr: 0.05, momentum: 0.9}
scheduler: cosine
regularization: {ema: 0.9, mixup: 0.2, label_smoothing: 0.1, clip_norm: 1.0, noise: 0.01}
training: {max_steps: 40, accumulate: 2, evaluate_every: {steps: 10}, checkpoint: {every_steps: 7}}
"""


@pytest.mark.slow
def test_all_that_draws_and_averages_goes_on_exactly(tmp_path: Path, run_script: Script) -> None:
    (tmp_path / "r.yaml").write_text(RICH)
    fit = ["fit", "r.yaml", "--no-test", "--processes", "3"]
    codes, said = driven(
        run_script,
        fit,
        {"arguments": fit, "kill": 2, "run": "runs/r/0002"},
        ["fit", "--no-test", "--processes", "3", "--resume", "runs/r/0002"],
    )
    assert (codes[0], codes[2]) == (0, 0), said
    assert codes[1] in (0, 7), said  # where it was killed too late, it was finished
    whole, again = (tmp_path / "runs" / "r" / name for name in ("0001", "0002"))
    assert (again / "history.jsonl").read_bytes() == (whole / "history.jsonl").read_bytes()
    assert weights(again) == weights(whole)
    assert "another loss curve than with one process: batch statistics" in said
    assert "each process draws by itself" in said


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
@pytest.mark.parametrize("shard", ["false", "true"])
def test_two_devices_are_one(tmp_path: Path, config: Path, run_script: Script, shard: str) -> None:
    fit = ["fit", str(config), "--no-test", "training.device=cuda"]
    codes, said = driven(run_script, fit, [*fit, "--processes", "2", f"training.shard={shard}"])
    assert codes == [0, 0], said
    alone, together = (tmp_path / "runs" / "c" / name for name in ("0001", "0002"))
    assert largest_difference(curve(alone), curve(together)) < 1e-4


@pytest.mark.slow
def test_what_is_found_on_the_disk_is_agreed_on(config: Path, run_script: Script) -> None:
    fit = ["fit", str(config), "--no-test", "--processes", "2", "training.max_steps=10"]
    codes, said = driven(
        run_script,
        [*fit, "--skip-done"],
        [*fit, "--skip-done"],
        [*fit, "--resume", "auto", "training.max_steps=20"],
        [*fit, "--resume", "auto", "training.max_steps=20"],
    )
    assert codes == [0] * 4, said
    assert "goes on from step 10" in said
    assert sorted(path.name for path in (config.parent / "runs" / "c").glob("0*")) == ["0001"]


@pytest.mark.slow
def test_a_language_model_whose_weights_are_tied(tmp_path: Path, run_script: Script) -> None:
    words = random.Random(0).choices(["the", "cat", "sat", "on", "a", "mat"], k=2000)
    (tmp_path / "t.txt").write_text(" ".join(words))
    (tmp_path / "c.yaml").write_text("""
data: {source: {type: text, path: t.txt}, window: 32, split: {validation: 0.1, test: null}, batch_size: 13}
architecture: {type: gpt, dim: 32, num_layers: 2, num_heads: 2, bias: false}
optimizer: {adamw: {lr: 2e-3, betas: [0.9, 0.99]}}
regularization: {weight_decay: 0.1, clip_norm: 1.0}
training: {max_steps: 10, evaluate_every: {steps: 5}}
""")
    fit = ["fit", "c.yaml"]
    codes, said = driven(run_script, fit, [*fit, "--processes", "2"], [*fit, "--processes", "2", "training.shard=true"])
    assert codes == [0] * 3, said
    alone, copies, pieces = (tmp_path / "runs" / "c" / name for name in ("0001", "0002", "0003"))
    for run in (copies, pieces):
        assert largest_difference(curve(alone), curve(run)) < 1e-4  # perplexity is the exponential of a loss


@pytest.mark.slow
@pytest.mark.parametrize(("change", "shards"), [("precision=bfloat16", True), ("precision=float16", False), ("compile=true", True)])
def test_other_ways_to_compute(tmp_path: Path, config: Path, run_script: Script, change: str, shards: bool) -> None:
    fit = ["fit", str(config), "--no-test", "training.max_steps=10", f"training.{change}"]
    several = [*fit, "--processes", "2"]
    codes, said = driven(run_script, fit, several, [*several, "training.shard=true"])
    assert codes == [0, 0, 0 if shards else 2], said
    alone, together, *pieces = sorted((tmp_path / "runs" / "c").glob("0*"))
    assert len(pieces) == shards
    for run in (together, *pieces):
        assert largest_difference(curve(alone), curve(run)) < (1e-5 if change == "compile=true" else 1e-2)  # 16 bits round otherwise
