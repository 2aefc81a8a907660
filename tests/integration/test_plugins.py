"""Components of the user's own: loaded by consent from outside of the config, and by nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from nntrain import load, plugins
from nntrain.cli import main
from nntrain.schema import load_class

MODULE = '''
"""A layer, a loss, an optimizer and a schedule of somebody's own."""

from pathlib import Path
from typing import ClassVar

from nntrain.layers.layer import Layer
from nntrain.optimizers.optimizer import Optimizer
from nntrain.schedules.schedule import Schedule
from nntrain.specs import Spec

Path("loaded").touch()


class Gauss(Layer):
    """exp(-(x / width)^2): every shape passes."""

    main: ClassVar[str | None] = "width"
    takes_all: ClassVar[bool] = True

    width: float = 1.0
    """Width of the bell."""

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return spec

    def build(self, spec: Spec, *side: Spec):
        from torch import nn

        class Bell(nn.Module):
            def forward(inner, values):
                return (-((values / self.width) ** 2)).exp()

        return Bell()


class Halving(Schedule):
    """Half the rate every `steps` steps."""

    steps: int = 5

    def lr(self, step, base, horizon):
        return base * 0.5 ** (step // self.steps)


class NoComponent:
    pass
'''
CONFIG = """
plugins: [bells]
data: {source: rows.csv, target: y, split: {validation: 0.2}}
architecture:
  layers:
    - linear: 4
    - bells:Gauss: 2.0
    - linear: 8
    - {type: "bells:Gauss"}
scheduler: bells:Halving
training: {max_epochs: 2}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    """A plug-in, data and a config where you stand; nothing is allowed yet, nor afterwards."""
    (tmp_path / "bells.py").write_text(MODULE)
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *(f"{row},{row % 5}.5" for row in range(50))]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)
    plugins._installed.cache_clear()  # pyright: ignore[reportPrivateUsage]  # another test may have asked before
    yield tmp_path
    plugins._allowed.clear()  # pyright: ignore[reportPrivateUsage]
    plugins._installed.cache_clear()  # pyright: ignore[reportPrivateUsage]
    load_class.cache_clear()
    sys.modules.pop("bells", None)


def test_a_config_alone_loads_no_code(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "show", "fit"):
        assert main([command, "a.yaml"]) == 2
        told = capsys.readouterr()
        assert "--plugin bells" in told.err + told.out
        assert "a.yaml:8:7" in told.err + told.out or "layers[1]" in told.err + told.out
    assert not Path("loaded").exists()


def test_an_allowed_plugin_trains_resumes_and_predicts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", "--plugin", "bells"]) == 0
    assert main(["show", "a.yaml", "--plugin", "bells"]) == 0
    assert "bells:Gauss" in capsys.readouterr().out
    assert main(["fit", "a.yaml", "--plugin", "bells"]) == 0
    history = [json.loads(line) for line in Path("runs/a/0001/history.jsonl").read_text().splitlines()]
    assert len(history) == 2
    assert main(["fit", "--resume", "runs/a/0001", "training.max_epochs=3", "--plugin", "bells"]) == 0
    assert main(["eval", "runs/a/0001", "--split", "validation", "--plugin", "bells"]) == 0
    assert main(["predict", "runs/a/0001", "rows.csv", "-o", "out.csv", "--plugin", "bells"]) == 0
    assert len(Path("out.csv").read_text().splitlines()) == 51
    capsys.readouterr()


def test_a_run_of_a_plugin_asks_for_consent_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--plugin", "bells"]) == 0
    plugins._allowed.clear()  # pyright: ignore[reportPrivateUsage]
    sys.modules.pop("bells")
    Path("loaded").unlink()
    for arguments in (["eval", "runs/a/0001"], ["predict", "runs/a/0001", "rows.csv"], ["show", "runs/a/0001"], ["fit", "--resume", "a"]):
        assert main(arguments) == 2, arguments
        assert "--plugin bells" in capsys.readouterr().err
    assert not Path("loaded").exists()
    plugins.allow("bells")
    assert load("runs/a/0001").predict([{"a": 1}]).columns()


def test_an_installed_package_is_consent(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def offered(*, group: str) -> list[metadata.EntryPoint]:
        return [metadata.EntryPoint("bells", "bells", group)] if group == "nntrain.plugins" else []

    monkeypatch.setattr(metadata, "entry_points", offered)
    assert main(["fit", "a.yaml"]) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("architecture.layers=[linear,{type: 'bells:Missing'}]", "the plug-in bells has no layer Missing"),
        ("architecture.layers=[linear,{type: 'bells:NoComponent'}]", "the plug-in bells has no layer NoComponent"),
        ("architecture.layers=[linear,{type: 'bells:Halving'}]", "the plug-in bells has no layer Halving"),
        ("architecture.layers=[linear,{type: 'os:system'}]", "os:system is of a plug-in that is not allowed here"),
        ("plugins=[bells,math]", "the plug-in math is not allowed here"),
    ],
)
def test_what_a_plugin_does_not_have(change: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", change, "--plugin", "bells"]) == 2
    out = capsys.readouterr()
    assert told in out.out + out.err


@pytest.mark.parametrize(
    ("module", "told"),
    [("nothing_here", "there is no such module"), ("os;x", "takes the name of a module"), ("../bells", "takes the name of a module")],
)
def test_a_module_that_is_none(module: str, told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", "--plugin", module]) == 2
    assert told in capsys.readouterr().err


def test_the_documented_plugin_works(repository: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = (repository / "configs/README.md").read_text(encoding="utf-8")
    section = text.split("**A layer, loss, optimizer or source of your own.**")[1].split("\n**")[0]
    code, config = section.split("```python\n")[1].split("```")[0], section.split("```yaml\n")[1].split("```")[0]
    Path("bells.py").write_text(code)
    Path("rents.csv").write_text(Path("rows.csv").read_text().replace("a,y", "a,rent"))
    Path("rents.yaml").write_text(config + "training: {max_epochs: 1}\n")
    assert main(["fit", "rents.yaml", "--plugin", "bells"]) == 0
    assert main(["predict", "runs/rents/0001", "rents.csv", "-o", "out.csv", "--plugin", "bells"]) == 0
    capsys.readouterr()


def test_a_plugin_that_breaks_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.py").write_text("raise ValueError('at import')\n")
    assert main(["check", "a.yaml", "--plugin", "broken"]) == 2
    assert "the plug-in broken cannot be imported: ValueError('at import')" in capsys.readouterr().err


def test_a_plugin_without_use_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "a.yaml", "architecture=mlp", "scheduler=constant", "--plugin", "bells"]) == 2
    out = capsys.readouterr()
    assert "nothing here is of bells" in out.out + out.err
