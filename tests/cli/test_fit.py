"""`fit`, `eval`, `predict`, `runs`, `show` as a person uses them: files, output, exit codes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import nntrain
from nntrain.cli import main
from nntrain.commands.screens.figures import format_number
from nntrain.errors import CheckpointError, ConfigError, DataError, DivergedError

TABLE = """
name: shops
data:
  source: shops.csv
  target: size
  split: {validation: 0.2, test: 0.2}
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adamw, lr: 1e-2}
training: {max_epochs: 3}
"""

SIGNALLED = """
import os, sys
from nntrain.__main__ import main
from nntrain.training import loop

take_step = loop.take_step

def signalled(session, protocol, progress, batches):
    take_step(session, protocol, progress, batches)
    if progress.step == 7:
        os.kill(os.getpid(), int(number))

loop.take_step = signalled
number = sys.argv.pop(1)
main()
"""
"""The command line, which gets a signal in the middle of a step."""

HOLDER = """
import time
from pathlib import Path
from nntrain.runs import Run, lock
with lock(Run(Path("runs/shops/0001"))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def shops(tmp_path: Path) -> Path:
    """A table of two numbers, a category and three classes, and its config, in the folder where the test stands."""
    random = np.random.default_rng(0)
    lines = ["visits,sales,town,size"]
    for row in range(300):
        visits, sales = random.normal(size=2)
        size = ["small", "medium", "large"][int(visits + 0.5 * sales > 0.5) + int(visits + 0.5 * sales > -0.5)]
        lines.append(f"{visits:.3f},{sales:.3f},{'NSW'[row % 3]},{size}")
    (tmp_path / "shops.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "shops.yaml").write_text(TABLE)
    return tmp_path


def fit_json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Run fit and return what it prints with --json."""
    assert main(["fit", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_fit_without_arguments_takes_the_only_config(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = fit_json(capsys)
    assert summary["run"] == "runs/shops/0001"
    assert summary["stop_reason"] == "max_epochs"
    assert (summary["epochs"], summary["steps"]) == (3, 9)
    assert set(summary) >= {"run", "stop_reason", "epochs", "steps", "seconds", "best", "last", "test", "baseline"}
    assert summary["best"]["validation.accuracy"] > summary["baseline"]["validation.accuracy"]
    assert summary == json.loads((shops / "runs/shops/0001/summary.json").read_text())


def test_a_run_folder_holds_what_other_commands_need(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    run = shops / "runs/shops/0001"
    assert {path.name for path in run.iterdir()} >= {
        "config.yaml", "resolved.yaml", "environment.json", "data.json", "history.jsonl", "timing.jsonl", "summary.json", "checkpoints",
    }  # fmt: skip
    assert (run / "config.yaml").read_text() == TABLE
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in history] == [1, 2, 3]
    assert "train.running_loss" in history[0]["metrics"]
    assert (shops / "runs/shops/latest").read_text() == "0001\n"
    assert not list(run.rglob("*.pt")) + list(run.rglob("*.pkl"))


def test_the_resolved_config_resolves_to_itself(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    first = (shops / "runs/shops/0001/resolved.yaml").read_text()
    (shops / "again.yaml").write_text(first)
    fit_json(capsys, "again.yaml")
    assert (shops / "runs/shops/0002/resolved.yaml").read_text() == first
    histories = [(shops / f"runs/shops/000{number}/history.jsonl").read_bytes() for number in (1, 2)]
    assert histories[0] == histories[1]


def test_eval_measures_the_latest_run_and_holds_it_to_a_bar(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    summary = fit_json(capsys)
    assert main(["eval", "--json", "--min", "accuracy=0.1"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["split"] == "test"
    assert found["metrics"] == pytest.approx(summary["test"])
    assert main(["eval", "--min", "accuracy=0.999", "--max", "loss=0.001"]) == 6
    assert capsys.readouterr().err.splitlines()[-2:] == [
        f"accuracy {format_number(found['metrics']['accuracy'])} is below --min 0.999",
        f"loss {format_number(found['metrics']['loss'])} is above --max 0.001",
    ]


def test_looks_at_test_rows_are_counted_over_runs(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit_json(capsys)["test_looks"] == 1
    assert fit_json(capsys, "shops.yaml", "optimizer.lr=1e-3")["test_looks"] == 2
    assert "test_looks" not in fit_json(capsys, "shops.yaml", "--no-test")
    assert fit_json(capsys, "shops.yaml", "data.split.seed=1")["test_looks"] == 1


def test_python_functions_give_the_same(shops: Path) -> None:
    result = nntrain.fit("shops.yaml", "training.max_epochs=2")
    config = {**yaml.safe_load(TABLE), "optimizer": {"type": "adamw", "lr": 0.01}, "training": {"max_epochs": 2}}
    again = nntrain.fit(config)
    assert result.summary["best"] == again.summary["best"]
    assert nntrain.evaluate(result.run.path).metrics == pytest.approx(result.summary["test"])
    found = nntrain.load(result.run.path).predict([{"visits": 3, "sales": 2.5, "town": "N"}, {"visits": None, "sales": 1, "town": "S"}])[
        "size"
    ]
    assert set(found.values) <= {"small", "medium", "large"}
    assert list(found.probabilities) == ["large", "medium", "small"]


def test_show_prints_network_and_settings_of_config_and_run(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    assert main(["show", "--json", "runs/shops/0001"]) == 0
    of_run = json.loads(capsys.readouterr().out)
    assert main(["show", "--json", "shops.yaml"]) == 0
    of_config = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in of_config["layers"]] == [row["name"] for row in of_run["layers"]]
    assert of_run["parameters"] == (2 + 3) * 8 + 8 + 8 * 3 + 3
    assert of_config["config"]["training"]["max_epochs"] == 3


def test_resume_of_a_finished_run_says_so_and_a_longer_limit_goes_on(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    assert main(["fit", "--resume", "runs/shops/0001", "--json"]) == 0
    assert "is finished: max_epochs" in capsys.readouterr().err
    longer = fit_json(capsys, "--resume", "runs/shops/0001", "training.max_epochs=6")
    assert longer["epochs"] == 6
    whole = fit_json(capsys, "shops.yaml", "training.max_epochs=6")
    assert longer["best"] == whole["best"]
    assert (shops / "runs/shops/0001/history.jsonl").read_bytes() == (shops / "runs/shops/0002/history.jsonl").read_bytes()


def test_resume_refuses_another_meaning_and_other_data(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    assert main(["fit", "--resume", "runs/shops/0001", "optimizer.lr=0.1", "data.batch_size=32"]) == 4
    error = capsys.readouterr().err
    assert "optimizer.lr: 0.01 then, 0.1 now" in error
    assert "data.batch_size: 64 then, 32 now" in error
    with (shops / "shops.csv").open("a") as file:
        file.write("1,1,N,large\n")
    with pytest.raises(CheckpointError, match="data: source has changed"):
        nntrain.fit("shops.yaml", resume="runs/shops/0001")
    assert main(["fit", "--resume", "runs/shops/0001", "training.max_epochs=4", "--resume-anyway"]) == 0


def test_divergence_stops_before_anything_bad_is_saved(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DivergedError) as caught:
        nntrain.fit("shops.yaml", "optimizer={sgd: 1e20}", "training.max_epochs=50", "training.checkpoint={every_steps: 1}")
    assert "diverged in epoch" in str(caught.value)
    assert "optimizer.lr" in str(caught.value)
    assert json.loads((shops / "runs/shops/0001/summary.json").read_text())["stop_reason"] == "diverged"
    assert main(["fit", "shops.yaml", "optimizer={sgd: 1e20}", "training.max_epochs=50"]) == 5


def test_missing_and_unreadable_data_are_told(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "shops.yaml", "data.source=shop.csv"]) == 3
    assert "shops.csv" in capsys.readouterr().err
    (shops / "shops.csv").write_text((shops / "shops.csv").read_text().replace("visits,", "visits,", 1) + "x,1,N,large\n")
    with pytest.raises(DataError, match="visits should be a number; 1 of 301 values is not: line 302 'x'"):
        nntrain.fit("shops.yaml")
    with pytest.raises(ConfigError, match=r"no column 'sise' in shops\.csv"):
        nntrain.fit("shops.yaml", "data.target=sise")
    assert not (shops / "runs").exists()


def test_a_second_writer_is_refused(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    holder = subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert main(["fit", "--resume", "runs/shops/0001"]) == 4
        assert f"process {holder.pid} on" in capsys.readouterr().err
    finally:
        holder.kill()
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX signals and fork")
@pytest.mark.parametrize(("name", "code"), [("SIGHUP", 129), ("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_saves_and_the_run_goes_on_as_if_nothing_had_happened(
    name: str, code: int, shops: Path, run_script: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    changes = ["training.max_epochs=5", "training.checkpoint={every_epochs: 1000}", "optimizer.lr=1e-5"]
    (shops / "signalled.py").write_text(SIGNALLED)
    done = run_script(shops / "signalled.py", int(getattr(signal, name)), "fit", "shops.yaml", *changes)
    history = shops / "runs/shops/0001/history.jsonl"
    assert done.returncode == code, done.stderr
    assert history.read_bytes().count(b"\n") < 5
    assert "finished and saved. Go on with: nntrain fit --resume runs/shops/0001" in done.stdout
    assert main(["fit", "--resume", "runs/shops/0001"]) == 0
    assert main(["fit", "shops.yaml", *changes]) == 0
    assert history.read_bytes() == (shops / "runs/shops/0002/history.jsonl").read_bytes()


@pytest.mark.parametrize("run_id", ["../escape", "a/b", "latest", "", ".hidden"])
def test_a_run_id_is_a_name_and_no_path(run_id: str, shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "shops.yaml", "--run-id", run_id]) == 2
    assert f"no name for a run: {run_id!r}" in capsys.readouterr().err
    assert not (shops / "escape").exists()


def test_a_run_whose_monitor_is_never_defined_is_measured_at_its_end(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = (shops / "shops.csv").read_text().splitlines()
    (shops / "one.csv").write_text("\n".join([rows[0], *(row for row in rows if row.endswith("small"))]) + "\n")
    changes = ["data.source={path: shops.csv, validation: one.csv}", "data.split={test: 0.2}", "metrics=[auroc]"]
    summary = fit_json(capsys, "shops.yaml", *changes)
    assert summary["best"]["epoch"] is None
    assert summary["best"]["validation.auroc"] is None
    assert main(["eval", "--json"]) == 0
    screens = capsys.readouterr()
    assert json.loads(screens.out)["metrics"]["auroc"] == summary["test"]["auroc"]
    assert "no state was the best, as its metric was never defined; taken instead: runs/shops/0001/checkpoints/step-0000012" in screens.err


def test_a_damaged_best_state_is_told_and_the_newest_whole_one_is_taken(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys, "shops.yaml", "training={max_epochs: 6, early_stopping: {monitor: train.loss}}", "optimizer={sgd: 1e-9}")
    checkpoints = shops / "runs/shops/0001/checkpoints"
    best = checkpoints / (checkpoints / "best").read_text().strip()
    weights = best / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    code = main(["eval"])
    said = capsys.readouterr().err
    assert "weights.safetensors" in said
    assert code == (0 if (checkpoints / "last").read_text() != (checkpoints / "best").read_text() else 4)


def test_python_resumes_with_a_mapping_or_with_nothing(shops: Path) -> None:
    config = {**yaml.safe_load(TABLE), "optimizer": {"type": "adamw", "lr": 0.01}}
    first = nntrain.fit(config)
    longer = {**config, "training": {"max_epochs": 5}}
    assert nntrain.fit(longer, resume=first.run.path).summary["epochs"] == 5
    last = nntrain.fit(None, "training.max_epochs=6", resume=first.run.path)
    assert last.summary["epochs"] == 6
    assert last.run.path == first.run.path
    assert not (shops / "runs/shops/0002").exists()


def test_a_missing_device_leaves_no_run(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("has the device that should be missing")
    assert main(["fit", "shops.yaml", "training.device=cuda"]) == 2
    assert 'override "training.device=cuda"' in capsys.readouterr().err
    assert not (shops / "runs").exists()


def test_resume_keeps_the_start_and_the_latest(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    fit_json(capsys)
    fit_json(capsys, "--resume", "runs/shops/0001", "training.max_epochs=4")
    assert main(["eval", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["run"] == "runs/shops/0002"


def test_a_full_disk_is_told_and_what_was_saved_is_whole(
    shops: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fit_json(capsys)
    before = (shops / "runs/shops/0001/summary.json").read_text()

    def full(path: Path, text: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("nntrain.runs.write_atomically", full)
    assert main(["fit", "--resume", "runs/shops/0001", "training.max_epochs=4"]) == 7
    assert "No space left on device" in capsys.readouterr().err
    assert (shops / "runs/shops/0001/summary.json").read_text() == before


def test_runs_lists_what_there_is(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    assert main(["runs"]) == 0
    assert "runs/shops/0001" in capsys.readouterr().out
    assert main([]) == 0
    assert "latest   runs/shops/0001   validation.accuracy" in capsys.readouterr().out


def test_a_run_that_went_on_with_another_meaning_is_marked(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fit_json(capsys)["inexact_since"] is None
    changed = fit_json(capsys, "--resume", "runs/shops/0001", "--resume-anyway", "optimizer.lr=0.02", "training.max_epochs=4")
    assert changed["inexact_since"] == 9
    assert fit_json(capsys, "--resume", "runs/shops/0001", "training.max_epochs=5")["inexact_since"] == 9
    assert main(["runs"]) == 0
    assert "(inexact since step 9)" in capsys.readouterr().out


def test_an_edited_resolved_config_is_noticed(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    resolved = shops / "runs/shops/0001/resolved.yaml"
    resolved.write_text(resolved.read_text().replace("type: relu", "type: gelu"))
    for command in (["eval"], ["predict", "shops.csv"], ["fit", "--resume", "runs/shops/0001", "training.max_epochs=5"]):
        assert main(command) == 4
        assert "resolved.yaml is not as it was written" in capsys.readouterr().err


def test_a_run_that_has_lost_its_checkpoints_is_not_started_anew(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit_json(capsys)
    shutil.rmtree(shops / "runs/shops/0001/checkpoints")
    before = (shops / "runs/shops/0001/history.jsonl").read_bytes()
    assert main(["fit", "--resume", "runs/shops/0001"]) == 4
    assert "has lost its checkpoints" in capsys.readouterr().err
    assert (shops / "runs/shops/0001/history.jsonl").read_bytes() == before


def test_a_setting_of_training_that_does_not_say_when_to_stop_keeps_the_default_rules(
    shops: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shops / "shops.yaml").write_text(TABLE.replace("training: {max_epochs: 3}", "training: {device: cpu}"))
    assert main(["show", "--json", "shops.yaml"]) == 0
    training = json.loads(capsys.readouterr().out)["config"]["training"]
    assert (training["max_epochs"], training["max_steps"], training["early_stopping"]["patience"]) == (100, 20_000, 10)


def test_damaged_counts_of_looks_cost_no_result(shops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (shops / "runs").mkdir()
    (shops / "runs/test_looks.json").write_text("[]")
    assert fit_json(capsys)["test"]["accuracy"] > 0
    assert (shops / "runs/shops/0001/summary.json").exists()
