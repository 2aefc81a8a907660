"""Files of the repository: sizes, names, texts, and lists that must not fall behind."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

MAX_LINES = 400
VAGUE = re.compile(r"^(utils?|helpers?|common|misc|base)(_.*)?\.py$|^base_.*\.py$|^.*_(utils?|helpers?)\.py$")
# A folder of somebody's machine at the start of a path.
MACHINE_PATH = re.compile(r"(?<![\w.$}-])/(work|root|Users)/|(?<![\w.$}-])/home/(?!ana/)|/tmp/[a-z]/")
# Notes that belong elsewhere: what is open is an issue, what was agreed is a design decision.
LEFTOVER = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")


@pytest.fixture(scope="module")
def tracked(repository: Path) -> list[Path]:
    """Every file under version control but this one, which holds the patterns."""
    if shutil.which("git") is None or not (repository / ".git").exists():
        pytest.skip("needs a git checkout")
    listed = subprocess.run(["git", "-C", str(repository), "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := repository / name).is_file() and path != Path(__file__)]


def lines(path: Path) -> list[str]:
    """Lines of a text file; none of a file that is no text."""
    content = path.read_bytes()
    return [] if b"\0" in content else content.decode("utf-8").splitlines()


def matches(paths: list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()}" for path in paths for number, line in enumerate(lines(path), start=1) if pattern.search(line)
    ]


def test_no_file_is_too_long_to_read_in_one_sitting(tracked: list[Path]) -> None:
    long = {str(path): len(lines(path)) for path in tracked if path.suffix == ".py" and len(lines(path)) > MAX_LINES}
    assert long == {}


def test_every_file_has_a_name_that_says_what_is_in_it(tracked: list[Path]) -> None:
    assert [str(path) for path in tracked if VAGUE.match(path.name)] == []


def test_no_text_names_a_path_of_one_machine(tracked: list[Path]) -> None:
    assert matches(tracked, MACHINE_PATH) == []


def test_no_text_holds_a_note_to_oneself(tracked: list[Path]) -> None:
    assert matches(tracked, LEFTOVER) == []


def test_test_files_have_unique_names(tracked: list[Path]) -> None:
    """Without packages pytest tells test files apart by their names."""
    names = [path.name for path in tracked if path.name.startswith("test_")]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_every_example_is_in_the_list_of_examples(repository: Path) -> None:
    configs = repository / "configs"
    readme = (configs / "README.md").read_text(encoding="utf-8")
    missing = [
        str(path.relative_to(configs)) for path in configs.rglob("*.yaml") if f"`{path.relative_to(configs).as_posix()}`" not in readme
    ]
    assert missing == []


def test_the_list_of_examples_names_only_what_is_there(repository: Path) -> None:
    configs = repository / "configs"
    named = re.findall(r"`([\w/.-]+\.yaml)`", (configs / "README.md").read_text(encoding="utf-8"))
    assert [name for name in named if not (configs / name).is_file()] == []


def test_changelog_has_a_place_for_what_is_not_released(repository: Path) -> None:
    headings = re.findall(r"^## .*$", (repository / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert "unreleased" in headings[0].lower()


def test_changelog_knows_the_version(repository: Path) -> None:
    version = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (repository / "CHANGELOG.md").read_text(encoding="utf-8")


def test_dependencies_that_are_installed_by_make_are_pinned(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    names = {re.split(r"[\[<>=!~; ]", each)[0].lower() for each in wanted}
    pinned = {line.partition("==")[0].lower() for line in (repository / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()}
    assert names - pinned == set()


def test_dependencies_have_a_floor(repository: Path) -> None:
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    assert [each for each in wanted if ">=" not in each] == []
