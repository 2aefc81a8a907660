"""Further views of images: the same for all rows, moved back to the pixels of the image, and a mean over those that have a pixel."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError

from nntrain.data.augmentation.settings import AUGMENTATIONS
from nntrain.data.augmentation.views import Views
from nntrain.data.fields.image import Image
from nntrain.schema import load_class

MOVES: list[Any] = [
    "flip",
    {"flip": {"direction": "vertical"}},
    {"crop": 3},
    {"crop": {"padding": 3, "padding_mode": "reflect"}},
    {"rotate": 60},
    {"shift": 0.3},
    {"zoom": [0.6, 1.5]},
    {"random_resized_crop": [0.4, 0.9]},
]
"""Changes that move pixels: the first four by whole ones."""


def views_of(test_augment: list[Any], seed: int = 3) -> Views:
    found = Views.of({"x": Image.parse({"type": "image", "test_augment": test_augment})}, seed)
    assert found is not None
    return found


def smooth(rows: int = 4, height: int = 24, width: int = 20) -> torch.Tensor:
    """Waves, between whose pixels values change little."""
    y, x = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    return torch.stack([torch.stack([(2 * y + x + row).sin(), (x - y + row).cos()]) for row in range(rows)])


@pytest.mark.parametrize("place", range(len(MOVES)), ids=lambda place: str(MOVES[place]))
@pytest.mark.parametrize("seed", [0, 1])
def test_what_is_said_of_a_view_comes_back_to_the_pixels_of_the_image(place: int, seed: int) -> None:
    for changes in ([MOVES[place]], [["flip", MOVES[place]]]):
        views, image = views_of(changes, seed), smooth()
        shown = views.each[0].of_images(image)
        back, seen = views.each[0].moved_back(shown)
        assert (seen.shape, float(seen.max())) == ((4, 1, 24, 20), pytest.approx(1, abs=1e-5))
        mean = views.mean((image, shown), is_map=True)
        if place < 4:
            assert torch.equal(back, image * seen)
            torch.testing.assert_close(mean, image, rtol=0, atol=1e-6)
            continue
        inside = (seen > 0.999).expand_as(image)
        assert inside.float().mean() > 0.2
        assert ((back - image).abs()[inside] < 0.05).float().mean() > 0.8, "but where black was mixed in at an edge"
        unseen = (seen == 0).expand_as(mean)
        assert torch.equal(mean[unseen], image[unseen]), "what no view has is as it is"


def test_every_augmentation_that_moves_pixels_returns_and_is_above() -> None:
    classes: dict[str, Any] = {tag: load_class(place) for tag, place in AUGMENTATIONS.items()}
    moving = {tag for tag, found in classes.items() if found.moves}
    assert moving == {tag for tag, found in classes.items() if found.returns}
    assert moving == {each if isinstance(each, str) else next(iter(each)) for each in MOVES}


def test_a_view_is_the_same_for_all_images_and_another_for_another_seed_or_place() -> None:
    changes: list[Any] = [{"shift": 0.2}, {"shift": 0.2}, {"rotate": 20}, {"noise": 0.1}, {"jitter": {"brightness": 0.5}}, "erasing"]
    images = torch.rand(3, 3, 9, 7)
    views = views_of(changes)
    shown = [view.of_images(images) for view in views.each]
    for view, whole in zip(views.each, shown, strict=True):
        torch.testing.assert_close(torch.cat([view.of_images(images[[row]]) for row in range(3)]), whole)
    assert not torch.equal(shown[0], shown[1])
    assert not torch.equal(shown[0], views_of(changes, seed=4).each[0].of_images(images))
    torch.testing.assert_close(shown[3] - images, (shown[3] - images)[:1].expand_as(images))
    assert bool((shown[5] == 0).any(dim=(1, 2, 3)).all()), "a view is sure to be changed"


def test_the_mean_of_a_pixel_is_that_of_the_views_that_have_it() -> None:
    views = views_of(["flip", {"crop": 2}, {"noise": 0.1}])
    said = [torch.rand(5, 4, 6, 8) for _ in range(4)]
    shifted, seen = views.each[1].moved_back(said[2])
    assert 0 < float(seen.mean()) < 1
    wanted = (said[0] + said[1].flip(3) + shifted + said[3]) / (3 + seen)
    torch.testing.assert_close(views.mean(tuple(said), is_map=True), wanted)
    shares = [torch.rand(5, 3, dtype=torch.float64) for _ in range(4)]
    torch.testing.assert_close(views.mean(tuple(shares), is_map=False), torch.stack(shares).mean(dim=0))


def test_views_resolve_to_themselves() -> None:
    field = Image.parse({"type": "image", "test_augment": ["flip", {"shift": 0.1}, {"shift": 0.1}, ["flip", "erasing"]]})
    again = Image.parse(field.dump())
    assert again == field
    assert [[(each.type, getattr(each, "p", None)) for each in view] for view in again.views] == [
        [("flip", 1.0)],
        [("shift", None)],
        [("shift", None)],
        [("flip", 1.0), ("erasing", 1.0)],
    ]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ([{"flip": 0.5}], "p has no effect"),
        ([[]], "view 1 changes nothing"),
        (["flip", "flip"], "view 2 stands twice"),
        (["flap"], "no augmentation 'flap'"),
    ],
)
def test_views_that_make_no_sense(written: Any, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Image.parse({"type": "image", "test_augment": written})
