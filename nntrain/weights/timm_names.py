"""Folders of timm on the Hugging Face hub: what its networks call their tensors, and which options of ours make the same. Torch-free.

Source of the names: timm 1.0, models/resnet.py and models/vision_transformer.py.
"""

from __future__ import annotations

import re
from typing import Final

from nntrain.errors import CheckpointError
from nntrain.weights.hub_config import HubFacts, quoted
from nntrain.weights.hub_kinds import Kind, Part, Piece, averaged, dense, joint_output

TIMM: Final = "resnet18, 34, 50, 101, 152, vit_{tiny, small, base, large}_patchN_SIZE"
"""Architectures that are read, for messages."""
RESNET: Final = re.compile(r"resnet(18|34|50|101|152)")
VIT: Final = re.compile(r"vit_(tiny|small|base|large)_patch([0-9]{1,2})_([0-9]{2,3})")
SIZES: Final = {"tiny": (192, 12, 3), "small": (384, 12, 6), "base": (768, 12, 12), "large": (1024, 24, 16)}
"""Numbers of a patch, blocks and heads."""
CHANGES: Final = frozenset({"embed_dim", "depth", "num_heads", "patch_size", "img_size"})
"""What `model_args` may change."""


def timm_kind(facts: HubFacts) -> Kind:
    """The kind of a folder of timm. Raises `CheckpointError` for an architecture that is none of ours."""
    name = facts.text("architecture", "none")
    found = _RESNET if RESNET.fullmatch(name) else _VIT if VIT.fullmatch(name) else None
    if found is None:
        raise CheckpointError(f"{facts.path.as_posix()} is of timm's architecture {quoted(name)}, and these are read: {TIMM}")
    changes = facts.part("model_args").values
    other = [name for name in changes if found.family == "resnet" or name not in CHANGES]
    if other:
        raise CheckpointError(f"{facts.path.as_posix()} has model_args {quoted(other[0])}, which is not read")
    return found


def _of_resnet(facts: HubFacts) -> dict[str, object]:
    return {"depth": int(facts.text("architecture", "").removeprefix("resnet")), "stem": "imagenet", "width": 64}


def _of_vit(facts: HubFacts) -> dict[str, object]:
    found = VIT.fullmatch(facts.text("architecture", ""))
    assert found is not None
    dim, layers, heads = SIZES[found[1]]
    given = facts.part("model_args")
    width = given.whole("embed_dim", dim)
    return {
        "patch_size": given.whole("patch_size", int(found[2])),
        "dim": width,
        "num_layers": given.whole("depth", layers),
        "num_heads": given.whole("num_heads", heads),
        "dim_feedforward": 4 * width,
        "hidden_act": "gelu",
        "norm_eps": 1e-6,
        "norm_first": True,
        "positions": "learned",
        "pool": "class_token",
    }


def _conv(name: str) -> Part:
    return {"weight": Piece((f"{name}.weight",))}


_STAGE, _BLOCK = "layer{nth}.{i}", "blocks.{i}"

_RESNET: Final = Kind(
    "resnet",
    _of_resnet,
    "",
    {"stem_conv": _conv("conv1"), "stem_norm": averaged("bn1")},
    {
        **{f"conv_{place}": _conv(f"{_STAGE}.conv{place}") for place in range(1, 4)},
        **{f"norm_{place}": averaged(f"{_STAGE}.bn{place}") for place in range(1, 4)},
        "shortcut": _conv(f"{_STAGE}.downsample.0"),
        "shortcut_norm": averaged(f"{_STAGE}.downsample.1"),
    },
    {"global_pool": "avg"},
)

_VIT: Final = Kind(
    "vit",
    _of_vit,
    "",
    {
        "patches": dense("patch_embed.proj"),
        "class_token": {"weight": Piece(("cls_token",), "unbatched")},
        "position": {"weight": Piece(("pos_embed",), "unbatched")},
        "end": dense("norm"),
    },
    {
        "norm_1": dense(f"{_BLOCK}.norm1"),
        "attention": {
            "in_proj_weight": Piece((f"{_BLOCK}.attn.qkv.weight",)),
            "in_proj_bias": Piece((f"{_BLOCK}.attn.qkv.bias",)),
            **joint_output(f"{_BLOCK}.attn.proj"),
        },
        "norm_2": dense(f"{_BLOCK}.norm2"),
        "hidden": dense(f"{_BLOCK}.mlp.fc1"),
        "output": dense(f"{_BLOCK}.mlp.fc2"),
    },
    {"global_pool": "token"},
)
