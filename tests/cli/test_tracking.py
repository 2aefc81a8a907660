"""`tracking:` as a person uses it: reports go elsewhere too, and the run is the one that it would be without."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.commands.preparing.signals import Signals
from nntrain.commands.proofs import proving
from nntrain.commands.training import tracking
from nntrain.runs import Run
from nntrain.tracking.sending import Sender

CONFIG = """
name: shown
data: {source: {type: csv, path: "${env:FOLDER_OF_ROWS}/rows.csv"}, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 4, checkpoint: {every_steps: 3}}
"""

KILLED = """
import os, sys
from nntrain.__main__ import main
from nntrain.training import loop

take_step = loop.take_step

def killed(session, protocol, progress, batches):
    take_step(session, protocol, progress, batches)
    if progress.step == 11:
        os.kill(os.getpid(), number)

loop.take_step = killed
number = int(sys.argv.pop(1))
main()
"""
"""The command line, which gets a signal after step 11: behind the report of step 8, before that of step 12."""


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table in a folder whose name is nobody's business, and a config."""
    lines = ["a,b,y", *(f"{row % 7},{row % 5 * 0.5},{'pq'[(row % 7) // 4]}" for row in range(100))]
    (tmp_path / "s3cret").mkdir()
    (tmp_path / "s3cret" / "rows.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "shown.yaml").write_text(CONFIG)
    monkeypatch.setenv("FOLDER_OF_ROWS", str(tmp_path / "s3cret"))


def fit(*arguments: str) -> None:
    assert main(["fit", *arguments]) == 0


def history(run: str) -> list[dict[str, Any]]:
    """The reports of a run as a tracker is told of them."""
    records = map(json.loads, Path(f"runs/shown/{run}/history.jsonl").read_text().splitlines())
    return [{**{name: each[name] for name in ("step", "epoch", "lr")}, **each["metrics"]} for each in records]


def tracked(run: str) -> list[dict[str, Any]]:
    return list(map(json.loads, Path(f"runs/shown/{run}/tracking.jsonl").read_text().splitlines()))


def state(run: str) -> dict[str, bytes]:
    """All that a run's last state is, random generators included, and its history."""
    folder = Path(f"runs/shown/{run}")
    last = folder / "checkpoints" / (folder / "checkpoints" / "last").read_text().strip()
    found = {path.name: path.read_bytes() for path in sorted(last.glob("*.safetensors"))}
    return {**found, "history": (folder / "history.jsonl").read_bytes()}


@pytest.mark.extra("tensorboard")
def test_trackers_change_no_bit_and_get_reports_settings_and_results(capsys: pytest.CaptureFixture[str]) -> None:
    fit("shown.yaml")
    fit("shown.yaml", "tracking=[tensorboard,jsonl]")
    assert state("0001") == state("0002")
    head, *reports, end = tracked("0002")
    assert reports == history("0002")
    assert head["run"] == "shown/0002"
    assert (head["params"]["optimizer.lr"], head["params"]["architecture.hidden"]) == ("0.001", "[4]")
    assert head["params"]["data.source.path"] == "${env:FOLDER_OF_ROWS}/rows.csv"
    assert [name for name in head["params"] if name.startswith("tracking")] == []
    summary = json.loads(Path("runs/shown/0002/summary.json").read_text())
    assert end["summary"]["test.accuracy"] == summary["test"]["accuracy"]
    assert end["summary"]["baseline.test.accuracy"] == summary["baseline"]["test.accuracy"]
    assert end["summary"]["stop_reason"] == "max_epochs"
    [events] = Path("runs/shown/0002/tensorboard").iterdir()
    assert b"validation.accuracy" in events.read_bytes()
    assert b"model_card" in events.read_bytes()
    texts = [path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()]
    assert not any(b"s3cret" in text for text in texts)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
@pytest.mark.parametrize(("number", "code"), [(9, -9), (15, 143)], ids=["killed", "stopped"])
def test_a_run_that_was_broken_off_goes_on_where_its_state_is(
    number: int, code: int, tmp_path: Path, run_script: Callable[..., Any]
) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    assert run_script(script, number, "fit", "shown.yaml", "tracking=jsonl").returncode == code
    assert [line["step"] for line in tracked("0001")[1:]] == [4, 8]
    fit("--resume", "runs/shown/0001")
    fit("shown.yaml", "tracking=jsonl")
    (_, *reports, end), (_, *others, other_end) = tracked("0001"), tracked("0002")
    assert reports == others == history("0001")
    assert {**end["summary"], "seconds": 0} == {**other_end["summary"], "seconds": 0}


def test_a_finished_run_that_is_trained_longer_is_told_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    fit("shown.yaml", "tracking=jsonl", "training.max_epochs=2")
    fit("--resume", "runs/shown/0001", "training.max_epochs=4")
    _, *reports, end = tracked("0001")
    assert reports == history("0001")
    assert (end["summary"]["epochs"], "summary" in reports[-1]) == (4, False)


def test_a_tracker_that_comes_later_is_told_from_the_beginning_and_refuses_no_resume() -> None:
    fit("shown.yaml", "training.max_epochs=2")
    fit("--resume", "runs/shown/0001", "training.max_epochs=4", "tracking=jsonl")
    assert tracked("0001")[1:-1] == history("0001")
    fit("--resume", "runs/shown/0001", "training.max_epochs=5", "tracking=null")
    assert len(tracked("0001")[1:-1]) == 4


def test_members_are_runs_of_a_group() -> None:
    fit("shown.yaml", "tracking=jsonl", "--seeds", "2")
    heads = [tracked(f"0001/members/0{member}")[0] for member in (1, 2)]
    assert [(head["run"], head["group"], head["params"]["seed"]) for head in heads] == [
        ("shown/0001/01", "shown/0001", "0"),
        ("shown/0001/02", "shown/0001", "1"),
    ]
    assert tracked("0001/members/02")[1:-1] == history("0001/members/02")
    head, end = tracked("0001")  # all of them together, without reports
    summary = json.loads(Path("runs/shown/0001/summary.json").read_text())
    assert (head["run"], head["group"], head["params"]["seed"]) == ("shown/0001", None, "0")
    best, sd = summary["best"]["validation.loss"], summary["sd"]["best"]["validation.loss"]
    assert (end["summary"]["best.validation.loss"], end["summary"]["sd.best.validation.loss"]) == (best, sd)
    before = Path("runs/shown/0001/tracking.jsonl").read_bytes()
    Path("runs/shown/0001/summary.json").unlink()
    fit("--resume", "runs/shown/0001")
    assert Path("runs/shown/0001/tracking.jsonl").read_bytes() == before


def test_a_smoke_run_and_a_proof_tell_nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def told(*_: object) -> None:
        pytest.fail("a tracker was told")

    monkeypatch.setattr(Sender, "__init__", told)
    fit("shown.yaml", "tracking=jsonl", "--smoke")

    class Done:
        def poll(self) -> int:
            return 0

        def kill(self) -> None: ...

        def wait(self, timeout: float | None = None) -> int:
            return 0

    started: list[str] = []

    def start(arguments: Any, log: Path) -> Done:
        started.extend(arguments)
        return Done()

    proving.Trainer(Signals(), start).train(Run(tmp_path / "copy"), 5, ["training.max_steps=5"])
    assert started[-2:] == ["training.max_steps=5", "tracking=null"]


@pytest.mark.parametrize(("tracker", "package"), [("tensorboard", "tensorboardX"), ("wandb", "wandb"), ("{mlflow: http://a}", "mlflow")])
@pytest.mark.parametrize("command", ["check", "fit"])
def test_a_missing_package_is_told_before_anything_starts(
    tracker: str, package: str, command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert main([command, "shown.yaml", f"tracking={tracker}"]) == 2
    told = capsys.readouterr().err
    assert "needs a package that is not installed" in told
    assert f"pip install 'nntrain[{tracker.strip('{').partition(':')[0]}]'" in told
    assert not Path("runs").exists()


@pytest.mark.extra("tensorboard")
def test_a_run_is_used_where_its_tracker_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    fit("shown.yaml", "tracking=tensorboard", "training.max_epochs=1")
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert main(["eval", "runs/shown/0001"]) == 0
    assert main(["predict", "runs/shown/0001", "s3cret/rows.csv", "-o", "out.csv"]) == 0
    assert main(["fit", "--resume", "runs/shown/0001", "training.max_epochs=2"]) == 2
    assert main(["fit", "--resume", "runs/shown/0001", "training.max_epochs=2", "tracking=null"]) == 0


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("tracking: [jsonl, jsonl]", "stands here twice"),
        ("tracking: mlflow", "does not say where the server is"),
        ("tracking: TensorBoardLogger", "tensorboard"),
        ("report_to: wandb", "tracking"),
        ("log_with: wandb", "tracking"),
        ("logger: true", "tracking"),
        ("wandb: {project: a}", "tracking: wandb"),
        ("callbacks: []", "tracking: tensorboard"),
        ("tracking: {type: mlflow, tracking_uri: http://a}", "uri"),
        ("tracking: {type: wandb, team: a}", "entity"),
    ],
)
def test_what_is_wrong_leads_to_the_setting(
    line: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Path("shown.yaml").write_text(f"{CONFIG}{line}\n")
    assert main(["check", "shown.yaml"]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("content", ["{", "[]", '{"jsonl:e3b0c442": {"sent": "x"}}', '{"jsonl:e3b0c442": 3}'])
def test_what_a_damaged_record_says_of_trackers_is_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "tracking.json").write_text(content)
    assert tracking.remembered(Run(tmp_path)) == {}


def test_trackers_are_listed_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["list", "trackers"], ["help", "tracking"], ["help", "mlflow"]):
        assert main(command) == 0
    told = capsys.readouterr().out
    assert "tensorboard" in told
    assert "mlflow" in told
    assert "Address of the server" in told
