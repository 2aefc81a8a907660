"""Number format, memory layout and compiling: settled when a run starts, and the same when it goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.config.loading import load

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


def _yes(device: object) -> bool:
    return True


def settled(run: str) -> dict[str, object]:
    training = load(Path(run) / "resolved.yaml").tree["training"]
    return {name: training[name] for name in ("precision", "compile", "channels_last")}


def weights(run: str) -> bytes:
    last = Path(run) / "checkpoints" / (Path(run) / "checkpoints" / "last").read_text().strip()
    return (last / "weights.safetensors").read_bytes()


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
    assert before == {"precision": "bfloat16", "compile": False, "channels_last": True}
    assert main(["fit", "a.yaml", "--resume", "runs/a/0001", "training.max_epochs=2"]) == 0
    assert settled("runs/a/0001") == before


def test_nothing_is_left_open_in_what_is_written_and_a_line_says_what_was_chosen(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nntrain.training.choosing.has_tiles", _yes)
    Path("a.yaml").write_text(IMAGES)
    assert main(["fit", "a.yaml"]) == 0
    assert settled("runs/a/0001") == {"precision": "float32", "compile": False, "channels_last": True}
    told = capsys.readouterr().err
    assert "float32, channels_last" in told
    assert "chosen   channels_last (16 channels)" in told


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
    ],
    ids=["no image", "no tensor cores", "no word"],
)
def test_what_has_no_effect_here_is_an_error(config: str, change: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(config)
    assert main(["fit", "a.yaml", "training.device=cpu", change]) == 2
    assert told in capsys.readouterr().err
    assert not Path("runs").exists()


@pytest.mark.slow
def test_a_compiled_run_goes_on_exactly() -> None:
    Path("table.csv").write_text(f"x,label\n{ROWS}\n")
    Path("a.yaml").write_text(NUMBERS)
    assert main(["fit", "a.yaml", "training.compile=true", "training.max_epochs=4"]) == 0
    assert main(["fit", "a.yaml", "training.compile=true"]) == 0
    assert main(["fit", "--resume", "runs/a/0002", "training.max_epochs=4"]) == 0
    assert weights("runs/a/0001") == weights("runs/a/0002")


@pytest.mark.slow
def test_a_compiler_that_fails_is_told_with_a_way_out(capsys: pytest.CaptureFixture[str]) -> None:
    rows = "\n".join(f"{x},{x + 1},{x + 2},{'a' if x % 7 > 3 else 'b'}" for x in range(60))
    Path("table.csv").write_text(f"x,y,z,label\n{rows}\n")
    Path("a.yaml").write_text(NUMBERS.replace("{type: mlp, hidden: [4]}", "{layers: [{rearrange: 'f -> f 1'}, {lstm: 4}, {linear: 2}]}"))
    code = main(["fit", "a.yaml", "training.compile=true"])
    assert code == 2, capsys.readouterr().err
    told = capsys.readouterr().err
    assert "torch's compiler can't do with this network on this machine" in told
    assert "compile: false" in told
