"""Number format, memory layout and compiling: settled when a run starts, and the same when it goes on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import nntrain
from nntrain.cli import main
from nntrain.commands.preparing.measuring import Steps
from nntrain.config.loading import load
from nntrain.modules.products import IS_THERE
from nntrain.training import recordable, replay
from nntrain.training.device import resolve_device, use_tf32

IMAGES = """
data: {source: {type: builtin, name: digits}, split: {validation: 0.5, test: 0.3}}
architecture: {type: cnn, channels: [16, 4]}
optimizer: adamw
scheduler: constant
training: {max_epochs: 1}
"""
"""6 steps an epoch, the last of them of other rows."""

ROWS = "\n".join(f"{x},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
NUMBERS = """
data: {source: table.csv, target: label, fields: {x: number}, split: {validation: 0.2}, batch_size: 8}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


WIDE = """
data: {source: {type: builtin, name: digits}, split: {validation: 0.2, test: 0.3}, batch_size: 64}
architecture: {type: mlp, hidden: [256, 256]}
training: {max_epochs: 2}
"""
"""14 steps an epoch."""


def _yes(device: object) -> bool:
    return True


def _no(device: object) -> bool:
    return False


def settled(run: str) -> dict[str, object]:
    training = load(Path(run) / "resolved.yaml").tree["training"]
    return {name: training[name] for name in ("precision", "compile", "channels_last", "matmul")}


def weights(run: str) -> bytes:
    last = Path(run) / "checkpoints" / (Path(run) / "checkpoints" / "last").read_text().strip()
    return (last / "weights.safetensors").read_bytes()


def test_a_stored_run_computes_in_its_own_number_format(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml", "training.precision=bfloat16"]) == 0
    said: list[tuple[str, str]] = []
    monkeypatch.setattr("nntrain.training.device.use_tf32", lambda name, device: said.append((name, device.type)))
    assert main(["eval", "runs/a/0001"]) == 0
    assert said == [("bfloat16", resolve_device("auto").type)]


def test_python_is_left_rounding_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.yaml").write_text(IMAGES)
    nntrain.fit("a.yaml", quiet=True)
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    monkeypatch.setattr("nntrain.training.device.use_tf32", lambda name, device: use_tf32("tf32", torch.device("cuda")))
    monkeypatch.setattr("nntrain.training.device.resolve_device", lambda name: torch.device("cpu"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    model = nntrain.load()
    nntrain.evaluate(model.run, split="validation")
    assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == before


def test_a_run_whose_pixels_lie_together_goes_on_exactly() -> None:
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml", "training.channels_last=true", "training.max_epochs=2"]) == 0
    assert main(["fit", "a.yaml", "training.channels_last=true"]) == 0
    assert main(["fit", "--resume", "runs/a/0002", "training.max_epochs=2"]) == 0
    assert weights("runs/a/0001") == weights("runs/a/0002")
    assert Path("runs/a/0001/history.jsonl").read_bytes() == Path("runs/a/0002/history.jsonl").read_bytes()


def test_a_run_goes_on_with_what_it_was_started_with_whatever_the_machine_would_choose_now() -> None:
    Path("a.yaml").write_text(IMAGES)
    started = ["training.channels_last=true", "training.precision=bfloat16"]
    assert main(["fit", "a.yaml", *started]) == 0
    before = settled("runs/a/0001")
    assert before == {"precision": "bfloat16", "compile": False, "channels_last": True, "matmul": "blas"}
    assert main(["fit", "a.yaml", "--resume", "runs/a/0001", "training.max_epochs=2"]) == 0
    assert settled("runs/a/0001") == before


def test_nothing_is_left_open_in_what_is_written_and_a_line_says_what_was_chosen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntrain.training.choosing.has_tiles", _yes)
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml"]) == 0
    assert settled("runs/a/0001") == {"precision": "float32", "compile": False, "channels_last": True, "matmul": "blas"}
    told = capsys.readouterr().err
    assert "float32, channels_last" in told
    assert "chosen   channels_last (16 channels)" in told


@pytest.mark.skipif(not IS_THERE, reason="this torch has no oneDNN that was tried")
def test_a_run_whose_products_are_onednns_is_replayed_and_goes_on_exactly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nntrain.training.choosing.has_slow_blas", _yes)
    monkeypatch.setattr(replay, "AFTER", 3)
    Path("a.yaml").write_text(WIDE)
    assert main(["fit", "a.yaml"]) == 0
    assert "chosen   matmul: onednn" in capsys.readouterr().err
    assert settled("runs/a/0001")["matmul"] == "onednn"
    monkeypatch.setattr(recordable, "are_static", _no)
    assert main(["fit", "a.yaml", "training.max_epochs=1"]) == 0
    monkeypatch.setattr("nntrain.training.choosing.has_slow_blas", _no)  # on another machine, say
    assert main(["fit", "--resume", "runs/a/0002", "training.max_epochs=2"]) == 0
    assert weights("runs/a/0001") == weights("runs/a/0002")
    assert Path("runs/a/0001/history.jsonl").read_bytes() == Path("runs/a/0002/history.jsonl").read_bytes()
    assert main(["fit", "a.yaml", "training.matmul=blas"]) == 0
    assert weights("runs/a/0001") != weights("runs/a/0003")


@pytest.mark.skipif(not IS_THERE, reason="this torch has no oneDNN that was tried")
def test_members_with_such_products_are_trained_one_after_another_and_told_why(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(WIDE)
    assert main(["fit", "a.yaml", "training.matmul=onednn", "training.max_epochs=1", "--seeds", "2"]) == 0
    assert "training.matmul=blas trains them at once" in capsys.readouterr().err


def test_another_layout_is_another_run(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml", "training.channels_last=true"]) == 0
    assert main(["fit", "a.yaml", "--resume", "runs/a/0001", "training.channels_last=false", "training.max_epochs=2"]) == 4
    assert "training.channels_last: true then, false now" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("config", "change", "told"),
    [
        (NUMBERS, "training.channels_last=true", "has no effect: the network has no 2-d convolution"),
        (NUMBERS, "training.precision=tf32", "tf32 is what a GPU with tensor cores has"),
        (IMAGES, "training.compile=soon", "training.compile"),
        (NUMBERS, "training={matmul: onednn, precision: bfloat16}", "has no effect: products in bfloat16 are not computed by BLAS"),
        (NUMBERS, "training={matmul: onednn, compile: true}", "has no effect: compiled networks have products of their own"),
    ],
    ids=["no image", "no tensor cores", "no word", "other digits", "compiled"],
)
def test_what_has_no_effect_here_is_an_error(config: str, change: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(config)
    assert main(["fit", "a.yaml", "training.device=cpu", change]) == 2
    assert told in capsys.readouterr().err
    assert not Path("runs").exists()


def test_a_run_that_is_tuned_is_the_run_of_what_was_chosen(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("nntrain.commands.trials.tune.ROUND_S", 0.001)
    Path("a.yaml").write_text(IMAGES + "regularization: {dropout: 0.2}\n")
    assert main(["fit", "a.yaml", "--tune"]) == 0
    told = capsys.readouterr().err
    assert "steps a second" in told
    chosen = load(Path("runs/a/0001/resolved.yaml")).tree["training"]
    same = [f"training.{name}={str(chosen[name]).lower()}" for name in ("precision", "channels_last", "compile", "matmul", "threads")]
    assert main(["fit", "a.yaml", *same]) == 0
    assert Path("runs/a/0001/resolved.yaml").read_bytes() == Path("runs/a/0002/resolved.yaml").read_bytes()
    assert weights("runs/a/0001") == weights("runs/a/0002")
    assert Path("runs/a/0001/history.jsonl").read_bytes() == Path("runs/a/0002/history.jsonl").read_bytes()


def test_what_is_fastest_is_chosen_and_fewer_digits_only_where_they_gain_more(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.yaml").write_text(IMAGES)
    monkeypatch.setattr("nntrain.training.choosing.has_tiles", _no)
    monkeypatch.setattr("nntrain.training.device.has_fast_bfloat16", _yes)
    for bfloat16, expected in ((0.9, ("float32", True)), (0.7, ("bfloat16", False))):

        def seconds(steps: Steps, count: int, bfloat16: float = bfloat16) -> float:
            training = steps.assembly.plan.settings
            steps.take(steps.rows())
            return {("float32", True): 0.93, ("bfloat16", False): bfloat16}.get((training.precision, training.channels_last is True), 1.0)

        monkeypatch.setattr(Steps, "seconds", seconds)
        assert main(["fit", "a.yaml", "--tune", "training.compile=false"]) == 0
        latest = Path("runs/a") / Path("runs/a/latest").read_text().strip()
        assert (settled(str(latest))["precision"], settled(str(latest))["channels_last"]) == expected


def test_tuning_what_is_said_already_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.yaml").write_text(IMAGES)
    said = [
        "training.precision=float32",
        "training.channels_last=false",
        "training.compile=false",
        "training.matmul=blas",
        "training.threads=1",
    ]
    assert main(["fit", "a.yaml", "--tune", *said]) == 2
    assert "--tune has nothing to choose" in capsys.readouterr().err


def test_a_run_that_is_profiled_has_the_same_bits_and_tells_where_the_time_goes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("nntrain.commands.training.profiling.MEASURED_S", 0.05)
    Path("a.yaml").write_text(f"{IMAGES}regularization: {{dropout: 0.2}}\n")
    assert main(["fit", "a.yaml"]) == 0
    capsys.readouterr()
    assert main(["fit", "a.yaml", "--profile", "--trace"]) == 0
    told = capsys.readouterr().err
    assert weights("runs/a/0001") == weights("runs/a/0002")
    assert Path("runs/a/0001/history.jsonl").read_bytes() == Path("runs/a/0002/history.jsonl").read_bytes()
    lines = told.splitlines()
    for phase in (
        "rows",
        "forward",
        "loss",
        "backward",
        "gradients",
        "update",
        "all of a step",
        "a step as training takes it",
        "evaluation, once in 6 steps",
    ):
        assert any(line.startswith(phase) for line in lines), phase
    assert any(line.startswith("conv2d_1") and "Conv2d" in line for line in lines)
    assert any(line.startswith("aten::convolution_backward") for line in lines)
    assert "traceEvents" in json.loads(Path("runs/a/0002/trace.json").read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--trace",), "--trace has no effect"),
        (("--smoke", "--tune"), "--tune has no effect"),
        (("--smoke", "--profile"), "--profile has no effect"),
        (("--resume", "runs/a/0001", "--tune"), "--tune chooses for a new run"),
        (("--processes", "2", "--tune"), "--tune measures one process"),
        (("--processes", "2", "--profile"), "--profile measures one process"),
    ],
)
def test_options_that_measure_are_refused_where_they_have_no_effect(
    arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml", *arguments]) == 2
    assert told in capsys.readouterr().err


def fit(*arguments: str, repository: Path) -> subprocess.CompletedProcess[str]:
    """By itself: the compiler warns of things that would end a test."""
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-m", "nntrain", "fit", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_compiled_run_goes_on_exactly(repository: Path) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(NUMBERS)
    assert fit("a.yaml", "training.compile=true", "training.max_epochs=4", repository=repository).returncode == 0
    assert fit("a.yaml", "training.compile=true", repository=repository).returncode == 0
    assert fit("--resume", "runs/a/0002", "training.max_epochs=4", repository=repository).returncode == 0
    assert settled("runs/a/0002")["compile"] is True
    assert weights("runs/a/0001") == weights("runs/a/0002")


@pytest.mark.slow
def test_a_compiler_that_fails_is_told_with_a_way_out(repository: Path) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    layers = "{layers: [{rearrange: 'f -> f 1'}, {lstm: 4}, {pool: last}, {linear: 1}]}"
    Path("a.yaml").write_text(NUMBERS.replace("{type: mlp, hidden: [4]}", layers))
    done = fit("a.yaml", "training.compile=true", repository=repository)
    assert done.returncode == 2
    assert "torch's compiler can't do with this network on this machine" in done.stderr
    assert "fix:  compile: false" in done.stderr


@pytest.mark.parametrize("word", ["true", "false"])
def test_where_rows_lie_has_no_effect_on_a_cpu(capsys: pytest.CaptureFixture[str], word: str) -> None:
    Path("c.yaml").write_text(IMAGES)
    assert main(["fit", "c.yaml", "training.device=cpu", f"training.data_on_device={word}"]) == 2
    assert "has no effect: cpu computes where rows lie" in capsys.readouterr().err
    assert not Path("runs").exists()
