"""Parameters of ours from tensors of Hugging Face: shapes before torch is there, then the numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nntrain.errors import CheckpointError
from nntrain.weights.hub_folder import HubFolder, read_tokenizer_file
from nntrain.weights.hub_kinds import Piece
from nntrain.weights.hub_names import check_blocks, pieces
from nntrain.weights.text_names import first_place

if TYPE_CHECKING:
    from torch import Tensor

IDLE = (".position_ids", ".attn.bias", ".masked_bias", "num_batches_tracked")
"""Ends of the names of what is no weight."""
SPECIAL = 2
"""Rows of an embedding before that of the first token: padding, which is zero, and the unknown."""


def made_shape(folder: HubFolder, piece: Piece, rows: int | None) -> tuple[int, ...]:
    """Shape of the parameter that a piece becomes.

    Args:
        folder: Where the tensors are.
        piece: What it is made of.
        rows: Rows of the embedding that takes the vectors of tokens, where they are known: the tokenizer may know fewer.
    """
    first, *others = (folder.shapes[name] for name in piece.names)
    if piece.making == "turned":
        return first[::-1]
    if piece.making == "stacked":
        return (first[0] + sum(shape[0] for shape in others), *first[1:])
    if piece.making == "tokens":
        return (min(first[0] + SPECIAL, rows or first[0] + SPECIAL), *first[1:])
    if piece.making == "unbatched":
        return first[1:] if first[:1] == (1,) else first
    return (first[0] - first_place(folder.facts), *first[1:]) if piece.making == "places" else first


def check_sizes(folder: HubFolder, family: str, options: Mapping[str, object]) -> None:
    """Compare the sizes that `config.json` says with the tensors, before anything of these sizes is made.

    Raises:
        CheckpointError: There are fewer blocks, or a tensor is of another shape.
    """
    if family == "resnet":
        _must_have(folder, pieces(folder, "stem_conv")["weight"], {0: "width"}, options)
        return
    assert isinstance(options["num_layers"], int)
    if options["num_layers"] > len(folder.shapes):
        told = f"{len(folder.shapes):,} tensors, and config.json says {options['num_layers']:,} blocks"
        raise CheckpointError(f"{folder.path.as_posix()} has {told}", "get the files again")
    check_blocks(folder, options["num_layers"])
    last = options["num_layers"] - 1
    _must_have(folder, pieces(folder, f"{last}.norm_1")["weight"], {0: "dim"}, options)
    _must_have(folder, pieces(folder, f"{last}.hidden")["weight"], {0: "dim_feedforward", 1: "dim"}, options)
    if family == "vit":
        _must_have(folder, pieces(folder, "patches")["weight"], {0: "dim", 2: "patch_size", 3: "patch_size"}, options)
    else:
        _must_have(folder, pieces(folder, "position")["weight"], {0: "max_length", 1: "dim"}, options)


def _must_have(folder: HubFolder, piece: Piece, axes: Mapping[int, str], options: Mapping[str, object]) -> None:
    shape = made_shape(folder, piece, None)
    for axis, name in axes.items():
        if axis >= len(shape) or shape[axis] != options[name]:
            told = f"{list(shape)} there, and config.json says {name} {options[name]:,}"
            raise CheckpointError(f"{folder.path.as_posix()}: {piece.names[0]} has another shape: {told}")


def made(folder: HubFolder, piece: Piece, rows: int | None) -> Tensor:
    """The parameter, float32. Raises `CheckpointError` for a file that changed, or numbers that are none."""
    import torch

    tensors = [folder.weights[name].tensor(name).to(torch.float32) for name in piece.names]
    for name, tensor in zip(piece.names, tensors, strict=True):
        if not bool(torch.isfinite(tensor).all()):
            raise CheckpointError(f"{folder.path.as_posix()}: {name} holds NaN or infinity", "get the file again")
    first = tensors[0]
    if piece.making == "turned":
        return first.T
    if piece.making == "stacked":
        return torch.cat(tensors)
    if piece.making == "tokens":
        return _tokens(first, rows or len(first) + SPECIAL, read_tokenizer_file(folder.path).unknown)
    if piece.making == "places":
        places = first[first_place(folder.facts) :]
        return places + tensors[1][0] if len(tensors) > 1 else places
    return first[0] if piece.making == "unbatched" and first.shape[0] == 1 else first


def _tokens(vectors: Tensor, rows: int, unknown: int | None) -> Tensor:
    """A vector for each token that the tokenizer knows, behind those of padding and of the unknown."""
    import torch

    before = vectors.new_zeros(SPECIAL, vectors.shape[1])
    if unknown is not None and unknown < len(vectors):
        before[1] = vectors[unknown]
    return torch.cat([before, vectors[: rows - SPECIAL]])


def unused(folder: HubFolder, used: Sequence[Piece]) -> list[str]:
    """Tensors that nothing is made of; numbers of places, which are no weights, aside."""
    taken = {name for piece in used for name in piece.names}
    return [name for name in folder.shapes if name not in taken and not name.endswith(IDLE)]
