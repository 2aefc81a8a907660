"""What a run may not be gone on with: refused before torch is loaded, each difference named. What it may: marked where it is not exact."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from forging import forge_part

from nntrain.cli import main

CONFIG = """
name: kept
data:
  source: rows.csv
  target: y
  fields: {a: number, b: number, y: number}
  split: {validation: 0.2, test: 0.2}
  batch_size: 16
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adam, lr: 0.01}
loss: mse
training: {max_epochs: 2}
"""
ROWS = "a,b,y\n" + "".join(f"{row},{row % 7},{row % 5 + row % 3}\n" for row in range(80))

EDITS: dict[str, tuple[str, str]] = {
    "batch size": ("data.batch_size=32", "data.batch_size: 16 then, 32 now"),
    "accumulate": ("training.accumulate=2", "training.accumulate: 1 then, 2 now"),
    "seed": ("seed=7", "seed: 0 then, 7 now"),
    "width": ("architecture.hidden=[12]", "architecture.hidden[0]: 8 then, 12 now"),
    "activation": ("architecture.activation=tanh", 'architecture.activation.type: "relu" then, "tanh" now'),
    "optimizer": ("optimizer={type: sgd, lr: 0.01}", 'optimizer.type: "adam" then, "sgd" now'),
    "learning rate": ("optimizer.lr=0.1", "optimizer.lr: 0.01 then, 0.1 now"),
    "loss": ("loss=mae", 'loss.type: "mse" then, "mae" now'),
    "rows": ("", "data: source has changed"),
    "split": ("data.split.validation=0.3", "data.split.validation: 0.2 then, 0.3 now"),
    "regularization": ("regularization.weight_decay=0.1", "regularization.weight_decay: null then, 0.1 now"),
    "field type": ("data.fields.b=category", 'data.fields.b.type: "number" then, "category" now'),
}

REFUSED = """
import json, sys, time
from pathlib import Path
import io, contextlib
from nntrain.cli import main

found = []
rows = Path("rows.csv")
before = rows.read_text()
for edit in json.loads(sys.argv[1]):
    for ways in (["--resume", "runs/kept/0001"], ["kept.yaml", "--resume", "auto", "--run-id", "0001"]):
        if not edit:
            rows.write_text(before + "80,1,2\\n")
        started, told = time.process_time(), io.StringIO()
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            code = main(["fit", *ways, *([edit] if edit else [])])
        found.append([edit, code, time.process_time() - started, told.getvalue(), "torch" in sys.modules])
        rows.write_text(before)
print(json.dumps(found))
"""


@pytest.fixture
def run() -> Iterator[Path]:
    """A finished run of two epochs, six steps, on one thread."""
    torch.set_num_threads(1)
    Path("kept.yaml").write_text(CONFIG)
    Path("rows.csv").write_text(ROWS)
    assert main(["fit", "kept.yaml"]) == 0
    yield Path("runs/kept/0001")
    torch.set_num_threads(1)


@pytest.mark.bar("R8")
def test_another_meaning_is_refused_at_once_and_named(run: Path, record_property: Callable[[str, object], None]) -> None:
    content = {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"}
    edits = [edit for edit, _ in EDITS.values()]
    done = subprocess.run([sys.executable, "-c", REFUSED, json.dumps(edits)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[tuple[str, int, float, str, bool]] = json.loads(done.stdout)
    named = dict(EDITS.values())
    assert [(edit, code) for edit, code, *_ in found if code != 4] == []
    assert [(edit, told) for edit, _, _, told, _ in found if named[edit] not in told or "--resume-anyway" not in told] == []
    slowest = max(seconds for _, _, seconds, _, _ in found)
    assert slowest < 3
    assert not any(has_torch for *_, has_torch in found)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file() and path.name != "lock"} == content
    record_property(
        "figure", f"{len(found)} commands with {len(EDITS)} edits: all refused and named, in at most {slowest:.1f} CPU s, without torch"
    )


@pytest.mark.bar("R8")
@pytest.mark.parametrize("name", EDITS)
def test_asked_for_all_the_same_it_goes_on_and_is_marked(name: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit, line = EDITS[name]
    if not edit:
        Path("rows.csv").write_text(ROWS + "80,1,2\n")
    code = main(["fit", "--resume", run.as_posix(), "--resume-anyway", "training.max_epochs=4", *([edit] if edit else [])])
    told = capsys.readouterr().err
    if name in HAS_OTHER_STATE:
        assert code == 4
        assert "does not fit" in told
        return
    assert code == 0, told
    assert f"changed although it has a meaning: {line}" in told
    assert "inexact since step 6" in told
    assert json.loads((run / "summary.json").read_text())["inexact_since"] == 6
    assert main(["runs"]) == 0
    assert "inexact since step 6" in capsys.readouterr().out


@pytest.mark.bar("R8")
@pytest.mark.parametrize("optimizer", ["adafactor", "{type: adam, amsgrad: true}", "{type: rmsprop, momentum: 0.5}", "lbfgs"])
def test_an_optimizer_with_another_state_is_refused_in_any_case(optimizer: str, run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--resume", run.as_posix(), "--resume-anyway", "training.max_epochs=4", "data.batch_size=48", f"optimizer={optimizer}"]
    assert main(["fit", *arguments]) == 4
    assert "does not fit the optimizer" in capsys.readouterr().err


HAS_OTHER_STATE = {"width", "optimizer", "field type"}
"""Their weights or moments are not those that were saved: nothing can be gone on with."""


def forge_facts(run: Path, **changed: object) -> None:
    """Make the newest checkpoint tell of another machine, with digests that fit."""
    folder = run / "checkpoints" / (run / "checkpoints" / "last").read_text().strip()
    forge_part(folder, "state", lambda state: {**state, "facts": {**state["facts"], **changed}})


@pytest.mark.bar("R8")
@pytest.mark.parametrize(
    ("forged", "told"),
    [
        ({"device": "cuda"}, "device: was cuda, is cpu"),
        ({"torch": "2.10.0"}, "torch: was 2.10.0, is "),
        ({"threads": 64}, "threads: was 64, is 1"),
        ({"cpu_capability": "AVX512"}, "cpu_capability: was AVX512, is "),
        ({}, "training.threads: null then, 2 now"),
    ],
    ids=["device", "torch", "threads", "cpu", "setting"],
)
@pytest.mark.parametrize("way", [["--resume", "runs/kept/0001"], ["kept.yaml", "--resume", "auto"]], ids=["by name", "auto"])
def test_on_another_machine_it_goes_on_and_is_marked(
    forged: dict[str, object], told: str, way: list[str], run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if forged.get("cpu_capability") == torch.backends.cpu.get_cpu_capability():
        forged, told = {"cpu_capability": "DEFAULT"}, "cpu_capability: was DEFAULT, is "
    forge_facts(run, **forged)
    changes = ["training.max_epochs=3", *([] if forged else ["training.threads=2"])]
    assert main(["fit", *way, *changes]) == 0
    shown = capsys.readouterr()
    assert told in shown.err
    assert "inexact since step 6" in shown.err
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["inexact_since"], summary["epochs"]) == (6, 3)
    assert main(["fit", *way, "training.max_epochs=4"]) == 0  # once inexact, always inexact
    assert json.loads((run / "summary.json").read_text())["inexact_since"] == 6
