"""Trackers that have a server: what they are told, and servers that are away, silent, or break down."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fake_mlflow import fake_mlflow, refusing, silent_server

from nntrain.cli import main
from nntrain.commands.training import tracking

CONFIG = """
name: told
data: {source: rows.csv, target: y, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 3, checkpoint: {every_steps: 3}}
"""

KILLED = """
import os, sys, time
from nntrain.__main__ import main
from nntrain.training import loop

take_step = loop.take_step

def killed(session, protocol, progress, batches):
    take_step(session, protocol, progress, batches)
    if progress.step == 10:
        time.sleep(float(os.environ["SECONDS_BEFORE_THE_KILL"]))
        os.kill(os.getpid(), 9)

loop.take_step = killed
main()
"""
"""Reports are of steps 4, 8 and 12; the last checkpoint before the kill is of step 9."""


@pytest.fixture(autouse=True)
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["a,b,y", *(f"{row % 7},{row % 5 * 0.5},{'pq'[(row % 7) // 4]}" for row in range(100))]
    (tmp_path / "rows.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "told.yaml").write_text(CONFIG)
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "MLFLOW_HTTP_REQUEST_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)


def history(run: str = "0001") -> list[dict[str, Any]]:
    return list(map(json.loads, Path(f"runs/told/{run}/history.jsonl").read_text().splitlines()))


def curve(metric: str) -> list[tuple[int, float]]:
    return [(record["step"], record["metrics"][metric]) for record in history()]


def summary(run: str = "0001") -> dict[str, Any]:
    return json.loads(Path(f"runs/told/{run}/summary.json").read_text())


def waits(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(tracking, "WAIT_S", dict.fromkeys(tracking.WAIT_S, seconds))


@pytest.mark.extra("mlflow")
def test_mlflow_is_told_of_settings_reports_results_and_files(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    waits(monkeypatch, 120)
    with fake_mlflow() as server:
        assert main(["fit", "told.yaml", f"tracking={{type: mlflow, uri: '{server.address}'}}"]) == 0
    assert "warning" not in capsys.readouterr().err
    assert server.experiments == {"told": "1"}
    [(run_id, run)] = server.runs.items()
    assert (run["name"], run["status"]) == ("told/0001", "FINISHED")
    assert server.curve(run_id, "validation.accuracy") == curve("validation.accuracy")
    assert server.curve(run_id, "lr") == [(record["step"], record["lr"]) for record in history()]
    assert (run["params"]["optimizer.lr"], run["params"]["data.source.path"]) == ("0.001", "rows.csv")
    assert server.curve(run_id, "test.accuracy") == [(12, summary()["test"]["accuracy"])]
    assert server.curve(run_id, "baseline.test.accuracy") == [(12, summary()["baseline"]["test.accuracy"])]
    assert run["tags"]["stop_reason"] == "max_epochs"
    assert run["files"]["model_card.md"] == Path("runs/told/0001/model_card.md").read_text()


@pytest.mark.extra("mlflow")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_mlflow_goes_on_with_the_run_of_one_that_was_killed(
    tmp_path: Path, run_script: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(monkeypatch, 120)
    script = tmp_path / "killed.py"
    script.write_text(KILLED)
    with fake_mlflow() as server:
        given = f"tracking={{type: mlflow, uri: '{server.address}', experiment: mine}}"
        monkeypatch.setenv("SECONDS_BEFORE_THE_KILL", "0")  # it is not even told that there is a run
        assert run_script(script, "fit", "told.yaml", given).returncode == -9
        assert main(["fit", "--resume", "runs/told/0001"]) == 0
        assert main(["fit", "--resume", "runs/told/0001", "training.max_epochs=4"]) == 0
    runs = {run_id: run for run_id, run in server.runs.items() if run["metrics"]}
    [(run_id, run)] = runs.items()
    assert (run["status"], server.experiments) == ("FINISHED", {"mine": "1"})
    assert server.curve(run_id, "train.loss") == curve("train.loss")
    assert [step for step, _ in server.curve(run_id, "test.accuracy")] == [12, 16]


@pytest.mark.extra("mlflow")
@pytest.mark.parametrize("server", ["refusing", "silent"])
def test_a_server_that_is_away_is_told_of_once_and_keeps_nobody(
    server: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits(monkeypatch, 30 if server == "refusing" else 2)
    with silent_server() as silent:
        address = (refusing() if server == "refusing" else silent).replace("//", "//ana:s3cret@")
        started = time.monotonic()
        assert main(["fit", "told.yaml", f"tracking=[jsonl,{{type: mlflow, uri: '{address}'}}]", "--seeds", "2"]) == 0
        assert time.monotonic() - started < 120
    told = capsys.readouterr().err
    warnings = [line for line in told.splitlines() if "warning: mlflow: " in line]
    assert len(warnings) == 1
    assert warnings[0].endswith("; the run goes on without it")
    assert ("no answer for 2 s" in warnings[0]) == (server == "silent")
    assert "s3cret" not in told
    for member in ("0001/members/01", "0001/members/02"):
        assert summary(member)["stop_reason"] == "max_epochs"
        assert len(Path(f"runs/told/{member}/tracking.jsonl").read_text().splitlines()) == 5
    assert not [path for path in Path("runs").rglob("tracking.json") if "s3cret" in path.read_text()]


@pytest.mark.extra("mlflow")
def test_what_a_server_that_broke_down_has_missed_is_told_when_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits(monkeypatch, 60)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with fake_mlflow(dies_after=2) as server:  # settings, and the first report
        assert main(["fit", "told.yaml", f"tracking={{type: mlflow, uri: '{server.address}'}}"]) == 0
        assert "warning: mlflow: " in capsys.readouterr().err
        [run_id] = server.runs
        assert server.curve(run_id, "lr") == [(4, 0.001)]
        assert main(["fit", "--resume", "runs/told/0001", "training.max_epochs=4"]) == 0  # it is still away
        assert server.curve(run_id, "lr") == [(4, 0.001)]
        server.dies_after = None
        assert main(["fit", "--resume", "runs/told/0001", "training.max_epochs=5"]) == 0
    assert [*server.runs] == [run_id]
    assert server.curve(run_id, "train.loss") == curve("train.loss")


@pytest.mark.extra("wandb")
def test_wandb_writes_offline_what_is_synchronised_later(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    waits(monkeypatch, 120)
    monkeypatch.setenv("WANDB_API_KEY", "")
    assert main(["fit", "told.yaml", "tracking={type: wandb, project: p, mode: offline}"]) == 0
    assert main(["fit", "--resume", "runs/told/0001", "training.max_epochs=4"]) == 0
    assert "warning" not in capsys.readouterr().err
    run_id = json.loads(Path("runs/told/0001/tracking.json").read_text())
    [kept] = run_id.values()
    found = sorted(Path("runs/told/wandb").glob("offline-run-*/*.wandb"))
    assert {path.name for path in found} == {f"run-{kept['run_id']}.wandb"}
    content = b"".join(path.read_bytes() for path in found)
    for word in (b"validation.accuracy", b"test.accuracy", b"optimizer.lr", b"told/0001"):
        assert word in content
    assert kept["sent"] == 16
    assert main(["eval", "runs/told/0001"]) == 0


@pytest.mark.extra("wandb")
def test_wandb_whose_server_is_away_keeps_nobody(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    waits(monkeypatch, 3)
    with silent_server() as address:
        monkeypatch.setenv("WANDB_BASE_URL", address)
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
        assert main(["fit", "told.yaml", "tracking=wandb"]) == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: wandb: ")]
    assert len(warnings) == 1
    assert summary()["stop_reason"] == "max_epochs"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
