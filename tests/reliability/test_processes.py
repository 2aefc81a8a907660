"""Worker processes: none is left however a run ends, one that is killed ends it in words, and a resumed run is the same to the byte."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_rows import write_image_rows

HERE = Path(__file__).parent
CODES = {"normal": 0, "kill": -9, "SIGTERM": 143, "SIGINT": 130, "group": 143, "worker": 7, "error": 3}
"""How each way of ending a run ends it."""

BLOCKS_CONFIG = """
name: killed
seed: 5
data:
  source: table.csv
  target: kind
  split: {validation: 0.2, test: 0.2}
  batch_size: 8
  streaming: true
architecture: {type: mlp, hidden: [8]}
regularization: {norm: batch, dropout: 0.2, ema: 0.9}
training: {max_epochs: 3, early_stopping: null, checkpoint: {every_steps: 2, keep: 2}, evaluate_every: {steps: 5}}
"""

TEXTS_CONFIG = """
name: killed
seed: 5
data:
  source: table.csv
  target: kind
  fields: {one: {role: ignore}, two: {role: ignore}, word: {role: ignore}, said: {type: text, tokenizer: space}}
  split: {validation: 0.2, test: 0.2}
  batch_size: 4
  batch: {bucket: true}
  streaming: true
architecture: {layers: [{embedding: 4}, {pool: mean}, {linear: 4}, relu]}
regularization: {dropout: 0.2, ema: 0.9}
training: {max_epochs: 3, accumulate: 2, early_stopping: null, checkpoint: {every_steps: 2, keep: 2}, evaluate_every: {steps: 5}}
"""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="processes are counted in /proc")

Record = Callable[[str, object], None]
Script = Callable[..., subprocess.CompletedProcess[str]]


def driven(run_script: Script, script: str, *arguments: str) -> Any:
    """What a driver found."""
    found = run_script(HERE / script, *arguments, timeout_s=1500)
    assert found.returncode == 0, found.stdout[-2000:] + found.stderr[-4000:]
    return json.loads(found.stdout)


@pytest.mark.bar("R10")
@pytest.mark.parametrize(
    ("ways", "count"),
    [(("kill", "group", "error", "normal"), 1), pytest.param(tuple(CODES), 5, marks=pytest.mark.slow)],
)
def test_nothing_is_left(tmp_path: Path, run_script: Script, record_property: Record, ways: tuple[str, ...], count: int) -> None:
    found: dict[str, list[dict[str, Any]]] = driven(
        run_script, "worker_driver.py", str(write_image_rows(tmp_path)), str(tmp_path / "runs"), str(count), *ways
    )
    for way, ends in found.items():
        for end in ends:
            assert end["code"] == CODES[way], end["told"]
            assert end["workers"] == 2
            assert (end["left"], end["shared"]) == (0, []), (way, end)
            assert not end.get("damaged"), (way, end)
            assert "Traceback" not in end["told"]
    if "error" in found:
        assert "ant/0000" in found["error"][0]["told"]
    for end in found.get("worker", []):
        assert "killed by SIGKILL" in end["told"]
        assert "data.workers" in end["told"]
    ends = [end for ends in found.values() for end in ends]
    slowest = max(float(end["seconds"]) for end in found["kill"])
    counts = f"{len(ends)} runs ended in {len(found)} ways: {sum(end['left'] for end in ends)} of {2 * len(ends)} workers left"
    shared = sum(len(end["shared"]) for end in ends)
    record_property("figure", f"{counts}, {shared} files in /dev/shm; after kill -9 the last was gone within {slowest:.2f} s")


@pytest.mark.bar("R1")
@pytest.mark.parametrize(
    ("pairs", "steps"),
    [(("20",), ("13",)), pytest.param(("00", "22", "20", "02"), ("3", "13", "18", "23"), marks=pytest.mark.slow)],
)
def test_resumed_in_the_middle_of_an_epoch(
    tmp_path: Path, run_script: Script, record_property: Record, pairs: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    """Whoever reads, before and after the kill, and in memory as well: the bytes are those of one run."""
    found = driven(run_script, "streamed_driver.py", str(write_image_rows(tmp_path)), str(tmp_path / "runs"), ",".join(pairs), *steps)
    whole = found.pop("memory")
    assert len(found) == 1 + ("00" in pairs) + len(pairs) * len(steps)
    for way, digests in found.items():
        assert digests == whole, way
    record_property("figure", f"streamed, workers 0 and 2: {len(found)} runs, {len(pairs) * len(steps)} of them killed: 0 differ")


@pytest.mark.bar("R1")
@pytest.mark.parametrize(
    ("pairs", "steps"),
    [(("00",), ("13",)), pytest.param(("00", "20", "02"), ("3", "13", "18", "23"), marks=pytest.mark.slow)],
)
@pytest.mark.parametrize("text", [BLOCKS_CONFIG, TEXTS_CONFIG], ids=["rows", "buckets"])
def test_tables_in_blocks_are_resumed_in_the_middle_of_an_epoch(
    tmp_path: Path, run_script: Script, record_property: Record, text: str, pairs: tuple[str, ...], steps: tuple[str, ...]
) -> None:
    config = tmp_path / "killed.yaml"
    draws = np.random.default_rng(0)
    lines = [
        f"{one:.5f},{two:.5f},{'abc'[kind]},{'so ' * draws.integers(1, 9)}{'abc'[kind]},{'xyz'[kind]}"
        for kind in (0, 1, 2) * 50
        for one, two in [draws.normal(kind, 1, 2)]
    ]
    ignored = "" if text == TEXTS_CONFIG else "  fields: {said: {role: ignore}}\n"
    config.write_text(text.replace("  target: kind\n", f"  target: kind\n{ignored}"))
    (tmp_path / "table.csv").write_text("\n".join(["one,two,word,said,kind", *lines, ""]))
    found = driven(run_script, "blocks_driver.py", str(config), str(tmp_path / "runs"), ",".join(pairs), *steps)
    whole = found.pop("whole")
    assert len(found) == len(pairs) * len(steps)
    for way, digests in found.items():
        assert digests == whole, way
    record_property("figure", f"table in blocks: {len(found)} runs killed: 0 differ")


@pytest.mark.slow
def test_spawned_processes_read_the_same(tmp_path: Path) -> None:
    command = [sys.executable, str(HERE / "spawn_driver.py"), str(write_image_rows(tmp_path))]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (found.returncode, found.stdout.strip()) == (0, "9"), found.stderr
