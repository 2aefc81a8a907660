"""The batch script of the documentation under a Slurm that is made up here: preempted, queued again, finished."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from nntrain.cli import main

CONFIG = """
data: {source: {type: builtin, name: digits}, batch_size: 64}
architecture: {type: mlp, hidden: [8]}
training: {max_steps: 4000, evaluate_every: {steps: 2000}, checkpoint: {every_epochs: 1000}}
"""

SRUN = """#!/bin/bash
echo $$ > srun.pid
exec "$@"
"""

pytestmark = pytest.mark.skipif(not Path("/bin/bash").exists() or not hasattr(signal, "SIGUSR1"), reason="needs bash and SIGUSR1")


def script(repository: Path) -> str:
    """The only batch script that there is."""
    text = (repository / "configs" / "README.md").read_text(encoding="utf-8")
    (found,) = (block for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) if "#SBATCH" in block)
    return found


def wait_for(is_so: Callable[[], bool], job: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert job.poll() is None, "the job has ended too early"
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.fixture
def environment(tmp_path: Path, repository: Path) -> dict[str, str]:
    """A job of an array, with the commands of Slurm and nntrain in the path."""
    commands = tmp_path / "bin"
    commands.mkdir()
    texts = {
        "srun": SRUN,
        "scontrol": '#!/bin/bash\necho "$@" >> scontrol.log\n',
        "nntrain": f'#!/bin/bash\nexec "{sys.executable}" -m nntrain "$@"\n',
    }
    for name, text in texts.items():
        (commands / name).write_text(text)
        (commands / name).chmod(0o755)
    (tmp_path / "digits.yaml").write_text(CONFIG)
    (tmp_path / "job.sh").write_text(script(repository))
    slurm = {"SLURM_JOB_ID": "4711", "SLURM_ARRAY_JOB_ID": "4700", "SLURM_ARRAY_TASK_ID": "3"}
    paths = {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(repository)}
    return {**os.environ, **slurm, **paths}


@pytest.mark.parametrize("code", [143, 0, 3])
def test_the_documented_job_is_queued_again_where_nntrain_says_that_it_saved(
    code: int, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bin/nntrain").write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" > arguments\nexit {code}\n')
    assert subprocess.run(["/bin/bash", "job.sh"], env=environment, check=False).returncode == code
    assert Path("scontrol.log").exists() == (code == 143)
    if code == 143:
        assert Path("scontrol.log").read_text() == "requeue 4711\n"
    for name in ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"):
        monkeypatch.setenv(name, environment[name])
    assert main([*Path("arguments").read_text().splitlines(), "training.max_steps=2"]) == 0
    assert "seed: 3" in Path("runs/digits/4700_3/resolved.yaml").read_text().splitlines()


@pytest.mark.slow
def test_the_documented_job_is_preempted_and_goes_on(environment: dict[str, str]) -> None:
    run = Path("runs/digits/4700_3")
    last = run / "checkpoints" / "last"

    def submit() -> subprocess.Popen[str]:
        return subprocess.Popen(["/bin/bash", "job.sh"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def send(number: signal.Signals) -> None:
        os.kill(int(Path("srun.pid").read_text()), number)

    job = submit()
    wait_for((run / "resolved.yaml").exists, job)
    send(signal.SIGUSR1)  # saves, and goes on: nothing else would save so early
    wait_for(last.exists, job)
    first = last.read_text()
    send(signal.SIGTERM)
    out, told = job.communicate(timeout=60)
    assert job.returncode == 143, told
    assert Path("scontrol.log").read_text() == "requeue 4711\n"
    assert "nntrain fit --resume runs/digits/4700_3" in out
    saved = int(last.read_text().strip().removeprefix("step-"))
    assert int(first.strip().removeprefix("step-")) <= saved < 2000
    assert not (run / "history.jsonl").read_text()

    job = submit()
    _, told = job.communicate(timeout=120)
    assert job.returncode == 0, told
    assert f"goes on from step {saved:,}" in told
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["steps"], summary["inexact_since"]) == (4000, None)
    assert "seed: 3" in (run / "resolved.yaml").read_text().splitlines()

    job = submit()
    out, told = job.communicate(timeout=60)
    assert (job.returncode, out) == (0, "runs/digits/4700_3 is finished (max_steps): nothing is left to do\n"), told
    assert Path("scontrol.log").read_text() == "requeue 4711\n"
    assert [path.name for path in Path("runs/digits").iterdir() if path.is_dir()] == ["4700_3"]
