"""resnet, vgg, densenet, mobilenet, unet: the published networks, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from compiled import CLASSES, compiled, lines, problems, told

from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import FAMILIES
from nntrain.architectures.unet import UNet
from nntrain.schema import load_class
from nntrain.specs import IMAGE, VECTOR, Spec

PHOTO = {"photo": Spec(IMAGE, (3, 224, 224))}
SMALL = {"photo": Spec(IMAGE, (3, 32, 32))}
THOUSAND = {"y": Spec(VECTOR, (1000,), "logits")}

PUBLISHED = [
    # torchvision's models with 1,000 classes
    ({"resnet": 18}, 11_689_512),
    ({"resnet": 34}, 21_797_672),
    ({"resnet": 50}, 25_557_032),
    ({"resnet": 101}, 44_549_160),
    ({"resnet": 152}, 60_192_808),
    ({"vgg": 11}, 132_863_336),
    ({"vgg": 16}, 138_357_544),
    ({"vgg": 19}, 143_667_240),
    ({"densenet": 121}, 7_978_856),
    ({"densenet": 161}, 28_681_000),
    ({"densenet": 169}, 14_149_480),
    ({"densenet": 201}, 20_013_928),
    ("mobilenet", 3_504_872),
]


@pytest.mark.parametrize(("family", "count"), PUBLISHED, ids=[str(family) for family, _ in PUBLISHED])
def test_parameters_of_the_published_networks(family: Any, count: int) -> None:
    assert compiled(family, PHOTO, THOUSAND).num_parameters == count


@pytest.mark.parametrize(
    ("depth", "count"),
    [(20, 272_474), (56, 855_770), (110, 1_730_714)],  # He et al. 2015, table 6: 0.27, 0.85 and 1.7 million, with convolutions as shortcuts
)
def test_parameters_of_the_networks_for_small_images(depth: int, count: int) -> None:
    assert compiled({"resnet": depth}, SMALL, {"y": Spec(VECTOR, (10,), "logits")}).num_parameters == count


CASES = [
    ({"type": "resnet", "depth": 18, "stem": "cifar", "width": 8}, SMALL),
    ({"type": "resnet", "depth": 50, "width": 4}, SMALL),
    ({"type": "vgg", "depth": 11, "hidden": [16]}, SMALL),
    ({"type": "vgg", "depth": 11, "hidden": [], "reduce": "mean"}, SMALL),
    ({"type": "densenet", "growth_rate": 4, "stem": "cifar"}, SMALL),
    ({"type": "mobilenet", "width_multiplier": 0.25}, SMALL),
    ({"type": "mobilenet", "width_multiplier": 0.25, "stem": "cifar"}, {"photo": Spec(IMAGE, (1, 8, 8))}),
]


@pytest.mark.parametrize(("options", "inputs"), CASES, ids=[str(options) for options, _ in CASES])
def test_a_small_one_runs_as_it_was_planned(options: dict[str, Any], inputs: dict[str, Spec]) -> None:
    program = compiled(options, inputs)
    network = program.build()
    outputs, _ = network({"photo": torch.rand(2, *inputs["photo"].sizes)})
    assert outputs["y"].shape == (2, 3)
    assert sum(parameter.numel() for parameter in network.parameters()) == program.num_parameters
    outputs["y"].square().sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


@pytest.mark.parametrize("up", ["conv_transpose", "upsample"])
def test_a_unet_gives_features_at_every_pixel(up: str) -> None:
    program = compiled({"type": "unet", "channels": 4, "num_levels": 2, "up": up}, SMALL, {"y": Spec(IMAGE, (2, 32, 32), "logits")})
    outputs, _ = program.build()({"photo": torch.rand(2, 3, 32, 32)})
    assert outputs["y"].shape == (2, 2, 32, 32)


def test_parameters_of_the_unet() -> None:
    needs = {"y": Spec(IMAGE, (2, 224, 224), "logits")}
    program = compile_program(UNet(), PHOTO, needs)
    widths = [64, 128, 256, 512, 1024]
    block = [9 * (i * o + o * o) + 4 * o for i, o in zip([3, *widths], widths, strict=False)]
    up = [4 * 2 * o * o + o + 9 * (2 * o * o + o * o) + 4 * o for o in widths[:-1]]
    assert program.num_parameters == sum(block) + sum(up) + 64 * 2 + 2 == 31_037_698


def test_norm_and_dropout_stand_where_the_papers_have_them() -> None:
    program = compiled({"type": "vgg", "depth": 11, "hidden": [16]}, SMALL, None, {"norm": "batch", "dropout": 0.5})
    assert sum("batch_norm" in line for line in lines(program)) == 8
    assert [line for line in lines(program) if "dropout" in line] == ["dropout_1: dropout -> [16]"]
    program = compiled({"type": "resnet", "depth": 20}, SMALL, None, {"norm": "group", "stochastic_depth": 0.2})
    assert not any("batch_norm" in line for line in lines(program))
    assert sum("stochastic_depth" in line for line in lines(program)) == 9


@pytest.mark.parametrize(
    ("options", "inputs", "word"),
    [
        ({"resnet": 18}, {"x": Spec(VECTOR, (4,))}, "needs an image"),
        ({"resnet": 18}, {"photo": Spec(IMAGE, (3, 16, 16))}, "needs 32 x 32 pixels"),
        ({"vgg": 11}, {"photo": Spec(IMAGE, (3, 28, 28))}, "needs 32 x 32 pixels"),
        ({"type": "unet"}, {"photo": Spec(IMAGE, (3, 100, 100))}, "multiples of 16"),
    ],
)
def test_images_that_do_not_fit_are_refused(options: Any, inputs: dict[str, Spec], word: str) -> None:
    needs = {"y": Spec(IMAGE, (2, 100, 100), "logits")} if "type" in options else {"y": CLASSES}
    assert word in told(problems(options, inputs, needs))[0]


def test_every_family_says_what_it_is() -> None:
    assert all(load_class(location).__doc__ for location in FAMILIES.values())
