"""One of several processes fails: all end, and the reason is shown."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

DRIVER = Path(__file__).parents[1] / "integration" / "ranks_driver.py"
Script = Callable[..., subprocess.CompletedProcess[str]]

LAYER = """
import os
from typing import ClassVar

from nntrain.layers.layer import Layer


class Ending(Layer):
    takes_all: ClassVar[bool] = True
    way: str = "raise"

    def out_spec(self, spec, *side):
        return spec

    def build(self, spec, *side):
        from torch import nn

        class End(nn.Module):
            calls = 0

            def forward(inner, values):
                inner.calls += inner.training
                if os.environ["RANK"] == "1" and inner.calls == 30:
                    if self.way == "leave":
                        os._exit(0)
                    if self.way == "raise":
                        raise RuntimeError("the thirtieth step is one too many")
                return values

        return End()
"""

CONFIG = """
name: c
data: {source: {type: builtin, name: digits}, batch_size: 64}
architecture: {layers: [flatten, {type: "ending:Ending", way: WAY}, {linear: 10}]}
training: {max_steps: 100000, checkpoint: {every_steps: 10}}
plugins: [ending]
"""


@pytest.mark.bar("R14")
@pytest.mark.parametrize("ways", [("raise",), pytest.param(("kill", "raise", "leave") * 4, marks=pytest.mark.slow)])
def test_all_are_gone(
    tmp_path: Path,
    run_script: Script,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
    ways: tuple[str, ...],
) -> None:
    (tmp_path / "ending.py").write_text(LAYER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    slowest = 0.0
    for number, way in enumerate(ways, 1):
        config = tmp_path / "c.yaml"
        config.write_text(CONFIG.replace("WAY", "none" if way == "kill" else way))
        order = {"arguments": ["fit", str(config), "--plugin", "ending", "--no-test", "--processes", "2"]}
        started = time.monotonic()
        found = run_script(DRIVER, json.dumps([order | ({"kill": 1, "run": f"runs/c/{number:04d}"} if way == "kill" else {})]))
        slowest = max(slowest, time.monotonic() - started)
        assert found.returncode == 0, found.stderr[-3000:]
        code = json.loads(found.stdout.splitlines()[-1])[0]
        assert code == {"kill": 7, "raise": 1, "leave": 1}[way], found.stderr
        told = {"kill": "process 1 of 2 was ended by SIGKILL", "raise": "the thirtieth step is one too many", "leave": "has ended before"}
        assert told[way] in found.stderr
        assert (tmp_path / "runs" / "c" / f"{number:04d}" / "checkpoints" / "last").is_file()
    record_property("figure", f"{len(ways)} runs: all gone, the slowest {slowest:.1f} s after its start")
