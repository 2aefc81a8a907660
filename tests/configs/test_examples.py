"""Every example config is checked and goes the whole way, on made-up rows where its data is not shipped: fit, resume, eval, predict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import hub_made
import pytest
import torch

from nntrain.architectures.compiling import compile_program
from nntrain.cli import main
from nntrain.commands.reference.examples import SHIPPED, read_example
from nntrain.config.reading import read_config
from nntrain.data.missing_files import missing_files
from nntrain.specs import IMAGE, VECTOR, Spec

CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))
LIGHTER = {
    "fsdd.yaml": ("data.batch_size=4",),
    "connected_digits_ctc.yaml": ("data.batch_size=4",),
    "omniglot.yaml": ("architecture.channels=[4, 8, 8]", "data.batch.sampler={type: pk, classes: 4, per_class: 2}"),
    "etth1_patchtst.yaml": ("data.batch_size=8", "data.window.past=96"),
    "cifar10.yaml": ("architecture.channels=[8, 16, 32]",),
    "cifar10_small.yaml": ("architecture.channels=[8, 16, 32]",),
    "hymenoptera_efficientnet.yaml": ("data.fields.image.size=32", "data.batch_size=4", "architecture.width_multiplier=0.1"),
    "membrane_unet.yaml": ("data.fields.image.size=32", "architecture.channels=2"),
    "mnist10k_resnet.yaml": ("architecture.width=4",),
}
"""What makes an example quick that takes long: smaller batches, pictures or networks; as it is written it is slow."""
WAYS = [
    *(pytest.param(example, LIGHTER.get(example, ()), id=example) for example in EXAMPLES),
    *(pytest.param(example, (), marks=pytest.mark.slow, id=f"whole {example}") for example in LIGHTER),
]

Screens = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configs, with no other data near them than what is shipped."""
    folder = tmp_path_factory.mktemp("examples") / "configs"
    shutil.copytree(CONFIGS, folder)
    return folder


def stand_in(folder: Path, example: str, lighter: tuple[str, ...] = ()) -> None:
    """Weights of the right shapes, where an example starts from a file or a folder that is not shipped."""
    if "pretrained" in (folder / example).read_text(encoding="utf-8"):
        pytest.importorskip("tokenizers", reason="needs pip install 'nntrain[text]'")
        hub_made.folder(folder / "sst2" / "minilm", places=64)
    experiment = read_config(folder / example, lighter).experiment
    architecture = experiment.architecture
    if architecture is None or architecture.init is None:
        return
    inputs, needs = {"image": Spec(IMAGE, (3, 64, 64))}, {"label": Spec(VECTOR, (3,), "logits")}
    path = folder / architecture.init.from_
    path.parent.mkdir(exist_ok=True)
    torch.save(dict(compile_program(architecture, inputs, needs).build().state_dict()), path)


@pytest.fixture(autouse=True)
def _installed(request: pytest.FixtureRequest) -> None:
    """Skip an example whose source needs a package that is not installed."""
    name = request.node.callspec.params["example"] if hasattr(request.node, "callspec") else None
    lacks = None if name is None else read_config(CONFIGS / name).experiment.data.source.lacks
    if lacks is not None and "pip install" in lacks:
        pytest.skip(f"{name}: {lacks}")


def brings(path: Path) -> tuple[str, ...]:
    """The files that an example needs and that are not shipped."""
    return missing_files(read_config(path).experiment.data, path.parent)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_passes_check(example: str, examples: Path, capsys: Screens) -> None:
    path = examples / example
    stand_in(examples, example)
    assert main(["check", "--strict", "--json", *(["--no-data"] if brings(path) else []), str(path)]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_says_what_it_needs_and_gives(example: str, examples: Path, capsys: Screens) -> None:
    path = examples / example
    stand_in(examples, example)
    told, lost = read_example(path), brings(path)
    assert told.task
    assert told.time
    assert told.score
    assert told.data == SHIPPED if not lost else told.data
    assert all(file.split("/")[0] in told.data for file in lost)
    if lost:
        assert main(["check", str(path)]) == 3
        told_of = capsys.readouterr().err
        assert lost[0] in told_of or f"'{lost[0].split('/')[0]}'" in told_of  # of several patterns the folder that holds them


@pytest.mark.parametrize(("example", "lighter"), WAYS)
def test_example_goes_the_whole_way(example: str, lighter: tuple[str, ...], examples: Path, capsys: Screens) -> None:
    path = examples / example
    stand_in(examples, example, lighter)
    assert main(["fit", str(path), *lighter, "--smoke", "--fake-data", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert list(found["seconds"]) == ["check", "fit", "resume", "eval", "predict"]
    assert found["data"] == ("made-up rows" if brings(path) else "real rows")
