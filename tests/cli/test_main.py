"""The command line as a whole: start screen, help, unknown words, exit codes, and where output goes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from nntrain import cli
from nntrain.errors import NNTrainError, RequirementError
from nntrain.runs import create_run

VERBS = (
    "init",
    "check",
    "show",
    "fit",
    "eval",
    "report",
    "explain",
    "predict",
    "generate",
    "export",
    "compare",
    "verify",
    "runs",
    "schema",
    "list",
    "doctor",
    "help",
)

Screens = pytest.CaptureFixture[str]


def make_run(root: Path) -> None:
    run = create_run(root, "digits")
    (run.path / "resolved.yaml").write_text("seed: 0\n", encoding="utf-8")
    run.write_json("summary.json", {"monitor": "validation.accuracy", "best": {"epoch": 3, "validation.accuracy": 0.98}})


def test_bare_command_fits_a_small_terminal(capsys: Screens) -> None:
    assert cli.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("nntrain ")
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80


def test_bare_command_names_every_verb(capsys: Screens) -> None:
    cli.main([])
    words = set(re.findall(r"\w+", capsys.readouterr().out))
    assert set(VERBS) <= words


def test_bare_command_names_the_latest_run(capsys: Screens, runs_root: Path) -> None:
    make_run(runs_root)
    cli.main([])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  latest   runs/digits/0001   validation.accuracy 0.98   just now"
    assert len(lines) <= 25


def test_help_lists_exactly_the_verbs(capsys: Screens) -> None:
    assert cli.main(["--help"]) == 0
    listed = re.findall(r"^  (\w+) +[A-Z]", capsys.readouterr().out.partition("Commands:")[2], re.MULTILINE)
    assert sorted(listed) == sorted(VERBS)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_in_eighty_columns(capsys: Screens, verb: str) -> None:
    assert cli.main([verb, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: nntrain {verb} ")
    assert max(map(len, text.splitlines())) <= 80


def test_version_is_one_line(capsys: Screens) -> None:
    assert cli.main(["--version"]) == 0
    assert re.fullmatch(r"nntrain \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("word", "verb"),
    [
        ("train", "fit"),
        ("evaluate", "eval"),
        ("test", "eval"),
        ("validate", "eval"),
        ("infer", "predict"),
        ("inference", "predict"),
        ("resume", "fit --resume RUN"),
    ],
)
def test_words_of_other_tools_are_answered_with_ours(capsys: Screens, word: str, verb: str) -> None:
    assert cli.main([word, "config.yaml"]) == 2
    screens = capsys.readouterr()
    assert (screens.out, screens.err) == ("", f"no command '{word}': nntrain calls it {verb}\n   fix:  nntrain {verb}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no command 'trian'\n   nearest: fit"),
        (["fitt"], "no command 'fitt'\n   nearest: fit"),
        (["digits.yaml"], "fix:  nntrain fit digits.yaml"),
        (["fit", "--nope"], "no option --nope"),
        (["--nope"], "No such option: --nope"),
        (["runs", "--runs"], "requires an argument"),
        (["fit", "one.yaml", "two.yaml"], "2 configs given: one.yaml two.yaml"),
        (["fit", "optimizer.lr"], "optimizer.lr: neither a config file nor an override"),
        (["eval", "runs/a", "runs/b"], "takes one run, got 2: runs/a runs/b"),
        (["eval", "--min", "accuracy"], "--min needs metric=value, got 'accuracy'. Example: --min accuracy=0.9"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_told_on_stderr(capsys: Screens, arguments: list[str], message: str) -> None:
    assert cli.main(arguments) == 2
    screens = capsys.readouterr()
    assert screens.out == ""
    assert message in screens.err


def failing(error: BaseException) -> Callable[..., str]:
    def screen() -> str:
        raise error

    return screen


def with_start_screen(monkeypatch: pytest.MonkeyPatch, screen: Callable[..., str]) -> None:
    monkeypatch.setattr("nntrain.commands.reference.start.screen", screen)


@pytest.mark.parametrize("kind", NNTrainError.__subclasses__())
def test_errors_are_told_in_words_with_their_exit_code(capsys: Screens, monkeypatch: pytest.MonkeyPatch, kind: type[NNTrainError]) -> None:
    error = kind.__new__(kind)
    NNTrainError.__init__(error, "what is wrong", "how to mend it")
    with_start_screen(monkeypatch, failing(error))
    assert cli.main([]) == kind.exit_code
    assert capsys.readouterr().err == "what is wrong\n   how to mend it\n"


def test_exit_codes_of_errors_are_distinct_and_documented(repository: Path) -> None:
    codes = {kind.exit_code for kind in NNTrainError.__subclasses__() if kind.__module__ == "nntrain.errors"}
    documented = re.findall(r"^\| (\d) \|", (repository / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert codes == {2, 3, 4, 5, 6, 7}
    assert {int(code) for code in documented} == {0, 1, *codes}
    assert RequirementError.exit_code == 6


def test_interrupt_is_exit_code_130(capsys: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    with_start_screen(monkeypatch, failing(KeyboardInterrupt()))
    assert cli.main([]) == 130
    assert capsys.readouterr().out == ""


def test_a_fault_of_ours_keeps_its_traceback(capsys: Screens, monkeypatch: pytest.MonkeyPatch) -> None:
    with_start_screen(monkeypatch, failing(ZeroDivisionError()))
    with pytest.raises(ZeroDivisionError):
        cli.main([])
    assert "a fault of nntrain, not yours" in capsys.readouterr().err


def test_module_runs_as_a_program(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-m", "nntrain", "train"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("no command 'train'")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pipe that closes as on Unix")
def test_a_reader_that_goes_away_gets_no_traceback(repository: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "nntrain"], stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment
    )
    os.close(writing)
    assert done.stderr == ""
