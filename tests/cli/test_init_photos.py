"""`nntrain init` of photos as they come from cameras: of several sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from nntrain.cli import main
from nntrain.commands.beginning.photo_sizes import PhotoSizes


def test_photos_of_several_sizes_get_a_config_that_trains_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for row in range(24):
        label, size = ("ant", "bee")[row % 2], [(40, 60), (60, 40), (33, 50)][row % 3]
        pixels = np.full((*size, 3), 200 * (row % 2), np.uint8)
        path = tmp_path / "photos" / label / f"{row:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    assert main(["init", "photos"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert told.endswith("next: nntrain fit")
    assert main(["init", "photos", "-o", "second.yaml"]) == 0
    assert capsys.readouterr().out.rstrip().endswith("next: nntrain fit second.yaml")
    Path("second.yaml").unlink()
    assert "3 sizes of images, 33 x 50 to 40 x 60 (height x width): cut to squares and resized to 32 x 32" in told
    config = yaml.safe_load((tmp_path / "photos.yaml").read_text())
    assert config["data"]["fields"]["image"] == {"type": "image", "size": 32, "crop_to_aspect_ratio": True}
    assert main(["fit", "training.max_epochs=1", "training.device=cpu"]) == 0
    assert "accuracy" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sizes", "side"), [(((500, 375), (375, 500)), 224), (((100, 90), (130, 64), (70, 300)), 64), (((9, 8), (8, 8)), 28)]
)
def test_the_size_is_one_that_half_of_them_have(sizes: tuple[tuple[int, int], ...], side: int) -> None:
    assert PhotoSizes(sizes).side == side
