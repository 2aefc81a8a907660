"""`verify`: what is proven, what is caught, what is left behind."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

Script = Callable[..., subprocess.CompletedProcess[str]]

CONFIG = """
name: shops
data:
  source: shops.csv
  target: size
  split: {validation: 0.2, test: 0.2}
  batch_size: 16
architecture: {type: mlp, hidden: [8]}
optimizer: {type: adamw, lr: 1e-2}
scheduler: {type: cosine, warmup_steps: 3}
regularization: {dropout: 0.2, ema: 0.9}
training: {max_epochs: 3}
"""
STEPS = 3 * 4  # 60 training rows

SCENARIOS = (
    "proven",
    "unseeded_noise",
    "beyond_the_limit",
    "flipped_bit",
    "other_config",
    "other_data",
    "data_changed_unseen",
    "one_step",
    "plugin",
    "streamed",
)
LONGER = ("streamed_by_workers", "unsaved_noise", "stopped_by_a_rule", "stopped_by_a_signal", "members", "no_data", "locked", "terminated")


def write_files(folder: Path) -> None:
    drawn = random.Random(0)
    rows = [(drawn.random(), drawn.random(), "xyz"[row % 3]) for row in range(100)]
    lines = [f"{a:.4f},{b:.4f},{c},{'big' if a + b > 1 else 'small'}" for a, b, c in rows]
    (folder / "shops.csv").write_text("\n".join(["a,b,c,size", *lines]) + "\n")
    (folder / "shops.yaml").write_text(CONFIG)


def drive(run_script: Script, folder: Path, scenarios: tuple[str, ...]) -> dict[str, Any]:
    write_files(folder)
    driver = Path(__file__).with_name("verify_driver.py")
    with contextlib.chdir(folder):
        done = run_script(driver, *scenarios)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, run_script: Script) -> dict[str, Any]:
    return drive(run_script, tmp_path_factory.mktemp("verify"), SCENARIOS)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory, run_script: Script) -> dict[str, Any]:
    return drive(run_script, tmp_path_factory.mktemp("longer"), LONGER)


def test_a_finished_run_is_proven_from_its_beginning(found: dict[str, Any]) -> None:
    result = found["proven"]
    assert result["code"] == 0, result
    assert "bit for bit" in result["out"]
    assert "--seed 5" in result["out"]
    proof = result["proof"]
    assert proof["verdict"] == "proven"
    assert (proof["resumed"]["from_step"], proof["resumed"]["to_step"], proof["resumed"]["equals_run_at"]) == (0, STEPS, STEPS)
    assert {"weights", "optimizer", "rng", "ema", "protocol", "history"} <= set(proof["resumed"]["compared"])
    assert len(proof["resumed"]["kills"]) == 2
    assert all(0 < kill < STEPS for kill in proof["resumed"]["kills"])
    assert proof["rerun"] == {"steps": STEPS, "reports": 3, "difference": None, "other_facts": []}
    assert proof["versions"]["torch"]


def test_the_run_itself_is_left_as_it_was(found: dict[str, Any]) -> None:
    assert found["proven"]["changed"] == ["verify.json"]


def test_noise_from_no_seed_is_caught_by_both_ways(found: dict[str, Any]) -> None:
    result = found["unseeded_noise"]
    assert result["code"] == 6, result
    assert result["proof"]["verdict"] == "differs"
    assert "optimizer/" in result["proof"]["resumed"]["difference"] or "weights/" in result["proof"]["resumed"]["difference"]
    assert "step-" in result["proof"]["resumed"]["difference"]
    again = result["proof"]["rerun"]["difference"]
    assert re.match(r"history\.jsonl: line [12] \(step [48]\)/metrics/", again), again  # by chance the first report may be even
    assert " and " in again
    assert "run again from the start, it is not the same" in " ".join(result["out"].split())


@pytest.mark.slow
def test_noise_that_starts_anew_in_every_process_is_caught_by_the_kill(longer: dict[str, Any]) -> None:
    result = longer["unsaved_noise"]
    assert result["code"] == 6, result
    assert result["proof"]["resumed"]["difference"] is not None
    assert result["proof"]["rerun"]["difference"] is None  # two runs without a break are the same


def proven_steps(result: dict[str, Any]) -> tuple[int, int]:
    assert result["code"] == 0, result
    proof = json.loads(result["out"])
    assert proof["verdict"] == "proven"
    return proof["resumed"]["from_step"], proof["resumed"]["to_step"]


def test_a_finished_run_goes_on_beyond_its_limit(found: dict[str, Any]) -> None:
    assert proven_steps(found["beyond_the_limit"]) == (STEPS, STEPS + 3)


@pytest.mark.slow
def test_steps_are_found_where_a_run_has_none_left(longer: dict[str, Any]) -> None:
    assert proven_steps(longer["stopped_by_a_rule"]) == (0, 3)
    assert proven_steps(longer["stopped_by_a_signal"]) == (0, 3)


@pytest.mark.slow
def test_of_members_the_first_is_taken_and_said(longer: dict[str, Any]) -> None:
    assert proven_steps(longer["members"]) == (STEPS, STEPS + 3)
    proof = json.loads(longer["members"]["out"])
    assert proof["run"].endswith("members/01")
    assert "has 2 members: the first is verified; another: nntrain verify runs/shops/members/members/02" in proof["notes"][0]


def test_a_plugin_is_passed_on_to_the_copies_by_consent_alone(found: dict[str, Any]) -> None:
    assert_told(found["plugin"]["refused"], 2, "--plugin bells")
    assert proven_steps(found["plugin"]) == (0, STEPS)


def test_a_streamed_run_is_proven(found: dict[str, Any]) -> None:
    assert proven_steps(found["streamed"]) == (0, STEPS)
    assert found["streamed"]["proof"]["rerun"]["difference"] is None


@pytest.mark.slow
def test_a_run_streamed_by_workers_is_proven(longer: dict[str, Any]) -> None:
    assert proven_steps(longer["streamed_by_workers"]) == (0, STEPS)


@pytest.mark.slow
def test_copies_are_processes_that_find_modules_where_their_parent_does(tmp_path: Path) -> None:
    write_files(tmp_path)
    (tmp_path / "polars.py").write_text("raise SystemExit('a file that lies where you stand passes for a library')\n")
    script = [sys.executable, "-P", "-c", "import sys; from nntrain.cli import main; sys.exit(main(sys.argv[1:]))"]
    for arguments in (["fit", "shops.yaml"], ["verify", "--steps", "3"]):
        done = subprocess.run([*script, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("scenario", "code", "told"),
    [
        ("flipped_bit", 4, "weights.safetensors: damaged (its content is not what was written)"),
        ("other_config", 4, "resolved.yaml is not as it was written"),
        ("other_data", 4, "shops.csv is not what the run was trained on: its fingerprint differs"),
        ("data_changed_unseen", 4, "has changed since the last proof, where its fingerprint does not look: its full hash differs"),
        ("one_step", 2, "--steps 1: needs 2 or more"),
    ],
)
def test_what_is_wrong_is_told(found: dict[str, Any], scenario: str, code: int, told: str) -> None:
    assert_told(found[scenario], code, told)


@pytest.mark.slow
def test_what_is_missing_or_taken_is_told(longer: dict[str, Any]) -> None:
    assert_told(longer["no_data"], 3, "no file")
    assert_told(longer["locked"], 4, "another process writes to runs/shops/locked")


def assert_told(result: dict[str, Any], code: int, told: str) -> None:
    assert result["code"] == code, result
    assert told in " ".join((result["out"] + result["error"]).split())
    assert "Traceback" not in result["error"]
    assert set(result["changed"]) <= {"verify.json"}


@pytest.mark.slow
def test_a_signal_leaves_no_process_and_no_folder(longer: dict[str, Any]) -> None:
    result = longer["terminated"]
    assert "straight" in result["copies"]
    assert result["code"] == 143
    assert result["left"] == []
    assert "interrupted: nothing was proven; the run is as it was" in result["error"]


@pytest.mark.slow
def test_processes_of_their_own_prove_it_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(tmp_path)
    assert main(["fit", "shops.yaml"]) == 0
    capsys.readouterr()
    assert main(["verify", "--json"]) == 0, capsys.readouterr()
    assert json.loads(capsys.readouterr().out)["verdict"] == "proven"
