"""`nntrain init` of a folder of images and one of their masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from nntrain.cli import main
from nntrain.commands.beginning.mask_folders import find_mask_folders
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.config.reading import read_config


def write(folder: Path, image: str, mask: str, sizes: list[tuple[int, int]]) -> None:
    """Dark images `00.png`, … with a bright square, which the mask has as 255."""
    for row, size in enumerate(sizes):
        pixels = np.zeros(size, np.uint8)
        pixels[2 + row % 3 : 10, 4:12] = 255
        for name, content in ((image, pixels // 2), (mask, pixels)):
            path = folder / name.format(f"{row:02d}")
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(content).save(path)


def test_the_config_trains_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cells", "image/{}.png", "label/{}.png", [(16, 16)] * 12)
    Image.new("L", (16, 16)).save(tmp_path / "cells" / "image" / "99.png")
    assert main(["init", "cells"]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "12 of images and masks, by their names: image/{id}.png, label/{id}.png" in told
    assert "1 without a partner: image/99.png" in told
    assert "pixels of the masks hold 0, 255" in told
    config = yaml.safe_load((tmp_path / "cells.yaml").read_text())
    assert config["data"]["source"]["path"] == {"image": "cells/image/{id}.png", "mask": "cells/label/{id}.png"}
    assert config["data"]["fields"] == {"image": "image", "mask": {"type": "mask", "classes": {"0": "0", "255": "255"}}}
    assert config["data"]["target"] == "mask"
    assert config["architecture"]["type"] == "unet"
    assert main(["fit", "training.max_epochs=1", "architecture.channels=2", "training.device=cpu"]) == 0
    assert "iou" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("image", "mask", "sizes", "patterns", "size"),
    [
        ("Images/{}.png", "masks/{}.png", [(16, 32)] * 2, ("Images/{id}.png", "masks/{id}.png"), None),
        ("a/img/{}.jpg", "a/gt/{}_mask.png", [(16, 16)] * 2, ("a/img/{id}.jpg", "a/gt/{id}_mask.png"), None),
        ("image/{}.png", "label/{}.png", [(30, 47)] * 2, ("image/{id}.png", "label/{id}.png"), (32, 48)),
        ("image/{}.png", "label/{}.png", [(16, 16), (32, 16)], ("image/{id}.png", "label/{id}.png"), (256, 256)),
    ],
    ids=["capitals", "endings", "not to be halved", "several sizes"],
)
def test_what_is_found(
    image: str, mask: str, sizes: list[tuple[int, int]], patterns: tuple[str, str], size: object, tmp_path: Path
) -> None:
    write(tmp_path, image, mask, sizes)
    found = find_mask_folders(tmp_path)
    assert found is not None
    assert (found.image, found.mask) == patterns
    assert found.size == size
    assert found.pairs == len(sizes)
    assert any(word in " ".join(text for _, text in found.told(["0", "255"])) for word in ("resized", "pixels of the masks"))


@pytest.mark.parametrize(
    ("image", "mask"), [("cat/{}.png", "dog/{}.png"), ("image/{}.png", "label/x{}.png"), ("image/{}.png", "image/{}.bmp")]
)
def test_other_folders_are_none(image: str, mask: str, tmp_path: Path) -> None:
    write(tmp_path, image, mask, [(8, 16)] * 2)
    assert find_mask_folders(tmp_path) is None


def test_a_palette_of_more_values_than_classes_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cells", "image/{}.png", "label/{}.png", [(16, 16)] * 4)
    for row in range(4):
        Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).save(tmp_path / "cells" / "label" / f"{row:02d}.png")
    assert main(["init", "cells"]) == 3
    assert "JPEG? JPEG changes the values of pixels" in " ".join(capsys.readouterr().err.split())


def test_a_value_that_lies_in_a_single_test_mask_is_a_class(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cells", "image/{}.png", "label/{}.png", [(16, 16)] * 20)
    assert main(["init", "cells"]) == 0
    prepared = prepare_job(read_config(tmp_path / "cells.yaml")).prepared
    assert prepared.test is not None
    row = int(prepared.test.rows[0])
    rare = tmp_path / "cells" / "label" / f"{row:02d}.png"
    pixels = np.asarray(Image.open(rare)).copy()
    pixels[0, 0] = 7
    Image.fromarray(pixels).save(rare)
    capsys.readouterr()
    assert main(["init", "cells", "--force"]) == 0
    assert "pixels of the masks hold 0, 7, 255" in " ".join(capsys.readouterr().out.split())
    assert yaml.safe_load((tmp_path / "cells.yaml").read_text())["data"]["fields"]["mask"]["classes"] == {"0": "0", "7": "7", "255": "255"}


def test_the_target_may_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "cells", "image/{}.png", "label/{}.png", [(16, 16)] * 8)
    assert main(["init", "cells", "--target", "mask"]) == 0
    assert "their names in fields.mask.classes may be others" in " ".join(capsys.readouterr().out.split())
    assert yaml.safe_load((tmp_path / "cells.yaml").read_text())["data"]["target"] == "mask"
