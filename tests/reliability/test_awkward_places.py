"""R12: folders that can't be written, paths with signs of any language, the locale C: it works, or it is told before data is read.

Permissions bind no superuser, as whom tests often run: what is read-only here is a file system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from nntrain.cli import main
from nntrain.training import loop

TOY = "name: {name}\ndata: {{source: {data}, target: y}}\narchitecture: {{type: mlp, hidden: [4]}}\ntraining: {{max_epochs: 2}}\n"
ROWS = "x,y\n" + "".join(f"{row % 7},{row % 5}\n" for row in range(60))
AWKWARD = ("with spaces", "데이터", "🚀 rocket", 'it\'s "quoted"', "-dash", "a,b=c", "per%cent", "e\u0301 decomposed")


def write(folder: Path, config: str = "toy.yaml", data: str = "table.csv", *, is_there: bool = True, name: str = "toy") -> Path:
    """A toy config with its data."""
    folder.mkdir(parents=True, exist_ok=True)
    if is_there:
        (folder / data).write_text(ROWS, encoding="utf-8")
    path = folder / config
    path.write_text(TOY.format(name=name, data=json.dumps(data, ensure_ascii=False)), encoding="utf-8")
    return path


@pytest.mark.bar("R12")
@pytest.mark.parametrize("stride", [pytest.param(12, id="short"), pytest.param(1, id="long", marks=pytest.mark.slow)])
def test_file_systems_that_cannot_be_written(stride: int, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs unshare, and the right to mount: Linux with user namespaces")
    driver = Path(__file__).with_name("places_driver.py")
    command = ["unshare", "-rm", sys.executable, str(driver), str(tmp_path), str(stride)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    early = {case: each for case, each in found.items() if "trained" not in case}
    assert len(early) == 4
    assert {case: each for case, each in early.items() if each["code"] != 7 or "cannot write in" not in each["told"]} == {}
    late = {case: each for case, each in found.items() if "inodes left" in case}
    *short, enough = late.values()
    assert enough["code"] == 0
    assert [each for each in short if each["code"] != 7 or "No space left on device" not in each["told"]] == []
    unsaved = [each["told"] for each in short if "cannot save" in each["told"]]
    assert unsaved
    assert [told for told in unsaved if "inodes (files and folders) are free there" not in told] == []
    others = [each["code"] for case, each in found.items() if case not in {*early, *late}]
    assert others == [0, 0]
    record_property("figure", f"{len(early)} places that can't be written: exit code 7 before data is read")
    record_property("figure", f"{len(short)} counts of inodes that run out while a run is made or trained: exit code 7, no traceback")


@pytest.mark.bar("R12")
@pytest.mark.parametrize(
    ("runs", "told"),
    [
        ("a file", "Not a directory"),
        ("a file/below", "Not a directory"),
        ("a link to nowhere", "No such file or directory"),
        ("x" * 300, "File name too long"),
    ],
)
def test_runs_folder_that_cannot_be_is_told_before_data_is_read(
    runs: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, is_there=False)
    (tmp_path / "a file").touch()
    (tmp_path / "a link to nowhere").symlink_to(tmp_path / "gone" / "away")
    assert main(["fit", str(config), "--runs", runs]) == 7
    error = capsys.readouterr().err
    assert told in error
    assert "--runs DIR" in error


@pytest.mark.bar("R12")
def test_name_that_is_too_long_is_told_before_data_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = write(tmp_path, is_there=False, name="n" * 300)
    assert main(["fit", str(config)]) == 7
    assert "File name too long" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.bar("R12")
def test_runs_folder_that_is_not_there_is_made(tmp_path: Path) -> None:
    assert main(["fit", str(write(tmp_path)), "--runs", "not/yet/there", "training.max_epochs=1"]) == 0
    assert (tmp_path / "not" / "yet" / "there" / "toy" / "0001" / "summary.json").is_file()


@pytest.mark.bar("R12")
@pytest.mark.parametrize("awkward", AWKWARD)
def test_awkward_names_of_config_data_and_runs(
    awkward: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    folder = tmp_path / awkward
    config = write(folder, f"{awkward}.yaml", f"{awkward}.csv")
    runs = folder / "runs"
    everything(str(config), str(runs), str(folder / f"{awkward}.csv"), str(folder / f"{awkward} out.csv"))
    capsys.readouterr()
    assert main(["fit", "--resume", str(runs / "toy" / "0001"), "training.max_epochs=3"]) == 0
    record_property("figure", f"{awkward!r} in the names of config, data, runs and output: fit, eval, runs, predict, resume")


def everything(config: str, runs: str, data: str, output: str) -> None:
    """Train, measure, list, predict."""
    commands: Iterable[list[str]] = (
        ["check", config],
        ["fit", config],
        ["eval"],
        ["runs"],
        ["predict", data, "-o", output],
    )
    for command in commands:
        code = main([*command, *(["--runs", runs] if command[0] != "check" else [])])
        assert code == 0, command


LOCALES = {
    "LC_ALL=C": {"LC_ALL": "C"},
    "PYTHONUTF8=0": {"PYTHONUTF8": "0"},
    "LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
PROGRAM = """
import sys
from nntrain.cli import main
config, runs, data, output = sys.argv[1:]
for command in (["fit", config], ["eval"], ["predict", data, "-o", output]):
    code = main([*command, "--runs", runs])
    if code:
        sys.exit(code)
"""


@pytest.mark.bar("R12")
@pytest.mark.parametrize("locale", [pytest.param(name, marks=[] if name == "LC_ALL=C" else pytest.mark.slow) for name in LOCALES])
def test_locale(locale: str, tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    is_ascii = "COERCE" in locale
    awkward = "plain" if is_ascii else "데이터 🚀"
    folder = tmp_path / awkward
    config = write(folder, f"{awkward}.yaml", f"{awkward}.csv")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))} | LOCALES[locale]
    arguments = [config, folder / "runs", folder / f"{awkward}.csv", folder / "out.csv"]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(os.fsencode, arguments)], capture_output=True, env=environment, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (folder / "out.csv").read_text(encoding="utf-8").startswith("x,y,")
    record_property("figure", f"{locale}: fit, eval, predict with {awkward!r} in all names")


@pytest.mark.bar("R12")
@pytest.mark.skipif(os.name == "nt", reason="names are no bytes there")
def test_names_that_the_locale_cannot_say_are_told(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    config = write(tmp_path / "데이터", is_there=False)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON"))}
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "nntrain", "fit", os.fsencode(config)], capture_output=True, env=environment, cwd=tmp_path, check=False
    )
    assert (done.returncode, b"UTF-8" in done.stderr, b"Traceback" in done.stderr) == (2, True, False), done.stderr
    record_property("figure", "a name that the locale can't say: told, exit code 2")


@pytest.mark.bar("R12")
@pytest.mark.parametrize("what", ["the run", "all runs"])
def test_folder_that_vanishes_while_training(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path)
    gone = tmp_path / "runs" / "toy" / "0001" if what == "the run" else tmp_path / "runs"
    take_step = loop.take_step

    def vanish(session: Any, protocol: Any, progress: Any, batches: Any) -> None:
        take_step(session, protocol, progress, batches)
        if progress.step == 1:
            gone.rename(tmp_path / "elsewhere")

    monkeypatch.setattr(loop, "take_step", vanish)
    assert main(["fit", str(config), "data.batch_size=20", "training.checkpoint.every_steps=1"]) == 7
    error = capsys.readouterr().err
    assert "is gone" in error
    assert not gone.exists()
    moved = tmp_path / "elsewhere" if what == "the run" else tmp_path / "elsewhere" / "toy" / "0001"
    monkeypatch.setattr(loop, "take_step", take_step)
    assert main(["fit", "--resume", str(moved)]) == 0
