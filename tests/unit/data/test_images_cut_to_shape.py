"""Images whose sides are cut off before they are resized, so that nothing in them is stretched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pictures
from pydantic import ValidationError

from nntrain.data.field_plan import FieldPlan
from nntrain.data.fields.image import Image
from nntrain.data.fields.mask import Mask
from nntrain.data.mask_plans import moving_problems
from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings

WIDTH, HEIGHT = 40, 20
MIDDLE = slice(10, 30)


def draw(*, is_tall: bool = False) -> np.ndarray:
    """Black sides, and in the middle a square of 20 pixels with a white dot of 4 x 4 in its centre."""
    pixels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    pixels[:, MIDDLE] = 100
    pixels[8:12, 18:22] = 255
    return pixels.T if is_tall else pixels


def settings(source: dict[str, object], **options: object) -> DataSettings:
    image = {"type": "image", "channels": 1, "size": 10, **options}
    return DataSettings.parse({"source": source, "fields": {"image": image}, "target": "label", "split": {"validation": 2, "test": 2}})


def folder(root: Path) -> dict[str, object]:
    for label in "ab":
        (root / "photos" / label).mkdir(parents=True)
        for number in range(10):
            Pictures.fromarray(draw(is_tall=number % 2 == 1)).save(root / "photos" / label / f"{number}.png")
    return {"type": "image_folder", "path": "photos"}


def array(root: Path) -> dict[str, object]:
    labels = np.array(["a", "b"] * 10)
    np.savez(root / "rows.npz", image=np.stack([draw()] * 20), label=labels)
    return {"type": "arrays", "path": "rows.npz"}


@pytest.mark.parametrize("source", [folder, array])
@pytest.mark.parametrize("is_cut", [True, False])
def test_the_middle_is_kept_in_its_proportions_or_all_of_it_is_squashed(source, is_cut, tmp_path):
    found = prepare(settings(source(tmp_path), crop_to_aspect_ratio=is_cut), tmp_path, seed=0)
    data = found.splits["train"]
    levels = data.batch(0, len(data)).inputs["image"] * 255
    assert levels.shape[1:] == (1, 10, 10)
    assert bool((levels.amin((1, 2, 3)) > 80).all()) is is_cut  # no black side is left
    corners = levels[:, 0, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert bool((corners - (100 if is_cut else 0)).abs().max() < 20)
    dot = (levels > 120).sum((1, 2, 3))
    assert set(dot.tolist()) == {4} or not is_cut  # 2 x 2 of the 4 x 4


def test_streamed_files_are_cut_alike(tmp_path):
    source = folder(tmp_path)
    whole = prepare(settings(source, crop_to_aspect_ratio=True), tmp_path, seed=0).splits["train"]
    given = settings(source, crop_to_aspect_ratio=True)
    streamed = prepare(given.model_copy(update={"streaming": True}), tmp_path, seed=0).splits["train"]
    assert streamed.batch(0, 4).inputs["image"].equal(whole.batch(0, 4).inputs["image"])


def test_without_a_size_and_beside_a_mask_it_is_refused(tmp_path):
    with pytest.raises(ValidationError, match="crop_to_aspect_ratio has no effect without size"):
        settings(folder(tmp_path), size=None, crop_to_aspect_ratio=True)
    image, mask = Image.parse({"size": 16, "channels": 1, "crop_to_aspect_ratio": True}), Mask.parse({"classes": 2})
    plans = [
        FieldPlan("x", image, ("x",), "input", None, image.plan_spec("x", None, is_target=False)),
        FieldPlan("m", mask, ("m",), "target", None, mask.plan_spec("m", None, is_target=True)),
    ]
    assert [problem.path for problem in moving_problems(plans, {})] == [("data", "fields", "x", "crop_to_aspect_ratio")]
