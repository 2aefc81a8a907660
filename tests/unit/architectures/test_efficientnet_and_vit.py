"""EfficientNet-Lite and the vision transformer: parameters, numbers and mistakes, beside the published networks."""

from __future__ import annotations

import pytest
import torch
from compiled import compiled, lines, problems, told
from torch import nn

from nntrain.specs import IMAGE, VECTOR, Spec, Unknown

THOUSAND = {"y": Spec(VECTOR, (1000,), "logits")}


def image(size: int | tuple[int, int], channels: int = 3) -> dict[str, Spec]:
    height, width = (size, size) if isinstance(size, int) else size
    return {"photo": Spec(IMAGE, (channels, height, width))}


@pytest.mark.parametrize(
    ("variant", "size", "parameters"),
    [
        ("lite0", 224, 4_652_008),
        ("lite1", 240, 5_416_680),
        ("lite2", 260, 6_092_072),
        ("lite3", 280, 8_197_096),
        ("lite4", 300, 13_006_568),
    ],
)
def test_variants_have_the_parameters_of_the_published_networks(variant: str, size: int, parameters: int):
    program = compiled({"type": "efficientnet_lite", "variant": variant}, image(size), THOUSAND)
    assert program.num_parameters == parameters


def test_lite0_has_the_tensors_of_the_published_weights_in_their_order():
    network = compiled("efficientnet_lite", image(224), THOUSAND).build()
    shapes = [tuple(tensor.shape) for tensor in network.state_dict().values()]
    assert len(shapes) == 296
    block = [(32, 1, 3, 3), *[(32,)] * 4, (), (16, 32, 1, 1), *[(16,)] * 4, (), (96, 16, 1, 1)]
    assert shapes[: 6 + len(block)] == [(32, 3, 3, 3), *[(32,)] * 4, (), *block]
    assert shapes[-8:] == [(1280, 320, 1, 1), *[(1280,)] * 4, (), (1000, 1280), (1000,)]


def waves(network: nn.Module) -> None:
    """Weights that a formula gives, so that another implementation can have the same."""
    for number, (name, tensor) in enumerate(network.state_dict().items()):
        if tensor.ndim == 0:
            continue
        wave = torch.sin(torch.arange(tensor.numel(), dtype=torch.float64) * 0.7 + number).reshape(tensor.shape)
        if tensor.ndim > 1:
            tensor.copy_(wave * (3 / tensor[0].numel()) ** 0.5)
        else:
            tensor.copy_(1 + 0.3 * wave if name.endswith(("weight", "running_var")) else 0.3 * wave)


@pytest.mark.parametrize(("size", "expected"), [(64, [7.71021, -19.22242, 23.34262]), (75, [7.75067, -19.34198, 23.49308])])
def test_lite0_gives_the_numbers_of_the_original_code(size: int, expected: list[float]):
    """Those of the package efficientnet-lite-pytorch 0.1.0, of even and odd sizes, which TensorFlow pads differently."""
    network = compiled("efficientnet_lite", image(size)).build().eval()
    waves(network)
    photo = torch.sin(torch.arange(3 * size * size, dtype=torch.float64) * 0.37).reshape(1, 3, size, size).float()
    with torch.inference_mode():
        assert network({"photo": photo})[0]["y"][0].tolist() == pytest.approx(expected, abs=1e-4)


def test_strided_convolutions_pad_an_odd_point_at_the_end():
    found = lines(compiled("efficientnet_lite", image((64, 65))))
    assert found[:2] == [
        "pad_1: pad [[0, 1], [1, 1]] -> [3, 65, 67]",
        "conv2d_1: conv2d 32, kernel_size 3, stride 2, bias false -> [32, 32, 33]",
    ]


def test_regularization_has_its_places():
    network = compiled("efficientnet_lite", image(32), None, {"dropout": 0.2, "stochastic_depth": 0.2, "norm": "group"})
    kinds = [step.layer.type for step in network.steps]
    assert kinds[-2:] == ["dropout", "linear"]
    assert kinds.count("stochastic_depth") == kinds.count("add") == 9
    assert "batch_norm" not in kinds


@pytest.mark.parametrize(
    ("options", "size", "parameters"),
    [
        ({}, 224, 5_717_416),
        ({"dim": 384, "num_heads": 6}, 224, 22_050_664),
        ({"dim": 768, "num_heads": 12}, 224, 86_567_656),
        ({"dim": 768, "num_heads": 12, "patch_size": 32}, 224, 88_224_232),
        ({"dim": 1024, "num_heads": 16, "num_layers": 24}, 224, 304_326_632),
    ],
)
def test_vision_transformers_have_the_parameters_of_the_paper(options: dict[str, object], size: int, parameters: int):
    assert compiled({"type": "vit", **options}, image(size), THOUSAND).num_parameters == parameters


def test_patches_are_read_row_by_row_behind_the_class_token():
    found = lines(compiled({"type": "vit", "patch_size": 4, "dim": 8, "num_heads": 2, "num_layers": 1}, image((8, 12))))
    assert found[:4] == [
        "conv2d_1: conv2d 8, kernel_size 4, stride 4 -> [8, 2, 3]",
        "rearrange_1: rearrange c h w -> (h w) c -> [6, 8]",
        "class_token_1: class_token -> [7, 8]",
        "position_embedding_1: position_embedding learned -> [7, 8]",
    ]
    assert found[-3:] == ["layer_norm_3: layer_norm, eps 1e-06 -> [7, 8]", "pool_1: pool first -> [8]", "head: linear 3 -> [3]"]


def test_a_small_vision_transformer_is_torchs_encoder_over_patches():
    """The same weights in torch's own layers give the same numbers."""
    small = {"type": "vit", "patch_size": 2, "dim": 8, "num_heads": 2, "num_layers": 2}
    network = compiled(small, image(6)).build().eval()
    state = network.state_dict()
    layer = nn.TransformerEncoderLayer(8, 2, 32, 0.0, "gelu", 1e-6, batch_first=True, norm_first=True)
    encoder = nn.TransformerEncoder(layer, 2, nn.LayerNorm(8, 1e-6), enable_nested_tensor=False).eval()
    ours = [tensor for name, tensor in state.items() if name.split("_")[0] in {"layer", "multihead", "linear"}]
    by_block = [ours[:12], ours[12:24], ours[24:]]
    order = [2, 3, 4, 5, 8, 9, 10, 11, 0, 1, 6, 7]  # torch: attention, linear layers, then the norms
    with torch.no_grad():
        for block, mine in zip(encoder.layers, by_block[:2], strict=True):
            for parameter, place in zip(block.parameters(), order, strict=True):
                parameter.copy_(mine[place])
        network.get_parameter("class_token_1.weight").normal_()
        photo = torch.rand(2, 3, 6, 6)
        cut = photo.unfold(2, 2, 2).unfold(3, 2, 2).permute(0, 2, 3, 1, 4, 5).reshape(2, 9, 12)
        patches = cut @ state["conv2d_1.weight"].flatten(1).T + state["conv2d_1.bias"]
        tokens = torch.cat([state["class_token_1.weight"].expand(2, 1, 8), patches], 1) + state["position_embedding_1.weight"]
        expected = encoder(tokens)[:, 0] @ state["head.weight"].T + state["head.bias"]
        torch.testing.assert_close(network({"photo": photo})[0]["y"], expected)


def test_patches_that_do_not_divide_the_image_are_refused_at_their_line():
    assert told(problems({"type": "vit", "patch_size": 5}, image(28))) == [
        "architecture.patch_size vit cuts an image [3, 28, 28] into patches of 5 x 5, which doesn't work out."
        " patches that do: 1, 2, 4, 7, 14, 28; or another size of the image field"
    ]
    unknown = {"photo": Spec(IMAGE, (3, Unknown("height of photo"), Unknown("width of photo")))}
    assert compiled({"type": "vit", "patch_size": 5}, unknown).num_parameters is None


def test_patches_may_stay_or_be_averaged():
    kept = {
        "nodes": {
            "seen": {"from": "photo", "vit": {"patch_size": 4, "dim": 8, "num_heads": 2, "pool": None}},
            "a": {"from": "seen", "pool": "max"},
        }
    }
    assert "seen.class_token_1" not in [step.name for step in compiled(kept, image(8)).steps]
    mean = compiled({"type": "vit", "patch_size": 4, "dim": 8, "num_heads": 2, "pool": "mean"}, image(8))
    assert [step.layer.type for step in mean.steps if step.layer.type in {"class_token", "pool"}] == ["pool"]


@pytest.mark.parametrize("family", ["vit", "efficientnet_lite"])
def test_what_is_no_image_is_refused(family: str):
    [problem] = problems(family, {"age": Spec((), ())})
    assert "needs an image [C, H, W] and gets a row of numbers [1]" in problem.message


def test_a_frozen_body_has_no_backward_pass():
    network = compiled({"type": "efficientnet_lite", "freeze": ["conv2d_*", "batch_norm_*"]}, image(32)).build().train()
    seen: list[bool] = []
    network.get_submodule("head").register_forward_pre_hook(lambda _, given: seen.append(given[0].requires_grad))
    network({"photo": torch.rand(2, 3, 32, 32)})[0]["y"].sum().backward()
    assert seen == [False]
    assert [name for name, value in network.named_parameters() if value.grad is not None] == ["head.weight", "head.bias"]
