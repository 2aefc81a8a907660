import subprocess
import sys
from pathlib import Path

import pytest

from nntrain.config.loading import dump
from nntrain.config.reading import find_config, read_config, read_mapping, run_name
from nntrain.errors import ConfigError, UsageError

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.yaml"))


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_what_is_saved_of_an_example_reads_back_as_the_same(path: Path) -> None:
    config = read_config(path)
    saved = write("saved.yaml", dump(config.experiment.model_dump(mode="json", by_alias=True)))
    assert read_config(saved).experiment == config.experiment


def test_the_name_is_the_files_and_the_folder_is_where_it_stands() -> None:
    path = write("my rents.yaml", "data: {source: a.csv}")
    config = read_config(path)
    assert config.experiment.name == "my_rents"
    assert config.folder == Path.cwd()


def test_a_mapping_is_read_like_a_file() -> None:
    config = read_mapping(
        {"data": {"source": "a.csv", "fields": {"012": "category"}}, "architecture": {"type": "mlp", "hidden": (3, 4)}}, ["seed=5"]
    )
    assert config.experiment.seed == 5
    assert list(config.experiment.data.fields) == ["012"]
    with pytest.raises(ConfigError, match=r"data\.source: holds a value of type PosixPath|WindowsPath"):
        read_mapping({"data": {"source": Path("a.csv")}})


def test_the_only_config_of_a_folder_is_found() -> None:
    with pytest.raises(UsageError, match="no config here"):
        find_config(None)
    write("notes.yaml", "todo: [sleep]")
    write("broken.yaml", "a: [")
    write("rents.yaml", "data: {source: a.csv}")
    assert find_config(None) == Path("rents.yaml")
    assert find_config(Path("other.yaml")) == Path("other.yaml")
    write("sales.yaml", "data: {source: b.csv}")
    with pytest.raises(UsageError, match=r"there are 2 configs here: rents\.yaml, sales\.yaml"):
        find_config(None)


def test_reading_a_config_loads_nothing_heavy() -> None:
    code = (
        "import sys; from nntrain.config import reading; from nntrain.commands.reference import schema, list, help;"
        "schema.run(markdown=True); help.run('dropout'); [list.run(kind) for kind in list.KINDS];"
        "print([name for name in ('torch', 'numpy', 'polars', 'pandas', 'rich', 'torchmetrics') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


@pytest.mark.parametrize(
    ("stem", "name"),
    [("my run", "my_run"), ("größe=2", "gr__e_2"), (".hidden", "hidden"), ("--a", "a"), ("..", "run"), ("a.b-c", "a.b-c"), ("-", "run")],
)
def test_the_name_of_the_runs_of_a_file_fits_the_pattern_of_names(stem: str, name: str) -> None:
    assert run_name(stem) == name
    read_mapping({"data": {"source": "a.csv", "target": "y"}, "name": run_name(stem)})


def test_a_file_gives_its_name_to_the_runs() -> None:
    assert read_config(write("größe 2.yaml", "data: {source: a.csv, target: y}")).experiment.name == "gr__e_2"


def test_words_that_are_no_utf8_are_told() -> None:
    path = write("a.yaml", "data: {source: a.csv, target: y}")
    with pytest.raises(UsageError, match=r"the override name=a\\udcff is not UTF-8"):
        read_config(path, ["name=a\udcff"])
    with pytest.raises(UsageError, match=r"the path b\\udcff\.yaml is not UTF-8"):
        read_config(Path("b\udcff.yaml"))
