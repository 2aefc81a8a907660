"""Which network of ours is that of a folder, and which tensors make which of its parameters. Torch-free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from nntrain.errors import CheckpointError
from nntrain.weights.hub_config import quoted
from nntrain.weights.hub_folder import HubFolder
from nntrain.weights.hub_kinds import Kind, Part, Piece
from nntrain.weights.text_names import ACTIVATIONS, TEXT_KINDS
from nntrain.weights.timm_names import TIMM, timm_kind
from nntrain.weights.vision_names import VISION_KINDS

KINDS: Final[dict[str, Kind]] = {**TEXT_KINDS, **VISION_KINDS}
"""What is read, by `model_type`."""

TRANSFORMERS: Final[dict[str, object]] = {"bias": True, "num_kv_heads": None, "num_experts": None}
"""Options that all of them have."""


def kind_of(folder: HubFolder) -> Kind:
    """The kind of a network. Raises `CheckpointError` for one that is none of ours."""
    if folder.is_timm:
        return timm_kind(folder.facts)
    if folder.model_type not in KINDS:
        known = f"{', '.join(KINDS)}; of timm {TIMM}"
        raise CheckpointError(f"{folder.path.as_posix()} is a network of the type {folder.model_type}, and these are read: {known}")
    return KINDS[folder.model_type]


def options_of(folder: HubFolder) -> dict[str, object]:
    """Our options for a network. Raises `CheckpointError` where it has what ours has not."""
    kind = kind_of(folder)
    folder.facts.must(kind.must)
    found = kind.options(folder.facts)
    if kind.family == "resnet":
        return found
    name = str(found.pop("hidden_act"))
    if name not in ACTIVATIONS:
        raise CheckpointError(f"{folder.path.as_posix()} has the activation {quoted(name)}, and these are read: {', '.join(ACTIVATIONS)}")
    dim, heads = found["dim"], found["num_heads"]
    assert isinstance(dim, int)
    assert isinstance(heads, int)
    if dim % heads:
        raise CheckpointError(f"{folder.facts.path.as_posix()} has {heads:,} heads for {dim:,} numbers, which doesn't work out")
    whole = {**TRANSFORMERS, **({"causal": False} if kind.family == "transformer_encoder" else {})}
    return {**found, **whole, "activation": ACTIVATIONS[name]}


def pieces(folder: HubFolder, part: str) -> Part:
    """What the parameters of a part are made of: `embedding`, or `3.attention` in the block 3 (from 0), `1.3.conv_1` in that of a stage.

    Raises:
        CheckpointError: There is no such tensor.
    """
    kind = kind_of(folder)
    number, _, name = part.rpartition(".")
    found = kind.block[name] if number else kind.parts[name]
    stage, _, index = number.rpartition(".")
    places = {"i": index, "stage": stage, "nth": str(int(stage) + 1) if stage else ""}
    prefix = _prefix(folder, kind.anchor)
    return {
        own: Piece(tuple(_there(folder, prefix + each.format_map(places)) for each in piece.names), piece.making)
        for own, piece in found.items()
    }


def check_blocks(folder: HubFolder, count: int) -> None:
    """Look for a tensor of each block. Raises `CheckpointError` at the first that is not there."""
    kind = kind_of(folder)
    prefix, (name,) = _prefix(folder, kind.anchor), kind.block["norm_1"]["weight"].names
    for number in range(count):
        _there(folder, prefix + name.format_map({"i": number}))


def _prefix(folder: HubFolder, anchor: str) -> str:
    """What stands before all names: `bert.` where there is a head beside the network."""
    if not anchor:
        return ""
    found = next((name for name in folder.shapes if name == anchor or name.endswith(f".{anchor}")), None)
    if found is None:
        near = quoted(", ".join(list(folder.shapes)[:3]))
        raise CheckpointError(
            f"{folder.path.as_posix()} has no tensor {anchor}, as networks of the type {folder.model_type} have: {near}, …"
        )
    return found.removesuffix(anchor)


def _there(folder: HubFolder, name: str) -> str:
    """A name, or what norms were called before 2019."""
    old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    found = next((each for each in (name, old) if each in folder.shapes), None)
    if found is None:
        raise CheckpointError(f"{folder.path.as_posix()} has no tensor {name}, as its config.json says")
    return found


def part_names(family: str, blocks: Sequence[int], *, has_bottlenecks: bool = False) -> Iterator[str]:
    """The parts of a network of one of our families, in the order of its layers.

    Args:
        family: The family.
        blocks: How many blocks it has; of a `resnet` in each stage.
        has_bottlenecks: Whether a block of a `resnet` has three convolutions.
    """
    if family == "resnet":
        yield from ("stem_conv", "stem_norm")
        for stage, count in enumerate(blocks):
            for index in range(count):
                names = [f"{name}_{place}" for place in range(1, 4 if has_bottlenecks else 3) for name in ("conv", "norm")]
                has_shortcut = index == 0 and (stage > 0 or has_bottlenecks)
                yield from (f"{stage}.{index}.{name}" for name in [*names, *(("shortcut", "shortcut_norm") if has_shortcut else ())])
        return
    order = ("attention", "norm_1", "hidden", "output", "norm_2")
    order = order if family == "transformer_encoder" else ("norm_1", "attention", "norm_2", "hidden", "output")
    yield from {"vit": ("patches", "class_token"), "gpt": ("embedding",), "transformer_encoder": ("embedding",)}[family]
    yield from ("position", *(("embedding_norm",) if family == "transformer_encoder" else ()))
    for number in range(blocks[0]):
        yield from (f"{number}.{name}" for name in order)
    yield from () if family == "transformer_encoder" else ("end",)
