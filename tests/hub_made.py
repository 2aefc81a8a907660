"""Folders in the form of Hugging Face with tiny random networks, and what such a network computes, written down a second time."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor
from torch.nn.functional import gelu, layer_norm, linear, softmax

PIECES: Final = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "the", "film", "was", "good", "bad", "##s", "##ly", "!", "caf", "##e")
"""The unknown is none of the first two on purpose."""
DIM, HEADS, BLOCKS, HIDDEN, PLACES = 8, 2, 2, 12, 16

Tensors = dict[str, Tensor]


def norm_names(name: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a layer norm."""
    return {f"{name}.weight": (DIM,), f"{name}.bias": (DIM,)}


def dense_names(name: str, out: int, into: int, *, turned: bool = False) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a linear layer; GPT-2 has rows and columns the other way round."""
    return {f"{name}.weight": (into, out) if turned else (out, into), f"{name}.bias": (out,)}


def bert_names(places: int = PLACES) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a BERT."""
    found: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (len(PIECES) + 3, DIM),  # more rows than tokens, as folders often have
        "embeddings.position_embeddings.weight": (places, DIM),
        "embeddings.token_type_embeddings.weight": (2, DIM),
        **norm_names("embeddings.LayerNorm"),
    }
    for number in range(BLOCKS):
        block = f"encoder.layer.{number}"
        for name in ("query", "key", "value"):
            found |= dense_names(f"{block}.attention.self.{name}", DIM, DIM)
        found |= dense_names(f"{block}.attention.output.dense", DIM, DIM) | norm_names(f"{block}.attention.output.LayerNorm")
        found |= dense_names(f"{block}.intermediate.dense", HIDDEN, DIM) | dense_names(f"{block}.output.dense", DIM, HIDDEN)
        found |= norm_names(f"{block}.output.LayerNorm")
    return {**found, **dense_names("pooler.dense", DIM, DIM)}


BERT: Final[dict[str, Any]] = {
    "model_type": "bert",
    "hidden_size": DIM,
    "num_hidden_layers": BLOCKS,
    "num_attention_heads": HEADS,
    "intermediate_size": HIDDEN,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": PLACES,
    "type_vocab_size": 2,
    "vocab_size": len(PIECES) + 3,
    "pad_token_id": 0,
}

GPT2: Final[dict[str, Any]] = {
    "model_type": "gpt2",
    "n_embd": DIM,
    "n_layer": BLOCKS,
    "n_head": HEADS,
    "n_positions": PLACES,
    "vocab_size": len(PIECES),
    "activation_function": "gelu_new",
}


def gpt2_names() -> dict[str, tuple[int, ...]]:
    """Names and shapes of a GPT-2, whose matrices stand the other way round."""
    found: dict[str, tuple[int, ...]] = {"wte.weight": (len(PIECES), DIM), "wpe.weight": (PLACES, DIM), **norm_names("ln_f")}
    for number in range(BLOCKS):
        block = f"h.{number}"
        found |= norm_names(f"{block}.ln_1") | norm_names(f"{block}.ln_2")
        found |= dense_names(f"{block}.attn.c_attn", 3 * DIM, DIM, turned=True) | dense_names(f"{block}.attn.c_proj", DIM, DIM, turned=True)
        found |= dense_names(f"{block}.mlp.c_fc", 4 * DIM, DIM, turned=True) | dense_names(f"{block}.mlp.c_proj", DIM, 4 * DIM, turned=True)
    return found


def distilbert_of(bert: Tensors) -> Tensors:
    """The same numbers under the names of a DistilBERT, which has no vectors of a first and a second text."""
    renamed = {
        "encoder.layer": "transformer.layer",
        "attention.self.query": "attention.q_lin",
        "attention.self.key": "attention.k_lin",
        "attention.self.value": "attention.v_lin",
        "attention.output.dense": "attention.out_lin",
        "attention.output.LayerNorm": "sa_layer_norm",
        "intermediate.dense": "ffn.lin1",
        "output.dense": "ffn.lin2",
        "output.LayerNorm": "output_layer_norm",
    }
    found: Tensors = {}
    for name, tensor in bert.items():
        new = name
        for old, other in renamed.items():
            new = new.replace(old, other)
        if "token_type" not in new and "pooler" not in new:
            found[f"distilbert.{new}"] = tensor
    return found


def drawn(names: dict[str, tuple[int, ...]]) -> Tensors:
    """Random numbers for each name, the same each time; norms differ from 1 and 0."""
    generator = torch.Generator().manual_seed(7)
    return {name: torch.randn(shape, generator=generator) * 0.5 + (1.0 if "orm.weight" in name else 0.0) for name, shape in names.items()}


def folder(path: Path, config: dict[str, Any] | None = None, tensors: Tensors | None = None, places: int = PLACES) -> Path:
    """Write a folder: config.json, model.safetensors, tokenizer.json. Default: a BERT with vectors for so many places."""
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(config or {**BERT, "max_position_embeddings": places}))
    made = drawn(bert_names(places=places)) if tensors is None else tensors
    save_file({name: tensor.contiguous() for name, tensor in made.items()}, path / "model.safetensors", metadata={"format": "pt"})
    (path / "tokenizer.json").write_text(json.dumps(tokenizer()))
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": places, "do_lower_case": True}))
    return path


def tokenizer() -> dict[str, Any]:
    """The content of a `tokenizer.json`; it cuts and pads, as those of sentence encoders do."""
    special = [
        {
            "id": place,
            "content": PIECES[place],
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for place in range(4)
    ]
    around = [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    around.append({"SpecialToken": {"id": "[SEP]", "type_id": 0}})
    return {
        "version": "1.0",
        "truncation": {"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"},
        "padding": {
            "strategy": {"Fixed": 9},
            "direction": "Right",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
            "pad_token": "[PAD]",
        },
        "added_tokens": special,
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": around,
            "pair": [*around, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {name: {"id": name, "ids": [PIECES.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")},
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {
            "type": "WordPiece",
            "unk_token": "[UNK]",
            "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100,
            "vocab": {piece: place for place, piece in enumerate(PIECES)},
        },
    }


def bert_steps(weights: Tensors, ids: list[int], first_place: int = 0) -> Tensor:
    """What the last block of a BERT gives for the tokens of one text, `[T, DIM]` (Devlin et al. 2019)."""

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, (DIM,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-12)

    def dense(x: Tensor, name: str) -> Tensor:
        return linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + weights["embeddings.position_embeddings.weight"][first_place : first_place + len(ids)], "embeddings.LayerNorm")
    for number in range(BLOCKS):
        block = f"encoder.layer.{number}"
        queries, keys, values = (
            dense(x, f"{block}.attention.self.{name}").view(len(ids), HEADS, -1).transpose(0, 1) for name in ("query", "key", "value")
        )
        mixed = softmax(queries @ keys.transpose(1, 2) / math.sqrt(DIM / HEADS), dim=-1) @ values
        x = norm(
            x + dense(mixed.transpose(0, 1).reshape(len(ids), DIM), f"{block}.attention.output.dense"),
            f"{block}.attention.output.LayerNorm",
        )
        x = norm(x + dense(gelu(dense(x, f"{block}.intermediate.dense")), f"{block}.output.dense"), f"{block}.output.LayerNorm")
    return x


def gpt2_steps(weights: Tensors, ids: list[int]) -> Tensor:
    """What the norm at the end of a GPT-2 gives for some tokens, `[T, DIM]` (Radford et al. 2019)."""

    def norm(x: Tensor, name: str) -> Tensor:
        return layer_norm(x, (DIM,), weights[f"{name}.weight"], weights[f"{name}.bias"], eps=1e-5)

    def dense(x: Tensor, name: str) -> Tensor:
        return x @ weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = weights["wte.weight"][ids] + weights["wpe.weight"][: len(ids)]
    later = torch.ones(len(ids), len(ids), dtype=torch.bool).triu(1)
    for number in range(BLOCKS):
        block = f"h.{number}"
        parts = dense(norm(x, f"{block}.ln_1"), f"{block}.attn.c_attn").chunk(3, dim=1)
        queries, keys, values = (part.view(len(ids), HEADS, -1).transpose(0, 1) for part in parts)
        scores = (queries @ keys.transpose(1, 2) / math.sqrt(DIM / HEADS)).masked_fill(later, -math.inf)
        x = x + dense((softmax(scores, dim=-1) @ values).transpose(0, 1).reshape(len(ids), DIM), f"{block}.attn.c_proj")
        x = x + dense(gelu(dense(norm(x, f"{block}.ln_2"), f"{block}.mlp.c_fc"), approximate="tanh"), f"{block}.mlp.c_proj")
    return norm(x, "ln_f")
