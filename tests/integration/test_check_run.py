"""`check --run`: a config is tried out, and nothing is left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nntrain import plugins
from nntrain.cli import main
from nntrain.commands.trials import trial_costs, trial_rates
from nntrain.schema import load_class

CONFIG = """
data: {source: rows.csv, target: kind, split: {validation: 0.2, test: 0.2}, batch_size: 16}
architecture: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 1e-2}
training: {max_epochs: 3, early_stopping: {patience: 1}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A table and a config where you stand; little is measured."""
    monkeypatch.setattr(trial_costs, "MEASURED_S", 0.02)
    rows = [f"{row % 7},{row % 5},{'abc'[min(row % 7 // 2, 2)]}" for row in range(120)]
    (tmp_path / "rows.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)
    yield tmp_path
    plugins._allowed.clear()  # pyright: ignore[reportPrivateUsage]
    load_class.cache_clear()


def tried(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """What is found, by label."""
    assert main(["check", "--run", "--json", *arguments]) == code
    return json.loads(capsys.readouterr().out)["run"]


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_is_told_and_nothing_is_left_behind(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(folder)
    assert main(["check", "--run", "a.yaml"]) == 0
    told = capsys.readouterr().out
    assert files(folder) == before
    for words in ("8 rows learned by heart: loss", "(ln 3)", "rms", "optimizer.lr=", "about", "B at most", "checkpoints of"):
        assert words in told, words
    assert max(map(len, told.splitlines())) <= 80


def test_json_has_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml")
    assert set(found) == {"rows", "loss", "gradients", "rate", "time", "memory", "disk"}
    assert found["rows"]["learned"]
    assert found["rows"]["last_loss"] < 0.1 * found["rows"]["first_loss"]
    assert found["loss"]["uninformed"] == pytest.approx(1.0986, abs=1e-3)
    assert found["time"]["total_steps"] == 15
    assert 0 < found["time"]["least_seconds"] < found["time"]["seconds"]
    assert found["memory"]["bytes"] > 10**7
    assert found["disk"]["bytes"] > 4 * found["disk"]["checkpoint_bytes"] > 0
    assert len(found["rate"]["rates"]) == len(found["rate"]["losses"]) <= 100


def test_a_run_after_it_is_the_one_without_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml", "--run-id", "before"]) == 0
    capsys.readouterr()
    tried(capsys, "a.yaml")
    assert main(["fit", "a.yaml", "--run-id", "after"]) == 0
    capsys.readouterr()
    runs = folder / "runs" / "a"
    weights = [next((runs / name / "checkpoints").glob(f"{step}/weights.safetensors")).read_bytes() for name in ("before", "after")
               for step in [(runs / name / "checkpoints" / "last").read_text().strip()]]  # fmt: skip
    assert weights[0] == weights[1]
    assert (runs / "before" / "history.jsonl").read_bytes() == (runs / "after" / "history.jsonl").read_bytes()


def test_a_rate_that_is_too_low_is_told_with_the_one_that_learns(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "optimizer.lr=1e-5")
    assert not found["rows"]["learned"]
    assert found["rows"]["warning"]
    assert "which the range test suggests, they are" in found["rows"]["told"]
    assert not found["rate"]["inside"]
    assert "below the good range" in found["rate"]["told"]
    tried(capsys, "a.yaml", "optimizer.lr=1e-5", "--strict", code=2)


def test_a_rate_that_blows_up_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "optimizer={type: sgd, lr: 1e9}")
    assert not found["rows"]["learned"]
    assert found["rate"]["warning"]


def test_outputs_that_are_far_too_large_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "architecture={layers: [{linear: 16}, relu, {linear: 3, initializer: {type: normal, std: 100}}]}")
    assert found["loss"]["warning"]
    assert "Far above" in found["loss"]["told"]


def test_numbers_have_the_variance_and_shares_their_entropy(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "data.target=a", "data.fields={a: number}")
    assert found["loss"]["uninformed"] == pytest.approx(1, abs=0.6)  # of the 16 rows of a step
    assert "ln" not in found["loss"]["told"]


def test_layers_without_gradient_are_named_and_frozen_ones_are_not(capsys: pytest.CaptureFixture[str]) -> None:
    off = "{weight: zeros, bias: {type: constant, value: -1}}"
    dead = f"architecture={{layers: [{{linear: 16, name: dead, initializer: {off}}}, relu, {{linear: 3, name: last}}]}}"
    found = tried(capsys, "a.yaml", dead)
    assert "dead" in found["gradients"]["silent"]
    assert found["gradients"]["warning"]
    frozen = "architecture={layers: [{linear: 16, name: still, freeze: true}, relu, {linear: 3, name: last}]}"
    found = tried(capsys, "a.yaml", frozen)
    assert found["gradients"]["silent"] == []
    assert "still" not in found["gradients"]["layers"]


def test_gradients_that_vanish_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    deep = "architecture={layers: [{repeat: {times: 12, layers: [{linear: 16, initializer: {type: normal, std: 0.02}}, sigmoid]}}]}"
    found = tried(capsys, "a.yaml", deep)
    assert found["gradients"]["warning"]
    assert "vanish" in found["gradients"]["told"]


def test_an_optimizer_that_searches_has_no_rate_to_be_tried(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "optimizer={type: lbfgs, lr: 1.0}", "data.batch_size=full")
    assert "lbfgs finds the length of each step itself" in found["rate"]["told"]
    assert found["rows"]["learned"]


def test_a_bag_takes_as_long_as_all_its_networks(capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "training.bag={seeds: 3}")
    assert found["time"]["members"] == 3
    assert "each of 3 networks" in found["time"]["told"]


PLUGIN = '''
"""A layer whose gradient is right, and one whose gradient is not."""

from typing import ClassVar

from nntrain.layers.layer import Layer
from nntrain.specs import Spec


class Bell(Layer):
    takes_all: ClassVar[bool] = True

    def out_spec(self, spec: Spec, *side: Spec) -> Spec:
        return spec

    def build(self, spec: Spec, *side: Spec):
        import torch

        class Module(torch.nn.Module):
            def forward(inner, values):
                return (-(values**2)).exp()

        return Module()


class Wrong(Bell):
    def build(self, spec: Spec, *side: Spec):
        import torch

        class Function(torch.autograd.Function):
            @staticmethod
            def forward(context, values):
                return 3 * values

            @staticmethod
            def backward(context, gradient):
                return 2 * gradient

        class Module(torch.nn.Module):
            def forward(inner, values):
                return Function.apply(values)

        return Module()
'''


def test_layers_of_plugins_are_compared_with_differences(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "own.py").write_text(PLUGIN)
    layers = "architecture={layers: [{linear: 16}, {type: 'own:Bell', name: bell}, {linear: 8}, {type: 'own:Wrong', name: wrong}]}"
    found = tried(capsys, "a.yaml", layers, "plugins=[own]", "--plugin", "own")
    sys.modules.pop("own", None)
    assert found["gradcheck"]["layers"]["bell"] is None
    assert "with respect to the input" in found["gradcheck"]["layers"]["wrong"]
    assert found["gradcheck"]["warning"]
    assert "bell (own:Bell): gradients agree with differences" in found["gradcheck"]["told"]


@pytest.mark.parametrize("suffix", [".svg", ".png"])
def test_a_picture_is_drawn_once_and_never_over_a_file(folder: Path, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    picture = folder / f"rates{suffix}"
    tried(capsys, "a.yaml", "--plot", str(picture))
    drawn = picture.read_bytes()
    assert (b"<svg" if suffix == ".svg" else b"PNG") in drawn[:2000]
    assert main(["check", "--run", "a.yaml", "--plot", str(picture)]) == 2
    assert "no file is written over" in capsys.readouterr().err
    assert picture.read_bytes() == drawn


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--plot", "rates.svg"], "add --run"),
        (["--run", "--plot", "rates.txt"], ".svg, .png"),
        (["--run", "--plot", "nowhere/rates.svg"], "no folder"),
        (["--run", "a.yaml", "a.yaml", "--plot", "rates.svg"], "one by one"),
        (["--run", "--no-data"], "exclude each other"),
    ],
)
def test_options_that_make_no_sense_are_refused(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *([] if "a.yaml" in arguments else ["a.yaml"]), *arguments]) == 2
    assert words in capsys.readouterr().err


def test_faults_of_the_data_are_told_as_by_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "rows.csv").unlink()
    assert main(["check", "--run", "a.yaml"]) == 3
    assert "no file" in capsys.readouterr().err


def test_a_streamed_table_keeps_no_rows_in_the_cache(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = tried(capsys, "a.yaml", "data.streaming=true")
    assert found["rows"]["learned"]
    assert not (folder / ".cache").exists()


@pytest.mark.slow
@pytest.mark.extra("games")
def test_protocols_without_such_a_loss_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    from tests.conftest import REPOSITORY

    found = tried(capsys, str(REPOSITORY / "configs" / "cartpole_dqn.yaml"))
    for label in ("rows", "loss", "rate"):
        assert "no loss that falls as the network learns" in found[label]["told"]
    assert found["gradients"]["layers"]


def test_a_sweep_that_time_ended_is_not_told_as_one_that_was_not_finite() -> None:
    told = trial_rates.told_sweep(trial_rates.Swept((0.1, 0.2), (1.0, 0.9), 0.1, None)).text
    assert told == "no rate can be told: 2 steps say too little"
    told = trial_rates.told_sweep(trial_rates.Swept((0.1,), (1.0,), 0.1, None, is_broken=True)).text
    assert told == "no rate can be told: the loss was not finite after 1 step"


def test_where_no_loss_is_finite_it_is_told_that_nothing_is_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    huge = "architecture={type: mlp, hidden: [8, 8], initializer: {type: normal, std: 1e30}}"
    found = tried(capsys, "a.yaml", huge, "--plot", str(folder / "rates.svg"))
    assert found["plot"]["told"] == "not drawn: no step had a loss that is finite"
    assert not (folder / "rates.svg").exists()
