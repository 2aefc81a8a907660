"""What holds for every test: one thread, a folder of its own, and no settings from outside."""

from __future__ import annotations

import gc
import json
import os
import random
import select
import signal
import subprocess
import sys
from collections.abc import Generator
from functools import cached_property
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Read by torch when it is first imported, so that tests which don't need it needn't load it.
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"

# The same examples each time; how long one takes on a busy machine decides nothing.
settings.register_profile("nntrain", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nntrain")

REPOSITORY = Path(__file__).parents[1]

EXTRAS = {
    "audio": "soundfile",
    "baselines": "sklearn",
    "excel": "openpyxl",
    "explain": "captum",
    "games": "gymnasium",
    "mlflow": "mlflow",
    "tensorboard": "tensorboardX",
    "text": "tokenizers",
    "wandb": "wandb",
}
"""The package that each extra of nntrain brings."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "extra(name): needs an extra of nntrain; skipped where it is not installed")


def pytest_collection_finish() -> None:
    """Keep modules and tests, which all stay until the end, out of what the collector of garbage looks through again and again."""
    gc.collect()
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark in item.iter_markers("extra"):
        pytest.importorskip(EXTRAS[mark.args[0]], reason=f"needs pip install 'nntrain[{mark.args[0]}]'")


@pytest.fixture(autouse=True)
def _isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in an empty folder, draw the same numbers each time, with nothing set that changes what nntrain does."""
    # Order is shuffled anew each time (pytest-randomly), values never: a draw that breaks a test would break one run in
    # a hundred. What a test hasn't loaded yet starts from a fixed state by itself (torch) or is seeded where it is used.
    monkeypatch.setenv("NNTRAIN_CACHE", str(tmp_path / ".cache"))
    random.seed(0)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(0)
    if "torch" in sys.modules:
        torch = sys.modules["torch"]
        # torch.manual_seed writes down the stack for each kind of device that is not started yet: a millisecond a test
        torch.default_generator.manual_seed(0)
        if torch.cuda.is_initialized():
            torch.cuda.manual_seed_all(0)
    for name in ("NNTRAIN_RUNS", "CI", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def runs_root(tmp_path: Path) -> Path:
    """An empty runs folder: the one that a command takes by itself."""
    return tmp_path / "runs"


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY


@pytest.fixture(scope="session")
def shared() -> Path:
    """A folder with public data sets beside the checkout; tests that need it are skipped where there is none."""
    folder = REPOSITORY.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("needs the public data sets in ../shared/data")
    return folder


class Scripts:
    """Runs scripts that load torch, each in a process of its own, which is forked from one that has loaded it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._count = folder, 0

    @cached_property
    def _server(self) -> subprocess.Popen[bytes]:
        path = os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])])
        command = [sys.executable, str(Path(__file__).with_name("script_server.py"))]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}, bufsize=0)

    def __call__(self, script: Path, *arguments: object, timeout_s: float = 300) -> subprocess.CompletedProcess[str]:
        """Run a script in the folder where the test stands, with its environment.

        Raises:
            subprocess.TimeoutExpired: It took longer, and was killed.
        """
        self._count += 1
        out, error = (self._folder / f"{self._count}.{name}" for name in ("out", "error"))
        out.touch()
        error.touch()
        order = {"script": str(script), "arguments": [str(each) for each in arguments], "folder": str(Path.cwd())}
        order |= {"environment": dict(os.environ), "out": str(out), "error": str(error)}
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(order).encode() + b"\n")
        child, late = int(self._answer(timeout_s)), False
        try:
            code = int(self._answer(timeout_s))
        except TimeoutError:
            os.kill(child, signal.SIGKILL)
            code, late = int(self._answer(timeout_s)), True
        done = subprocess.CompletedProcess(
            [str(script), *order["arguments"]], code, *(path.read_text(encoding="utf-8") for path in (out, error))
        )
        if late:
            raise subprocess.TimeoutExpired(done.args, timeout_s, done.stdout, done.stderr)
        return done

    def _answer(self, timeout_s: float) -> bytes:
        """A line of what the server says."""
        assert self._server.stdout is not None
        if not select.select([self._server.stdout], [], [], timeout_s)[0]:
            raise TimeoutError
        line = self._server.stdout.readline()
        assert line, "the server of scripts has ended"
        return line

    def close(self) -> None:
        """End the server, if there is one."""
        if "_server" in vars(self):
            self._server.communicate()


@pytest.fixture(scope="session")
def run_script(tmp_path_factory: pytest.TempPathFactory) -> Generator[Scripts]:
    """Runs a script as `subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True)` does, at once."""
    scripts = Scripts(tmp_path_factory.mktemp("scripts"))
    yield scripts
    scripts.close()
