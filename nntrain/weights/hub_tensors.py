"""Parameters of ours from tensors of Hugging Face: shapes before torch is there, then the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nntrain.errors import CheckpointError
from nntrain.weights.hub_folder import HubFolder, read_tokenizer_file
from nntrain.weights.hub_names import Piece, first_place

if TYPE_CHECKING:
    from torch import Tensor

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
    return (first[0] - first_place(folder.config), *first[1:]) if piece.making == "places" else first


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
        places = first[first_place(folder.config) :]
        return places + tensors[1][0] if len(tensors) > 1 else places
    return first


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
    return [name for name in folder.shapes if name not in taken and not name.endswith((".position_ids", ".attn.bias", ".masked_bias"))]
