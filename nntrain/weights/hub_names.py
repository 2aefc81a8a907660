"""What trained transformers of Hugging Face call their tensors, and which options of ours make the same network. Torch-free."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from nntrain.errors import CheckpointError
from nntrain.weights.hub_folder import HubFolder

Making = Literal["plain", "turned", "stacked", "tokens", "places"]
"""How tensors become a parameter: as it is; rows and columns exchanged; one below another; a vector for each token, behind those of
padding and of the unknown; a vector for each place, with the one that stands for a first text added."""

Family = Literal["transformer_encoder", "gpt"]
"""The family of ours that is the same network."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What a parameter is made of."""

    names: tuple[str, ...]
    making: Making = "plain"


Part = Mapping[str, Piece]
"""The parameters of one layer, by their own names."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of network: `model_type` of its config."""

    family: Family
    options: Callable[[Mapping[str, Any]], dict[str, object]]
    """Our options, from its config."""
    anchor: str
    """Its embedding: what stands before this name stands before all names."""
    parts: Mapping[str, Part]
    """What stands outside the blocks: `embedding`, `position`, `embedding_norm`, `end`."""
    block: Mapping[str, Part]
    """What stands in each: `attention`, `norm_1`, `hidden`, `output`, `norm_2`; `{i}` is its number, from 0."""


def kind_of(folder: HubFolder) -> Kind:
    """The kind of a network. Raises `CheckpointError` for one that is none of ours."""
    if folder.model_type not in KINDS:
        known = ", ".join(KINDS)
        raise CheckpointError(f"{folder.path.as_posix()} is a network of the type {folder.model_type}, and these are read: {known}")
    return KINDS[folder.model_type]


def options_of(folder: HubFolder) -> dict[str, object]:
    """Our options for a network. Raises `CheckpointError` where it has what ours has not."""
    found = kind_of(folder).options(folder.config)
    for option in ("dim", "num_layers", "num_heads", "dim_feedforward", "max_length"):
        size = found[option]
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise CheckpointError(f"{(folder.path / 'config.json').as_posix()} doesn't say the sizes of the network ({option} is {size!r})")
    name = str(found.pop("hidden_act"))
    if name not in ACTIVATIONS:
        raise CheckpointError(f"{folder.path.as_posix()} has the activation {name}, and these are read: {', '.join(ACTIVATIONS)}")
    for option, wanted in MUST_BE.items():
        if folder.config.get(option, wanted) != wanted:
            raise CheckpointError(f"{folder.path.as_posix()} has {option} {folder.config[option]!r}, and networks with {wanted!r} are read")
    whole: dict[str, object] = {"bias": True, "num_kv_heads": None, "num_experts": None}
    whole |= {"causal": False} if kind_of(folder).family == "transformer_encoder" else {}
    return {**found, **whole, "activation": ACTIVATIONS[name]}


def pieces(folder: HubFolder, part: str) -> Part:
    """What the parameters of a part are made of: `embedding`, or `3.attention` in the block 3 (from 0).

    Raises:
        CheckpointError: There is no such tensor.
    """
    kind = kind_of(folder)
    number, _, name = part.rpartition(".")
    found = kind.block[name] if number else kind.parts[name]
    prefix = _prefix(folder, kind.anchor)
    return {
        own: Piece(tuple(_there(folder, prefix + each.format(i=number)) for each in piece.names), piece.making)
        for own, piece in found.items()
    }


def _prefix(folder: HubFolder, anchor: str) -> str:
    """What stands before all names: `bert.` where there is a head beside the network."""
    found = next((name for name in folder.shapes if name == anchor or name.endswith(f".{anchor}")), None)
    if found is None:
        near = ", ".join(list(folder.shapes)[:3])
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


def _linear(name: str, making: Making = "plain") -> Part:
    return {"weight": Piece((f"{name}.weight",), making), "bias": Piece((f"{name}.bias",))}


def _attention(queries: str, keys: str, values: str, output: str) -> Part:
    parts = (queries, keys, values)
    return {
        "in_proj_weight": Piece(tuple(f"{part}.weight" for part in parts), "stacked"),
        "in_proj_bias": Piece(tuple(f"{part}.bias" for part in parts), "stacked"),
        **{f"out_proj.{name}": piece for name, piece in _linear(output).items()},
    }


def _of_bert(config: Mapping[str, Any], first: int = 0) -> dict[str, object]:
    size, places = config.get("hidden_size"), config.get("max_position_embeddings", 512)
    if config.get("embedding_size", size) != size:
        raise CheckpointError(f"its embeddings have {config['embedding_size']} numbers and its steps {size}: they must be of one size")
    return {
        "dim": size,
        "num_layers": config.get("num_hidden_layers"),
        "num_heads": config.get("num_attention_heads"),
        "dim_feedforward": config.get("intermediate_size"),
        "hidden_act": config.get("hidden_act", "gelu"),
        "norm_eps": float(config.get("layer_norm_eps", 1e-12)),
        "norm_first": False,
        "embedding_norm": True,
        "positions": "learned",
        "max_length": places - first,
    }


def _of_roberta(config: Mapping[str, Any]) -> dict[str, object]:
    return _of_bert(config, first_place(config))


def first_place(config: Mapping[str, Any]) -> int:
    """Row of the first step among the vectors of places: RoBERTa counts from behind that of padding."""
    return int(config.get("pad_token_id", 1)) + 1 if config.get("model_type") in SHIFTED else 0


def _of_distilbert(config: Mapping[str, Any]) -> dict[str, object]:
    return {
        "dim": config.get("dim"),
        "num_layers": config.get("n_layers"),
        "num_heads": config.get("n_heads"),
        "dim_feedforward": config.get("hidden_dim"),
        "hidden_act": config.get("activation", "gelu"),
        "norm_eps": 1e-12,
        "norm_first": False,
        "embedding_norm": True,
        "positions": "learned",
        "max_length": config.get("max_position_embeddings", 512),
    }


def _of_gpt2(config: Mapping[str, Any]) -> dict[str, object]:
    return {
        "dim": config.get("n_embd"),
        "num_layers": config.get("n_layer"),
        "num_heads": config.get("n_head"),
        "dim_feedforward": config.get("n_inner") or 4 * int(config.get("n_embd", 0)),
        "hidden_act": config.get("activation_function", "gelu_new"),
        "norm_eps": float(config.get("layer_norm_epsilon", 1e-5)),
        "norm_first": True,
        "positions": "learned",
        "max_length": config.get("n_positions", 1024),
    }


def _bert_like(options: Callable[[Mapping[str, Any]], dict[str, object]]) -> Kind:
    token, place, of_type = (f"embeddings.{name}_embeddings.weight" for name in ("word", "position", "token_type"))
    block = "encoder.layer.{i}"
    return Kind(
        "transformer_encoder",
        options,
        token,
        {
            "embedding": {"weight": Piece((token,), "tokens")},
            "position": {"weight": Piece((place, of_type), "places")},
            "embedding_norm": _linear("embeddings.LayerNorm"),
        },
        {
            "attention": _attention(
                f"{block}.attention.self.query",
                f"{block}.attention.self.key",
                f"{block}.attention.self.value",
                f"{block}.attention.output.dense",
            ),
            "norm_1": _linear(f"{block}.attention.output.LayerNorm"),
            "hidden": _linear(f"{block}.intermediate.dense"),
            "output": _linear(f"{block}.output.dense"),
            "norm_2": _linear(f"{block}.output.LayerNorm"),
        },
    )


_DISTILBERT: Final = Kind(
    "transformer_encoder",
    _of_distilbert,
    "embeddings.word_embeddings.weight",
    {
        "embedding": {"weight": Piece(("embeddings.word_embeddings.weight",), "tokens")},
        "position": {"weight": Piece(("embeddings.position_embeddings.weight",), "places")},
        "embedding_norm": _linear("embeddings.LayerNorm"),
    },
    {
        "attention": _attention(
            "transformer.layer.{i}.attention.q_lin",
            "transformer.layer.{i}.attention.k_lin",
            "transformer.layer.{i}.attention.v_lin",
            "transformer.layer.{i}.attention.out_lin",
        ),
        "norm_1": _linear("transformer.layer.{i}.sa_layer_norm"),
        "hidden": _linear("transformer.layer.{i}.ffn.lin1"),
        "output": _linear("transformer.layer.{i}.ffn.lin2"),
        "norm_2": _linear("transformer.layer.{i}.output_layer_norm"),
    },
)

_GPT2: Final = Kind(
    "gpt",
    _of_gpt2,
    "wte.weight",
    {
        "embedding": {"weight": Piece(("wte.weight",), "tokens")},
        "position": {"weight": Piece(("wpe.weight",), "places")},
        "end": _linear("ln_f"),
    },
    {
        "norm_1": _linear("h.{i}.ln_1"),
        "attention": {
            "in_proj_weight": Piece(("h.{i}.attn.c_attn.weight",), "turned"),
            "in_proj_bias": Piece(("h.{i}.attn.c_attn.bias",)),
            **{f"out_proj.{name}": piece for name, piece in _linear("h.{i}.attn.c_proj", "turned").items()},
        },
        "norm_2": _linear("h.{i}.ln_2"),
        "hidden": _linear("h.{i}.mlp.c_fc", "turned"),
        "output": _linear("h.{i}.mlp.c_proj", "turned"),
    },
)

KINDS: Final[dict[str, Kind]] = {
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


def part_names(family: str, num_layers: int) -> Iterator[str]:
    """The parts of a network of one of our families, in the order of its layers."""
    first, last = ((), ("end",)) if family == "gpt" else (("embedding_norm",), ())
    before, behind = ("norm_1", "attention", "norm_2", "hidden", "output"), ("attention", "norm_1", "hidden", "output", "norm_2")
    block = before if family == "gpt" else behind
    yield from ("embedding", "position", *first)
    for number in range(num_layers):
        yield from (f"{number}.{name}" for name in block)
    yield from last
