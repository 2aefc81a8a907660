"""What trained networks for images of Hugging Face call their tensors, and which options of ours make the same network. Torch-free."""

from __future__ import annotations

from typing import Final

from nntrain.errors import CheckpointError
from nntrain.weights.hub_config import HubFacts
from nntrain.weights.hub_kinds import Kind, Part, Piece, attention, averaged, dense

DEPTHS: Final[dict[tuple[str, tuple[int, ...]], int]] = {
    ("basic", (2, 2, 2, 2)): 18,
    ("basic", (3, 4, 6, 3)): 34,
    ("bottleneck", (3, 4, 6, 3)): 50,
    ("bottleneck", (3, 4, 23, 3)): 101,
    ("bottleneck", (3, 8, 36, 3)): 152,
}
"""Depth of a residual network by its kind of block and how many each stage has."""


def _of_vit(facts: HubFacts) -> dict[str, object]:
    return {
        "patch_size": facts.whole("patch_size", 16),
        "dim": facts.whole("hidden_size", 768),
        "num_layers": facts.whole("num_hidden_layers", 12),
        "num_heads": facts.whole("num_attention_heads", 12),
        "dim_feedforward": facts.whole("intermediate_size", 3072),
        "hidden_act": facts.text("hidden_act", "gelu"),
        "norm_eps": facts.positive("layer_norm_eps", 1e-12),
        "norm_first": True,
        "positions": "learned",
        "pool": "class_token",
    }


def _of_resnet(facts: HubFacts) -> dict[str, object]:
    kind, blocks, widths = facts.text("layer_type", "bottleneck"), facts.wholes("depths"), facts.wholes("hidden_sizes")
    depth = DEPTHS.get((kind, blocks))
    if depth is None:
        raise facts.wrong(
            "depths", f"a list of the blocks of a resnet of depth {', '.join(map(str, DEPTHS.values()))} (with its layer_type)"
        )
    width = facts.whole("embedding_size", 64)
    expansion = 4 if kind == "bottleneck" else 1
    if widths != tuple(width * expansion * 2**stage for stage in range(4)):
        raise facts.wrong("hidden_sizes", f"{expansion} times embedding_size, doubled from stage to stage,")
    return {"depth": depth, "stem": "imagenet", "width": width}


def _conv(name: str) -> Part:
    return {"weight": Piece((f"{name}.weight",))}


_ATTENTION = "encoder.layer.{i}.attention"
_LAYER, _BLOCK = "encoder.layer.{i}", "encoder.stages.{stage}.layers.{i}"

VISION_KINDS: Final[dict[str, Kind]] = {
    "vit": Kind(
        "vit",
        _of_vit,
        "embeddings.patch_embeddings.projection.weight",
        {
            "patches": dense("embeddings.patch_embeddings.projection"),
            "class_token": {"weight": Piece(("embeddings.cls_token",), "unbatched")},
            "position": {"weight": Piece(("embeddings.position_embeddings",), "unbatched")},
            "end": dense("layernorm"),
        },
        {
            "norm_1": dense(f"{_LAYER}.layernorm_before"),
            "attention": attention(
                f"{_ATTENTION}.attention.query",
                f"{_ATTENTION}.attention.key",
                f"{_ATTENTION}.attention.value",
                f"{_ATTENTION}.output.dense",
            ),
            "norm_2": dense(f"{_LAYER}.layernorm_after"),
            "hidden": dense(f"{_LAYER}.intermediate.dense"),
            "output": dense(f"{_LAYER}.output.dense"),
        },
        {"qkv_bias": True},
    ),
    "resnet": Kind(
        "resnet",
        _of_resnet,
        "embedder.embedder.convolution.weight",
        {"stem_conv": _conv("embedder.embedder.convolution"), "stem_norm": averaged("embedder.embedder.normalization")},
        {
            **{f"conv_{place + 1}": _conv(f"{_BLOCK}.layer.{place}.convolution") for place in range(3)},
            **{f"norm_{place + 1}": averaged(f"{_BLOCK}.layer.{place}.normalization") for place in range(3)},
            "shortcut": _conv(f"{_BLOCK}.shortcut.convolution"),
            "shortcut_norm": averaged(f"{_BLOCK}.shortcut.normalization"),
        },
        {"hidden_act": "relu", "downsample_in_first_stage": False, "downsample_in_bottleneck": False},
    ),
}
"""What is read, by `model_type`."""


VIT_SIZES: Final = {192: "tiny", 384: "small", 768: "base", 1024: "large"}
"""What timm calls the published sizes, by the numbers of a patch."""
PATCHES: Final[frozenset[tuple[str | None, object]]] = frozenset(
    {("tiny", 16), ("small", 16), ("small", 32), ("base", 16), ("base", 32), ("large", 16)}
)
"""Sizes and patches of which timm has weights of ImageNet for 224 x 224 pixels."""


def imagenet_name(family: str, depth: object, patch: object, dim: object) -> str:
    """The folder on the hub of the weights that were trained on ImageNet, for a family in its published sizes.

    Those of a `resnet` are torchvision's, those of a `vit` Google's (Steiner et al. 2022), both as timm publishes them.

    Raises:
        CheckpointError: There are none.
    """
    if family == "resnet" and depth in DEPTHS.values():
        return f"timm/resnet{depth}.tv_in1k"
    size = VIT_SIZES.get(dim) if isinstance(dim, int) else None
    if family == "vit" and (size, patch) in PATCHES:
        return f"timm/vit_{size}_patch{patch}_224.augreg_in21k_ft_in1k"
    known = "a resnet of depth 18, 34, 50, 101 or 152, and a vit of dim 192, 384, 768 or 1024 with patches of 16 (384 and 768: or 32)"
    raise CheckpointError(f"imagenet names no weights for this network: it stands for those of {known}", "name a folder, or leave it out")
