"""Test-time augmentation: predictions are means over views of each row, the same wherever a trained network is measured or asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain import evaluate, fit, load
from nntrain.cli import main
from nntrain.commands.judging.evaluate import Extras, Where
from nntrain.commands.judging.evaluate import evaluate as measured
from nntrain.commands.stored.opening import open_run

ROWS, SIZE = 40, 8


def write_rows(folder: Path) -> Path:
    """Images with a bright half, left or right, a class for the side that is the darker one, a mask, and numbers."""
    draw = np.random.default_rng(0)
    images = draw.integers(0, 120, (ROWS, SIZE, SIZE), dtype=np.uint8)
    images[::2, :, : SIZE // 2] += 100
    images[:, : SIZE // 2] += 30
    kinds = np.array(["a", "b"])[np.arange(ROWS) % 2]
    np.savez(folder / "rows.npz", x=images, kind=kinds, mask=(images > 120).astype(np.uint8), size=images.mean(axis=(1, 2)))
    return folder / "rows.npz"


def config(data: Path, target: str, views: list[Any], **changes: Any) -> dict[str, Any]:
    conv: dict[str, Any] = {"conv2d": {"out_channels": 3, "kernel_size": 3, "padding": "same"}}
    fields = {"x": {"type": "image", "test_augment": views}, **{name: {"role": "ignore"} for name in ("kind", "mask", "size")}}
    fields[target] = {"role": "target", **({"type": "mask", "classes": 2} if target == "mask" else {})}
    body = {"mask": [conv, "relu"], "kind": [conv, "relu", "flatten", {"linear": 3}, "relu"], "size": [conv, "relu", "flatten"]}[target]
    return {
        "name": target,
        "data": {"source": str(data), "fields": fields, "batch_size": 16, "split": {"validation": 8, "test": 8}},
        "architecture": {"layers": body},
        "training": {"max_epochs": 1, "device": "cpu"},
        **changes,
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def images(rows: Path) -> Any:
    return np.load(rows)["x"]


def shares(model: Any, images: Any) -> Any:
    """The probability of the second class of each image."""
    return np.array(model.predict({"x": list(images)})["kind"].probabilities["b"])


def test_with_flip_an_image_and_its_mirror_image_are_predicted_alike_and_by_the_mean(rows: Path, images: Any, tmp_path: Path) -> None:
    trained = fit(config(rows, "kind", ["flip"]), runs=tmp_path, quiet=True)
    plain = fit(config(rows, "kind", []), runs=tmp_path, quiet=True)
    found, mirrored = (shares(load(trained), each) for each in (images, images[:, :, ::-1]))
    np.testing.assert_allclose(found, mirrored, rtol=0, atol=1e-7)
    alone, other = (shares(load(plain), each) for each in (images, images[:, :, ::-1]))
    assert np.abs(alone - other).max() > 1e-3
    np.testing.assert_allclose(found, (alone + other) / 2, rtol=0, atol=1e-6)
    history = [(run.run.path / "history.jsonl").read_text() for run in (trained, plain)]
    reports = [[json.loads(line)["metrics"] for line in text.splitlines()] for text in history]
    assert reports[0] == reports[1], "reports in training are of images as they are"


def test_it_is_the_same_in_fit_eval_and_predict_and_can_be_left_out_of_eval(rows: Path, images: Any, tmp_path: Path, capsys: Any) -> None:
    views: list[Any] = ["flip", {"shift": 0.2}, {"shift": 0.2}]
    trained = fit(config(rows, "kind", views), runs=tmp_path, quiet=True)
    stored = open_run(trained.run)
    test = measured(stored, Where(split="test"))
    assert test.metrics == trained.summary["test"] == evaluate(trained, split="test").metrics
    whole = shares(load(trained), images)
    np.testing.assert_allclose(shares(load(trained), images[30:33]), whole[30:33], rtol=0, atol=1e-6, err_msg="whatever the file")
    once = measured(stored, Where(split="test"), Extras(once=True))
    assert once.metrics["log_loss"] != test.metrics["log_loss"]
    assert once.metrics["loss"] == test.metrics["loss"] == pytest.approx(once.metrics["log_loss"])
    assert main(["eval", str(trained.run.path), "--split", "validation"]) == 0
    assert "test_augment: predictions are means over 4 views of each row" in capsys.readouterr().err
    assert main(["eval", str(trained.run.path), "--split", "validation", "--no-test-augment"]) == 0
    assert "test_augment" not in capsys.readouterr().err


def test_pixels_are_moved_back_before_their_mean(rows: Path, images: Any, tmp_path: Path) -> None:
    trained = fit(config(rows, "mask", ["flip", {"crop": 2}]), runs=tmp_path, quiet=True)
    stored = open_run(trained.run)
    unit = torch.from_numpy(images[:, None]).float() / 255
    views = stored.objective.views
    assert views is not None
    with torch.inference_mode():
        said, mirrored, cut = (
            stored.network({"x": each})[0]["mask"].softmax(dim=1) for each in (unit, unit.flip(3), views.each[1].of_images(unit))
        )
    shifted, seen = views.each[1].moved_back(cut)
    wanted = (said + mirrored.flip(3) + shifted) / (2 + seen)
    found = np.stack(load(trained).predict({"x": list(images)})["mask"].values)
    sure = (wanted[:, 0] - wanted[:, 1]).abs() > 1e-5
    assert np.array_equal(found[sure.numpy()], wanted.argmax(dim=1).numpy()[sure.numpy()])
    assert sure.float().mean() > 0.99
    assert measured(stored, Where(split="test")).metrics == trained.summary["test"]


def test_numbers_and_their_limits_are_means(rows: Path, images: Any, tmp_path: Path) -> None:
    loss = {"loss": {"quantile": [0.1, 0.5, 0.9]}}
    trained, plain = (fit(config(rows, "size", views, **loss), runs=tmp_path, quiet=True) for views in (["flip"], []))
    found = load(trained).predict({"x": list(images)})["size"]
    one, other = (load(plain).predict({"x": list(each)})["size"] for each in (images, images[:, :, ::-1]))
    np.testing.assert_allclose(found.values, (np.array(one.values) + np.array(other.values)) / 2, rtol=1e-6)
    assert found.interval is not None
    assert one.interval is not None
    assert other.interval is not None
    for limits, first, second in zip(found.interval, one.interval, other.interval, strict=True):
        np.testing.assert_allclose(limits, (np.array(first) + np.array(second)) / 2, rtol=1e-6)
    assert main(["eval", str(plain.run.path), "--no-test-augment"]) == 2


def test_embeddings_have_length_1_after_their_mean_too(rows: Path, images: Any, tmp_path: Path) -> None:
    tree = config(rows, "kind", ["flip"], task="metric")
    tree["data"]["fields"]["kind"] = {"type": "category", "role": "target"}
    trained = fit(tree, runs=tmp_path, quiet=True)
    vectors = load(trained).predict({"x": list(images)})["kind"].values
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    assert measured(open_run(trained.run), Where(split="test")).metrics == trained.summary["test"]


def test_a_threshold_is_tuned_on_the_means(rows: Path, tmp_path: Path) -> None:
    task = {"task": {"classification": {"threshold": {"tune": "f1"}, "calibrate": "temperature"}}}
    trained = fit(config(rows, "kind", ["flip"], **task), runs=tmp_path, quiet=True)
    found = measured(open_run(trained.run), Where(split="validation"))
    assert found.metrics["f1"] == trained.summary["best"]["validation.f1"]


@pytest.mark.parametrize(
    ("fields", "changes", "message"),
    [
        ({"caption": {"type": "text", "role": "target"}}, {}, "seq2seq writes a text, and texts have no mean"),
        ({"mask": {"type": "mask", "classes": 2, "size": 4, "role": "target"}}, {}, "flip moves pixels of x (8 x 8), and mask has others"),
    ],
)
def test_what_has_no_mean_is_refused(
    fields: dict[str, Any], changes: dict[str, Any], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = np.zeros((8, 8, 8), np.uint8)
    np.savez(tmp_path / "rows.npz", x=images, mask=np.zeros((8, 4, 4), np.uint8), caption=np.array(["a b", "c"] * 4))
    ignored = {name: {"role": "ignore"} for name in ("mask", "caption") if name not in fields}
    tree = {"data": {"source": "rows.npz", "fields": {"x": {"type": "image", "test_augment": ["flip"]}, **ignored, **fields}}, **changes}
    (tmp_path / "c.yaml").write_text(json.dumps(tree))
    assert main(["check", str(tmp_path / "c.yaml")]) == 2
    told = capsys.readouterr().err
    assert "test_augment" in told
    assert message in told.replace("\n", " ")
