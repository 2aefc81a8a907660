"""Variational autoencoders: what they minimise and report, what is drawn from them, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain import fit, load
from nntrain.cli import main
from nntrain.commands.stored.opening import open_run

VAE: dict[str, Any] = {
    "name": "vae",
    "data": {
        "source": {"type": "builtin", "name": "digits"},
        "fields": {"image": {"type": "image", "role": ["input", "target"]}, "label": {"role": "ignore"}},
    },
    "architecture": {
        "nodes": {
            "z": {"from": "image", "layers": ["flatten", {"linear": 64}, "relu", {"gaussian_latent": 4}]},
            "drawn": {"from": "z", "layers": [{"linear": 64}, "relu", {"linear": 64}, {"reshape": [1, 8, 8]}]},
        },
        "heads": {"image": {"from": "drawn", "layers": []}},
    },
    "loss": {"image": {"type": "bce", "reduction": "sum"}, "z.kl": 1.0},
    "optimizer": {"type": "adam", "lr": 5e-3},
    "generate": {"from": "z", "count": 9},
    "training": {"max_epochs": 6},
}
TWO: dict[str, Any] = {
    **VAE,
    "data": {**VAE["data"], "fields": {**VAE["data"]["fields"], "label": {"role": "target"}}},
    "architecture": {**VAE["architecture"], "heads": {"image": {"from": "drawn", "layers": []}, "label": "z"}},
    "loss": {**VAE["loss"], "label": "cross_entropy"},
}
"""The digit is told from the same code."""

Screens = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fit(VAE, runs=tmp_path_factory.mktemp("autoencoders"), quiet=True)


def written(config: dict[str, Any]) -> str:
    Path("vae.yaml").write_text(json.dumps(config))
    return "vae.yaml"


def refused(config: dict[str, Any], capsys: Screens, *changes: str) -> str:
    assert main(["check", written(config), *changes]) == 2
    return " ".join(capsys.readouterr().err.split())


def test_the_bound_is_what_is_minimised_reported_and_watched(trained: Any) -> None:
    summary = trained.summary
    assert summary["monitor"] == "validation.loss", "the error alone would like a code from which nothing can be drawn"
    test = summary["test"]
    assert test["loss"] == pytest.approx(test["loss.bce"] + test["loss.z.kl"], rel=1e-5)
    assert 1 < test["loss.z.kl"] < 20
    assert test["loss.bce"] < 64 * 0.45, "nats of 64 pixels; the mean image has about 0.52 a pixel"
    model = open_run(trained.run)
    batch = {"image": torch.rand(5, 1, 8, 8)}
    outputs, _ = model.network(batch)
    assert outputs["loss.z.kl"].shape == (5,)


def test_images_are_what_is_behind_the_code_for_draws(trained: Any) -> None:
    model: Any = load(trained)
    images = np.stack(model.generate()["image"].values)
    assert images.shape == (9, 1, 8, 8)
    assert 0 <= images.min() < images.max() <= 1
    again = np.stack(model.generate(count=2)["image"].values)
    np.testing.assert_allclose(images[:2], again, atol=1e-6, err_msg="fewer rows are the first of more")
    assert not np.allclose(again, np.stack(model.generate(count=2, seed=1)["image"].values))
    stored = open_run(trained.run)
    network: Any = stored.network
    mean = network.run_behind({"z.gaussian_latent_1": torch.zeros(1, 4)})["image"].sigmoid()
    digits = load(trained).predict({"image": [np.full((8, 8), 0.3, dtype="float32")]})["image"].values[0]
    assert np.abs(images.mean(0) - mean.detach().numpy()[0]).mean() < 0.3
    assert digits.shape == (1, 8, 8)


def test_images_are_written_to_a_sheet_a_folder_or_arrays(trained: Any, capsys: Screens) -> None:
    run = str(trained.run.path)
    assert main(["generate", run, "-o", "samples.png"]) == 0
    told = capsys.readouterr().err
    assert "draws    9 rows of z [4] from N(0, 1)" in told
    with Image.open("samples.png") as sheet:
        assert (sheet.size, sheet.mode) == ((3 * 8 + 2 * 2,) * 2, "L")
    first = Path("samples.png").read_bytes()
    assert main(["generate", run, "-o", "samples.png", "--seed", "0"]) == 0
    assert Path("samples.png").read_bytes() == first
    assert main(["generate", run, "-o", "samples.png", "--seed", "1"]) == 0
    assert Path("samples.png").read_bytes() != first
    assert main(["generate", run, "-o", "samples", "--count", "3", "--json"]) == 0
    assert sorted(path.name for path in Path("samples").iterdir()) == ["000.png", "001.png", "002.png"]
    told = json.loads(capsys.readouterr().out)
    assert told == {"run": trained.run.name, "from": "z", "given": None, "count": 3, "seed": 0, "file": "samples"}
    assert main(["generate", run, "-o", "samples.npz"]) == 0
    with np.load("samples.npz") as arrays, Image.open("samples/000.png") as image:
        np.testing.assert_allclose(np.asarray(image) / 255, arrays["image"][0, 0], atol=0.51 / 255)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ((), "makes images, which no screen shows"),
        (("-o", "samples.jpg"), "-o samples.png"),
        (("-o", "nowhere/samples.png"), "there is no folder nowhere"),
        (("-o", "full"), "the folder full is not empty"),
        (("-o", "s.png", "--from", "zz"), "--from: 'zz' can't be drawn"),
        (("-o", "s.png", "--prompt", "a"), "--prompt has no effect: this network runs what is behind a point that is drawn"),
        (("-o", "s.png", "--count", "0"), "--count: needs a whole number"),
        (("-o", "s.png", "--seed", "-1"), "--seed: needs a whole number from 0"),
        (("-o", "s.png", "--given", "label=3", "--given", "label=4"), "--given label is there twice, 3 and 4"),
    ],
)
def test_what_can_not_be_made_is_told_before(flags: tuple[str, ...], message: str, trained: Any, capsys: Screens) -> None:
    Path("full").mkdir()
    Path("full/file").touch()
    assert main(["generate", str(trained.run.path), *flags]) == 2
    assert message in " ".join(capsys.readouterr().err.split())
    assert [path.name for path in Path().iterdir()] == ["full"]


def test_a_network_without_a_code_is_refused(tmp_path: Path, capsys: Screens) -> None:
    layers = [{"conv2d": {"out_channels": 2, "kernel_size": 3, "padding": "same"}}, "relu"]
    plain = {**VAE, "architecture": {"layers": layers}, "loss": "bce", "generate": None, "training": {"max_epochs": 1}}
    found = fit(plain, runs=tmp_path / "plain", quiet=True)
    assert found.summary["monitor"] == "validation.rmse"
    assert main(["generate", str(found.run.path), "-o", "s.png"]) == 2
    told = " ".join(capsys.readouterr().err.split())
    assert "makes nothing new: regression predicts no next step to go on with, and no layer describes rows by a distribution" in told
    assert "gaussian_latent" in told
    assert "generate has no effect: regression predicts no next step" in refused({**plain, "generate": {"count": 3}}, capsys)


def test_settings_that_do_not_fit_are_named_at_their_places(capsys: Screens) -> None:
    assert "generate.from 'y' can't be drawn points that can be drawn: z" in refused(VAE, capsys, "generate.from=y")
    assert "generate.prompt has no effect: this network runs what is behind a point" in refused(VAE, capsys, "generate.prompt=a")
    loss = VAE["loss"]
    told = refused({**VAE, "loss": {**loss, "y.kl": 0.1}}, capsys)
    assert "loss.\"y.kl\" no layer adds a part 'y.kl' to the loss" in told
    assert "parts: z.kl" in told
    assert 'loss."z.kl" needs a loss, or several in a list, or a number from 0, got -1' in refused(
        {**VAE, "loss": {**loss, "z.kl": -1}}, capsys
    )
    inside = {"image": {"type": "bce", "z.kl": 0.1}}
    told = refused({**VAE, "loss": inside}, capsys)
    assert 'loss.image."z.kl" is the weight of a part, and stands beside the targets' in told
    assert "fix: loss: {…, z.kl: 0.1}" in told
    assert "1 problem" in (told := refused({**VAE, "loss": {"image": 2}}, capsys))
    assert "loss.image is a target, and needs a loss, got 2" in told
    assert "the weight of z.kl stands twice" in refused({**VAE, "loss": {**inside, "z.kl": 0.2}}, capsys)


def test_a_decoder_that_sees_the_input_too_can_not_be_run_on_draws(capsys: Screens) -> None:
    nodes = VAE["architecture"]["nodes"]
    beside = {
        **nodes,
        "seen": {"from": "image", "layers": ["flatten", {"linear": 64}, {"reshape": [1, 8, 8]}]},
        "both": {"add": ["drawn", "seen"]},
    }
    told = refused({**VAE, "architecture": {"nodes": beside, "heads": {"image": "both"}}}, capsys)
    assert "generate.from no output is made of z alone: inputs are read beside it: image (image)" in told


@pytest.mark.parametrize(("config", "weights"), [(VAE, {"z.kl": 0.5}), (TWO, {"z.kl": 0.5})], ids=["one target", "two"])
def test_what_is_saved_resolves_to_itself(config: dict[str, Any], weights: dict[str, float], capsys: Screens) -> None:
    path = written({**config, "loss": {**config["loss"], **weights}})
    assert main(["show", path, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    said = shown["loss"]["parts"] if "parts" in shown["loss"] else {"z.kl": shown["loss"]["z.kl"]}
    assert said == weights
    assert main(["show", written(shown), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["config"] == shown


def test_the_weight_of_the_divergence_counts_whatever_the_form(tmp_path: Path) -> None:
    factors = []
    for number, loss in enumerate([{**VAE["loss"], "z.kl": 0.25}, {"type": "bce", "reduction": "sum", "z.kl": 0.25}]):
        found = fit({**VAE, "loss": loss, "training": {"max_steps": 2}}, runs=tmp_path / str(number), quiet=True)
        factors.append((open_run(found.run).objective.layer_parts, found.summary["last"]["validation.loss"]))
    assert factors[0][0] == {"loss.z.kl": 0.25}
    assert factors[0] == factors[1]


def test_a_table_is_drawn_too(tmp_path: Path, capsys: Screens) -> None:
    rows = np.random.default_rng(0).normal(size=(200, 1)) @ np.array([[1.0, 2.0, -1.0]]) + 5
    np.savez(tmp_path / "rows.npz", row=rows.astype("float32"))
    config: dict[str, Any] = {
        "name": "rows",
        "data": {"source": str(tmp_path / "rows.npz"), "fields": {"row": {"type": "vector", "role": ["input", "target"]}}},
        "architecture": {"layers": [{"linear": 16}, "relu", {"gaussian_latent": 1, "name": "z"}, {"linear": 16}, "relu"]},
        "loss": {"row": {"type": "mse", "reduction": "sum"}, "z.kl": 0.05},
        "optimizer": {"type": "adam", "lr": 1e-2},
        "training": {"max_epochs": 40},
    }
    found = fit(config, runs=tmp_path / "runs", quiet=True)
    assert main(["generate", str(found.run.path), "--count", "200", "-o", "new.csv"]) == 0
    drawn = np.genfromtxt("new.csv", delimiter=",", skip_header=1)
    np.testing.assert_allclose(drawn.mean(0), [5, 5, 5], atol=0.5)
    assert np.corrcoef(drawn.T)[0, 1] > 0.9
    assert np.corrcoef(drawn.T)[0, 2] < -0.9
    capsys.readouterr()
    assert main(["generate", str(found.run.path), "--count", "2"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "prediction_0,prediction_1,prediction_2"
    assert main(["generate", str(found.run.path), "-o", "new.png"]) == 2
