"""Trained networks for images from folders of Hugging Face and timm: what they compute, their images, and where they are looked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor, nn
from torch.nn.functional import conv2d, gelu, layer_norm, linear, scaled_dot_product_attention
from torch.testing import assert_close

from nntrain.architectures.compiling import compile_program
from nntrain.commands.starting.bodies import BodyStart, bodies_of
from nntrain.config.reading import Config, read_mapping
from nntrain.data.fields.image import Image, Moments
from nntrain.errors import ConfigError
from nntrain.layers.program import Program
from nntrain.specs import IMAGE, VECTOR, Spec

CFG: dict[str, Any] = {"input_size": [3, 16, 16], "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
VIT: dict[str, Any] = {
    "architecture": "vit_tiny_patch16_224",
    "model_args": {"embed_dim": 8, "depth": 2, "num_heads": 2, "patch_size": 4, "img_size": 16},
    "pretrained_cfg": CFG,
}


class Drawn:
    """As much of a blueprint as the start of a body reads."""

    def __init__(self, program: Program) -> None:
        self.program = program


def read(body: dict[str, Any], **image: Any) -> Config:
    fields = {"x": {"type": "image", **image}, "y": {"type": "category", "role": "target"}}
    tree = {"data": {"source": {"type": "csv", "path": "x.csv"}, "fields": fields}, "architecture": body}
    return read_mapping(tree, folder=Path.cwd())


def started(body: dict[str, Any], size: int) -> tuple[nn.Module, BodyStart]:
    config = read(body)
    assert config.absent == ()
    assert config.experiment.architecture is not None
    program = compile_program(config.experiment.architecture, {"x": Spec(IMAGE, (3, size, size))}, {"y": Spec(VECTOR, (2,), "logits")})
    network = program.build().eval()
    start = bodies_of(config, cast("Any", Drawn(program)))
    assert start is not None
    with torch.no_grad():
        start.load(network)
    return network, start


def features(network: nn.Module, images: Tensor) -> Tensor:
    """What the head gets."""
    found: list[Tensor] = []
    handle = network.get_submodule("head").register_forward_hook(lambda _, given, __: found.append(given[0]))
    with torch.no_grad():
        network({"x": images})
    handle.remove()
    return found[0]


def field(config: Config) -> Image:
    found = config.experiment.data.fields["x"]
    assert isinstance(found, Image)
    return found


def folder(config: dict[str, Any], tensors: dict[str, Tensor], path: Path = Path("hub")) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config))
    save_file(tensors, path / "model.safetensors")
    return path


def vit_tensors(dim: int = 8, blocks: int = 2) -> dict[str, Tensor]:
    """Random tensors under timm's names."""
    shapes: dict[str, tuple[int, ...]] = {"cls_token": (1, 1, dim), "pos_embed": (1, 17, dim), "patch_embed.proj.weight": (dim, 3, 4, 4)}
    shapes |= {"patch_embed.proj.bias": (dim,), "norm.weight": (dim,), "norm.bias": (dim,), "head.weight": (5, dim), "head.bias": (5,)}
    for place in range(blocks):
        for name, out, into in (("attn.qkv", 3 * dim, dim), ("attn.proj", dim, dim), ("mlp.fc1", 4 * dim, dim), ("mlp.fc2", dim, 4 * dim)):
            shapes |= {f"blocks.{place}.{name}.weight": (out, into), f"blocks.{place}.{name}.bias": (out,)}
        for name in ("norm1", "norm2"):
            shapes |= {f"blocks.{place}.{name}.weight": (dim,), f"blocks.{place}.{name}.bias": (dim,)}
    generator = torch.Generator().manual_seed(3)
    return {name: torch.randn(shape, generator=generator) * 0.4 for name, shape in shapes.items()}


def vit_features(weights: dict[str, Tensor], images: Tensor, heads: int = 2) -> Tensor:
    """What such a network gives at its class token, `[B, F]` (Dosovitskiy et al. 2021)."""

    def dense(x: Tensor, name: str) -> Tensor:
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-6)

    patches = conv2d(images, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], stride=4).flatten(2).mT
    x = torch.cat([weights["cls_token"].expand(len(images), -1, -1), patches], 1) + weights["pos_embed"]
    for place in range(2):
        block = f"blocks.{place}"
        joint: Tensor = dense(norm(x, f"{block}.norm1"), f"{block}.attn.qkv")
        parts = joint.view(len(x), -1, 3, heads, joint.shape[-1] // (3 * heads)).permute(2, 0, 3, 1, 4)
        x = x + dense(scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).flatten(2), f"{block}.attn.proj")
        x = x + dense(gelu(dense(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1")), f"{block}.mlp.fc2")
    return norm(x, "norm")[:, 0]


def test_a_vit_of_timm_gives_what_its_formulas_give_and_brings_its_images() -> None:
    weights = vit_tensors()
    folder(VIT, weights)
    network, start = started({"type": "vit", "pretrained": "hub"}, 16)
    images = torch.randn(3, 3, 16, 16)
    assert_close(features(network, images), vit_features(weights, images), atol=1e-5, rtol=1e-5)
    assert start.lines()[0].startswith("hub: vit_tiny_patch16_224, 30 tensors; 100% of the body")
    assert start.lines()[1] == "not used: head.bias, head.weight"
    config = read({"type": "vit", "pretrained": "hub"})
    taken = field(config)
    assert (taken.size, taken.channels, taken.normalize) == (16, 3, Moments(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)))
    saved = config.experiment.model_dump(mode="json", by_alias=True)
    (Path("hub") / "config.json").unlink()
    assert read_mapping(saved, folder=Path.cwd()).experiment.model_dump(mode="json", by_alias=True) == saved


def test_what_an_image_says_otherwise_is_told_and_what_fits_is_kept() -> None:
    folder(VIT, vit_tensors())
    body = {"type": "vit", "pretrained": "hub"}
    with pytest.raises(ConfigError) as told:
        read(body, size=32, normalize="imagenet", channels=1)
    text = str(told.value)
    assert "is 32 x 32, and hub reads 16 x 16 alone" in text
    assert "is another than hub was trained with ({mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}, by its config.json)" in text
    assert "is 1, and hub reads 3" in text
    assert field(read(body, normalize=[-2, 2])).normalize == (-2, 2)


VIT_BODY: dict[str, Any] = {"type": "vit", "pretrained": "hub"}


def image_fields(nodes: dict[str, Any], **fields: Any) -> dict[str, Image]:
    """The fields of a config with such nodes."""
    columns = {**{name: {"type": "image", **said} for name, said in fields.items()}, "y": {"type": "category", "role": "target"}}
    tree = {"data": {"source": {"type": "csv", "path": "x.csv"}, "fields": columns}, "architecture": {"nodes": nodes}}
    found = read_mapping(tree, folder=Path.cwd()).experiment.data.fields
    return {name: field for name, field in found.items() if isinstance(field, Image)}


def test_images_that_no_trained_network_reads_stay_as_they_are_written() -> None:
    folder(VIT, vit_tensors())
    theirs, own = (
        {"from": "photo", "layers": [VIT_BODY]},
        {"from": "scan", "layers": [{"type": "conv2d", "out_channels": 4, "kernel_size": 3}, "global_avg_pool"]},
    )
    both = {"theirs": theirs, "own": own, "joined": {"concat": ["theirs", "own"]}}
    said = {"size": 32, "channels": 1, "normalize": "standard"}
    for scan in (said, {}):
        found = image_fields(both, photo={}, scan=scan)
        assert (found["photo"].size, found["photo"].channels) == (16, 3)
        assert found["scan"] == Image.model_validate({"type": "image", **scan})
    twice = {"a": theirs, "b": {"from": "scan", "same_as": "a"}, "joined": {"concat": ["a", "b"]}}
    assert {field.size for field in image_fields(twice, photo={}, scan={}).values()} == {16}
    assert {field.size for field in image_fields({"a": {**theirs, "from": "image"}}, photo={}).values()} == {16}


def test_a_normalisation_that_does_not_follow_must_be_written() -> None:
    folder(VIT, vit_tensors())
    folder({**VIT, "pretrained_cfg": {**CFG, "std": [0.5, 0.5, 0.5]}}, vit_tensors(), Path("other"))
    folder({**VIT, "pretrained_cfg": {"input_size": [3, 16, 16]}}, vit_tensors(), Path("silent"))
    other: dict[str, Any] = {"from": "photo", "layers": [{**VIT_BODY, "pretrained": "other"}]}
    two = {"a": {"from": "photo", "layers": [VIT_BODY]}, "b": other, "joined": {"concat": ["a", "b"]}}
    later = {"a": {"from": "photo", "layers": [{"type": "upsample", "scale_factor": 2}, VIT_BODY]}}
    silent = {"a": {"from": "photo", "layers": [{**VIT_BODY, "pretrained": "silent"}]}}
    written = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    for nodes, words in (
        (
            two,
            ["is read by hub (trained with {mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25]}) and other (trained with {mean", "say which"],
        ),
        (later, ["reaches hub through other layers", "fix:  photo: {type: image, normalize: {mean: [0.5, 0.5, 0.5], std"]),
        (silent, ["is read by silent, which doesn't tell the normalisation of its training (in config.json)", "normalize: imagenet}"]),
    ):
        with pytest.raises(ConfigError) as told:
            image_fields(nodes, photo={})
        assert all(word in str(told.value) for word in words), str(told.value)
        assert image_fields(nodes, photo={"normalize": written})["photo"].normalize == Moments(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))


class Block(nn.Module):
    """A block of timm's resnet18, in its names."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        shortcut = [nn.Conv2d(into, out, 1, stride, bias=False), nn.BatchNorm2d(out)] if stride > 1 else []
        self.downsample = nn.Sequential(*shortcut)

    def forward(self, x: Tensor) -> Tensor:
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + self.downsample(x)).relu()


class ResNet18(nn.Module):
    """The network of He et al. 2015, in timm's names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1, self.maxpool = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.MaxPool2d(3, 2, 1)
        widths = (64, 64, 128, 256, 512)
        for stage in range(1, 5):
            into, out = widths[stage - 1 : stage + 1]
            self.add_module(f"layer{stage}", nn.Sequential(Block(into, out, 1 if stage == 1 else 2), Block(out, out, 1)))
        self.fc = nn.Linear(512, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        return x.mean((2, 3))


def test_a_resnet_of_the_hubs_cache_gives_what_it_gave(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ResNet18()
    with torch.no_grad():
        for name, each in theirs.state_dict().items():
            if name.endswith(("running_mean", "running_var")):
                each.uniform_(0.5, 1.5)
    monkeypatch.setenv("HF_HOME", "hf")
    kept = Path("hf/hub/models--timm--resnet18.tv_in1k")
    cfg = {"input_size": [3, 224, 224], "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    folder({"architecture": "resnet18", "pretrained_cfg": cfg}, theirs.state_dict(), kept / "snapshots" / "abcdef0")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abcdef0")
    body = {"type": "resnet", "depth": 18, "pretrained": "imagenet"}
    network, start = started(body, 64)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert_close(features(network, images), theirs.eval()(images), atol=1e-4, rtol=1e-4)
    assert start.lines()[0].startswith("timm/resnet18.tv_in1k: resnet18, 100 tensors; 100% of the body (11,176,512 numbers)")
    assert [line for line in start.lines() if "224" in line] == [
        "timm/resnet18.tv_in1k reads images of 64 x 64, and was trained on 224 x 224"
    ]
    config = read(body)
    assert (field(config).size, field(config).normalize) == (224, "imagenet")
    assert field(read(body, size=96)).size == 96
    assert cast("Any", config.experiment.architecture).pretrained.path == "timm/resnet18.tv_in1k"


def test_what_is_not_there_is_told_with_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "kept")
    (absent,) = read({"type": "resnet", "depth": 34, "pretrained": "imagenet"}).absent
    assert "there is no folder" in absent.message
    assert "timm/resnet34.tv_in1k, and no kept/models--timm--resnet34.tv_in1k in the hub's cache" in absent.message
    assert "run:  hf download timm/resnet34.tv_in1k" in str(absent.hint)
    for body in ({"type": "resnet", "depth": 20}, {"type": "vit", "dim": 100}, {"type": "transformer_encoder"}):
        with pytest.raises(ConfigError, match="imagenet names no weights for this network"):
            read({**body, "pretrained": "imagenet"})


def test_misfits_and_missing_tensors_are_all_named() -> None:
    folder(VIT, vit_tensors())
    for body, words in (
        ({"type": "resnet"}, r"holds a vit \(vit_tiny_patch16_224\)"),
        ({"type": "vit", "dim": 16}, "dim is 16, and the network in hub has 8"),
        ({"type": "vit", "pool": "mean"}, "pool is mean, and the network in hub has class_token"),
    ):
        with pytest.raises(ConfigError, match=words):
            read({**body, "pretrained": "hub"})
    weights = vit_tensors()
    del weights["blocks.0.norm1.bias"]
    weights["norm.bias"] = torch.zeros(9)
    folder(VIT, weights)
    with pytest.raises(ConfigError) as told:
        started({"type": "vit", "pretrained": "hub"}, 16)
    for words in ("has no tensor blocks.0.norm1.bias", "norm.bias has another shape: [9] there", "of the body fit, and all of it must"):
        assert words in str(told.value)
    folder({**VIT, "architecture": "vit_tiny_patch16_dinov9"}, weights)
    with pytest.raises(ConfigError, match="timm's architecture 'vit_tiny_patch16_dinov9', and these are read: resnet18"):
        read({"type": "vit", "pretrained": "hub"})


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["vit", "basic", "bottleneck"])
def test_the_networks_of_the_library_itself_say_the_same(kind: str) -> None:
    transformers: Any = pytest.importorskip("transformers", reason="compares with the package transformers, which is not installed")
    transformers.logging.disable_progress_bar()
    if kind == "vit":
        sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
        model = transformers.ViTForImageClassification(transformers.ViTConfig(image_size=32, patch_size=8, **sizes))
        inner, body = model.vit, {"type": "vit"}
    else:
        wide = [8, 16, 32, 64] if kind == "basic" else [32, 64, 128, 256]
        blocks = [2, 2, 2, 2] if kind == "basic" else [3, 4, 6, 3]
        settings = transformers.ResNetConfig(embedding_size=8, hidden_sizes=wide, depths=blocks, layer_type=kind)
        model = transformers.ResNetForImageClassification(settings)
        inner, body = model.resnet, {"type": "resnet", "depth": 18 if kind == "basic" else 50}
    with torch.no_grad():
        for name, each in model.state_dict().items():
            if name.endswith(("running_mean", "running_var")):
                each.uniform_(0.5, 1.5)
            elif kind == "vit":
                each.normal_(std=0.3)
    model.eval().save_pretrained("hub")
    means = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.5, 0.5, 0.4], "size": {"shortest_edge": 48}}
    (Path("hub") / "preprocessor_config.json").write_text(json.dumps(means))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = inner(images)
        expected = found.last_hidden_state[:, 0] if kind == "vit" else found.pooler_output.flatten(1)
    network, start = started({**body, "pretrained": "hub"}, 32)
    assert_close(features(network, images), expected, atol=1e-4, rtol=1e-4)
    assert "100% of the body" in start.lines()[0]
    taken = field(read({**body, "pretrained": "hub"}))
    assert taken.size == (32 if kind == "vit" else 48)
    assert taken.normalize == Moments(mean=(0.1, 0.2, 0.3), std=(0.5, 0.5, 0.4))
