"""Segmentation, from image files to masks: training, exact resume, predictions as images, and what is refused before training."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pictures

from nntrain import evaluate, fit, load
from nntrain.assembly import assemble
from nntrain.cli import main
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.jobs import Options
from nntrain.commands.proofs import smoke
from nntrain.config.reading import read_config, read_mapping
from nntrain.data.forms.drawing import COLORS, draw_overlay
from nntrain.training.loop import fit as train

CONFIGS = Path(__file__).parents[2] / "configs"
ROWS, SIZE = 24, 16


def write_pairs(folder: Path, rows: int = ROWS) -> None:
    """Dark images with a bright rectangle, which the mask has as 255; 128 on the border of each mask."""
    random = np.random.default_rng(0)
    for name in ("image", "label"):
        (folder / name).mkdir(parents=True)
    for row in range(rows):
        mask = np.zeros((2 * SIZE, 2 * SIZE), np.uint8)
        top, left = random.integers(2, 12, 2)
        mask[top : top + 14, left : left + 16] = 255
        image = (mask // 2 + random.integers(0, 90, mask.shape)).astype(np.uint8)
        mask[0] = 128
        Pictures.fromarray(image).save(folder / "image" / f"{row:02d}.png")
        Pictures.fromarray(mask).save(folder / "label" / f"{row:02d}.png")


def config(folder: Path, **changes: Any) -> dict[str, Any]:
    tree = {
        "name": "boxes",
        "data": {
            "source": {"type": "files", "path": {"image": f"{folder}/image/{{id}}.png", "mask": f"{folder}/label/{{id}}.png"}},
            "fields": {
                "image": {"type": "image", "size": SIZE, "channels": 1, "augment": ["flip", {"shift": 0.1}]},
                "mask": {"type": "mask", "classes": {"0": "ground", "255": "box"}, "ignore": 128, "role": "target"},
            },
            "split": {"by": "time", "column": "id", "validation": 4, "test": 6},
            "batch_size": 7,
        },
        "architecture": {"type": "unet", "channels": 4, "num_levels": 1},
        "loss": ["cross_entropy", {"type": "dice", "weight": 0.5}],
        "optimizer": {"type": "adam", "lr": 0.02},
        "training": {"max_epochs": 12, "device": "cpu"},
    }
    return {**tree, **changes}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("boxes")
    write_pairs(folder)
    return folder


@pytest.fixture(scope="module")
def trained(pairs: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return fit(config(pairs), runs=tmp_path_factory.mktemp("runs"), quiet=True)


def test_it_learns_and_is_judged_beside_the_commonest_class(trained: Any, pairs: Path) -> None:
    summary = trained.summary
    assert summary["monitor"] == "validation.iou"
    assert summary["test"]["accuracy"] > 0.93 > summary["baseline"]["test.accuracy"]
    assert {"loss", "loss.cross_entropy", "loss.dice", "iou", "dice"} <= summary["test"].keys()
    found = evaluate(trained, split="test")
    taken = np.stack(load(trained).predict(pairs)["mask"].values)[-6:]
    masks = [np.asarray(Pictures.open(pairs / "label" / f"{row:02d}.png"))[1::2, 1::2] for row in range(18, 24)]
    truth = np.stack(masks)
    counted = truth != 128
    assert found.metrics["accuracy"] == pytest.approx(((taken == 1) == (truth == 255))[counted].mean(), abs=1e-9)


def test_masks_are_written_as_the_training_masks_are(trained: Any, pairs: Path, tmp_path: Path, capsys: Any) -> None:
    out, over = tmp_path / "masks", tmp_path / "overlays"
    assert main(["predict", str(trained.run.path), str(pairs), "-o", str(out), "--overlay", str(over)]) == 0
    told = capsys.readouterr().err
    assert f"wrote    {ROWS} masks to" in told
    assert f"wrote    {ROWS} images to" in told
    taken = load(trained).predict(pairs)["mask"]
    for row in (0, 23):
        mask = np.asarray(Pictures.open(out / f"{row:02d}.png"))
        assert mask.shape == (2 * SIZE, 2 * SIZE), "the size of the file"
        assert set(np.unique(mask)) <= {0, 255}
        np.testing.assert_array_equal(mask[1::2, 1::2] // 255, taken.values[row])
        assert taken.shares["box"][row] == pytest.approx((mask == 255).mean())
    drawn = np.asarray(Pictures.open(over / "05.png"))
    assert drawn.shape == (2 * SIZE, 2 * SIZE, 3)
    assert (drawn == COLORS[1]).all(axis=2).any()


def test_tables_have_shares_and_images_alone_are_enough(trained: Any, pairs: Path, tmp_path: Path, capsys: Any) -> None:
    run = str(trained.run.path)
    assert main(["predict", run, str(pairs / "image")]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "image,share_ground,share_box,note"
    assert len(rows) == ROWS
    assert rows[3].startswith("03.png,0.")
    assert main(["predict", run, str(pairs), "-o", str(tmp_path / "all.npz")]) == 0
    with np.load(tmp_path / "all.npz") as written:
        assert written["mask"].shape == (ROWS, SIZE, SIZE)
        assert written["mask"].dtype == np.uint8
    capsys.readouterr()
    assert main(["predict", run, str(pairs), "--overlay", str(tmp_path / "o.png")]) == 2
    assert "--overlay needs a folder" in capsys.readouterr().err


def test_an_overlay_is_refused_before_anything_is_written_where_a_mask_holds_what_is_no_class(
    trained: Any, pairs: Path, tmp_path: Path, capsys: Any
) -> None:
    folder = tmp_path / "new"
    for name in ("image", "label"):
        (folder / name).mkdir(parents=True)
        content = np.asarray(Pictures.open(pairs / name / "03.png")).copy()
        Pictures.fromarray(content).save(folder / name / "03.png")
        if name == "label":
            content[5, 5] = 77
        Pictures.fromarray(content).save(folder / name / "04.png")
    assert main(["predict", str(trained.run.path), str(folder), "-o", str(tmp_path / "m"), "--overlay", str(tmp_path / "o")]) == 3
    told = " ".join(capsys.readouterr().err.split())
    assert "label/04.png holds 77" in told
    assert "0 (ground), 255 (box)" in told or "hold 0, 255" in told
    assert not (tmp_path / "m").exists()
    assert not (tmp_path / "o").exists()


def test_images_of_one_name_in_two_folders_and_with_transparency_are_written_apart(trained: Any, pairs: Path, tmp_path: Path) -> None:
    pixels = np.asarray(Pictures.open(pairs / "image" / "03.png"))
    for name, mode in (("a", "RGBA"), ("b", "LA")):
        (tmp_path / "new" / name).mkdir(parents=True)
        Pictures.fromarray(pixels).convert(mode).save(tmp_path / "new" / name / "03.png")
    out, over = tmp_path / "masks", tmp_path / "overlays"
    assert main(["predict", str(trained.run.path), str(tmp_path / "new"), "-o", str(out), "--overlay", str(over)]) == 0
    for folder in (out, over):
        assert [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))] == ["a/03.png", "b/03.png"]


def test_an_overlay_has_outlines_and_red_errors() -> None:
    image, mask = np.full((40, 40, 3), 100, np.uint8), np.zeros((40, 40), np.uint8)
    mask[10:30, 10:30] = 1
    truth = mask.copy()
    truth[:, 20:] = 0
    truth[12, 25] = 255
    drawn = np.asarray(draw_overlay(image, mask, truth))
    assert drawn[9, 15].tolist() == list(COLORS[1])
    assert drawn[15, 15].tolist() == [100, 100, 100]
    assert drawn[15, 25].tolist() == [170, 55, 55]
    assert drawn[12, 25].tolist() == [100, 100, 100], "it counts nothing"


def test_a_run_that_was_stopped_ends_with_the_same_bytes(pairs: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "boxes.yaml"
    path.write_text(json.dumps(config(pairs)))
    assert smoke.run(path, (), Options(as_json=True)) == 0, capsys.readouterr().out
    assert list(json.loads(capsys.readouterr().out)["seconds"]) == ["check", "fit", "resume", "eval", "predict"]


def test_eight_rows_are_learned_by_heart(pairs: Path, tmp_path: Path) -> None:
    network = read_config(CONFIGS / "membrane_unet.yaml").experiment.architecture
    assert network is not None
    tree = config(pairs, training={"max_steps": 40, "evaluate_every": {"steps": 40}, "device": "cpu"}, loss="cross_entropy")
    tree["architecture"] = network.model_dump(mode="json", exclude_defaults=True) | {"type": "unet"}
    tree["data"] = {**tree["data"], "batch_size": 8, "fields": {**tree["data"]["fields"], "image": {"type": "image", "size": SIZE}}}
    job = prepare_job(read_mapping(tree, (), tmp_path))
    run = assemble(job.blueprint, replace(job.prepared, train=job.prepared.train.head(8)))
    for _ in train(run.session, run.protocol, run.plan, run.progress, lambda step: False):
        pass
    batch = run.session.splits.train.batch(0, 8)
    outputs, _ = run.session.network.train()(batch.inputs)
    truth = batch.targets["mask"]
    assert torch.equal(outputs["mask"].argmax(1)[truth >= 0], truth[truth >= 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("architecture={layers: [conv2d: {out_channels: 4, kernel_size: 3}, relu]}", "the target has height 16"),
        ("architecture={layers: [conv2d: {out_channels: 4, kernel_size: 3, padding: same}, max_pool2d: 2]}", "the target has height 16"),
        ("architecture={layers: [conv2d: {out_channels: 3, kernel_size: 1}]}", "mask needs 2 numbers and gets 3"),
        ("data.fields.image.size=20; architecture.num_levels=3", "multiples of 8, and gets an image [1, 20, 20]"),
        ("loss=margin", "margin does not fit the target mask"),
        ("loss=mse", "mse does not fit the target mask"),
        ("metrics=[rmse]", "rmse does not fit the target mask"),
        ("baselines=[linear]", "has one for each pixel"),
        ("regularization.cutmix=1.0", "a mask that stays whole"),
        ("data.fields.mask.role=input", "a mask cannot be input"),
    ],
)
def test_what_does_not_fit_is_told_before_training(change: str, message: str, pairs: Path, tmp_path: Path, capsys: Any) -> None:
    path = tmp_path / "boxes.yaml"
    path.write_text(json.dumps(config(pairs)))
    assert main(["check", str(path), *change.split("; ")]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_config_without_a_network_gets_a_unet_that_fits(pairs: Path, tmp_path: Path, capsys: Any) -> None:
    tree = config(pairs)
    del tree["architecture"]
    tree["data"]["fields"]["image"]["size"] = 24
    path = tmp_path / "boxes.yaml"
    path.write_text(json.dumps(tree))
    assert main(["show", str(path), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    assert shown["architecture"]["type"] == "unet"
    assert shown["architecture"]["num_levels"] == 3
    assert shown["data"]["fields"]["mask"]["size"] == 24
    assert shown["task"]["type"] == "segmentation"


def test_what_is_saved_resolves_to_itself(trained: Any, capsys: Any) -> None:
    assert main(["show", str(trained.run.path / "resolved.yaml"), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)["config"]
    assert main(["show", str(trained.run.path), "--json"]) == 0
    again = json.loads(capsys.readouterr().out)["config"]
    shown["data"]["fields"].pop("id")  # it splits the rows, and a run doesn't read it
    assert shown == again
