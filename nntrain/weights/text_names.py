"""What trained transformers of Hugging Face call their tensors, and which options of ours make the same network. Torch-free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nntrain.errors import CheckpointError
from nntrain.weights.hub_config import HubFacts
from nntrain.weights.hub_kinds import Kind, Piece, attention, dense

MUST_BE: Final = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "scale_attn_weights": True,
    "scale_attn_by_inverse_layer_idx": False,
}
"""Settings that change what such a network computes."""

ACTIVATIONS: Final[dict[str, object]] = {
    "gelu": "gelu",
    "gelu_new": {"gelu": {"approximate": "tanh"}},
    "gelu_pytorch_tanh": {"gelu": {"approximate": "tanh"}},
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}
"""Activations by their names there."""


def _of_bert(facts: HubFacts, first: int = 0) -> dict[str, object]:
    size = facts.whole("hidden_size")
    if facts.whole("embedding_size", size) != size:
        raise CheckpointError(
            f"its embeddings have {facts.values['embedding_size']} numbers and its steps {size}: they must be of one size"
        )
    return {
        "dim": size,
        "num_layers": facts.whole("num_hidden_layers"),
        "num_heads": facts.whole("num_attention_heads"),
        "dim_feedforward": facts.whole("intermediate_size"),
        "hidden_act": facts.text("hidden_act", "gelu"),
        "norm_eps": facts.positive("layer_norm_eps", 1e-12),
        "norm_first": False,
        "embedding_norm": True,
        "positions": "learned",
        "max_length": facts.whole("max_position_embeddings", 512, least=first + 1) - first,
    }


def _of_roberta(facts: HubFacts) -> dict[str, object]:
    return _of_bert(facts, first_place(facts))


def first_place(facts: HubFacts) -> int:
    """Row of the first step among the vectors of places: RoBERTa counts from behind that of padding."""
    return facts.whole("pad_token_id", 1, least=0) + 1 if facts.text("model_type", "none") in SHIFTED else 0


def _of_distilbert(facts: HubFacts) -> dict[str, object]:
    return {
        "dim": facts.whole("dim"),
        "num_layers": facts.whole("n_layers"),
        "num_heads": facts.whole("n_heads"),
        "dim_feedforward": facts.whole("hidden_dim"),
        "hidden_act": facts.text("activation", "gelu"),
        "norm_eps": 1e-12,
        "norm_first": False,
        "embedding_norm": True,
        "positions": "learned",
        "max_length": facts.whole("max_position_embeddings", 512),
    }


def _of_gpt2(facts: HubFacts) -> dict[str, object]:
    size = facts.whole("n_embd")
    return {
        "dim": size,
        "num_layers": facts.whole("n_layer"),
        "num_heads": facts.whole("n_head"),
        "dim_feedforward": 4 * size if facts.values.get("n_inner") is None else facts.whole("n_inner"),
        "hidden_act": facts.text("activation_function", "gelu_new"),
        "norm_eps": facts.positive("layer_norm_epsilon", 1e-5),
        "norm_first": True,
        "positions": "learned",
        "max_length": facts.whole("n_positions", 1024),
    }


def _bert_like(options: Callable[[HubFacts], dict[str, object]]) -> Kind:
    token, place, of_type = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
    block = "encoder.layer.{i}"
    return Kind(
        "transformer_encoder",
        options,
        token,
        {
            "embedding": {"weight": Piece((token,), "tokens")},
            "position": {"weight": Piece((place, of_type), "places")},
            "embedding_norm": dense("embeddings.LayerNorm"),
        },
        {
            "attention": attention(
                f"{block}.attention.self.query",
                f"{block}.attention.self.key",
                f"{block}.attention.self.value",
                f"{block}.attention.output.dense",
            ),
            "norm_1": dense(f"{block}.attention.output.LayerNorm"),
            "hidden": dense(f"{block}.intermediate.dense"),
            "output": dense(f"{block}.output.dense"),
            "norm_2": dense(f"{block}.output.LayerNorm"),
        },
        MUST_BE,
    )


_DISTILBERT: Final = Kind(
    "transformer_encoder",
    _of_distilbert,
    "embeddings.word_embeddings.weight",
    {
        "embedding": {"weight": Piece(("embeddings.word_embeddings.weight",), "tokens")},
        "position": {"weight": Piece(("embeddings.position_embeddings.weight",), "places")},
        "embedding_norm": dense("embeddings.LayerNorm"),
    },
    {
        "attention": attention(
            "transformer.layer.{i}.attention.q_lin",
            "transformer.layer.{i}.attention.k_lin",
            "transformer.layer.{i}.attention.v_lin",
            "transformer.layer.{i}.attention.out_lin",
        ),
        "norm_1": dense("transformer.layer.{i}.sa_layer_norm"),
        "hidden": dense("transformer.layer.{i}.ffn.lin1"),
        "output": dense("transformer.layer.{i}.ffn.lin2"),
        "norm_2": dense("transformer.layer.{i}.output_layer_norm"),
    },
    MUST_BE,
)

_GPT2: Final = Kind(
    "gpt",
    _of_gpt2,
    "wte.weight",
    {
        "embedding": {"weight": Piece(("wte.weight",), "tokens")},
        "position": {"weight": Piece(("wpe.weight",), "places")},
        "end": dense("ln_f"),
    },
    {
        "norm_1": dense("h.{i}.ln_1"),
        "attention": {
            "in_proj_weight": Piece(("h.{i}.attn.c_attn.weight",), "turned"),
            "in_proj_bias": Piece(("h.{i}.attn.c_attn.bias",)),
            **{f"out_proj.{name}": piece for name, piece in dense("h.{i}.attn.c_proj", "turned").items()},
        },
        "norm_2": dense("h.{i}.ln_2"),
        "hidden": dense("h.{i}.mlp.c_fc", "turned"),
        "output": dense("h.{i}.mlp.c_proj", "turned"),
    },
    MUST_BE,
)

TEXT_KINDS: Final[dict[str, Kind]] = {
    "bert": _bert_like(_of_bert),
    "roberta": _bert_like(_of_roberta),
    "xlm-roberta": _bert_like(_of_roberta),
    "camembert": _bert_like(_of_roberta),
    "electra": _bert_like(_of_bert),
    "distilbert": _DISTILBERT,
    "gpt2": _GPT2,
}
"""What is read, by `model_type`."""

SHIFTED: Final = frozenset({"roberta", "xlm-roberta", "camembert"})
"""Kinds whose first step has the place behind that of padding."""
