"""Networks whose target is an image: from the pixels of the data to a prediction that is an image."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain import evaluate, fit, load
from nntrain.cli import main
from nntrain.data.batches import ordered_batches
from nntrain.data.orders import epoch_order
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings

DENOISING: dict[str, Any] = {
    "name": "denoising",
    "data": {
        "source": {"type": "builtin", "name": "digits"},
        "fields": {
            "image": {"type": "image", "role": ["input", "target"], "augment": [{"noise": {"std": 0.4, "clip": True}}]},
            "label": {"role": "ignore"},
        },
        "batch_size": 128,
    },
    "architecture": {
        "blocks": {"conv": {"layers": [{"conv2d": {"out_channels": 16, "kernel_size": 3, "padding": "same"}}, "relu"]}},
        "layers": ["conv", {"max_pool2d": 2}, "conv", {"upsample": 2}, "conv"],
    },
    "loss": "bce",
    "optimizer": {"type": "adam", "lr": 0.01},
    "training": {"max_epochs": 5},
}
"""The denoising autoencoder of Keras's examples, for the smaller digits."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fit(DENOISING, runs=tmp_path_factory.mktemp("image_targets"), quiet=True)


def test_a_denoising_autoencoder_learns_and_predicts_images(trained: Any) -> None:
    summary = trained.summary
    assert summary["monitor"] == "validation.rmse"
    assert summary["test"]["rmse"] < 0.7 * summary["baseline"]["test.rmse"], "the mean image is far worse"
    assert summary["test"]["loss"] < 0.4
    model = load(trained)
    digits = _digits()
    found = model.predict({"image": list(digits[:5])})["image"].values
    assert [(image.shape, image.dtype) for image in found] == [((1, 8, 8), np.dtype("float32"))] * 5
    assert all(0 <= image.min() <= image.max() <= 1 for image in found)
    assert np.sqrt(np.mean([(image[0] - digit) ** 2 for image, digit in zip(found, digits, strict=False)])) < 0.2


def test_what_is_denoised_is_nearer_to_the_clean_images_than_what_came_in(trained: Any) -> None:
    clean = _digits()[:300]
    noisy = (clean + np.random.default_rng(0).normal(0, 0.4, clean.shape).astype(clean.dtype)).clip(0, 1)
    cleaned = np.stack(load(trained).predict({"image": list(noisy)})["image"].values)[:, 0]
    errors = {name: float(np.sqrt(np.square(images - clean).mean())) for name, images in (("noisy", noisy), ("cleaned", cleaned))}
    print(errors)
    assert errors["noisy"] > 0.25
    assert errors["cleaned"] < 0.7 * errors["noisy"]


def test_metrics_are_means_over_all_pixels(trained: Any) -> None:
    model, digits = load(trained), _digits()
    measured = evaluate(trained, split="test").metrics
    rows = prepare(DataSettings.parse(DENOISING["data"]), Path(), seed=0).splits["test"].rows.numpy()
    predicted = np.stack(model.predict({"image": list(digits[rows])})["image"].values)[:, 0]
    assert measured["mae"] == pytest.approx(np.abs(predicted - digits[rows]).mean(), rel=1e-5)
    assert measured["rmse"] == pytest.approx(np.sqrt(((predicted - digits[rows]) ** 2).mean()), rel=1e-5)


def test_noise_touches_the_input_alone() -> None:
    data = prepare(DataSettings.parse(DENOISING["data"]), Path(), seed=0).train

    def noisy(field: str, images: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return images + 1

    batch = next(ordered_batches(data, 16, epoch_order(len(data), seed=0, epoch=0), augment=noisy))
    assert torch.equal(batch.inputs["image"], batch.targets["image"] + 1)
    digits = torch.from_numpy(_digits()).float()
    assert torch.equal(batch.targets["image"][:, 0], digits[batch.rows])
    assert data.inputs["image"].data_ptr() == data.targets["image"].data_ptr(), "the images are kept once"


def test_a_scaled_target_is_judged_in_the_unit_of_the_data() -> None:
    field = {"type": "image", "role": ["input", "target"], "normalize": [-1, 1]}
    settings = DataSettings.parse({**DENOISING["data"], "fields": {"image": field, "label": {"role": "ignore"}}})
    found = prepare(settings, Path(), seed=0)
    batch = found.train.batch(0, 32)
    assert batch.targets["image"].min() == -1
    assert batch.targets["image"].max() == 1
    raw = found.fields.targets["image"].to_raw(batch.targets["image"])
    torch.testing.assert_close(raw[:, 0], torch.from_numpy(_digits())[batch.rows].double(), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["data.fields.image.normalize=standard"], "bce scores the values as they are, and image is scaled (normalize: standard)"),
        (["architecture.layers=[conv, flatten, relu]"], "numbers for each pixel"),
        (["architecture.layers=[conv, max_pool2d: 2, conv]"], "the target has height 8"),
        (["loss=cross_entropy"], "cross_entropy does not fit the target image (numbers)"),
        (["architecture.layers=[conv, conv2d: {out_channels: 3, kernel_size: 1}]"], "image needs 1 number and gets 3"),
        (["data.fields.image.role=target"], "has no effect: it acts on inputs only"),
    ],
)
def test_what_does_not_fit_is_told_before_training(change: list[str], message: str, tmp_path: Path, capsys: Any) -> None:
    config = tmp_path / "denoising.yaml"
    config.write_text(json.dumps(DENOISING))
    assert main(["check", str(config), *change]) == 2
    assert message in capsys.readouterr().err.replace("\n", " ")


def test_what_is_saved_resolves_to_itself(trained: Any, capsys: Any) -> None:
    resolved = trained.run.path / "resolved.yaml"
    assert main(["show", str(resolved), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    assert main(["show", str(trained.run.path), "--json"]) == 0
    assert shown == json.loads(capsys.readouterr().out)["config"]
    assert shown["data"]["fields"]["image"]["role"] == ["input", "target"]


def _digits() -> np.ndarray[Any, Any]:
    """All digits, `[N, 8, 8]` in [0, 1]."""
    from nntrain.data.sources.builtin import Builtin

    source = Builtin.parse({"type": "builtin", "name": "digits"})
    return np.asarray(source.read(source.files(Path())["train"], "digits").columns["image"])


def test_images_are_predicted_into_arrays_and_not_into_tables(trained: Any, tmp_path: Path, capsys: Any) -> None:
    digits = _digits()[:7]
    np.savez(tmp_path / "new.npz", image=digits)
    arguments = ["predict", str(trained.run.path), str(tmp_path / "new.npz")]
    for output in ([], ["-o", "out.csv"], ["-o", "out.parquet"]):
        assert main([*arguments, *output]) == 2
        told = capsys.readouterr().err
        assert "predicts images (image), which no text table holds" in told
        assert "-o images.npz" in told
        assert "-o FOLDER" in told
    assert main([*arguments, "-o", "pictures"]) == 0
    assert "wrote    7 images to pictures" in capsys.readouterr().err
    assert len(list(Path("pictures").glob("*.png"))) == 7
    assert main([*arguments, "-o", "pictures"]) == 2
    assert "the folder pictures is not empty" in capsys.readouterr().err
    assert main([*arguments, "-o", "out.npz"]) == 0
    assert "wrote    7 rows to out.npz" in capsys.readouterr().err
    with np.load("out.npz") as written:
        assert list(written) == ["image"]
        images = written["image"]
    assert images.shape == (7, 1, 8, 8)
    found = load(trained).predict({"image": list(digits)})["image"].values
    np.testing.assert_array_equal(images, np.stack(found))
    with Image.open("pictures/006.png") as picture:
        np.testing.assert_allclose(np.asarray(picture) / 255, images[6, 0], atol=0.51 / 255)


def test_rows_are_mixed_whole(tmp_path: Path, capsys: Any) -> None:
    config = tmp_path / "denoising.yaml"
    config.write_text(json.dumps(DENOISING))
    assert main(["check", str(config), "regularization.cutmix=1.0"]) == 2
    assert "cuts rectangles out of inputs, and the target image is an image that stays whole" in capsys.readouterr().err
    assert main(["check", str(config), "regularization.mixup=0.2"]) == 0


def test_an_input_that_moves_without_its_target_is_warned_of(tmp_path: Path, capsys: Any) -> None:
    config = tmp_path / "denoising.yaml"
    config.write_text(json.dumps(DENOISING))
    assert main(["check", str(config), "data.fields.image.augment=[jitter: {brightness: 0.2}, rotate: 0.02]"]) == 0
    told = capsys.readouterr().err
    assert "image.augment rotate moves the input and leaves the target image where it is" in told
    assert "rotate turns by at most 0.02 degrees, which hardly changes an image; where 0.02 is a fraction of a full turn" in told
    assert "write 7.2" in told
    assert "jitter" not in told


def test_an_image_and_a_class_from_one_network(tmp_path: Path, capsys: Any) -> None:
    nodes = {
        "code": {"from": "image", "layers": [{"conv2d": {"out_channels": 8, "kernel_size": 3, "padding": "same"}}, "relu"]},
        "digit": {"from": "code", "layers": ["global_avg_pool"]},
    }
    config = {
        **DENOISING,
        "name": "both",
        "data": {**DENOISING["data"], "fields": {"image": {"type": "image", "role": ["input", "target"]}, "label": {"role": "target"}}},
        "architecture": {"nodes": nodes, "heads": {"image": "code", "label": "digit"}},
        "loss": {"image": {"type": "bce", "weight": 2.0}, "label": "cross_entropy"},
        "training": {"max_epochs": 1},
    }
    found = fit(config, runs=tmp_path / "both", quiet=True)
    assert {"image.rmse", "label.accuracy", "loss"} <= found.summary["test"].keys()
    np.savez(tmp_path / "new.npz", image=_digits()[:3])
    assert main(["predict", str(found.run.path), str(tmp_path / "new.npz"), "-o", "out.npz"]) == 0
    with np.load("out.npz") as written:
        assert {name: (array.shape, array.dtype.kind) for name, array in written.items()} == {
            "image": ((3, 1, 8, 8), "f"),
            "label": ((3,), "U"),
        }
    assert main(["predict", str(found.run.path), str(tmp_path / "new.npz"), "-o", "out.csv"]) == 2
