"""What answers at once must not load what is slow to load. Measured as sets of modules; `tests/benchmarks/startup.py` has the times."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = {"torch", "numpy", "polars", "pandas", "rich", "sklearn", "scipy", "matplotlib", "PIL", "jinja2", "torchmetrics", "safetensors"}

REPORT = "\nimport sys; print('loaded:', *sorted({name.partition('.')[0] for name in sys.modules}))"

LIGHT = {
    "config": "import nntrain.config.reading",
    "package": "import nntrain",
    "help": "from nntrain.cli import main; main(['--help'])",
    "help of fit": "from nntrain.cli import main; main(['fit', '--help'])",
    "start screen": "from nntrain.cli import main; main([])",
    "wrong word": "from nntrain.cli import main; main(['train'])",
    "runs": "from nntrain.cli import main; main(['runs'])",
    "requirements": "import nntrain.commands.command_line.requirements",
    "signals": "import nntrain.commands.preparing.signals",
    "check": "import nntrain.commands.beginning.check",
    "fit": "import nntrain.commands.fitting.fit",
    "show": "import nntrain.commands.beginning.show",
    "schema": "import nntrain.commands.reference.schema",
    "list": "import nntrain.commands.reference.list",
    "help command": "import nntrain.commands.reference.help",
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT.keys())
def test_loads_nothing_heavy(code: str, repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "nntrain" in loaded
    assert loaded & HEAVY == set()


PLAIN_CHECK = "from nntrain.cli import main; main(['check', 'configs/digits.yaml'])"
MOST_MODULES = 183
"""Of our own, 183 when this was written, with three packages of commands that hold a docstring alone. More of them make every check slower:
import what few configs need where they need it."""
MOST_SETTINGS = 144
"""Classes of settings and components, 139 when this was written: each takes about half a millisecond to make."""
COUNT = """
import sys
from nntrain.schema import StrictModel
def below(model):
    return {model}.union(*map(below, model.__subclasses__()))
print('modules:', sum(name.startswith('nntrain') for name in sys.modules), 'settings:', len(below(StrictModel)))
"""


def test_check_loads_what_the_config_names(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-c", f"try: {PLAIN_CHECK}\nexcept SystemExit: pass\n{COUNT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=repository)
    assert done.returncode == 0, done.stderr
    assert " ok " in done.stdout
    modules, settings = map(int, re.findall(r": (\d+)", done.stdout)[-2:])
    assert modules <= MOST_MODULES
    assert settings <= MOST_SETTINGS


LATER = {"rich", "torchmetrics", "sklearn", "scipy", "matplotlib", "PIL", "jinja2", "pandas", "numpy.testing"} | {
    *("torch._dynamo", "torch._inductor", "sympy")
}
"""What a terminal, an evaluation, a report or other data may need: nothing of it stands between the command and the first step."""


def test_the_first_step_of_a_run_waits_for_nothing_that_is_needed_later(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "tests/benchmarks/first_step.py", "configs/digits.yaml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=repository)
    assert done.returncode == 0, done.stderr
    loaded = set(json.loads(done.stdout.splitlines()[-1])["modules"])
    assert {"torch", "nntrain.training.loop"} <= loaded
    assert loaded & LATER == set()


ARRAYS = """
import sys
import numpy as np
import nntrain

rows = np.random.default_rng(0).normal(size=(64, 4)).astype(np.float32)
np.savez("rows.npz", x=rows, y=np.arange(64) % 2)
open("rows.txt", "w").write("To be, or not to be. " * 40)
vectors = {"source": "rows.npz", "fields": {"x": "vector", "y": {"type": "category", "role": "target"}}}
running = {"source": {"type": "text", "path": "rows.txt"}, "window": 8}
for data, architecture in ((vectors, "mlp"), (running, {"type": "gpt", "dim": 8, "num_layers": 1, "num_heads": 1})):
    training = {"max_steps": 2, "device": "cpu"}
    nntrain.fit({"name": "arrays", "data": {**data, "batch_size": 4}, "architecture": architecture, "training": training})
"""


def test_a_run_on_arrays_or_a_running_text_does_without_what_reads_tables(repository: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    command = [sys.executable, "-c", ARRAYS + REPORT]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    loaded = set(done.stdout.rpartition("loaded:")[2].split())
    assert "torch" in loaded
    assert loaded & {"polars", "pandas"} == set()
